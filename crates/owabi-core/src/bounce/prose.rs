//! What the server says, told apart from the message that it returns.

mod announced;

use super::fields::{Fields, named};
use super::mime::{Mail, Role};

/// Lines of prose that are looked at, and octets of one.
const MOST_LINES: usize = 3_000;
const LONGEST_LINE: usize = 2_000;

/// The server's words and what it returns.
#[derive(Debug, Default)]
pub(super) struct Prose {
    /// Line by line, ends trimmed.
    pub(super) lines: Vec<String>,
    /// The headers of returned messages.
    pub(super) returned: Vec<Fields>,
    /// A returned message that comes from a mail server: the bounce itself, when somebody handed it on.
    pub(super) inner: Option<String>,
}

impl Prose {
    pub(super) fn of(mail: &Mail) -> Self {
        let mut prose = Self::default();
        let has_text = mail.of(Role::Text).any(|text| !text.trim().is_empty());
        let role = if has_text { Role::Text } else { Role::Page };
        for text in mail.of(role) {
            prose.take(text);
        }
        for text in mail.of(Role::Returned) {
            let lines: Vec<&str> = text.lines().collect();
            prose.take_returned(&lines);
        }
        prose.returned.retain(|fields| !fields.is_empty());
        prose
    }

    /// All of it as one text.
    pub(super) fn text(&self) -> String {
        self.lines.join("\n")
    }

    fn take(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let end = (0..lines.len()).find(|at| ends_prose(&lines, *at)).unwrap_or(lines.len());
        let room = MOST_LINES.saturating_sub(self.lines.len());
        self.lines.extend(lines[..end].iter().take(room).map(|line| bounded(line).trim_end().to_owned()));
        self.lines.push(String::new());
        if end < lines.len() {
            self.take_returned(&lines[end..]);
        }
    }

    fn take_returned(&mut self, lines: &[&str]) {
        let fields = header_within(lines);
        let from = fields.first("from").unwrap_or_default().to_ascii_lowercase();
        if self.inner.is_none()
            && ["mailer-daemon", "postmaster", "mail delivery"].iter().any(|name| from.contains(name))
        {
            let start = lines.iter().position(|line| named(line).is_some_and(|(name, _)| is_one_of(MAIL, name)));
            self.inner = Some(lines[start.unwrap_or(0)..].join("\n"));
        }
        self.returned.push(fields);
    }
}

fn bounded(line: &str) -> &str {
    let end = (0..=LONGEST_LINE.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    &line[..end]
}

/// What quotes and indents a line.
const LEAD: [char; 4] = ['>', '|', ' ', '\t'];

/// The first header among `lines`, which may be quoted or indented, or have a few lines of another kind before it.
fn header_within(lines: &[&str]) -> Fields {
    let is_field = |line: &&str| named(line.trim_start_matches(LEAD)).is_some_and(|(name, _)| is_one_of(MAIL, name));
    let Some(start) = lines.iter().take(60).position(is_field) else { return Fields::default() };
    let first = lines[start];
    let lead = &first[..first.len() - first.trim_start_matches(LEAD).len()];
    let header = lines[start..].iter().take(500).take_while(|line| !line.trim_matches(LEAD).is_empty());
    let bare = header.map(|line| line.strip_prefix(lead).unwrap_or_else(|| line.trim_start_matches(['>', '|'])));
    Fields::of(&bare.collect::<Vec<_>>().join("\n"))
}

/// Fields that the header of a mail has.
const MAIL: &str = "received|return-path|message-id|mime-version|date|from|to|subject|reply-to|cc|content-type|\
    delivered-to|x-mailer|dkim-signature|user-agent|x-original-to";
/// Those that begin a returned header in the middle of prose: `From:` and `To:` are in the prose of many servers.
const TRACE: &str = "received|return-path|message-id|mime-version|dkim-signature|x-received|domainkey-signature";

fn is_one_of(names: &str, name: &str) -> bool {
    names.split('|').any(|known| name.eq_ignore_ascii_case(known))
}

/// The line at `at` begins what is returned.
fn ends_prose(lines: &[&str], at: usize) -> bool {
    announced::announces(lines[at]) || begins_header(lines, at)
}

/// Three fields in a row, one of them a trace field of a mail.
fn begins_header(lines: &[&str], at: usize) -> bool {
    let first = named(lines[at].trim_start_matches(LEAD)).filter(|(_, value)| !value.trim().is_empty());
    if !first.is_some_and(|(name, _)| is_one_of(MAIL, name) || is_one_of(TRACE, name)) {
        return false;
    }
    let block = lines[at..].iter().take(40).take_while(|line| !line.trim_matches(LEAD).is_empty());
    let names: Vec<&str> =
        block.filter_map(|line| named(line.trim_start_matches(LEAD))).map(|(name, _)| name).collect();
    names.len() >= 3 && names.iter().take(12).any(|name| is_one_of(TRACE, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (String, Vec<Option<String>>) {
        let mail = Mail::open(format!("Subject: x\n\n{text}").as_bytes());
        let prose = Prose::of(&mail);
        let ids = prose.returned.iter().map(|fields| fields.first("message-id").map(str::to_owned)).collect();
        (prose.text().trim().to_owned(), ids)
    }

    #[test]
    fn a_rule_or_a_sentence_announces_the_returned_message() {
        for line in [
            "--- Below this line is a copy of the message.",
            "------ This is a copy of the message, including all the headers. ------",
            "   ----- Original message follows -----",
            "Original message follows.",
            "Message headers follow.",
            "Below is a copy of the original message:",
            "Possibly truncated original message follows:",
            "------------------------------ Original message ------------------------------",
            "----- Message header follows -----",
            "-------- Returned Mail --------",
            "Your message reads (in part):",
            "==== 元のメッセージ ====",
            "----- オリジナルメッセージ -----",
        ] {
            let (prose, ids) =
                split(&format!("Not delivered.\n\n{line}\n\nTo: a@b.jp\nMessage-ID: <1@b.jp>\n\nhello\n"));
            assert_eq!((prose.as_str(), ids), ("Not delivered.", vec![Some("<1@b.jp>".to_owned())]), "{line}");
        }
    }

    #[test]
    fn the_servers_own_sentences_about_the_message_are_prose() {
        for line in [
            "The original message was received at Mon, 1 Jan 2024 00:00:00 +0900",
            "I'm sorry to have to inform you that the message returned",
            "The message could not be delivered to one or more recipients.",
            "--- The following addresses had delivery problems ---",
            "   ----- Transcript of session follows -----",
            "Your message was not delivered to:",
            "Your original message was rejected",
            "Returned mail: User unknown",
            "The message is too large",
            "以下は配信できなかった宛先です:",
        ] {
            assert_eq!(split(line).0, line.trim());
        }
    }

    #[test]
    fn a_header_in_the_middle_of_the_text_is_returned_even_when_quoted() {
        let header = "Received: from a by b; now\nFrom: c@d.jp\nTo: a@b.jp\nMessage-ID: <1@b.jp>\n\nhello\n";
        let each_line = |mark: &str| header.lines().fold(String::new(), |all, line| all + mark + line + "\n");
        for block in [header, &each_line("> "), &each_line("   ")] {
            let (prose, ids) = split(&format!("No such user: a@b.jp\n\n{block}"));
            assert_eq!((prose.as_str(), ids), ("No such user: a@b.jp", vec![Some("<1@b.jp>".to_owned())]), "{block}");
        }
    }
}
