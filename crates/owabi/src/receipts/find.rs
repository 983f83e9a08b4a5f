//! One mail looked for where bounces arrive, without taking it: the test mail of `owabi check`.

use super::imap;
use super::sources::mailbox;
use crate::config::Config;
use crate::sender::dkim::Parts;
use owabi_core::bounce::{self, Class, Kind, Report};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A Maildir's server may have another clock.
const SLACK: Duration = Duration::from_mins(10);
/// A longer mail is not ours.
const LARGEST: u64 = 1 << 20;

/// Whether there is a place to look at.
pub(crate) fn is_possible(config: &Config) -> bool {
    config.receipts.maildir.is_some() || config.receipts.imap.host.is_some()
}

/// What came of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// The mail itself, with CRLF at its lines' ends.
    Itself(Vec<u8>),
    /// A server's report that it was not delivered, in the server's words.
    Bounce(String),
}

/// What came since `since_ms` (epoch) of the mail with this Message-ID (without angle brackets): itself before a bounce of
/// it; `None` when neither is there yet. All is left as it is.
///
/// # Errors
/// Why a place cannot be read.
pub(crate) async fn find(config: &Config, message_id: &str, since_ms: i64) -> Result<Option<Came>, String> {
    let in_folder = config.receipts.maildir.as_deref().and_then(|folder| in_maildir(folder, message_id, since_ms));
    if matches!(in_folder, Some(Came::Itself(_))) {
        return Ok(in_folder);
    }
    match mailbox(config) {
        Ok(Some(mailbox)) => Ok(better(in_folder, imap::find(&mailbox, message_id).await?)),
        Ok(None) => Ok(in_folder),
        Err(error) => Err(error.to_string()),
    }
}

/// A daemon may have moved it to `cur` already. Folders that cannot be read are told by the check of the source.
fn in_maildir(folder: &Path, message_id: &str, since_ms: i64) -> Option<Came> {
    let since = UNIX_EPOCH + Duration::from_millis(since_ms.unsigned_abs()) - SLACK;
    let files = ["new", "cur"].into_iter().filter_map(|part| std::fs::read_dir(folder.join(part)).ok()).flatten();
    let young = files.flatten().filter(|file| is_candidate(file, since));
    let mails = young.filter_map(|file| std::fs::read(file.path()).ok());
    mails.fold(None, |found, mail| better(found, of_mail(&mail, message_id)))
}

/// The mail itself counts more than a bounce: of two copies one may have come back.
pub(super) fn better(one: Option<Came>, other: Option<Came>) -> Option<Came> {
    match (&one, &other) {
        (Some(Came::Itself(_)), _) | (_, None) => one,
        _ => other,
    }
}

/// What a mail of the mailbox says of the one with this Message-ID. Of those that only quote it nothing but a final failure
/// counts: a delay, an answer or a mail that was handed on says nothing.
pub(super) fn of_mail(mail: &[u8], message_id: &str) -> Option<Came> {
    memchr::memmem::find(mail, message_id.as_bytes())?;
    let mail = with_crlf(mail);
    let own = Parts::of(&mail).values("Message-ID").next().map(<[u8]>::trim_ascii);
    if own.is_some_and(|own| own == format!("<{message_id}>").as_bytes()) {
        return Some(Came::Itself(mail));
    }
    let reading = bounce::read(&mail);
    let has_failed = |report: &&Report| report.is_final && report.class != Class::Delivered;
    let failed = reading.reports.iter().find(has_failed);
    (reading.kind == Kind::Bounce && (failed.is_some() || reading.reports.is_empty()))
        .then(|| Came::Bounce(failed.map_or(reading.subject, words)))
}

fn words(report: &Report) -> String {
    let Report { address, status, diagnostic, .. } = report;
    let said = [status.as_deref(), diagnostic.as_deref()].into_iter().flatten();
    format!("{address}: {}", said.collect::<Vec<_>>().join(" "))
}

fn is_candidate(file: &std::fs::DirEntry, since: SystemTime) -> bool {
    file.metadata().is_ok_and(|of| of.is_file() && of.len() <= LARGEST && of.modified().is_ok_and(|at| at >= since))
}

/// Mailboxes keep lines with LF alone; what was signed had CRLF.
fn with_crlf(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + mail.len() / 32);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_crlf_whatever_the_mailbox_made_of_them() {
        assert_eq!(with_crlf(b"a\nb\r\n\nc"), b"a\r\nb\r\n\r\nc");
    }

    /// A report of this action on the mail `a@b`.
    fn report(action: &str, status: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.test\nMessage-ID: <c@d>\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n\
             --x\n\nYour message.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.test\n\n\
             Final-Recipient: rfc822; b@example.jp\nAction: {action}\nStatus: {status}\n\
             Diagnostic-Code: smtp; 550 {status} no such user\n\n--x\nContent-Type: message/rfc822\n\n\
             From: b@example.jp\nMessage-ID: <a@b>\n\nbody\n--x--\n"
        )
    }

    #[test]
    fn only_the_mail_with_this_message_id_of_its_own_is_the_mail_and_a_report_that_quotes_it_is_a_bounce() {
        let of = |mail: &str| of_mail(mail.as_bytes(), "a@b");
        let own = of("From: x\nMessage-Id:\n <a@b>\n\nbody\n");
        assert!(matches!(&own, Some(Came::Itself(_))), "{own:?}");
        let Some(Came::Bounce(words)) = of(&report("failed", "5.1.1")) else { panic!("no bounce") };
        assert!(words.starts_with("b@example.jp: 5.1.1") && words.contains("no such user"), "{words}");
        assert_eq!(of(&report("delayed", "4.4.1")), None);
        assert_eq!(of("From: x\nMessage-ID: <c@d>\nIn-Reply-To: <a@b>\n\nI am away\n"), None);
        assert_eq!(of("From: x\nMessage-ID: <c@d>\n\nMessage-ID: <a@b>\n"), None);
        assert_eq!(of("From: x\nMessage-ID: <xa@b>\n\n"), None);
        let bounce = Some(Came::Bounce(words));
        assert_eq!(better(bounce.clone(), own.clone()), own);
        assert_eq!(better(own.clone(), bounce), own);
    }
}
