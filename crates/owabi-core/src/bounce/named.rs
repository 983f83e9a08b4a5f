//! Recipients in free text: those that the server lists, labels, or speaks of where it speaks of failure.

mod rank;

use super::addresses::{self, Found};
use super::prose::Prose;
use super::signs::{Sign, Signs};
use rank::Rank;
use std::collections::HashSet;

/// Lines in which other mentions of a recipient are looked for.
const MENTIONS: usize = 300;

/// A recipient in the prose.
#[derive(Clone, Debug)]
struct Named {
    address: String,
    rank: Rank,
    /// The line that names it.
    line: usize,
    /// The line without the address: what is said before it may be the reason.
    rest: String,
}

/// Everybody whom the prose names.
#[derive(Debug)]
pub(super) struct Names<'a> {
    prose: &'a Prose,
    all: Vec<Named>,
    /// Lines that list somebody: the words of the one before end there.
    starts: HashSet<usize>,
}

impl<'a> Names<'a> {
    pub(super) fn of(prose: &'a Prose) -> Self {
        let all = scan(prose);
        let starts = all.iter().filter(|named| named.rank == Rank::Listed).map(|named| named.line).collect();
        Self { prose, all, starts }
    }

    /// The recipients of the best rank that occurs. `never` are keys of addresses that are no recipients: the sender's own.
    pub(super) fn recipients(&self, never: &HashSet<String>) -> Vec<String> {
        let allowed = |named: &&Named| !never.contains(&addresses::key(&named.address)) && !is_daemon(&named.address);
        let best = self.all.iter().filter(allowed).map(|named| named.rank).min();
        let chosen: Vec<&Named> = match best {
            Some(best) => self.all.iter().filter(allowed).filter(|named| named.rank == best).collect(),
            // A mail to oneself: the recipient is the sender.
            None => self.all.iter().filter(|named| named.rank == Rank::Listed).collect(),
        };
        let mut seen = HashSet::new();
        let chosen = chosen.into_iter().filter(|named| seen.insert(addresses::key(&named.address)));
        chosen.map(|named| named.address.clone()).collect()
    }

    /// The one address in the prose that is neither the sender's nor a daemon's nor stands where nobody fails.
    pub(super) fn only_mention(&self, never: &HashSet<String>) -> Option<String> {
        let lines = self.prose.lines.iter().enumerate().take(MENTIONS).filter(|(_, line)| line.contains('@'));
        let all = lines.flat_map(|(at, line)| {
            let found = addresses::in_line(line).into_iter();
            found.filter(move |one| !rank::is_of_nobody(self.prose, at, line, one))
        });
        let mut keys = HashSet::new();
        let foreign = |found: &Found| !never.contains(&addresses::key(&found.address)) && !is_daemon(&found.address);
        let all: Vec<Found> = all.filter(foreign).filter(|found| keys.insert(addresses::key(&found.address))).collect();
        match all.as_slice() {
            [one] => Some(one.address.clone()),
            _ => None,
        }
    }

    /// What the prose says of `address`: the rest of its line and what follows, up to an empty line or the next recipient.
    /// When that tells nothing, other lines that name it; when it is `alone`, the lines that tell a reason.
    pub(super) fn words(&self, address: &str, alone: bool) -> String {
        let key = addresses::key(address);
        let named =
            self.all.iter().filter(|named| addresses::key(&named.address) == key).min_by_key(|named| named.rank);
        let own = named.map(|named| self.behind(named)).unwrap_or_default();
        if has_code(&own) {
            return own;
        }
        let line = named.map(|named| named.line);
        let mut more = mentions(self.prose, &key, line);
        if alone && !has_code(&more) {
            let telling = telling_lines(self.prose, line.unwrap_or(0));
            more = telling.filter(|text| more.is_empty() || has_code(text)).unwrap_or(more);
        }
        // Without a code anywhere, the nearest words that give a reason are the ones.
        match (tells(&own), has_code(&more)) {
            (true, true) => format!("{own}\n{more}"),
            (true, false) => own,
            (false, _) if more.is_empty() => own,
            (false, _) => more,
        }
    }

