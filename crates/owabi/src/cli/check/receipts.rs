//! The sources of receipts: whether they are there and can be read, and what the IMAP server offers.

use super::Found;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::Config;
use crate::receipts::Failed;
use crate::receipts::imap::{self, Mailbox, Offer, Putting};
use crate::receipts::sources::mailbox;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

const AREA: &str = "receipts";
/// A `postconf` that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn check(session: &Session, config: &Config, connect: bool, found: &mut Found) {
    let receipts = &config.receipts;
    if let Some(folder) = &receipts.maildir {
        check_maildir(session, folder, found);
    }
    if let Some(file) = &receipts.maillog {
        check_readable(session, file, found);
    }
    if receipts.relayed_is_delivered && (receipts.maillog.is_some() || receipts.journal) {
        check_smarthost(session, found).await;
    }
    // A password that cannot be read was told with the other secrets.
    if let (true, Ok(Some(mailbox))) = (connect, mailbox(config)) {
        check_mailbox(session, config, &mailbox, found).await;
    }
}

/// Mails are read in new and moved to cur.
fn check_maildir(session: &Session, folder: &Path, found: &mut Found) {
    for name in ["new", "cur"] {
        let part = folder.join(name);
        let shown = part.display();
        match std::fs::read_dir(&part) {
            Ok(_) if may_write(&part) => {}
            Ok(_) => found.warning(session, AREA, &say!(
                ja: "receipts.maildir: {shown} に書き込めません。読んだメールを cur へ移せません。",
                en: "receipts.maildir: {shown} cannot be written to, so that mails cannot be moved to cur"
            )),
            Err(error) => found.warning(session, AREA, &say!(
                ja: "receipts.maildir: {shown} を読めません({error})。最初のメールとともに作られるなら、このままで構いません。",
                en: "receipts.maildir: {shown} cannot be read ({error}); fine if the first mail makes it"
            )),
        }
    }
}

fn may_write(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

fn check_readable(session: &Session, file: &Path, found: &mut Found) {
    let Err(error) = std::fs::File::open(file) else { return };
    let shown = file.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        found.warning(
            session,
            AREA,
            &say!(
                ja: "receipts.maillog: {shown} がありません。Postfix がログをファイルに書いているか、名前は正しいかを確かめてください。journald だけなら receipts.journal を使います。",
                en: "receipts.maillog: there is no {shown}: does Postfix log into a file, and is this its name? With journald alone, use receipts.journal"
            ),
        );
    } else {
        found.warning(session, AREA, &say!(
            ja: "receipts.maillog: {shown} を読めません({error})。owabi を動かすアカウントをグループ adm に入れてください。",
            en: "receipts.maillog: {shown} cannot be read ({error}): put the account that runs owabi into the group adm"
        ));
    }
}

/// Of a Postfix that hands everything to a further relay the log tells of that relay, and nothing of the recipient.
async fn check_smarthost(session: &Session, found: &mut Found) {
    let Some(relayhost) = relayhost().await else { return };
    found.warning(session, AREA, &say!(
        ja: "receipts.relayed_is_delivered: このマシンの Postfix はすべてを {relayhost} に渡す設定です(relayhost)。渡しただけでは相手に届いた証拠になりません。そのログを読むなら relayed_is_delivered: false にしてください。",
        en: "receipts.relayed_is_delivered: this machine's Postfix hands everything to {relayhost} (relayhost), which is no evidence that the recipient's server took it: set relayed_is_delivered: false if that is the log you read"
    ));
}

/// The smarthost of this machine's Postfix, if it has one.
async fn relayhost() -> Option<String> {
    // It is often not in the path of ordinary accounts.
    for program in ["postconf", "/usr/sbin/postconf"] {
        let mut command = Command::new(program);
        command.args(["-h", "relayhost"]).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
        match timeout(PATIENCE, command.output()).await {
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => {}
            Ok(Ok(output)) if output.status.success() => {
                let said = String::from_utf8_lossy(&output.stdout);
                let host: String = said.trim().chars().filter(|c| !c.is_control()).collect();
                return (!host.is_empty()).then_some(host);
            }
            _ => return None,
        }
    }
    None
}

async fn check_mailbox(session: &Session, config: &Config, mailbox: &Mailbox, found: &mut Found) {
    let settings = &config.receipts.imap;
    let host = settings.host.as_deref().unwrap_or_default();
    match imap::check(mailbox).await {
        Ok(offer) => tell(session, host, &settings.folder, &offer),
        Err(Failed::Source(what)) => found.problem(session, Exit::Unavailable, AREA, &Text::same(what)),
        Err(Failed::Store(_)) => {}
    }
}

fn tell(session: &Session, host: &str, folder: &str, offer: &Offer) {
    let Offer { tls, mails, putting, idle, missing } = offer;
    let tls = tls.as_deref().unwrap_or(session.lang_of("暗号化なし", "no TLS"));
    let how = match putting {
        Putting::Moved => "MOVE",
        Putting::CopiedAndRemoved => "COPY, UID EXPUNGE",
        Putting::CopiedAndMarked => "COPY, $owabi",
        Putting::Left => session.lang_of("移せない", "cannot be moved"),
        Putting::ReadOnly => session.lang_of("読み取り専用のため移せない", "read-only, cannot be moved"),
    };
    let idle = if *idle { ", IDLE" } else { "" };
    session.tell(&say!(ja: "✓ {host}: {folder} に {mails} 通、{tls}、{how}{idle}", en: "✓ {host}: {mails} mails in {folder}, {tls}, {how}{idle}"));
    if !missing.is_empty() {
        let missing = missing.join(", ");
        session.tell(&say!(ja: "  まだないフォルダー {missing} は、最初に使うときに作ります。", en: "  {missing}: made when they are needed first"));
    }
}
