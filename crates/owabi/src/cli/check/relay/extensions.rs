//! What the relay offers, and what it means for owabi that something is missing.

use super::Look;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use owabi_smtp::capabilities::Capabilities;

const STEP: &str = "extensions";

impl Look<'_> {
    /// The extensions that it offers, by their names.
    pub(super) fn offered(&self) -> Vec<&'static str> {
        let Some(offers) = &self.probe.offers else { return Vec::new() };
        list(offers).into_iter().filter(|(_, offered)| *offered).map(|(name, _)| name).collect()
    }

    pub(super) fn extensions(&self) -> Vec<Seen> {
        let Some(offers) = &self.probe.offers else { return Vec::new() };
        let list = self.offered().join(" ");
        let all = Seen::fine(STEP, say!(ja: "拡張: {list}", en: "extensions: {list}"));
        let missing = list_of_missing(offers).map(|what| Seen::told(STEP, what));
        [all].into_iter().chain(missing).chain(self.size(offers)).collect()
    }

    fn size(&self, offers: &Capabilities) -> Option<Seen> {
        let (limit, largest) = (offers.max_size()?, self.largest);
        let name = &self.relay.name;
        if limit >= largest as u64 {
            return Some(Seen::fine("size", say!(
                ja: "大きさの上限: {limit} バイト。最大のメールは {largest} バイト",
                en: "size: up to {limit} octets; the largest mail has {largest}"
            )));
        }
        Some(Seen::failed(
            "size",
            Exit::BadConfig,
            say!(
                ja: "中継サーバー {name} は {limit} バイトまでしか受け付けません。最大のメールは {largest} バイトです。",
                en: "relay {name} takes at most {limit} octets; the largest mail has {largest}"
            ),
            say!(
                ja: "文面を短くするか、中継サーバーの上限(Postfix なら message_size_limit)を上げてもらってください。",
                en: "shorten the letter, or have the relay's limit raised (message_size_limit in Postfix)"
            ),
        ))
    }
}

fn list(offers: &Capabilities) -> [(&'static str, bool); 7] {
    [
        ("PIPELINING", offers.pipelining),
        ("CHUNKING", offers.chunking),
        ("DSN", offers.dsn),
        ("8BITMIME", offers.eight_bit_mime),
        ("SMTPUTF8", offers.smtputf8),
        ("ENHANCEDSTATUSCODES", offers.enhanced_status_codes),
        ("SIZE", offers.size.is_some()),
    ]
}

fn list_of_missing(offers: &Capabilities) -> impl Iterator<Item = Text> {
    list(offers).into_iter().filter(|(_, offered)| !offered).map(|(name, _)| without(name))
}

/// What its absence means.
fn without(name: &str) -> Text {
    match name {
        "PIPELINING" => say!(
            ja: "PIPELINING がありません。コマンドごとに応答を待つので、送信が遅くなります。",
            en: "no PIPELINING: each command waits for its reply, so sending is slower"
        ),
        "CHUNKING" => say!(
            ja: "CHUNKING がありません。本文は DATA で渡します。往復が一つ増え、少し遅くなるだけです。",
            en: "no CHUNKING: bodies go by DATA, with one round trip more; a little slower, nothing else"
        ),
        "DSN" => say!(
            ja: "DSN がありません。ENVID による証拠と配達通知の指定が使えません。不達通知は address+token だけで会員に結び付けます。",
            en: "no DSN: no ENVID as evidence, and no notifications of delivery; bounces find their member by address+token alone"
        ),
        "8BITMIME" => say!(
            ja: "8BITMIME がありません。owabi の本文は base64 なので、影響はありません。",
            en: "no 8BITMIME: owabi's bodies are base64, so nothing changes"
        ),
        "SMTPUTF8" => say!(
            ja: "SMTPUTF8 がありません。@ の左に日本語などを含むアドレスには送れません(550 5.6.7 として記録します)。",
            en: "no SMTPUTF8: addresses with other letters than ASCII before the @ cannot be sent to (recorded as 550 5.6.7)"
        ),
        "ENHANCEDSTATUSCODES" => say!(
            ja: "ENHANCEDSTATUSCODES がありません。拒否の理由は、応答コードと文面だけから判断します。",
            en: "no ENHANCEDSTATUSCODES: why a mail was refused is judged by code and words alone"
        ),
        _ => say!(
            ja: "SIZE がありません。大きすぎるメールは、本文を渡したあとで断られます。",
            en: "no SIZE: a mail that is too large is refused only after its body was sent"
        ),
    }
}
