//! The identifiers that tie a mail, its bounce and its member together.
//!
//! All of them carry the row's id and a truncated HMAC-SHA256 (RFC 2104), so that a bounce finds its row without an index
//! and a forged one is recognised. The envelope sender (VERP) and the Message-ID are the same for every attempt of one
//! round; the ENVID (RFC 3461) differs for each attempt.

mod pseudonyms;

pub use pseudonyms::{Pseudonyms, is_pseudonym};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Characters of the truncated MAC: 20 of base 32 are 100 bits.
const MAC_CHARS: usize = 20;
/// What stands in the place of the notice's id in the identifiers of `check`'s test mails. No notice has such an id.
pub const CHECK: &str = "owabi check";
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The installation's secret. Debug shows its fingerprint only.
#[derive(Clone)]
pub struct Keys {
    mac: Hmac<Sha256>,
    fingerprint: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// What the identifiers speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The notice's id.
    pub notice_id: &'a str,
    /// The row's id in `affected_members`.
    pub member_id: i64,
    /// 1 for the first sending, one more for each resend batch.
    pub round: i64,
}

impl Keys {
    /// Keys from the secret's bytes.
    ///
    /// # Errors
    /// When the secret is shorter than 16 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, WeakSecret> {
        if secret.len() < 16 {
            return Err(WeakSecret(secret.len()));
        }
        let mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| WeakSecret(secret.len()))?;
        let fingerprint = base32(&Sha256::new().chain_update(b"owabi key ").chain_update(secret).finalize(), 16);
        Ok(Self { mac, fingerprint })
    }

    /// Names the secret without revealing it; recorded in the database so that a changed key is noticed.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The VERP token: the same for every attempt of every round of one (notice, member).
    pub fn verp_token(&self, of: Subject<'_>) -> String {
        format!("{}-{}", base36(of.member_id), self.sign("verp", of.notice_id, &[of.member_id]))
    }

    /// The row's id when `token` is ours for this notice.
    pub fn verify_verp(&self, token: &str, notice_id: &str) -> Option<i64> {
        let member_id = named_row(token)?;
        let ours = self.verp_token(Subject { notice_id, member_id, round: 1 });
        (ours.eq_ignore_ascii_case(token)).then_some(member_id)
    }

    /// The Message-ID's left side: the same for every attempt of one round.
    pub fn message_id(&self, of: Subject<'_>) -> String {
        format!("{}.{}.{}", base36(of.member_id), of.round, self.sign("mid", of.notice_id, &[of.member_id, of.round]))
    }

    /// The ENVID of one attempt; `number` counts the member's attempts from 1.
    pub fn envid(&self, of: Subject<'_>, number: i64) -> String {
        let parts = [of.member_id, of.round, number];
        format!("{}.{}.{number}.{}", base36(of.member_id), of.round, self.sign("envid", of.notice_id, &parts))
    }

    /// Row and round when `id` (without angle brackets) is a Message-ID of ours for this notice, whatever its domain.
    pub fn verify_message_id(&self, id: &str, notice_id: &str) -> Option<(i64, i64)> {
        let left = id.split_once('@').map_or(id, |(left, _)| left);
        let (member_id, rest) = (named_row(left)?, left.split_once('.')?.1);
        let round = rest.split_once('.')?.0.parse().ok()?;
        let ours = self.message_id(Subject { notice_id, member_id, round });
        ours.eq_ignore_ascii_case(left).then_some((member_id, round))
    }

    /// Row, round and attempt when `envid` is ours for this notice.
    pub fn verify_envid(&self, envid: &str, notice_id: &str) -> Option<(i64, i64, i64)> {
        let mut parts = envid.split('.').skip(1);
        let (member_id, round) = (named_row(envid)?, parts.next()?.parse().ok()?);
        let number = parts.next()?.parse().ok()?;
        let ours = self.envid(Subject { notice_id, member_id, round }, number);
        ours.eq_ignore_ascii_case(envid).then_some((member_id, round, number))
    }

    fn sign(&self, purpose: &str, notice_id: &str, numbers: &[i64]) -> String {
        let mut mac = self.mac.clone();
        for part in [purpose, notice_id] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        for number in numbers {
            mac.update(&number.to_be_bytes());
        }
        base32(&mac.finalize().into_bytes(), MAC_CHARS)
    }
}

/// The secret is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key file holds {0} bytes; at least 16 are needed")]
pub struct WeakSecret(pub usize);

/// The row that a VERP token, a Message-ID's left side or an ENVID names; whether it is ours only [`Keys`] can tell.
pub fn named_row(id: &str) -> Option<i64> {
    let number = id.split(['-', '.']).next()?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| i64::from_str_radix(number, 36).ok()).flatten()
}

