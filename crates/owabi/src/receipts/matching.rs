//! Whose mail an arrival speaks of: VERP token, ENVID, Message-ID, the relay's queue id, and last the recipient's address
//! among the members to whom something was sent. Never the subject. Pure.

use super::item::{Clues, Item, What, Word};
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_store::{MemberStanding, SentMail};
use std::collections::{BTreeMap, HashMap};

/// What the database knows of those who may be meant.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// State of what was taken before, by hash.
    pub(super) known: HashMap<String, String>,
    /// Members by row.
    pub(super) members: BTreeMap<i64, MemberStanding>,
    /// Rows by address in lower case.
    pub(super) by_email: HashMap<String, Vec<i64>>,
    /// Rows by the queue id that this log called their mail.
    pub(super) by_queue_id: HashMap<String, Vec<i64>>,
}

/// A member that is meant, and the words that concern it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    pub(super) id: i64,
    pub(super) round: Option<i64>,
    pub(super) number: Option<i64>,
    pub(super) by: &'static str,
    /// Places in `Item::words`.
    pub(super) words: Vec<usize>,
}

/// Why nobody is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nobody {
    /// A VERP token of our shape that we did not make.
    Forged,
    /// Nothing in it is ours.
    Unmatched,
    /// Only the address is known, and it is that of several rows.
    Ambiguous,
}

/// Who is meant by an arrival.
pub(super) fn meant(item: &Item, seen: &Seen, keys: &Keys) -> Result<Vec<Meant>, Nobody> {
    let clues = item.clues();
    if let Some(found) = by_identifier(&clues, seen, keys) {
        // Most lines of a log are about other programs' mails: their words are not read.
        let (member, words) = (&seen.members[&found.id], item.words());
        let own = of_its_own(member, &words);
        let round = found.round.or_else(|| round_by_address(member, own.iter().map(|at| &words[*at]), keys));
        let found = Meant { round, ..found };
        // A relay's log also tells of copies to others (always_bcc), and uses its queue ids again.
        return match item.what {
            What::Log(_) if own.is_empty() => Err(Nobody::Unmatched),
            What::Mail(..) if own.is_empty() => Ok(vec![Meant { words: (0..words.len()).collect(), ..found }]),
            _ => Ok(vec![Meant { words: own, ..found }]),
        };
    }
    if !clues.tokens.is_empty() {
        return Err(Nobody::Forged);
    }
    match item.what {
        What::Log(_) => Err(Nobody::Unmatched),
        What::Mail(..) => by_recipient(&item.words(), seen),
    }
}

fn by_identifier(clues: &Clues<'_>, seen: &Seen, keys: &Keys) -> Option<Meant> {
    let token = || clues.tokens.iter().find_map(|token| by_token(token, seen, keys));
    let envid = || clues.envid.and_then(|envid| by_envid(envid, seen, keys));
    let message_id = || clues.message_ids.iter().find_map(|id| by_message_id(id, seen, keys));
    let queue_id = || clues.queue_id.and_then(|id| by_queue_id(id, seen));
    let found = token().or_else(envid).or_else(message_id).or_else(queue_id)?;
    // The token names the member for ever; the others also say which mail it was.
    let id = found.id;
    let finer = [envid(), message_id(), queue_id()].into_iter().flatten().filter(|finer| finer.id == id);
    Some(finer.fold(found, |found, finer| Meant {
        round: found.round.or(finer.round),
        number: found.number.or(finer.number),
        ..found
    }))
}

fn member<'a>(id: &str, seen: &'a Seen) -> Option<&'a MemberStanding> {
    seen.members.get(&owabi_core::ids::named_row(id)?)
}

fn one(id: i64, by: &'static str) -> Meant {
    Meant { id, round: None, number: None, by, words: Vec::new() }
}

fn by_token(token: &str, seen: &Seen, keys: &Keys) -> Option<Meant> {
    let id = keys.verify_verp(token, &member(token, seen)?.notice_id)?;
    Some(one(id, "token"))
}

