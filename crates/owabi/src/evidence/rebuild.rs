//! The exact mail of an attempt, as it left: from what the rows say, proved by the hash in the intent.

use crate::library::NoticeSource;
use owabi_core::address::Address;
use owabi_core::ids::hex;
use owabi_core::member::Member;
use owabi_core::notice::NoticeDefinition;
use owabi_core::rebuild::Origin;
use owabi_core::render::{Mail, Renderer, Stamp, TemplateSources};
use std::collections::BTreeMap;

/// The texts that a notice was released with, by fingerprint.
#[derive(Debug, Default)]
pub struct Texts(BTreeMap<String, Renderer>);

/// One mail, rebuilt as well as it can be.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// What it was made of.
    pub origin: Origin,
    /// The mail; `None` when its text or a value of the member is not there (any more).
    pub mail: Option<Mail>,
    /// It is what left, octet for octet.
    pub equal: bool,
}

impl Texts {
    /// Adds the files of a release. Files that cannot be used, or do not have this fingerprint, are left out: then nothing
    /// is rebuilt from them. Returns whether they were usable.
    pub fn add(&mut self, fingerprint: &str, source: &NoticeSource) -> bool {
        if self.0.contains_key(fingerprint) {
            return true;
        }
        let renderer = compile(source).filter(|renderer| renderer.fingerprint_hex() == fingerprint);
        renderer.map(|renderer| self.0.insert(fingerprint.to_owned(), renderer)).is_some()
    }

    /// The mail of a member that `origin` speaks of.
    pub fn mail(&self, member: &Member, origin: &Origin, message_id: &str) -> Option<Mail> {
        let renderer = self.0.get(&origin.fingerprint)?;
        let address = Address::from_stored(&origin.email).ok()?;
        let member = Member { email: Some(origin.email.clone()), ..member.clone() };
        let stamp = Stamp { to: &address.envelope(), message_id, dated_at_ms: origin.dated_at_ms };
        renderer.mail(&member, &stamp).ok()
    }

    /// The one of several origins whose mail has this hash; else the likeliest. `None` without any.
    pub fn rebuild(&self, member: &Member, origins: &[Origin], message_id: &str, sha256: &str) -> Option<Rebuilt> {
        let rebuilt = |origin: &Origin| {
            let mail = self.mail(member, origin, message_id);
            let equal = mail.as_ref().is_some_and(|mail| hex(&mail.sha256) == sha256);
            Rebuilt { origin: origin.clone(), mail, equal }
        };
        let mut likeliest = None;
        for origin in origins {
            let this = rebuilt(origin);
            if this.equal {
                return Some(this);
            }
            likeliest = likeliest.or(Some(this));
        }
        likeliest
    }
}

fn compile(source: &NoticeSource) -> Option<Renderer> {
    let definition = NoticeDefinition::parse("notice.yaml", &source.definition).ok()?;
    let NoticeSource { subject, text, html, .. } = source.clone();
    Renderer::compile(&definition, &TemplateSources { subject, text, html }).ok()
}
