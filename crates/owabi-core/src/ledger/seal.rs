//! A seal: which entries it covers, the root of their tree, the seal before it. Its text is what is signed.

use super::hash_of_hex;
use super::key::SealKey;
use super::merkle::{Hash, Tree};
use super::ranges::Ranges;
use crate::ids::hex;
use sha2::{Digest, Sha256};

/// What stands for the seal before the first one.
pub const NO_SEAL: Hash = [0; 32];

/// What a seal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The id of the queue whose ledger this is.
    pub queue: String,
    /// 1 for the first, one more for each.
    pub number: i64,
    /// When it was made (epoch milliseconds).
    pub at: i64,
    /// The entries that it covers.
    pub entries: Ranges,
    /// The root of the Merkle tree of their leaves, ascending.
    pub root: Hash,
    /// SHA-256 of the previous seal's text; [`NO_SEAL`] for the first.
    pub previous: Hash,
    /// The id of the key that it is signed with.
    pub key: String,
}

/// A seal as the database keeps it. The first columns repeat what the text says, so that they can be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSeal {
    /// As in the text.
    pub number: i64,
    /// As in the text.
    pub at: i64,
    /// The first entry that it covers.
    pub first_seq: i64,
    /// The last.
    pub last_seq: i64,
    /// How many.
    pub entries: i64,
    /// What is signed.
    pub text: String,
    /// The signature over the text, in hexadecimal digits.
    pub signature: String,
}

/// A text that is not a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the text of a seal")]
pub struct Unreadable;

impl Seal {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!(
            "owabi seal 1\nqueue: {}\nnumber: {}\nat: {}\nentries: {}\ncount: {}\nroot: {}\nprevious: {}\nkey: {}\n",
            self.queue,
            self.number,
            self.at,
            self.entries,
            self.entries.count(),
            hex(&self.root),
            hex(&self.previous),
            self.key
        )
    }

    /// Reads what [`text`](Self::text) writes, and nothing else.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        Self::read(text).filter(|seal| seal.text() == text).ok_or(Unreadable)
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name);
        value("owabi seal 1")?;
        let seal = Self {
            queue: value("queue: ")?.to_owned(),
            number: value("number: ")?.parse().ok()?,
            at: value("at: ")?.parse().ok()?,
            entries: Ranges::parse(value("entries: ")?)?,
            root: value("count: ").and_then(|_| hash_of_hex(value("root: ")?))?,
            previous: hash_of_hex(value("previous: ")?)?,
            key: value("key: ").filter(|key| hash_of_hex(key).is_some())?.to_owned(),
        };
        (seal.number > 0).then_some(seal)
    }

    /// The seal over these entries, ascending, that follows the one with the text's hash `previous`. `None` without any.
    pub fn over(
        entries: &[(i64, Hash)],
        (queue, number, at): (&str, i64, i64),
        previous: Hash,
        key: &SealKey,
    ) -> Option<Self> {
        let (queue, key) = (queue.to_owned(), key.public().id());
        let root = entries.iter().map(|(_, leaf)| *leaf).collect::<Tree>().root();
        let entries = Ranges::of(entries.iter().map(|(seq, _)| *seq));
        entries.first().is_some().then_some(Self { queue, number, at, entries, root, previous, key })
    }

    /// SHA-256 of a seal's text: what the next seal names it by, and a head.
    pub fn hash_of(text: &str) -> Hash {
        Sha256::digest(text.as_bytes()).into()
    }

    /// The row for the database.
    pub fn signed(&self, key: &SealKey) -> StoredSeal {
        let text = self.text();
        StoredSeal {
            number: self.number,
            at: self.at,
            first_seq: self.entries.first().unwrap_or_default(),
            last_seq: self.entries.last().unwrap_or_default(),
            entries: self.entries.count(),
            signature: key.sign(&text),
            text,
        }
    }
}

impl StoredSeal {
    /// What it says, when its columns say the same.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(&self) -> Result<Seal, Unreadable> {
        let seal = Seal::parse(&self.text)?;
        let columns = (self.number, self.at, Some(self.first_seq), Some(self.last_seq), self.entries);
        let said = (seal.number, seal.at, seal.entries.first(), seal.entries.last(), seal.entries.count());
        if columns == said { Ok(seal) } else { Err(Unreadable) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> (Seal, SealKey) {
        let key = SealKey::from_octets(&[7; 32]);
        let leaves: Vec<(i64, Hash)> = (1..=100).chain([103]).map(|seq| (seq, [1; 32])).collect();
        (Seal::over(&leaves, ("q-1", 2, 1_700_000_000_000), [0xab; 32], &key).unwrap(), key)
    }

    #[test]
    fn a_seal_is_a_text_of_nine_lines_that_is_read_back() {
        let (seal, key) = seal();
        let expected = format!(
            "owabi seal 1\nqueue: q-1\nnumber: 2\nat: 1700000000000\nentries: 1-100,103\ncount: 101\nroot: {}\nprevious: {}\nkey: {}\n",
            hex(&seal.root),
            "ab".repeat(32),
            key.public().id()
        );
        assert_eq!(seal.text(), expected);
        assert_eq!(Seal::parse(&expected), Ok(seal.clone()));
        assert_eq!(seal.signed(&key).read(), Ok(seal.clone()));
        assert!(key.public().verifies(&expected, &seal.signed(&key).signature));
    }

    #[test]
    fn a_text_of_any_other_form_is_no_seal() {
        let text = seal().0.text();
        let others = [
            text.trim_end().to_owned(),
            format!("{text}\n"),
            text.replace('\n', "\r\n"),
            text.replace("count: 101", "count: 100"),
            text.replace("1-100,103", "1-100,103,104"),
            text.replace("number: 2", "number: 02"),
            text.replace("number: 2", "number: 0"),
            text.replace("owabi seal 1", "owabi seal 2"),
            text.replace("ab", "AB"),
            text.replace("queue: q-1\n", ""),
            String::new(),
        ];
        for other in others {
            assert_eq!(Seal::parse(&other), Err(Unreadable), "{other}");
        }
    }

    #[test]
    fn columns_that_say_something_else_than_the_text_are_noticed() {
        let (seal, key) = seal();
        let row = seal.signed(&key);
        for other in [
            StoredSeal { number: 3, ..row.clone() },
            StoredSeal { at: 3, ..row.clone() },
            StoredSeal { first_seq: 3, ..row.clone() },
            StoredSeal { last_seq: 3, ..row.clone() },
            StoredSeal { entries: 3, ..row.clone() },
        ] {
            assert_eq!(other.read(), Err(Unreadable));
        }
    }

    #[test]
    fn there_is_no_seal_over_nothing() {
        assert_eq!(Seal::over(&[], ("q", 1, 1), NO_SEAL, &SealKey::from_octets(&[7; 32])), None);
    }
}
