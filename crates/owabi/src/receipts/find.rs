//! One mail looked for where bounces arrive, without taking it: the test mail of `owabi check`.

use super::imap;
use super::sources::mailbox;
use crate::config::Config;
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

/// The mail that holds `words` and came after `since_ms` (epoch), with CRLF at its lines' ends; `None` when it is not there yet.
/// It is left as it is.
///
/// # Errors
/// Why a place cannot be read.
pub(crate) async fn find(config: &Config, words: &str, since_ms: i64) -> Result<Option<Vec<u8>>, String> {
    if let Some(folder) = &config.receipts.maildir
        && let Some(mail) = in_maildir(folder, words, since_ms)
    {
        return Ok(Some(mail));
    }
    match mailbox(config) {
        Ok(Some(mailbox)) => Ok(imap::find(&mailbox, words).await?.map(|mail| with_crlf(&mail))),
        Ok(None) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// A daemon may have moved it to `cur` already. Folders that cannot be read are told by the check of the source.
fn in_maildir(folder: &Path, words: &str, since_ms: i64) -> Option<Vec<u8>> {
    let since = UNIX_EPOCH + Duration::from_millis(since_ms.unsigned_abs()) - SLACK;
    let files = ["new", "cur"].into_iter().filter_map(|part| std::fs::read_dir(folder.join(part)).ok()).flatten();
    let young = files.flatten().filter(|file| is_candidate(file, since));
    young.filter_map(|file| std::fs::read(file.path()).ok()).find(|mail| holds(mail, words)).map(|mail| with_crlf(&mail))
}

fn is_candidate(file: &std::fs::DirEntry, since: SystemTime) -> bool {
    file.metadata().is_ok_and(|of| of.is_file() && of.len() <= LARGEST && of.modified().is_ok_and(|at| at >= since))
}

fn holds(mail: &[u8], words: &str) -> bool {
    memchr::memmem::find(mail, words.as_bytes()).is_some()
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
}