/// The VERP token of an address `local+token@domain`, by its shape alone.
pub fn token_of(address: &str) -> Option<&str> {
    let (local, _) = address.rsplit_once('@')?;
    let token = local.trim_start_matches('"').trim_end_matches('"').rsplit_once('+')?.1;
    let (row, mac) = token.split_once('-')?;
    let is_mac = mac.len() == MAC_CHARS && mac.bytes().all(|byte| BASE32.contains(&byte.to_ascii_lowercase()));
    (is_mac && !row.is_empty() && row.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(token)
}

/// The envelope sender `local+token@domain` for a bounce address `local@domain`.
pub fn verp_address(bounce_address: &str, token: &str) -> String {
    match bounce_address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}+{token}@{domain}"),
        None => bounce_address.to_owned(),
    }
}

/// The domain of Message-IDs: that of the bounce address.
pub fn message_id_domain(bounce_address: &str) -> &str {
    bounce_address.rsplit_once('@').map_or("localhost", |(_, domain)| domain)
}

/// Lower-case hexadecimal, as hashes are shown everywhere.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

fn base32(bytes: &[u8], chars: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let digit = |at: usize| (0..5).fold(0_usize, |value, n| value * 2 + usize::from(bit(at * 5 + n)));
    (0..chars).map(|at| char::from(BASE32[digit(at)])).collect()
}

fn base36(number: i64) -> String {
    let mut rest = number.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((rest % 36) as u32, 36).unwrap_or('0'));
        rest /= 36;
        if rest == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    const OF: Subject<'static> = Subject { notice_id: "metaps-2022", member_id: 123_456, round: 1 };

    #[test]
    fn the_envelope_sender_stays_the_same_in_every_round_so_that_greylisting_passes() {
        assert_eq!(keys().verp_token(OF), keys().verp_token(Subject { round: 2, ..OF }));
        assert_ne!(keys().verp_token(OF), keys().verp_token(Subject { member_id: 123_457, ..OF }));
        assert_ne!(keys().verp_token(OF), keys().verp_token(Subject { notice_id: "other", ..OF }));
    }

    #[test]
    fn the_envid_differs_for_each_attempt_and_the_message_id_does_not() {
        assert_ne!(keys().envid(OF, 1), keys().envid(OF, 2));
        assert_ne!(keys().message_id(OF), keys().message_id(Subject { round: 2, ..OF }));
    }

    #[test]
    fn a_token_finds_its_row_and_a_forged_one_does_not() {
        let token = keys().verp_token(OF);
        assert_eq!(keys().verify_verp(&token, OF.notice_id), Some(OF.member_id));
        assert_eq!(keys().verify_verp(&token.to_uppercase(), OF.notice_id), Some(OF.member_id));
        assert_eq!(keys().verify_verp(&token, "other"), None);
        let forged = format!("{}-{}", "2n9c", "a".repeat(MAC_CHARS));
        assert_eq!(keys().verify_verp(&forged, OF.notice_id), None);
        let other = Keys::new(b"another secret of the same size!").unwrap();
        assert_eq!(other.verify_verp(&token, OF.notice_id), None);
    }

    #[test]
    fn a_verp_address_fits_the_64_octets_of_a_local_part() {
        let far = Subject { member_id: i64::MAX, ..OF };
        let address = verp_address("bounces@example.jp", &keys().verp_token(far));
        assert!(address.split_once('@').unwrap().0.len() <= 64, "{address}");
    }

    #[test]
    fn message_ids_and_envids_are_known_again_and_those_of_others_are_not() {
        let of = Subject { notice_id: "n", member_id: 36_000_000, round: 2 };
        let (message_id, envid) = (format!("{}@example.jp", keys().message_id(of)), keys().envid(of, 3));
        assert_eq!(keys().verify_message_id(&message_id, "n"), Some((36_000_000, 2)));
        assert_eq!(keys().verify_envid(&envid.to_ascii_uppercase(), "n"), Some((36_000_000, 2, 3)));
        assert_eq!((keys().verify_message_id(&message_id, "m"), keys().verify_envid(&envid, "m")), (None, None));
        for wrong in ["", ".", "a", "a.2", "a.2.x@y", "20231122.ABCDEF@mx", "zzzzzzzzzzzzzzzzzzzz.1.1.a", "-1.1.1.x"] {
            assert_eq!(
                (keys().verify_message_id(wrong, "n"), keys().verify_envid(wrong, "n")),
                (None, None),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_token_is_found_in_the_address_that_carries_it_and_nowhere_else() {
        let token = keys().verp_token(Subject { notice_id: "n", member_id: 5, round: 1 });
        let address = verp_address("bounces@example.jp", &token);
        assert_eq!(token_of(&address), Some(token.as_str()));
        assert_eq!(token_of(&address.to_ascii_uppercase()).and_then(|t| keys().verify_verp(t, "n")), Some(5));
        for other in [
            "bounces@example.jp",
            "bounces+info@example.jp",
            "bounces+5-short@example.jp",
            "x+5-@example.jp",
            token.as_str(),
        ] {
            assert_eq!(token_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_secret_never_shows() {
        assert!(!format!("{:?}", keys()).contains("0123456789"));
        assert!(Keys::new(b"short").is_err());
    }
}
