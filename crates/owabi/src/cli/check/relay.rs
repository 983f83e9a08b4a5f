//! `check --connect`: a relay, step by step, as a mail would go; but no mail goes.

mod envelope;
mod extensions;
mod steps;
mod tls;

use super::seen::{Seen, State};
use super::{Found, certificates};
use crate::clock;
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::Config;
use crate::library::Library;
use owabi_core::ids::verp_address;
use owabi_core::render::{Renderer, Stamp};
use owabi_smtp::probe::{Envelope, Probe, probe};
use owabi_smtp::relay::{Deadlines, Relay};
use serde_json::{Value, json};
use std::time::Duration;

const AREA: &str = "relay";
/// Of the shape of a real token. Nothing is sent, so nothing can come back to it.
const TOKEN: &str = "check-owabicheckowabicheck";
/// A person waits for the answer: longer than the greeting of any relay that delays it on purpose.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a relay was looked at for.
struct Look<'a> {
    relay: &'a Relay,
    /// Octets of the largest mail.
    largest: usize,
    now_ms: i64,
    probe: Probe,
}

/// The envelope to try.
pub(super) fn envelope(config: &Config, library: &Library) -> Envelope {
    let plain = config.smtp.bounce.address.clone();
    let octets = library.notices.values().map(|notice| largest(&notice.renderer)).max().unwrap_or(0);
    Envelope { signed: verp_address(&plain, TOKEN), plain, envid: TOKEN.to_owned(), octets }
}

/// The largest mail that the made-up members get, in octets.
fn largest(renderer: &Renderer) -> usize {
    let stamp = Stamp { to: "member@example.jp", message_id: "check@example.jp", dated_at_ms: 0 };
    let sizes = renderer.samples().iter().filter_map(|member| renderer.mail(member, &stamp).ok());
    sizes.map(|mail| mail.bytes.len()).max().unwrap_or(0)
}

pub(super) async fn check(session: &Session, relay: &Relay, envelope: &Envelope, found: &mut Found) -> Value {
    let (name, host, port) = (&relay.name, &relay.host, relay.port);
    let whom = format!("{name} ({host}:{port})");
    session.tell(&say!(ja: "・ 中継サーバー {name}({host}:{port})", en: "- relay {whom}"));
    let patient = Relay { deadlines: patience(&relay.deadlines), ..relay.clone() };
    let probe = probe(&patient, envelope).await;
    let look = Look { relay: &patient, largest: envelope.octets, now_ms: clock::now_ms(), probe };
    let seen = look.seen(envelope);
    let before = found.problems.len();
    for one in &seen {
        found.look(session, AREA, &whom, one);
    }
    look.sum_up(session, found.problems.len() == before);
    look.json(session, &seen)
}

/// As configured, but no longer than a person waits.
fn patience(of: &Deadlines) -> Deadlines {
    let short = |span: Duration| span.min(PATIENCE);
    Deadlines {
        connect: short(of.connect),
        greeting: short(of.greeting),
        ehlo: short(of.ehlo),
        tls: short(of.tls),
        auth: short(of.auth),
        mail: short(of.mail),
        rcpt: short(of.rcpt),
        ..*of
    }
}

impl Look<'_> {
    fn seen(&self, envelope: &Envelope) -> Vec<Seen> {
        let mut seen: Vec<Seen> = self.probe.steps.iter().flat_map(|step| self.step(step, envelope)).collect();
        if self.probe.steps.iter().any(|step| matches!(step.what, owabi_smtp::probe::What::Sender)) {
            seen.extend(self.extensions());
        }
        seen
    }

    /// One line that says all, when nothing is wrong.
    fn sum_up(&self, session: &Session, is_well: bool) {
        let (name, list) = (&self.relay.name, self.offered().join(" "));
        let tls = self.probe.tls.as_deref().unwrap_or("none");
        if is_well {
            session.tell(&say!(
                ja: "○ 中継サーバー {name}: TLS {tls}、{list}",
                en: "ok relay {name}: TLS {tls}, {list}"
            ));
        }
    }

    fn json(&self, session: &Session, seen: &[Seen]) -> Value {
        let Probe { addresses, certificates, offers, .. } = &self.probe;
        let is_failed = |one: &Seen| matches!(one.state, State::Failed(_));
        json!({
            "name": self.relay.name,
            "host": self.relay.host,
            "port": self.relay.port,
            "ok": !seen.iter().any(is_failed),
            "helo": self.relay.helo,
            "addresses": addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>(),
            "address": self.probe.used.map(|address| address.ip().to_string()),
            "tls": self.probe.tls.as_deref().unwrap_or("none"),
            "certificates": certificates.iter().map(|one| certificates::json(one, self.now_ms)).collect::<Vec<_>>(),
            "extensions": self.offered(),
            "auth": { "offered": offers.as_ref().map(|offers| &offers.auth), "mechanism": self.probe.mechanism },
            "max_size": offers.as_ref().and_then(owabi_smtp::capabilities::Capabilities::max_size),
            "largest_mail": self.largest,
            "takes_mail": self.probe.takes_mail,
            "steps": seen.iter().map(|one| one.json(session)).collect::<Vec<_>>(),
        })
    }
}
