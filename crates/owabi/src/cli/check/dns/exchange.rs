//! Where bounces and answers go.

use super::unanswered;
use crate::cli::check::seen::Seen;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::sender::dns::{Dns, NoAnswer};

const STEP: &str = "mx";

pub(super) async fn look(dns: &Dns, domain: &str, is_bounce: bool) -> Seen {
    match dns.mx(domain).await {
        Ok(exchanges) if exchanges.iter().all(String::is_empty) => nowhere(
            say!(ja: "{domain} はメールを受け取らないと宣言しています(null MX)。", en: "{domain} says that it takes no mail (null MX)"),
            is_bounce,
        ),
        Ok(exchanges) => {
            let list = exchanges.join(", ");
            Seen::fine(STEP, say!(ja: "MX: {list}", en: "MX: {list}"))
        }
        Err(NoAnswer::NoSuchName) => {
            nowhere(say!(ja: "{domain} というドメインは DNS にありません(NXDOMAIN)。", en: "{domain} is not in the DNS (NXDOMAIN)"), is_bounce)
        }
        Err(NoAnswer::NoRecord) => without_exchange(dns, domain, is_bounce).await,
        Err(why) => unanswered(STEP, domain, &why),
    }
}

/// Mails then go to the address of the domain itself (RFC 5321 section 5.1).
async fn without_exchange(dns: &Dns, domain: &str, is_bounce: bool) -> Seen {
    let (four, six) = (dns.addresses(domain, false).await, dns.addresses(domain, true).await);
    if four.is_ok() || six.is_ok() {
        return Seen::warning(
            STEP,
            say!(ja: "{domain} に MX がなく、そのアドレス(A/AAAA)宛てに届きます。", en: "{domain} has no MX: mails go to the address of the domain itself"),
            say!(ja: "受信するサーバーの MX レコードを登録してください。", en: "publish an MX record of the server that takes its mail"),
        );
    }
    nowhere(say!(ja: "{domain} に MX もアドレスもありません。", en: "{domain} has neither MX nor address"), is_bounce)
}

fn nowhere(what: Text, is_bounce: bool) -> Seen {
    let next = if is_bounce {
        say!(
            ja: "不達通知が戻って来られず、多くのサーバーはこの送信元のメールを拒否します。smtp.bounce.address のドメインに MX を登録してください。",
            en: "bounces cannot come back, and many servers refuse mails of such a sender: publish an MX for the domain of smtp.bounce.address"
        )
    } else {
        say!(
            ja: "会員の返信が届きません。お知らせの reply_to を直すか、MX を登録してください。",
            en: "members' answers would not arrive: correct reply_to of the notice, or publish an MX"
        )
    };
    Seen::failed(STEP, Exit::BadConfig, what, next)
}
