//! The head of a ledger in one line, to be noted outside: who has it finds seals that were taken off the end.

use super::hash_of_hex;
use super::merkle::Hash;
use crate::ids::hex;
use std::fmt;

/// The newest seal of a ledger, and how much it and those before it cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The queue's id.
    pub queue: String,
    /// The newest seal's number; 0 when there is none yet.
    pub number: i64,
    /// When it was made (epoch milliseconds).
    pub at: i64,
    /// Entries that all seals together cover.
    pub entries: i64,
    /// SHA-256 of its text.
    pub hash: Hash,
    /// The id of the key that it is signed with.
    pub key: String,
}

const WORD: &str = "owabi-head";

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, number, at, entries, hash, key } = self;
        write!(f, "{WORD} queue={queue} number={number} at={at} entries={entries} hash={} key={key}", hex(hash))
    }
}

impl Head {
    /// Finds the head in a text: a line of a mail, of the journal, or alone. What stands around it does not matter.
    pub fn find(text: &str) -> Option<Self> {
        text.lines().find_map(|line| Self::read(line.get(line.find(WORD)?..)?))
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut value = |name: &str| words.next()?.strip_prefix(name);
        value(WORD)?;
        let head = Self {
            queue: value("queue=")?.to_owned(),
            number: value("number=")?.parse().ok()?,
            at: value("at=")?.parse().ok()?,
            entries: value("entries=")?.parse().ok()?,
            hash: hash_of_hex(value("hash=")?)?,
            key: value("key=")?.get(..64).filter(|key| hash_of_hex(key).is_some())?.to_owned(),
        };
        (head.number >= 0).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_one_line_that_is_found_in_a_mail_or_in_the_journal() {
        let key = "cd".repeat(32);
        let head = Head { queue: "q-1".into(), number: 12, at: 5, entries: 99, hash: [0xab; 32], key };
        let line = head.to_string();
        assert_eq!(line.lines().count(), 1);
        for around in
            [line.clone(), format!("こんばんは。\r\n> {line}\r\n以上です。"), format!("INFO \"{line}\", target")]
        {
            assert_eq!(Head::find(&around).as_ref(), Some(&head), "{around}");
        }
        for wrong in ["", "owabi-head", &line[..line.len() - 1], &line.replace("hash=ab", "hash=xb")] {
            assert_eq!(Head::find(wrong), None, "{wrong}");
        }
    }
}
