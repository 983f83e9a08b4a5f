//! SPF of the bounce domain, which is what receivers look at, and of the From domains.

use super::{Wanted, unanswered};
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::sender::spf::{self, Found, Trouble, Verdict};
use std::net::{IpAddr, Ipv4Addr};

const STEP: &str = "spf";
/// Of nobody: asked about it, the whole record is walked, so that its lookups are counted.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

pub(super) async fn look(wanted: &Wanted<'_>, domain: &str, is_bounce: bool) -> Vec<Seen> {
    let record = match spf::record(wanted.dns, domain).await {
        Ok(record) => record,
        Err(Trouble::None) => return vec![missing(domain, is_bounce)],
        Err(trouble) => return vec![told(domain, &trouble)],
    };
    let mut seen = vec![whole(wanted, domain, &record).await];
    for ip in wanted.sending {
        seen.push(match spf::evaluate(wanted.dns, domain, *ip).await {
            Ok(found) => covered(domain, *ip, &found, is_bounce),
            Err(trouble) => told(domain, &trouble),
        });
    }
    seen
}

async fn whole(wanted: &Wanted<'_>, domain: &str, record: &str) -> Seen {
    match spf::evaluate(wanted.dns, domain, NOBODY).await {
        Ok(Found { verdict: Verdict::Pass, .. }) => Seen::warning(
            STEP,
            say!(ja: "SPF はどこからの送信も許しています: {record}", en: "SPF lets anybody send: {record}"),
            say!(ja: "+all をやめ、送信するサーバーだけを書いて ~all か -all で終えてください。", en: "name the servers that send, and end it with ~all or -all instead of +all"),
        ),
        Ok(Found { lookups, .. }) => Seen::fine(
            STEP,
            say!(ja: "SPF: {record}(DNS 参照 {lookups} 回)", en: "SPF: {record} ({lookups} DNS lookups)"),
        ),
        Err(trouble) => told(domain, &trouble),
    }
}

fn covered(domain: &str, ip: IpAddr, found: &Found, is_bounce: bool) -> Seen {
    let by = found.by.as_deref().unwrap_or("-");
    let next = say!(
        ja: "{domain} の SPF レコードに ip4:{ip}(または中継サービスの include)を加えてください。",
        en: "add ip4:{ip} (ip6: for IPv6), or the include of your relay's service, to the SPF record of {domain}"
    );
    match found.verdict {
        Verdict::Pass => {
            Seen::fine(STEP, say!(ja: "SPF は {ip} からの送信を認めています({by})", en: "SPF covers {ip} ({by})"))
        }
        Verdict::Fail if is_bounce => Seen::failed(
            STEP,
            Exit::BadConfig,
            say!(ja: "SPF は {ip} からの送信を拒んでいます({by})。", en: "SPF forbids {ip} to send ({by})"),
            next,
        ),
        _ => Seen::warning(
            STEP,
            say!(ja: "SPF は {ip} を認めていません({by})。", en: "SPF does not cover {ip} ({by})"),
            next,
        ),
    }
}

fn missing(domain: &str, is_bounce: bool) -> Seen {
    let what = say!(ja: "{domain} に SPF レコードがありません。", en: "{domain} has no SPF record");
    if !is_bounce {
        // Receivers ask the domain of the envelope sender.
        return Seen::told(STEP, what);
    }
    let next = say!(
        ja: "TXT レコード v=spf1 に送信するサーバーを書き、登録してください。例: v=spf1 ip4:192.0.2.1 -all。Gmail などは SPF か DKIM のないメールを拒否します。",
        en: "publish a TXT record that names the servers that send, as in v=spf1 ip4:192.0.2.1 -all; Gmail and others refuse mails with neither SPF nor DKIM"
    );
    Seen::warning(STEP, what, next)
}

fn told(domain: &str, trouble: &Trouble) -> Seen {
    let (what, next): (Text, Text) = match trouble {
        Trouble::Dns(name, why) => return unanswered(STEP, name, why),
        Trouble::Several(n) => (
            say!(ja: "{domain} に SPF レコードが {n} 個あります。一つでなければ、受信側はエラーとして扱います。", en: "{domain} has {n} SPF records: exactly one may be there, receivers treat more as an error"),
            say!(ja: "一つにまとめてください。", en: "put them together into one"),
        ),
        Trouble::TooMany => (
            say!(ja: "{domain} の SPF は DNS 参照が 10 回を超えます。受信側はエラーとして扱います。", en: "{domain}: SPF needs more than 10 DNS lookups, which receivers treat as an error"),
            say!(ja: "include を減らすか、ip4/ip6 で書いてください。", en: "use fewer includes, or name addresses by ip4 and ip6"),
        ),
        Trouble::NotFollowed(term) => {
            return Seen::told(
                STEP,
                say!(
                    ja: "{domain} の SPF にはマクロや ptr があり({term})、ここでは評価できません。",
                    en: "{domain}: SPF has a macro or ptr ({term}), which is not followed here"
                ),
            );
        }
        Trouble::TooManyExchangers(_) | Trouble::TooManyVoid(_) => (
            say!(
                ja: "{domain} の SPF を受信側はエラーとして扱います: {trouble}",
                en: "{domain}: receivers treat SPF as an error: {trouble}"
            ),
            say!(
                ja: "使われていない名前を消し、送信するサーバーを ip4/ip6 で書いてください。",
                en: "take out names that are not in use, and name the servers that send by ip4 and ip6"
            ),
        ),
        other => (
            say!(ja: "{domain} の SPF に誤りがあります: {other}", en: "{domain}: SPF is wrong: {other}"),
            say!(ja: "レコードの綴りと include の先を確かめてください。", en: "look at the record's spelling, and at what it includes"),
        ),
    };
    Seen::failed(STEP, Exit::BadConfig, what, next)
}
