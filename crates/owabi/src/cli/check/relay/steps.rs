//! The steps on the way to a relay, in words: what it means and what to do.

use super::Look;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use owabi_core::outcome::{Fault, FaultKind};
use owabi_smtp::probe::{Envelope, Step, Trouble, What};
use owabi_smtp::relay::Tls;
use std::net::{IpAddr, SocketAddr};

impl Look<'_> {
    /// What one step says; nothing for those that only explain another.
    pub(super) fn step(&self, step: &Step, envelope: &Envelope) -> Vec<Seen> {
        let seen = match step.what {
            What::Resolve => self.resolve_step(step),
            What::Connect(address) => self.connect_step(step, address),
            What::Greeting => self.greeting_step(step),
            What::Ehlo => return self.ehlo_step(step),
            What::Tls => return self.tls_step(step),
            What::Login => self.login_step(step),
            What::Sender => self.sender_step(step, envelope),
            What::Recipient => self.recipient_step(step, envelope),
            What::PlainSender | What::PlainRecipient => return Vec::new(),
        };
        vec![seen.in_time(step.took)]
    }

    fn resolve_step(&self, step: &Step) -> Seen {
        let host = &self.relay.host;
        let Some(fault) = &step.fault else {
            let list = self.probe.addresses.iter().map(|address| shown(address.ip())).collect::<Vec<_>>().join(", ");
            return Seen::fine("resolve", say!(ja: "名前解決: {host} → {list}", en: "name: {host} is {list}"));
        };
        let said = fault.text();
        let Text { ja, en } = &said;
        let (what, next) = match step.io {
            Some(Trouble::NoSuchName) => (
                say!(ja: "{host} という名前はありません(アドレスが見つかりません)。", en: "there is no such name as {host}, or it has no address"),
                say!(
                    ja: "smtp.relays の host の綴りを確かめてください。社内だけの名前なら、このマシンがその DNS を使っているかも確かめてください。",
                    en: "look at the spelling of host in smtp.relays; for a name inside your network, see whether this machine asks the right DNS"
                ),
            ),
            Some(Trouble::Resolver) => (
                say!(ja: "名前解決(DNS)が働いていません: {ja}", en: "names cannot be resolved here, the resolver fails: {en}"),
                say!(
                    ja: "/etc/resolv.conf と DNS サーバーを確かめてください。名前が間違っているとは限りません。",
                    en: "look at /etc/resolv.conf and the DNS server; the name itself may well be right"
                ),
            ),
            _ => (
                said,
                say!(ja: "host と、このマシンの DNS を確かめてください。", en: "look at host, and at this machine's DNS"),
            ),
        };
        Seen::failed("resolve", Exit::Unavailable, what, next)
    }

    fn connect_step(&self, step: &Step, address: SocketAddr) -> Seen {
        let shown = shown_socket(address);
        let Some(fault) = &step.fault else {
            return Seen::fine("connect", say!(ja: "TCP 接続: {shown}", en: "TCP: connected to {shown}"));
        };
        let Text { ja, en } = fault.text();
        let what = match step.io {
            Some(Trouble::Refused) => say!(
                ja: "{shown} は接続を拒否しました(そのポートで待ち受けていません)。",
                en: "{shown} refused the connection: nothing listens on that port"
            ),
            Some(Trouble::Silent) => say!(ja: "{shown} は応答しません。", en: "{shown} does not answer"),
            Some(Trouble::NoRoute) => {
                say!(ja: "{shown} への経路がありません。", en: "there is no route to {shown} from here")
            }
            _ => say!(ja: "{shown}: {ja}", en: "{shown}: {en}"),
        };
        let next = match step.io {
            Some(Trouble::Refused) => say!(
                ja: "port が正しいか(25、465、587)、中継サーバーが動いているかを確かめてください。",
                en: "look at port (25, 465 or 587), and whether the relay is running"
            ),
            Some(Trouble::Silent) => say!(
                ja: "途中のファイアウォールを確かめてください。25 番は、多くのプロバイダーやクラウドが塞いでいます(OP25B)。587 番を使ってください。",
                en: "look at the firewalls in between; many providers and clouds block port 25, use 587"
            ),
            _ if address.is_ipv6() => say!(
                ja: "このマシンに IPv6 の接続がないなら、owabi は次のアドレスを使います。host に IPv4 だけの名前を書けば、待たずに済みます。",
                en: "without IPv6 here owabi uses the next address; a host name with IPv4 alone saves the wait"
            ),
            _ => say!(ja: "ネットワークの設定を確かめてください。", en: "look at the network of this machine"),
        };
        if self.probe.used.is_some() {
            return Seen::warning("connect", what, next);
        }
        Seen::failed("connect", Exit::Unavailable, what, next)
    }

    fn greeting_step(&self, step: &Step) -> Seen {
        let Some(fault) = &step.fault else {
            let said = self.probe.greeting.as_ref().map(ToString::to_string).unwrap_or_default();
            return Seen::fine("greeting", say!(ja: "最初の応答: {said}", en: "greeting: {said}"));
        };
        let next = match (fault.kind, self.relay.tls) {
            (FaultKind::Busy, _) => say!(
                ja: "中継サーバーが接続を断っています。応答の文面を確かめてください。554 は、このマシンの IP アドレスが拒まれていることを示します。421 と 4xx は一時的なもので、run は待って再試行します。",
                en: "the relay turns us away: its words say why. 554 means that this machine's address is not wanted; 421 and 4xx pass, and run waits for that"
            ),
            (FaultKind::Timeout | FaultKind::Connection, Tls::None | Tls::StartTls) => say!(
                ja: "そのポートが SMTP かを確かめてください。465 番は最初から TLS なので、tls: implicit にします。",
                en: "see whether that port speaks SMTP; port 465 is TLS from the first byte and wants tls: implicit"
            ),
            _ => {
                say!(ja: "host と port が SMTP サーバーのものか確かめてください。", en: "see whether host and port are those of an SMTP server")
            }
        };
        let Text { ja, en } = fault.text();
        let what = say!(ja: "最初の応答がありません: {ja}", en: "no greeting: {en}");
        Seen::failed("greeting", Exit::Unavailable, what, next)
    }

    fn ehlo_step(&self, step: &Step) -> Vec<Seen> {
        let helo = &self.relay.helo;
        if let Some(fault) = &step.fault {
            let Text { ja, en } = fault.text();
            let what = say!(ja: "EHLO {helo} が受け付けられません: {ja}", en: "EHLO {helo} is not taken: {en}");
            let next = say!(
                ja: "smtp.relays の helo を、このマシンの DNS にある完全な名前にしてください。",
                en: "set helo in smtp.relays to the full name that this machine has in the DNS"
            );
            return vec![Seen::failed("ehlo", Exit::Unavailable, what, next).in_time(step.took)];
        }
        let mut seen = vec![Seen::fine("ehlo", say!(ja: "EHLO {helo}", en: "EHLO {helo}")).in_time(step.took)];
        let is_first = self
            .probe
            .steps
            .iter()
            .find(|other| other.what == What::Ehlo)
            .is_some_and(|first| std::ptr::eq(first, step));
        if is_first {
            seen.extend(self.helo());
            seen.extend(self.in_the_clear());
        }
        seen
    }

    /// Servers in between judge mails by the name that is said first.
    fn helo(&self) -> Option<Seen> {
        let helo = &self.relay.helo;
        let last = helo.rsplit_once('.').map(|(_, last)| last.to_ascii_lowercase());
        let is_full = last.is_some_and(|last| last != "local" && last != "localdomain" && last.parse::<u8>().is_err());
        if is_full || self.relay.is_loopback() {
            return None;
        }
        Some(Seen::warning(
            "helo",
            say!(
                ja: "EHLO で名乗る {helo} は、完全なドメイン名ではありません。",
                en: "{helo}, the name said in EHLO, is no full domain name"
            ),
            say!(
                ja: "smtp.relays の helo に、このマシンの DNS にある名前(例: mail.example.jp)を書いてください。",
                en: "set helo in smtp.relays to this machine's name in the DNS, for example mail.example.jp"
            ),
        ))
    }

    fn in_the_clear(&self) -> Option<Seen> {
        if self.relay.tls != Tls::None || self.relay.is_loopback() {
            return None;
        }
        Some(Seen::warning(
            "tls",
            say!(
                ja: "この中継サーバーとの間は暗号化されません(tls: none)。会員の氏名とメールアドレスが平文で流れます。",
                en: "nothing protects the way to this relay (tls: none): members' names and mail addresses travel in the clear"
            ),
            say!(ja: "tls: starttls か implicit にしてください。", en: "set tls: starttls or implicit"),
        ))
    }

    fn login_step(&self, step: &Step) -> Seen {
        let offered = self.probe.offers.as_ref().map(|offers| offers.auth.join(" ")).unwrap_or_default();
        let Some(fault) = &step.fault else {
            let mechanism = self.probe.mechanism.as_deref().unwrap_or_default();
            return Seen::fine(
                "login",
                say!(
                    ja: "ログイン: AUTH {mechanism} で成功(提示: {offered})",
                    en: "login: AUTH {mechanism} succeeded (offered: {offered})"
                ),
            );
        };
        let Text { ja, en } = fault.text();
        let (what, next) = match fault {
            Fault { kind: FaultKind::Auth, reply: Some(_), .. } => (
                say!(ja: "ログインが拒否されました: {ja}", en: "the login was refused: {en}"),
                say!(
                    ja: "user と password_file の中身を確かめてください。アプリ用パスワードが要るサービスもあります。アカウントが締め出されないよう、一度しか試していません。",
                    en: "look at user and at what is in password_file; some services want a password made for programs. It was tried once only, so that the account is not locked"
                ),
            ),
            Fault { kind: FaultKind::Auth, .. } => (
                say!(
                    ja: "ログインできません(パスワードは送っていません)。{ja}提示された方式: {offered}",
                    en: "no login, and the password was not sent: {en}; offered: {offered}"
                ),
                say!(
                    ja: "owabi が使う方式は PLAIN と LOGIN です。中継サーバーで有効にするか、ログインなしで許可してもらい user を外してください。TLS の後にだけ提示するサーバーもあります。",
                    en: "owabi speaks PLAIN and LOGIN: have the relay offer one (many do so only after TLS), or have this machine allowed without a login and leave out user"
                ),
            ),
            _ => (
                say!(ja: "ログインを確かめられません: {ja}", en: "the login could not be tried: {en}"),
                say!(ja: "一時的な障害です。しばらくしてもう一度調べてください。", en: "a passing trouble of the relay: look again later"),
            ),
        };
        Seen::failed("login", Exit::Unavailable, what, next)
    }
}

fn shown(address: IpAddr) -> String {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    format!("{address} ({family})")
}

fn shown_socket(address: SocketAddr) -> String {
    format!("{address} ({})", if address.is_ipv4() { "IPv4" } else { "IPv6" })
}
