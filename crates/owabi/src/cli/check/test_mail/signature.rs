//! The signatures on the test mail as it arrived.

use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::clock;
use crate::sender::dkim::{self, MOST_SIGNATURES, Parts, Signature, Verified};
use crate::sender::dmarc::{self, Policy};
use crate::sender::dns::Dns;
use crate::sender::key::{self, Trouble};
use serde_json::{Value, json};
use std::time::Duration;

const STEP: &str = "dkim";

/// Whoever wrote the mail decides whom to ask: no longer than this in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many fields of receiving servers are shown.
const MOST_RESULTS: usize = 10;

/// What every signature is held against.
struct Against<'a> {
    from: &'a str,
    dns: Option<&'a Dns>,
    policy: Option<&'a Policy>,
}

/// Tells of the signatures; gives what `--json` says of them.
pub(super) async fn look(mail: &[u8], from: &str, dns: Option<&Dns>, seen: &mut Vec<Seen>) -> Vec<Value> {
    let parts = Parts::of(mail);
    let from = from.rsplit_once('@').map_or(from, |(_, domain)| domain);
    let dns = dns.map(|dns| dns.within(PATIENCE));
    let signatures = parts.signatures();
    let policy = match &dns {
        Some(dns) if !signatures.is_empty() => dmarc::policy(dns, from).await.ok(),
        _ => None,
    };
    let against = Against { from, dns: dns.as_ref(), policy: policy.as_ref() };
    if signatures.is_empty() {
        seen.push(unsigned());
    }
    let mut told = Vec::new();
    for signature in signatures {
        match signature {
            Ok(signature) => told.push(one(&parts, &signature, &against, seen).await),
            Err(bad) => seen.push(Seen::warning(
                STEP,
                say!(ja: "使えない DKIM-Signature があります: {bad}", en: "a DKIM-Signature cannot be used: {bad}"),
                sign_anew(),
            )),
        }
    }
    seen.extend(left_out(parts.values("DKIM-Signature").count()));
    for result in parts.values("Authentication-Results").take(MOST_RESULTS) {
        let result = String::from_utf8_lossy(result).split_whitespace().collect::<Vec<_>>().join(" ");
        seen.push(Seen::told("authentication_results", Text::same(format!("Authentication-Results: {result}"))));
    }
    told
}

async fn one(parts: &Parts<'_>, signature: &Signature, against: &Against<'_>, seen: &mut Vec<Seen>) -> Value {
    let Signature { domain, selector, .. } = signature;
    let Against { from, dns, policy } = *against;
    let strict = policy.is_some_and(|policy| policy.strict_dkim);
    let is_aligned = dmarc::is_aligned(from, domain, strict, policy);
    let (verdict, told) = match dns {
        None => ("not_verified", not_verified(signature)),
        Some(dns) => match key::look_up(dns, selector, domain).await {
            Ok(record) => judged(signature, dkim::verify(parts, signature, &record), record.is_test),
            Err(Trouble::Dns(why)) if !why.is_certain() => ("no_answer", unanswered(signature, &why.to_string())),
            Err(Trouble::Short(bits)) => ("key_too_short", with_short_key(signature, bits)),
            Err(trouble) => ("key_not_found", without_key(signature, &trouble)),
        },
    };
    seen.push(told);
    seen.push(alignment(domain, from, is_aligned).about(dmarc::is_approximate(from, domain, strict)));
    json!({ "d": domain, "s": selector, "algorithm": if signature.is_rsa { "rsa-sha256" } else { "ed25519-sha256" }, "verdict": verdict, "aligned": is_aligned })
}

/// What is not looked at is told.
fn left_out(count: usize) -> Option<Seen> {
    let left = count.checked_sub(MOST_SIGNATURES).filter(|left| *left > 0)?;
    Some(Seen::warning(
        STEP,
        say!(
            ja: "DKIM-Signature が {count} 個あります。{left} 個は調べていません。",
            en: "there are {count} DKIM signatures; {left} of them were not looked at"
        ),
        say!(
            ja: "署名するサーバーを一つにしてください。受信側も、多すぎる署名は調べません。",
            en: "let one server sign: receivers do not look at so many, either"
        ),
    ))
}

