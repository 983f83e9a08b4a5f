//! What a certificate says of itself: whose it is, who issued it, and how long it is good.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// One certificate of a chain (RFC 5280).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as in `CN=smtp.example.jp`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// Whether it is an authority's, which may issue others and is no server's (`CA:TRUE`, RFC 5280, 4.2.1.9).
    pub is_authority: bool,
    /// From when it is good, epoch milliseconds.
    pub not_before_ms: i64,
    /// Until when it is good, epoch milliseconds.
    pub not_after_ms: i64,
}

impl Certificate {
    /// Reads a DER certificate; `None` for what is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|extension| &extension.value.general_names).filter_map(name);
        Some(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names.collect(),
            is_authority: parsed.is_ca(),
            not_before_ms: parsed.validity().not_before.timestamp().saturating_mul(1000),
            not_after_ms: parsed.validity().not_after.timestamp().saturating_mul(1000),
        })
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whole days until it ends; negative when it has ended.
    pub fn days_left(&self, now_ms: i64) -> i64 {
        (self.not_after_ms - now_ms).div_euclid(86_400_000)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*octets).ok().map(|octets| std::net::IpAddr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_its_names_its_issuer_and_its_days() {
        let made =
            rcgen::generate_simple_self_signed(vec!["smtp.example.jp".to_owned(), "192.0.2.1".to_owned()]).unwrap();
        let read = Certificate::read(made.cert.der()).unwrap();
        assert_eq!(read.names, ["smtp.example.jp", "192.0.2.1"]);
        assert!(read.is_self_issued() && !read.is_authority, "{read:?}");
        assert_eq!(read.days_left(read.not_after_ms - 1), 0);
        assert_eq!(read.days_left(read.not_after_ms), 0);
        assert_eq!(read.days_left(read.not_after_ms + 1), -1);
        assert_eq!(Certificate::read(b"no certificate"), None);
    }

    #[test]
    fn a_certificate_tells_whether_it_is_an_authoritys() {
        let mut made = rcgen::CertificateParams::new(vec!["smtp.example.jp".to_owned()]).unwrap();
        made.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let made = made.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert!(Certificate::read(made.der()).unwrap().is_authority);
    }
}
