//! The phrases of real servers, by what they are a sign of: one a line in `phrases/`, flat (single spaces, lower case).

use super::signs::Sign;

const TABLES: [(Sign, &str); 15] = [
    (Sign::Failed, include_str!("phrases/failed.txt")),
    (Sign::Delay, include_str!("phrases/delayed.txt")),
    (Sign::GaveUp, include_str!("phrases/gave_up.txt")),
    (Sign::Delivered, include_str!("phrases/delivered.txt")),
    (Sign::Away, include_str!("phrases/away.txt")),
    (Sign::Challenge, include_str!("phrases/challenge.txt")),
    (Sign::Help, include_str!("phrases/help.txt")),
    (Sign::Full, include_str!("phrases/mailbox_full.txt")),
    (Sign::Sender, include_str!("phrases/sender.txt")),
    (Sign::NoUser, include_str!("phrases/no_user.txt")),
    (Sign::NoHost, include_str!("phrases/no_host.txt")),
    (Sign::Policy, include_str!("phrases/policy.txt")),
    (Sign::Large, include_str!("phrases/too_large.txt")),
    (Sign::Unreached, include_str!("phrases/unreached.txt")),
    (Sign::Remote, include_str!("phrases/remote_fault.txt")),
];
const SUBJECTS: &str = include_str!("phrases/subjects.txt");
const ABOUT_MAIL: &str = include_str!("phrases/about_mail.txt");
const BETWEEN_RULES: &str = include_str!("phrases/returned_between_rules.txt");
const WHOLE_LINES: &str = include_str!("phrases/returned_whole_line.txt");

/// Every phrase that is a sign of something.
pub(super) fn signs() -> impl Iterator<Item = (Sign, &'static str)> {
    TABLES.iter().flat_map(|(sign, table)| lines(table).map(|phrase| (*sign, phrase)))
}

/// What the subject of a bounce says.
pub(super) fn subjects() -> impl Iterator<Item = &'static str> {
    lines(SUBJECTS)
}

/// What the subject of a mail about mail says that tells of no failure of ours.
pub(super) fn about_mail() -> impl Iterator<Item = &'static str> {
    lines(ABOUT_MAIL)
}

/// What a line that begins with a rule says when it begins the returned message.
pub(super) fn between_rules() -> impl Iterator<Item = &'static str> {
    lines(BETWEEN_RULES)
}

/// What a whole line says, or begins with, when it begins the returned message.
pub(super) fn whole_lines() -> impl Iterator<Item = &'static str> {
    lines(WHOLE_LINES)
}

/// The lines of a table, without its comments.
fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
