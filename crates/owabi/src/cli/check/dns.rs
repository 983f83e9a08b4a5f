//! `check --connect --resolver`: what the DNS says of the sender: SPF, DMARC, DKIM keys, and where answers go.

mod dmarc;
mod exchange;
mod key;
mod spf;

use super::Found;
use super::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::Config;
use crate::library::Library;
use crate::sender::dns::{Dns, NoAnswer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

const AREA: &str = "dns";

/// What of the DNS is looked at.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) dns: &'a Dns,
    /// The addresses from which mails leave.
    pub(super) sending: &'a [IpAddr],
    /// The selectors of the relay's keys.
    pub(super) selectors: &'a [String],
}

/// The domains of a sender.
struct Domains {
    bounce: String,
    from: BTreeSet<String>,
    reply_to: BTreeSet<String>,
}

impl Domains {
    fn of(config: &Config, library: &Library) -> Self {
        let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        let definitions = || library.notices.values().map(|notice| notice.renderer.definition());
        Self {
            bounce: domain(&config.smtp.bounce.address).unwrap_or_default(),
            from: definitions().filter_map(|of| domain(&of.from.address)).collect(),
            reply_to: definitions().filter_map(|of| domain(&of.reply_to.address)).collect(),
        }
    }

    fn all(&self) -> BTreeSet<&String> {
        std::iter::once(&self.bounce).chain(&self.from).chain(&self.reply_to).collect()
    }
}

pub(super) async fn check(
    session: &Session,
    config: &Config,
    library: &Library,
    wanted: &Wanted<'_>,
    found: &mut Found,
) -> Vec<Value> {
    let domains = Domains::of(config, library);
    let mut told = Vec::new();
    for domain in domains.all() {
        session.tell(&say!(ja: "・ DNS {domain}", en: "- DNS {domain}"));
        let seen = look(wanted, &domains, domain).await;
        for one in &seen {
            found.look(session, AREA, domain, one);
        }
        told.push(json!({ "domain": domain, "steps": seen.iter().map(|one| one.json(session)).collect::<Vec<_>>() }));
    }
    told
}

async fn look(wanted: &Wanted<'_>, domains: &Domains, domain: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    let (is_bounce, is_from) = (domain == domains.bounce, domains.from.contains(domain));
    if is_bounce || domains.reply_to.contains(domain) {
        seen.push(exchange::look(wanted.dns, domain, is_bounce).await);
    }
    if is_bounce || is_from {
        seen.extend(spf::look(wanted, domain, is_bounce).await);
    }
    if is_from {
        seen.extend(dmarc::look(wanted.dns, domain, &domains.bounce).await);
        for selector in wanted.selectors {
            seen.push(key::look(wanted.dns, selector, domain).await);
        }
    }
    seen
}

/// A resolver that fails is not a record that is missing.
fn unanswered(step: &'static str, name: &str, why: &NoAnswer) -> Seen {
    let (what, next): (Text, Text) = match why {
        NoAnswer::Silent => (
            say!(ja: "{name}: リゾルバーが応答しません(時間切れ)。", en: "{name}: the resolver does not answer (timeout)"),
            say!(
                ja: "--resolver のアドレスと、そこまでの UDP/TCP 53 番の通信を確かめてください。レコードがないとは限りません。",
                en: "look at the address of --resolver, and at UDP and TCP port 53 on the way; the record may well be there"
            ),
        ),
        other => (
            say!(ja: "{name}: リゾルバーが失敗しました({other})。", en: "{name}: the resolver failed ({other})"),
            say!(
                ja: "SERVFAIL はそのドメインの DNS サーバーや DNSSEC の異常、REFUSED はこのマシンからの問い合わせの拒否を示します。別のリゾルバーでも試してください。",
                en: "SERVFAIL means trouble with the domain's own servers or its DNSSEC, REFUSED that this machine may not ask: try another resolver, too"
            ),
        ),
    };
    Seen::failed(step, Exit::Unavailable, what, next)
}
