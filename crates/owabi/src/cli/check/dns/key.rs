//! The DKIM key of a selector.

use super::unanswered;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::say;
use crate::sender::dns::Dns;
use crate::sender::key::{self, KeyRecord, PublicKey, Trouble};

const STEP: &str = "dkim_key";
/// Receivers take 1024 (RFC 8301 section 3.2), and whoever makes a new key should make it longer.
const BITS: usize = 2048;

pub(in crate::cli::check) async fn look(dns: &Dns, selector: &str, domain: &str) -> Seen {
    let name = format!("{selector}._domainkey.{domain}");
    match key::look_up(dns, selector, domain).await {
        Ok(record) => told(&name, &record),
        Err(Trouble::Dns(why)) if !why.is_certain() => unanswered(STEP, &name, &why),
        Err(trouble) => Seen::failed(
            STEP,
            Exit::BadConfig,
            say!(ja: "{name} に使える DKIM の鍵がありません: {trouble}", en: "{name} has no DKIM key that can be used: {trouble}"),
            say!(
                ja: "セレクターの綴りと、TXT レコードが公開されているかを確かめてください(docs/dkim.ja.md)。",
                en: "look at the selector's spelling, and whether the TXT record is published (docs/dkim.md)"
            ),
        ),
    }
}

fn told(name: &str, record: &KeyRecord) -> Seen {
    let key = &record.key;
    let what = say!(ja: "DKIM の鍵 {name}: {key}", en: "DKIM key {name}: {key}");
    match key {
        PublicKey::Rsa(_, bits) if *bits < BITS => Seen::warning(
            STEP,
            what,
            say!(ja: "2048 ビットの鍵を新しいセレクターで作ってください。", en: "make a key of 2048 bits under a new selector"),
        ),
        _ if record.is_test => Seen::warning(
            STEP,
            what,
            say!(ja: "t=y(試験中)が付いています。確かめたら外してください。", en: "it says t=y (testing): take that out once all is well"),
        ),
        _ => Seen::fine(STEP, what),
    }
}
