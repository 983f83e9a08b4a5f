//! The key that seals are signed with (Ed25519, RFC 8032).

use super::{hash_of_hex, octets_of_hex};
use crate::ids::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// A public key's `SubjectPublicKeyInfo` (RFC 8410) up to its 32 octets.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----\n";
const PEM_END: &str = "\n-----END PUBLIC KEY-----\n";

/// The secret half. Debug shows the public key's id only.
#[derive(Clone)]
pub struct SealKey(SigningKey);

/// The public half: whoever has it can check every seal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key")]
pub struct BadKey;

impl SealKey {
    /// The key of its 32 secret octets.
    pub fn from_octets(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The key of 64 hexadecimal digits, as the key file has them.
    ///
    /// # Errors
    /// When they are not that.
    pub fn from_hex(digits: &str) -> Result<Self, BadKey> {
        let digits = digits.to_ascii_lowercase();
        hash_of_hex(&digits).map(|secret| Self::from_octets(&secret)).ok_or(BadKey)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature over exactly this text, in hexadecimal digits.
    pub fn sign(&self, text: &str) -> String {
        hex(&self.0.sign(text.as_bytes()).to_bytes())
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealKey").field("id", &self.public().id()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.to_hex())
    }
}

impl PublicKey {
    /// The key of 64 hexadecimal digits.
    ///
    /// # Errors
    /// When they are not a key.
    pub fn from_hex(digits: &str) -> Result<Self, BadKey> {
        let octets = hash_of_hex(digits).ok_or(BadKey)?;
        VerifyingKey::from_bytes(&octets).map(Self).map_err(|_| BadKey)
    }

    /// Its 32 octets in hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(self.0.as_bytes())
    }

    /// What seals name it by: SHA-256 of its octets in hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// As a PEM file that openssl reads.
    pub fn to_pem(&self) -> String {
        let info = [SPKI.as_slice(), self.0.as_bytes()].concat();
        format!("{PEM_BEGIN}{}{PEM_END}", STANDARD.encode(info))
    }

    /// The key of a PEM file.
    ///
    /// # Errors
    /// When it is none, or another sort of key.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        let text = text.replace('\r', "");
        let inner = text.trim_start().strip_prefix(PEM_BEGIN).and_then(|rest| rest.split_once(PEM_END.trim_end()));
        let info = inner.and_then(|(inner, _)| STANDARD.decode(inner.replace('\n', "")).ok()).ok_or(BadKey)?;
        let octets = info.strip_prefix(SPKI.as_slice()).and_then(|key| key.try_into().ok()).ok_or(BadKey)?;
        VerifyingKey::from_bytes(octets).map(Self).map_err(|_| BadKey)
    }

    /// Whether this is the signature of exactly this text. Signatures that RFC 8032 leaves open are refused.
    pub fn verifies(&self, text: &str, signature: &str) -> bool {
        let signature = octets_of_hex::<64>(signature).map(|octets| Signature::from_bytes(&octets));
        signature.is_some_and(|signature| self.0.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 3.
    const SECRET: &str = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
    const PUBLIC: &str = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";

    #[test]
    fn keys_and_signatures_are_those_of_rfc_8032() {
        // Test 1: the empty message.
        let key = SealKey::from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        assert_eq!(key.public().to_hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(key.sign(""), signature);
        assert!(key.public().verifies("", signature) && !key.public().verifies(" ", signature));
        assert_eq!(SealKey::from_hex(SECRET).unwrap().public().to_hex(), PUBLIC);
    }

    #[test]
    fn a_public_key_goes_into_a_pem_file_and_comes_back() {
        let key = PublicKey::from_hex(PUBLIC).unwrap();
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n-----END PUBLIC KEY-----\n";
        assert_eq!(key.to_pem(), pem);
        assert_eq!(PublicKey::from_pem(&pem.replace('\n', "\r\n")), Ok(key));
        for wrong in ["", "x", &pem[5..], &pem.replace("MCow", "MCox"), &pem.replace("gCU=", "")] {
            assert_eq!(PublicKey::from_pem(wrong), Err(BadKey), "{wrong:?}");
        }
    }

    #[test]
    fn a_signature_of_another_key_text_or_form_is_refused() {
        let key = SealKey::from_hex(SECRET).unwrap();
        let signature = key.sign("a");
        assert!(!SealKey::from_octets(&[7; 32]).public().verifies("a", &signature));
        assert!(!key.public().verifies("a", &signature.to_uppercase()));
        assert!(!key.public().verifies("a", &signature[2..]));
        assert!(!key.public().verifies("a", ""));
    }

    #[test]
    fn the_secret_never_shows() {
        assert!(!format!("{:?}", SealKey::from_hex(SECRET).unwrap()).contains(&SECRET[..8]));
        assert_eq!(SealKey::from_hex("00").err(), Some(BadKey));
    }
}
