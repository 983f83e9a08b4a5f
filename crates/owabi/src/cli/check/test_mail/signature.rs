//! The signatures on the test mail as it arrived.

use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::clock;
use crate::sender::dkim::{self, Parts, Signature, Verified};
use crate::sender::dmarc;
use crate::sender::dns::Dns;
use crate::sender::key::{self, Trouble};
use serde_json::{Value, json};

const STEP: &str = "dkim";

/// Tells of every signature; gives what `--json` says of them.
pub(super) async fn look(mail: &[u8], from: &str, dns: Option<&Dns>, seen: &mut Vec<Seen>) -> Vec<Value> {
    let parts = Parts::of(mail);
    let from = from.rsplit_once('@').map_or(from, |(_, domain)| domain);
    let signatures = parts.signatures();
    if signatures.is_empty() {
        seen.push(unsigned());
    }
    let mut told = Vec::new();
    for signature in signatures {
        match signature {
            Ok(signature) => told.push(one(&parts, &signature, from, dns, seen).await),
            Err(bad) => seen.push(Seen::warning(
                STEP,
                say!(ja: "読めない DKIM-Signature があります: {bad}", en: "a DKIM-Signature cannot be used: {bad}"),
                sign_anew(),
            )),
        }
    }
    for result in parts.values("Authentication-Results") {
        let result = String::from_utf8_lossy(result).split_whitespace().collect::<Vec<_>>().join(" ");
        seen.push(Seen::told("authentication_results", Text::same(format!("Authentication-Results: {result}"))));
    }
    told
}

async fn one(parts: &Parts<'_>, signature: &Signature, from: &str, dns: Option<&Dns>, seen: &mut Vec<Seen>) -> Value {
    let Signature { domain, selector, .. } = signature;
    let policy = match dns {
        Some(dns) => dmarc::policy(dns, from).await.ok(),
        None => None,
    };
    let strict = policy.as_ref().is_some_and(|policy| policy.strict_dkim);
    let is_aligned = dmarc::is_aligned(from, domain, strict, policy.as_ref());
    let (verdict, told) = match dns {
        None => ("not_verified", not_verified(signature)),
        Some(dns) => match key::look_up(dns, selector, domain).await {
            Ok(record) => judged(signature, dkim::verify(parts, signature, &record)),
            Err(Trouble::Dns(why)) if !why.is_certain() => ("no_answer", unanswered(signature, &why.to_string())),
            Err(trouble) => ("key_not_found", without_key(signature, &trouble)),
        },
    };
    seen.push(told);
    seen.push(alignment(domain, from, is_aligned));
    json!({ "d": domain, "s": selector, "algorithm": if signature.is_rsa { "rsa-sha256" } else { "ed25519-sha256" }, "verdict": verdict, "aligned": is_aligned })
}

fn judged(signature: &Signature, verified: Verified) -> (&'static str, Seen) {
    let Signature { domain, selector, expires, .. } = signature;
    let failed = |what: Text| Seen::failed(STEP, Exit::BadConfig, what, sign_anew());
    match verified {
        Verified::Valid if expires.is_some_and(|at| at < clock::now_ms() / 1_000) => (
            "expired",
            failed(say!(ja: "DKIM: d={domain} s={selector} の署名は期限(x=)が切れています。", en: "DKIM: the signature of d={domain} s={selector} has expired (x=)")),
        ),
        Verified::Valid => (
            "valid",
            Seen::fine(STEP, say!(ja: "DKIM: d={domain} s={selector} の署名は正しい", en: "DKIM: signed by d={domain} s={selector}, valid")),
        ),
        Verified::BodyChanged => (
            "body_changed",
            failed(say!(
                ja: "DKIM: d={domain} s={selector} の署名は壊れています。本文のハッシュ(bh=)が合わず、署名の後で本文が変えられています。",
                en: "DKIM: the signature of d={domain} s={selector} is broken: the body's hash (bh=) does not fit, the body was changed after signing"
            )),
        ),
        Verified::HeaderBroken => (
            "header_broken",
            failed(say!(
                ja: "DKIM: d={domain} s={selector} の署名は壊れています。本文は正しく、ヘッダーの署名(b=)が DNS の鍵と合いません。鍵が違うか、署名の後でヘッダーが変えられています。",
                en: "DKIM: the signature of d={domain} s={selector} is broken: the body is right, the header's signature (b=) does not fit the key in the DNS; another key, or a field was changed after signing"
            )),
        ),
        Verified::OtherKind => (
            "other_kind",
            failed(say!(
                ja: "DKIM: d={domain} s={selector} の署名と DNS の鍵の種類(k=)が違います。",
                en: "DKIM: the signature of d={domain} s={selector} and the key in the DNS are of different kinds (k=)"
            )),
        ),
    }
}

