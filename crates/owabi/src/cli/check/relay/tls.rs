//! The relay's certificate: why it is not accepted, and how long it still will be.

use super::Look;
use crate::cli::check::certificates::FEW_DAYS;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::japan;
use owabi_core::outcome::Fault;
use owabi_smtp::certificate::Certificate;
use owabi_smtp::probe::Step;
use owabi_smtp::relay::Tls;
use owabi_smtp::tls::Distrust;

const STEP: &str = "tls";

impl Look<'_> {
    /// The handshake, then each certificate.
    pub(super) fn tls_step(&self, step: &Step) -> Vec<Seen> {
        let first = match &step.fault {
            None => {
                let tls = self.probe.tls.as_deref().unwrap_or_default();
                let name = self.relay.tls_name();
                Seen::fine(
                    STEP,
                    say!(ja: "TLS: {tls}、証明書は {name} のもの", en: "TLS: {tls}, certificate for {name}"),
                )
            }
            Some(fault) => self.no_tls(fault),
        };
        let chain = self.probe.certificates.iter().enumerate().map(|(at, one)| self.certificate(at, one));
        [first.in_time(step.took)].into_iter().chain(chain).collect()
    }

    fn certificate(&self, at: usize, of: &Certificate) -> Seen {
        let (Certificate { subject, issuer, .. }, days) = (of, of.days_left(self.now_ms));
        let until = japan::day(of.not_after_ms);
        let nth = at + 1;
        if days < 0 {
            let what = say!(
                ja: "証明書 {nth}: {subject}(発行者 {issuer})は {until} に期限が切れています。",
                en: "certificate {nth}: {subject}, issued by {issuer}, expired on {until}"
            );
            return Seen::warning("certificate", what, renew());
        }
        let what = say!(
            ja: "証明書 {nth}: {subject}(発行者 {issuer})、{until} まで、残り {days} 日",
            en: "certificate {nth}: {subject}, issued by {issuer}, until {until}, {days} days left"
        );
        if days < FEW_DAYS { Seen::warning("certificate", what, renew()) } else { Seen::fine("certificate", what) }
    }

    fn no_tls(&self, fault: &Fault) -> Seen {
        let said = fault.text();
        let Text { ja, en } = &said;
        let (what, next) = match (self.probe.distrust, &self.probe.in_the_clear) {
            (Some(distrust), _) => self.distrusted(distrust),
            (None, Some(offers)) if !offers.starttls => (
                say!(
                    ja: "STARTTLS が提示されません。{ja}",
                    en: "STARTTLS is not offered: {en}"
                ),
                say!(
                    ja: "ポート(587 か 25 か)を確かめてください。465 番なら tls: implicit です。途中の機器(ファイアウォールの SMTP 検査など)が STARTTLS を取り除いていることもあります。",
                    en: "look at the port (587 or 25); port 465 wants tls: implicit. Something in between, such as a firewall that inspects SMTP, may also strip it"
                ),
            ),
            _ if self.relay.tls == Tls::Implicit => (
                said,
                say!(
                    ja: "このポートが最初から TLS を話すか確かめてください。587 番や 25 番なら、たいてい tls: starttls です。",
                    en: "see whether this port speaks TLS from the first byte: 587 and 25 mostly want tls: starttls"
                ),
            ),
            _ => (
                said,
                say!(
                    ja: "中継サーバーの TLS の設定(1.2 以上か)を、その管理者に確かめてください。",
                    en: "ask the relay's administrator about its TLS: owabi needs version 1.2 or 1.3"
                ),
            ),
        };
        Seen::failed(STEP, Exit::Unavailable, what, next)
    }

    fn distrusted(&self, distrust: Distrust) -> (Text, Text) {
        let own = self.probe.certificates.first();
        let name = self.relay.tls_name();
        match distrust {
            Distrust::Expired => {
                let until = own.map(|own| japan::day(own.not_after_ms)).unwrap_or_default();
                let what = say!(
                    ja: "証明書の期限が切れています({until})。",
                    en: "the relay's certificate has expired ({until})"
                );
                (what, renew())
            }
            Distrust::NotYet => {
                let from = own.map(|own| japan::day(own.not_before_ms)).unwrap_or_default();
                let what = say!(ja: "証明書はまだ有効ではありません({from} から)。", en: "the relay's certificate is not valid yet (from {from})");
                let next = say!(ja: "このマシンの時計を確かめてください。", en: "look at this machine's clock");
                (what, next)
            }
            Distrust::OtherName => {
                let names = own.map(|own| own.names.join(", ")).unwrap_or_default();
                let what = say!(
                    ja: "証明書は別の名前のものです。求めた名前は {name}、証明書にある名前は {names} です。",
                    en: "the relay's certificate is for another name: wanted {name}, it has {names}"
                );
                let next = say!(
                    ja: "目当ての中継サーバーに間違いなければ、証明書にある名前を server_name に書くか、host をその名前にしてください。",
                    en: "if it is the relay that you mean, set server_name (or host) to a name that the certificate has"
                );
                (what, next)
            }
            Distrust::UnknownAuthority => self.unknown_authority(),
            Distrust::Other if own.is_some_and(|own| own.is_authority) => self.authority_as_server(),
            Distrust::Other => (
                say!(ja: "証明書を受け入れられません。", en: "the relay's certificate was not accepted"),
                say!(ja: "中継サーバーの管理者に、証明書を作り直してもらってください。", en: "have the relay's administrator issue another certificate"),
            ),
        }
    }

    /// `openssl req -x509` makes such a certificate unless it is told otherwise. TLS trusts none as a server's, also not one in `ca_file`.
    fn authority_as_server(&self) -> (Text, Text) {
        let (name, own) = (self.relay.tls_name(), self.probe.certificates.first());
        let subject = own.map(|own| own.subject.as_str()).unwrap_or_default();
        if !own.is_some_and(Certificate::is_self_issued) {
            return (
                say!(
                    ja: "中継サーバーが自分の証明書として示した {subject} は、認証局の証明書(CA:TRUE)です。サーバーの証明書には使えません。",
                    en: "the relay shows {subject} as its own certificate: that is an authority's (CA:TRUE), which cannot be a server's"
                ),
                say!(
                    ja: "中継サーバーの証明書ファイルで、{name} の証明書を最初に、認証局の証明書をその後に並べてもらってください。",
                    en: "in the relay's file of certificates, the one for {name} comes first and the authority's after it"
                ),
            );
        }
        (
            say!(
                ja: "自己署名の証明書({subject})が、認証局として作られています(CA:TRUE)。サーバーの証明書には使えず、ca_file に書いても受け入れられません。",
                en: "the certificate is self-signed ({subject}) and made as an authority (CA:TRUE): it cannot be a server's, also not when ca_file names it"
            ),
            say!(
                ja: "その認証局から {name} の証明書を発行して中継サーバーに置き、認証局の証明書を ca_file に書いてください。認証局が要らなければ、CA:FALSE で作り直して(`openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN={name} -addext subjectAltName=DNS:{name} -addext basicConstraints=critical,CA:FALSE`)中継サーバーに置き、その cert.pem を ca_file に書けば、その証明書だけを受け入れます。",
                en: "have that authority issue a certificate for {name}, give it to the relay, and name the authority's in ca_file. Without need of an authority, make it again with CA:FALSE (`openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem -subj /CN={name} -addext subjectAltName=DNS:{name} -addext basicConstraints=critical,CA:FALSE`), give it to the relay, and name that cert.pem in ca_file: then it alone is trusted"
            ),
        )
    }

    /// Which of the ways to be unknown it is.
    fn unknown_authority(&self) -> (Text, Text) {
        let chain = &self.probe.certificates;
        let (Some(own), Some(last)) = (chain.first(), chain.last()) else {
            return (
                say!(ja: "証明書の発行者が分かりません。", en: "the certificate comes from an unknown authority"),
                say!(ja: "発行した認証局の証明書を ca_file に書いてください。", en: "name the authority's certificate in ca_file"),
            );
        };
        let issuer = &last.issuer;
        if self.relay.ca_pem.is_some() {
            return (
                say!(
                    ja: "証明書は、ca_file の認証局が発行したものではありません(発行者 {issuer})。",
                    en: "the certificate does not come from the authority in ca_file; unknown authority {issuer}"
                ),
                say!(
                    ja: "ca_file を発行者の認証局の証明書にするか、公的な認証局の証明書なら ca_file を外してください。",
                    en: "put the issuing authority's certificate into ca_file; without ca_file the system's authorities are trusted"
                ),
            );
        }
        if own.is_self_issued() {
            let subject = &own.subject;
            return (
                say!(
                    ja: "自己署名の証明書です({subject})。どの認証局も発行していません。",
                    en: "the certificate is self-signed ({subject}): no authority stands behind it"
                ),
                say!(
                    ja: "自前の認証局を作って発行し、その認証局の証明書を ca_file に書くか、公的な認証局で発行してください。",
                    en: "have it issued by an authority: a public one, or your own, whose certificate you name in ca_file"
                ),
            );
        }
        if chain.len() == 1 {
            return (
                say!(
                    ja: "中継サーバーは自分の証明書だけを示しました(発行者 {issuer})。中間証明書が欠けているか、発行者が独自の認証局です。",
                    en: "the relay shows its own certificate alone, issued by {issuer}, an unknown authority: an intermediate certificate is missing, or the authority is a private one"
                ),
                say!(
                    ja: "公的な認証局なら、中間証明書も送るよう中継サーバーを設定してください(fullchain.pem)。独自の認証局なら、その証明書を ca_file に書いてください。",
                    en: "with a public authority, have the relay send the whole chain (fullchain.pem); a private one you pin: name its certificate in ca_file"
                ),
            );
        }
        (
            say!(
                ja: "証明書の連鎖は {issuer} で終わり、これはこのマシンの知らない認証局です。",
                en: "the chain of certificates ends at {issuer}, an unknown authority to this machine"
            ),
            say!(
                ja: "独自の認証局なら、その証明書を ca_file に書いてください。公的な認証局なら、パッケージ ca-certificates を更新してください。",
                en: "a private authority you pin: name its certificate in ca_file; for a public one, update the package ca-certificates"
            ),
        )
    }
}

fn renew() -> Text {
    say!(
        ja: "中継サーバーの管理者に、証明書を更新してもらってください。owabi の側で直せることはありません。",
        en: "have the relay's administrator renew it; there is nothing to change on owabi's side"
    )
}
