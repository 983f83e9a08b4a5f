//! Keyed hashes that stand for a notice's personal values.

use super::{Keys, hex};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a keyed hash begins with.
const MARK: &str = "keyed:";
const DIGITS: usize = 64;

/// Turns the personal values of one notice into keyed hashes: the same value gives the same hash, and who has not the
/// installation's secret cannot find the value by trying all of them.
#[derive(Clone)]
pub struct Pseudonyms {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonyms").finish_non_exhaustive()
    }
}

impl Keys {
    /// The keyed hashes of one notice.
    pub fn pseudonyms(&self, notice_id: &str) -> Pseudonyms {
        Pseudonyms::from_key(&self.pseudonym_key(notice_id))
    }

    /// The key of one notice's keyed hashes: whoever has it can try values. It leaves owabi in a full evidence bundle only.
    pub fn pseudonym_key(&self, notice_id: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        for part in ["pseudonym", notice_id] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

impl Pseudonyms {
    /// The keyed hashes under this key.
    pub fn from_key(key: &[u8; 32]) -> Self {
        // HMAC fills a short key with zeros up to its block.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self { mac: Hmac::<Sha256>::new(&block.into()) }
    }

    /// `keyed:` and 64 hexadecimal digits for a value; a value that has this form already stays as it is.
    pub fn of(&self, value: &str) -> String {
        if is_pseudonym(value) {
            return value.to_owned();
        }
        let mut mac = self.mac.clone();
        mac.update(value.as_bytes());
        let mut text = String::with_capacity(MARK.len() + DIGITS);
        text.push_str(MARK);
        text.push_str(&hex(&mac.finalize().into_bytes()));
        text
    }
}

/// Whether a value has the form of a keyed hash.
pub fn is_pseudonym(value: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    value.strip_prefix(MARK).is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    #[test]
    fn a_keyed_hash_is_hmac_sha256_under_the_key_of_its_notice() {
        let expected = "keyed:9ba4a2f7770d72f2666ad3a2f08219c1ce3303a2145f0ab694bb0892216c618b";
        assert_eq!(keys().pseudonyms("metaps-2022").of("hanako@example.jp"), expected);
        assert_ne!(keys().pseudonyms("other").of("hanako@example.jp"), expected);
    }

    #[test]
    fn a_value_that_was_purged_already_keeps_its_hash_and_what_only_looks_like_one_is_hashed() {
        let pseudonyms = keys().pseudonyms("n");
        let hash = pseudonyms.of("taro@example.jp");
        assert_eq!(pseudonyms.of(&hash), hash);
        for other in [hash.to_uppercase(), format!("{hash}0"), hash[..69].to_owned(), "keyed:".to_owned()] {
            assert_ne!(pseudonyms.of(&other), other);
        }
    }
}