fn by_envid(envid: &str, seen: &Seen, keys: &Keys) -> Option<Meant> {
    let (id, round, number) = keys.verify_envid(envid, &member(envid, seen)?.notice_id)?;
    Some(Meant { round: Some(round), number: Some(number), ..one(id, "envid") })
}

fn by_message_id(message_id: &str, seen: &Seen, keys: &Keys) -> Option<Meant> {
    let (id, round) = keys.verify_message_id(message_id, &member(message_id, seen)?.notice_id)?;
    Some(Meant { round: Some(round), ..one(id, "message_id") })
}

/// The relay's own name for a mail of which its log told before.
fn by_queue_id(queue_id: &str, seen: &Seen) -> Option<Meant> {
    let [id] = seen.by_queue_id.get(queue_id)?[..] else { return None };
    let sent = &seen.members.get(&id)?.sent;
    let number = sent.iter().find(|mail| mail.queue_id.as_deref() == Some(queue_id)).map(|mail| mail.number);
    Some(Meant { number, ..one(id, "queue_id") })
}

/// Only those to whom something was sent can be meant; if that is not exactly one row, a person decides.
fn by_recipient(words: &[Word<'_>], seen: &Seen) -> Result<Vec<Meant>, Nobody> {
    let mut found: Vec<Meant> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let addresses = [word.original, word.recipient].into_iter().flatten().map(folded);
        let mut rows: Vec<i64> =
            addresses.filter_map(|address| seen.by_email.get(&address)).flatten().copied().collect();
        rows.sort_unstable();
        rows.dedup();
        rows.retain(|id| seen.members.get(id).is_some_and(was_sent_to));
        match rows[..] {
            [] => {}
            [id] => match found.iter_mut().find(|meant| meant.id == id) {
                Some(meant) => meant.words.push(at),
                None => found.push(Meant { words: vec![at], ..one(id, "recipient") }),
            },
            _ => return Err(Nobody::Ambiguous),
        }
    }
    if found.is_empty() { Err(Nobody::Unmatched) } else { Ok(found) }
}

fn was_sent_to(member: &MemberStanding) -> bool {
    !member.sent.is_empty() && !matches!(member.status, Status::Held | Status::Unreachable)
}

/// The words about this member's own address, or about nobody by name. A mail that was forwarded tells of other addresses alone.
fn of_its_own(member: &MemberStanding, words: &[Word<'_>]) -> Vec<usize> {
    let sent = member.sent.iter().map(|mail| mail.rcpt_to.as_str());
    let own: Vec<String> = member.email.iter().map(String::as_str).chain(sent).map(folded).collect();
    let is_own = |address: Option<&str>| address.is_some_and(|address| own.contains(&folded(address)));
    let about = |word: &Word<'_>| word.recipient.is_none() || is_own(word.recipient) || is_own(word.original);
    (0..words.len()).filter(|at| about(&words[*at])).collect()
}

/// The one round in which something was sent to the address that is named: after a correction, what comes back from the old address
/// speaks of an earlier mail.
fn round_by_address<'a>(
    member: &MemberStanding,
    words: impl Iterator<Item = &'a Word<'a>>,
    keys: &Keys,
) -> Option<i64> {
    let named: Vec<String> = words.flat_map(|word| [word.original, word.recipient]).flatten().map(folded).collect();
    let to_them = member.sent.iter().filter(|mail| named.contains(&folded(&mail.rcpt_to)));
    let round = |mail: &SentMail| Some(keys.verify_message_id(&mail.message_id, &member.notice_id)?.1);
    let mut rounds: Vec<i64> = to_them.filter_map(round).collect();
    rounds.sort_unstable();
    rounds.dedup();
    if let [round] = rounds[..] { Some(round) } else { None }
}

/// An address as addresses are compared: without quotation marks, in lower case.
pub(super) fn folded(address: &str) -> String {
    address.trim().trim_matches(['<', '>']).replace('"', "").to_lowercase()
}