    fn behind(&self, named: &Named) -> String {
        let lines = &self.prose.lines;
        let mut words = named.rest.clone();
        let mut empty_ones = 0;
        for (at, line) in lines.iter().enumerate().skip(named.line + 1).take(15) {
            let said_something = words.chars().any(char::is_alphanumeric);
            if self.starts.contains(&at) || (line.trim().is_empty() && (said_something || empty_ones > 0)) {
                break;
            }
            empty_ones += usize::from(line.trim().is_empty());
            words.push('\n');
            words.push_str(line.trim());
        }
        words
    }
}

fn has_code(words: &str) -> bool {
    super::status::fullest(words).is_some() || super::status::basic(words).is_some()
}

fn tells(words: &str) -> bool {
    has_code(words) || Signs::of(words).gives_reason()
}

/// The other lines that name this recipient and tell something, and the line after each.
fn mentions(prose: &Prose, key: &str, except: Option<usize>) -> String {
    let lines = prose.lines.iter().enumerate().take(MENTIONS);
    let about =
        lines.filter(|(at, line)| Some(*at) != except && line.contains('@') && line.to_lowercase().contains(key));
    let about = about.map(|(at, line)| [line.as_str(), prose.lines.get(at + 1).map_or("", String::as_str)].join("\n"));
    about.filter(|lines| tells(lines)).take(3).collect::<Vec<_>>().join("\n")
}

/// The paragraph nearest behind `from` that tells a reason; else any that does.
fn telling_lines(prose: &Prose, from: usize) -> Option<String> {
    let from = from.min(prose.lines.len());
    let tells_why = |text: &String| has_code(text) || (tells(text) && !Signs::of(text).has(Sign::Help));
    let paragraphs = |lines: &[String]| {
        let paragraphs = lines.split(|line| line.trim().is_empty()).take(60).map(|lines| lines.join("\n"));
        paragraphs.filter(tells_why).take(6).collect::<Vec<_>>()
    };
    let (behind, before) = (paragraphs(&prose.lines[from..]), paragraphs(&prose.lines[..from]));
    let coded = behind.iter().chain(&before).find(|text| has_code(text));
    coded.or_else(|| behind.first()).or_else(|| before.first()).cloned()
}

fn scan(prose: &Prose) -> Vec<Named> {
    let mut named = Vec::new();
    for (at, line) in prose.lines.iter().enumerate().filter(|(_, line)| line.contains('@')) {
        scan_line(prose, at, line, &mut named);
        if named.len() >= super::MOST_REPORTS {
            break;
        }
    }
    named
}

fn scan_line(prose: &Prose, at: usize, line: &str, named: &mut Vec<Named>) {
    let all = addresses::in_line(line);
    // The rank of the address before, and where that ended.
    let mut before: Option<(Option<Rank>, usize)> = None;
    for (number, one) in all.iter().enumerate() {
        if is_name_of_next(line, one, all.get(number + 1)) {
            continue;
        }
        let in_list = before.filter(|(_, end)| line.get(*end..one.start).is_some_and(enumerates));
        let rank = in_list.map_or_else(|| rank::rank(prose, at, line, one), |(rank, _)| rank);
        before = Some((rank, one.end));
        let Some(rank) = rank else { continue };
        let rest = format!("{} {}", &line[..one.start], &line[one.end..]);
        named.push(Named { address: one.address.clone(), rank, line: at, rest });
    }
}

/// `a@b <c@d>` is c@d, whose name is an address, too.
fn is_name_of_next(line: &str, one: &Found, next: Option<&Found>) -> bool {
    let between = next.and_then(|next| line.get(one.end..next.start));
    between.is_some_and(|between| between.trim().is_empty())
        && line[..one.end].ends_with(|c: char| c != '>')
        && line[one.end..].trim_start().starts_with('<')
}

