//! The sealed form of the ledger: entries, their Merkle trees (RFC 9162), signed seals, and the check of all of it.
//!
//! An entry is one [line](Entry::line) of JSON; its leaf goes into a seal's tree. A [`Seal`] names the entries that it
//! covers, their root and the seal before it, and is [signed](SealKey) with Ed25519 (RFC 8032). The [`Verifier`] is fed
//! with seals and leaves and names the first that is wrong.

mod entry;
mod head;
mod key;
mod merkle;
mod ranges;
mod rows;
mod seal;
mod verifier;

pub use entry::{Body, Entry, REFERRING};
pub use head::Head;
pub use key::{BadKey, PublicKey, SealKey};
pub use merkle::{Hash, Tree, inclusion_proof, leaf, node, root_by_proof};
pub use ranges::Ranges;
pub use rows::{Attempt, AttemptBody, Correction, Intent, Receipt, Resent, Substitute};
pub use seal::{NO_SEAL, Seal, StoredSeal, Unreadable};
pub use verifier::{Fault, Finding, SealFault, Verifier};

/// The hash of 64 hexadecimal digits in lower case; `None` for anything else.
pub fn hash_of_hex(text: &str) -> Option<Hash> {
    octets_of_hex(text)
}

/// `N` octets of their hexadecimal digits in lower case.
fn octets_of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut octets = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(pairs) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(octets)
}