fn alignment(domain: &str, from: &str, is_aligned: bool) -> Seen {
    if is_aligned {
        return Seen::fine(STEP, say!(
            ja: "DKIM: d={domain} は差出人の {from} と揃っています(DMARC で通る)",
            en: "DKIM: d={domain} is aligned with From ({from}), so it counts for DMARC"
        ));
    }
    Seen::warning(
        STEP,
        say!(ja: "DKIM: d={domain} は差出人の {from} と揃っていません。", en: "DKIM: d={domain} is not aligned with From ({from})"),
        say!(
            ja: "DMARC では数えられません。中継サーバーが d={from} で署名するよう設定してください(docs/dkim.ja.md)。",
            en: "it does not count for DMARC: have the relay sign with d={from} (docs/dkim.md)"
        ),
    )
}

fn unsigned() -> Seen {
    Seen::warning(
        STEP,
        say!(ja: "DKIM の署名がありません。", en: "the mail is not signed with DKIM"),
        say!(
            ja: "署名は中継サーバーの仕事です。手順は docs/dkim.ja.md にあります。Gmail などは、大量に送る差出人に DKIM を求めます。",
            en: "signing is the relay's job: docs/dkim.md says how. Gmail and others want DKIM of whoever sends in bulk"
        ),
    )
}

fn not_verified(signature: &Signature) -> Seen {
    let Signature { domain, selector, .. } = signature;
    Seen::told(STEP, say!(
        ja: "DKIM: d={domain} s={selector} で署名されています。正しいかは --resolver を付けると確かめます。",
        en: "DKIM: signed by d={domain} s={selector}; with --resolver it is verified"
    ))
}

fn without_key(signature: &Signature, trouble: &Trouble) -> Seen {
    let Signature { domain, selector, .. } = signature;
    Seen::failed(
        STEP,
        Exit::BadConfig,
        say!(
            ja: "DKIM: d={domain} s={selector} で署名されていますが、DNS に使える鍵がありません({trouble})。",
            en: "DKIM: signed by d={domain} s={selector}, but the DNS has no key that can be used ({trouble})"
        ),
        say!(
            ja: "TXT レコード {selector}._domainkey.{domain} に公開鍵を登録してください(docs/dkim.ja.md)。",
            en: "publish the public key as the TXT record {selector}._domainkey.{domain} (docs/dkim.md)"
        ),
    )
}

fn unanswered(signature: &Signature, why: &str) -> Seen {
    let Signature { domain, selector, .. } = signature;
    Seen::failed(
        STEP,
        Exit::Unavailable,
        say!(
            ja: "DKIM: d={domain} s={selector} の鍵を調べられません。リゾルバーが答えません({why})。",
            en: "DKIM: the key of d={domain} s={selector} could not be looked up, the resolver does not say ({why})"
        ),
        say!(ja: "--resolver を確かめて、もう一度実行してください。", en: "look at --resolver, and try again"),
    )
}

fn sign_anew() -> Text {
    say!(
        ja: "署名は送信の最後に行い、その後で本文もヘッダーも変えないでください。署名の鍵と DNS の鍵が対のものかも確かめてください(docs/dkim.ja.md)。",
        en: "sign last, change neither body nor header after it, and see that the signing key and the one in the DNS belong together (docs/dkim.md)"
    )
}