/// What stands between two addresses of one list.
fn enumerates(between: &str) -> bool {
    let between = between.trim();
    [",", ";", "、", "，", "and", "und", "et", "y", "e", "/"].contains(&between)
        || between.strip_prefix(',').is_some_and(|word| ["and", "und"].contains(&word.trim()))
}

/// Local parts of machines, which nobody is notified of a leak by.
fn is_daemon(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    ["postmaster", "mailer-daemon", "mailerdaemon", "mdaemon", "mail-daemon", "mailer_daemon"].contains(&local.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prose(text: &str) -> Prose {
        Prose { lines: text.lines().map(str::to_owned).collect(), ..Prose::default() }
    }

    fn ranks(text: &str) -> Vec<(String, Rank)> {
        Names::of(&prose(text)).all.into_iter().map(|named| (named.address, named.rank)).collect()
    }

    fn named(text: &str) -> Vec<String> {
        Names::of(&prose(text)).recipients(&HashSet::from(["me@example.jp".to_owned()]))
    }

    #[test]
    fn lists_labels_and_sentences_name_recipients() {
        for (text, rank) in [
            ("Could not deliver:\n<a@b.jp>: no such user", Rank::Listed),
            ("Failed:\n  * a@b.jp\n", Rank::Listed),
            ("Undeliverable Address: a@b.jp", Rank::Listed),
            ("User's mailbox is full: <a@b.jp>", Rank::Listed),
            (">>> A. Person <a@b.jp> <a@b.jp>\n550 no", Rank::Listed),
            ("宛先: a@b.jp", Rank::Addressed),
            ("送信先メールアドレス：a@b.jp", Rank::Listed),
            ("Your mail to a@b.jp could not be delivered.", Rank::Spoken),
            ("There was an error delivering your mail to <a@b.jp>.", Rank::Spoken),
            (">>> RCPT TO:<a@b.jp>\n<<< 550 no", Rank::Transcript),
        ] {
            assert_eq!(named(text), ["a@b.jp"], "{text}");
            assert!(ranks(text).contains(&("a@b.jp".to_owned(), rank)), "{text}");
        }
    }

    #[test]
    fn senders_helpers_and_daemons_are_no_recipients() {
        for text in [
            "Undeliverable. For help contact help@b.jp",
            "Mail from a@b.jp was rejected",
            "From: a@b.jp\nfailed",
            "It failed. Please contact\nhelp@b.jp",
            "Your mail to me@example.jp failed",
            "<postmaster@b.jp> could not be reached",
            ">>> MAIL FROM:<a@b.jp>",
            "Message-ID: <1@b.jp>",
        ] {
            assert_eq!(named(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_is_said_of_the_first_of_a_list_is_said_of_all() {
        assert_eq!(named("Could not be delivered to: a@b.jp, c@d.jp and <e@f.jp>"), ["a@b.jp", "c@d.jp", "e@f.jp"]);
        assert_eq!(named("For help contact a@b.jp, c@d.jp"), Vec::<String>::new());
    }

    #[test]
    fn the_only_foreign_address_is_told_and_one_of_several_is_not() {
        let only = |text: &str| Names::of(&prose(text)).only_mention(&HashSet::from(["me@example.jp".to_owned()]));
        assert_eq!(only("Laiškas nuo me@example.jp adresu a@b.jp nepriimtas").as_deref(), Some("a@b.jp"));
        assert_eq!(only("a@b.jp c@d.jp"), None);
        assert_eq!(only("For help: a@b.jp"), None);
    }

    #[test]
    fn the_words_of_a_recipient_are_its_own() {
        let text = "Failed:\n<a@b.jp>:\n550 5.1.1 no user\n\n<c@d.jp>:\nmailbox full\n\nbye";
        let prose = prose(text);
        let names = Names::of(&prose);
        assert_eq!(names.words("a@b.jp", false).trim(), ":\n550 5.1.1 no user");
        assert_eq!(names.words("c@d.jp", false).trim(), ":\nmailbox full");
    }
}
