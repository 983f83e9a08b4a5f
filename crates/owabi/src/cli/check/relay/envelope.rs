//! Whether the relay takes our bounce address as sender and as recipient: MAIL and RCPT as real mails have them, no DATA.

use super::Look;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use owabi_core::outcome::Fault;
use owabi_smtp::probe::{Envelope, Step, What};

const SENDER: &str = "sender";
const RECIPIENT: &str = "recipient";

impl Look<'_> {
    pub(super) fn sender_step(&self, step: &Step, envelope: &Envelope) -> Seen {
        let (address, plain) = (&envelope.signed, &envelope.plain);
        let Some(fault) = &step.fault else {
            return Seen::fine(
                SENDER,
                say!(ja: "送信元 {address} は受け付けられます", en: "sender {address} is taken"),
            );
        };
        let Text { ja, en } = fault.text();
        let what = say!(
            ja: "送信元 {address} が受け付けられません: {ja}",
            en: "sender {address} is not taken: {en}"
        );
        if is_passing(fault) {
            return Seen::warning(SENDER, what, later());
        }
        let next = if self.is_taken(What::PlainSender) {
            say!(
                ja: "+ のない {plain} なら受け付けられます。owabi の送信元には address+token が要るので、中継サーバーで許可してもらってください(Postfix の smtpd_sender_login_maps、サービスの差出人の登録など)。",
                en: "{plain} without + is taken, but owabi's senders are address+token: have the relay allow them (smtpd_sender_login_maps in Postfix, the list of verified senders of a service)"
            )
        } else if self.relay.auth.is_none() && self.offers_login() {
            say!(
                ja: "この中継サーバーはログイン(AUTH)を受け付けます。user と password_file を設定するか、このマシンの IP アドレスを許可してもらってください。",
                en: "this relay offers a login: set user and password_file, or have this machine's address allowed"
            )
        } else {
            say!(
                ja: "このアカウントと IP アドレスに {plain} を送信元として使わせるよう、中継サーバーの管理者に頼んでください。そのドメインの DNS(MX、SPF)も確かめてください。",
                en: "have the relay's administrator allow {plain} as sender for this account and address; look at the DNS of its domain, too (MX, SPF)"
            )
        };
        Seen::failed(SENDER, Exit::BadConfig, what, next)
    }

    pub(super) fn recipient_step(&self, step: &Step, envelope: &Envelope) -> Seen {
        let (address, plain) = (&envelope.signed, &envelope.plain);
        let Some(fault) = &step.fault else {
            return Seen::fine(
                RECIPIENT,
                say!(
                    ja: "宛先 {address} は受け付けられます(DATA は送っていません)",
                    en: "recipient {address} is taken (DATA was not said, no mail was sent)"
                ),
            );
        };
        let Text { ja, en } = fault.text();
        let what = say!(
            ja: "宛先 {address} が受け付けられません: {ja}",
            en: "recipient {address} is not taken: {en}"
        );
        if is_passing(fault) {
            return Seen::warning(RECIPIENT, what, later());
        }
        let next = if self.is_taken(What::PlainRecipient) {
            say!(
                ja: "+ のない {plain} なら受け付けられます。このままでは address+token に戻る不達通知が届きません。メールサーバーに recipient_delimiter = + (サブアドレス)を設定してください。",
                en: "{plain} without + is taken: bounces to address+token would not arrive. Set recipient_delimiter = + (subaddressing) at the mail server"
            )
        } else if self.relay.auth.is_none() && self.offers_login() {
            say!(
                ja: "中継を断られたようです。この中継サーバーはログイン(AUTH)を受け付けるので、user と password_file を設定するか、このマシンの IP アドレスを許可してもらってください({plain})。",
                en: "relaying seems to be denied; the relay offers a login: set user and password_file, or have this machine's address allowed ({plain})"
            )
        } else {
            say!(
                ja: "中継が許されていないか、{plain} のメールボックスがありません。このマシンからの中継(Postfix なら mynetworks)とメールボックスを確かめてください。",
                en: "either this machine may not relay there (mynetworks in Postfix), or there is no mailbox {plain}: look at both"
            )
        };
        Seen::failed(RECIPIENT, Exit::BadConfig, what, next)
    }

    fn is_taken(&self, what: What) -> bool {
        self.probe.steps.iter().any(|step| step.what == what && step.fault.is_none())
    }

    fn offers_login(&self) -> bool {
        self.probe.offers.as_ref().is_some_and(|offers| !offers.auth.is_empty())
    }
}

/// A 4xx: greylisting, a full disk, a limit. No reply at all is as bad as a refusal.
fn is_passing(fault: &Fault) -> bool {
    fault.reply.as_ref().is_some_and(|reply| reply.class() == 4)
}

fn later() -> Text {
    say!(
        ja: "一時的な拒否(4xx)です。しばらくしてもう一度調べてください。続くなら、応答の文面を中継サーバーの管理者に伝えてください。",
        en: "a temporary refusal (4xx): look again later; if it stays, show the reply to the relay's administrator"
    )
}