fn judged(signature: &Signature, verified: Verified, is_test: bool) -> (&'static str, Seen) {
    let Signature { domain, selector, expires, .. } = signature;
    let failed = |what: Text| Seen::failed(STEP, Exit::BadConfig, what, sign_anew());
    match verified {
        Verified::Valid | Verified::ValidInPart(_) if expires.is_some_and(|at| at < clock::now_ms() / 1_000) => (
            "expired",
            failed(
                say!(ja: "DKIM: d={domain} s={selector} の署名は期限(x=)が切れています。", en: "DKIM: the signature of d={domain} s={selector} has expired (x=)"),
            ),
        ),
        Verified::ValidInPart(unsigned) => ("valid_in_part", in_part(signature, unsigned)),
        Verified::Valid if is_test => ("valid_but_testing", on_trial(signature)),
        Verified::Valid => (
            "valid",
            Seen::fine(
                STEP,
                say!(ja: "DKIM: d={domain} s={selector} の署名は正しい", en: "DKIM: signed by d={domain} s={selector}, valid"),
            ),
        ),
        Verified::BodyTooShort => (
            "body_too_short",
            failed(say!(
                ja: "DKIM: d={domain} s={selector} の署名は壊れています。本文が、署名された長さ(l=)より短くなっています。",
                en: "DKIM: the signature of d={domain} s={selector} is broken: the body is shorter than what was signed (l=)"
            )),
        ),
        Verified::NotBelow => (
            "not_below",
            failed(say!(
                ja: "DKIM: d={domain} s={selector} の鍵には t=s があり、i= の下位ドメインのための署名は無効です。",
                en: "DKIM: the key of d={domain} s={selector} says t=s, so a signature for a domain below it (i=) is not valid"
            )),
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

/// Whoever handles the mail on its way may add to it, and it stays "signed".
fn in_part(signature: &Signature, unsigned: usize) -> Seen {
    let Signature { domain, selector, .. } = signature;
    Seen::warning(
        STEP,
        say!(
            ja: "DKIM: d={domain} s={selector} の署名は正しいものの、本文の終わりの {unsigned} オクテットは署名されていません(l=)。",
            en: "DKIM: signed by d={domain} s={selector}, valid, but the last {unsigned} octets of the body are not signed (l=)"
        ),
        say!(
            ja: "だれでも本文に書き足せます。署名するサーバーの設定から l= を外してください。",
            en: "anybody may add to the body: take l= out of the signing server's settings"
        ),
    )
}

fn on_trial(signature: &Signature) -> Seen {
    let Signature { domain, selector, .. } = signature;
    Seen::warning(
        STEP,
        say!(
            ja: "DKIM: d={domain} s={selector} の署名は正しいものの、鍵に t=y(試験中)が付いています。",
            en: "DKIM: signed by d={domain} s={selector}, valid, but the key says t=y (testing)"
        ),
        say!(
            ja: "受信側は署名のないメールとして扱います。TXT レコードから t=y を外してください。",
            en: "receivers treat the mail as unsigned: take t=y out of the TXT record"
        ),
    )
}

fn with_short_key(signature: &Signature, bits: usize) -> Seen {
    let Signature { domain, selector, .. } = signature;
    Seen::failed(
        STEP,
        Exit::BadConfig,
        say!(
            ja: "DKIM: d={domain} s={selector} の鍵は {bits} ビットで、短すぎます。受信側は 1024 ビット未満の鍵を認めません。",
            en: "DKIM: the key of d={domain} s={selector} is too short ({bits} bits): receivers take none of less than 1024"
        ),
        say!(ja: "2048 ビットの鍵を新しいセレクターで作ってください。", en: "make a key of 2048 bits under a new selector"),
    )
}

fn alignment(domain: &str, from: &str, is_aligned: bool) -> Seen {
    if is_aligned {
        return Seen::fine(
            STEP,
            say!(
                ja: "DKIM: d={domain} は差出人の {from} と揃っています(DMARC で通る)",
                en: "DKIM: d={domain} is aligned with From ({from}), so it counts for DMARC"
            ),
        );
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
    Seen::told(
        STEP,
        say!(
            ja: "DKIM: d={domain} s={selector} で署名されています。正しいかは --resolver を付けると確かめます。",
            en: "DKIM: signed by d={domain} s={selector}; with --resolver it is verified"
        ),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UdpSocket;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_mail_of_a_thousand_signatures_is_done_with_in_seconds_even_when_nobody_answers() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dns: Dns = silent.local_addr().unwrap().to_string().parse().unwrap();
        let field =
            |n: u32| format!("DKIM-Signature: v=1; a=ed25519-sha256; d=d{n}.test; s=s; h=from; bh=eA==; b=eA==\r\n");
        let mail: String = (0..1_000).map(field).chain(["From: a@example.jp\r\n\r\n".to_owned()]).collect();
        let (begun, mut seen) = (Instant::now(), Vec::new());
        let told = look(mail.as_bytes(), "a@example.jp", Some(&dns), &mut seen).await;
        assert!(begun.elapsed() <= PATIENCE, "{:?}", begun.elapsed());
        assert_eq!(told.len(), MOST_SIGNATURES);
        assert!(told.iter().all(|one| one["verdict"] == "no_answer"), "{told:?}");
        assert!(seen.iter().any(|one| one.what.en.contains("990 of them were not looked at")), "{seen:?}");
    }

    #[test]
    fn what_is_valid_but_not_as_it_should_be_is_said_to_be_so() {
        let field = b"v=1; a=ed25519-sha256; d=example.jp; s=s1; h=from; bh=eA==; b=eA==";
        let signature = Signature::parse(field).unwrap();
        let of = |verified, is_test| {
            let (word, seen) = judged(&signature, verified, is_test);
            (word, seen.what.en)
        };
        assert_eq!(of(Verified::Valid, false).0, "valid");
        let (word, said) = of(Verified::Valid, true);
        assert!(word == "valid_but_testing" && said.contains("t=y (testing)"), "{word} {said}");
        let (word, said) = of(Verified::ValidInPart(18), false);
        assert!(word == "valid_in_part" && said.contains("the last 18 octets of the body are not signed"), "{said}");
        let mut over = signature.clone();
        over.expires = Some(1);
        assert_eq!(judged(&over, Verified::ValidInPart(18), true).0, "expired");
    }
}
