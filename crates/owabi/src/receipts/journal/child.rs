//! A `journalctl` that prints entries to its end.

use crate::service::VARIABLES;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A longer entry is not read: journald's lines are shorter than 64 KiB, and JSON prints an octet as up to four characters.
const LONGEST_ENTRY: u64 = 1 << 20;
/// Octets of what it says on stderr that are looked at.
const SAID: u64 = 4 << 10;
/// A program that is silent for so long hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// `journalctl`, as every use of it here begins: in English, and only what syslog calls mail (2).
pub(super) fn command(extra: &[OsString]) -> Command {
    let mut command = Command::new("journalctl");
    command.args(["--all", "--no-pager", "SYSLOG_FACILITY=2"]).args(extra);
    command.env("LC_ALL", "C").env("SYSTEMD_COLORS", "0").stdin(Stdio::null()).kill_on_drop(true);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

#[derive(Debug)]
pub(super) struct Journalctl {
    child: Child,
    entries: BufReader<ChildStdout>,
    entry: Vec<u8>,
    said: JoinHandle<Vec<u8>>,
}

impl Journalctl {
    pub(super) fn start(arguments: &[String], extra: &[OsString]) -> io::Result<Self> {
        let mut command = command(extra);
        command.args(["--output=json", "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(explain)?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("journalctl has no output"));
        };
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            let _ = stderr.take(SAID).read_to_end(&mut said).await;
            said
        });
        Ok(Self { child, entries: BufReader::new(stdout), entry: Vec::new(), said })
    }

    /// The next entry as JSON; `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.entry.clear();
        let mut entries = (&mut self.entries).take(LONGEST_ENTRY);
        let read = entries.read_until(b'\n', &mut self.entry);
        let read =
            timeout(PATIENCE, read).await.map_err(|_| io::Error::new(ErrorKind::TimedOut, "journalctl hangs"))??;
        Ok((read > 0).then_some(&self.entry[..]))
    }

    /// Waits for its end and says how that was.
    pub(super) async fn end(mut self) -> io::Result<()> {
        let status = self.child.wait().await?;
        let said = self.said.await.unwrap_or_default();
        judge(status.success(), &String::from_utf8_lossy(&said))
    }
}

/// `journalctl` that may not see the system's entries shows none and calls that a success.
fn judge(success: bool, said: &str) -> io::Result<()> {
    if ["not seeing messages", "insufficient permissions"].iter().any(|words| said.contains(words)) {
        let what = "this user may not read the system's journal: add it to the group systemd-journal";
        return Err(io::Error::new(ErrorKind::PermissionDenied, what));
    }
    if success {
        return Ok(());
    }
    let words: String = said.lines().next().unwrap_or("it ended without a word").chars().take(200).collect();
    Err(io::Error::other(format!("journalctl: {words}")))
}

fn explain(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::NotFound {
        return io::Error::new(ErrorKind::NotFound, "there is no program journalctl");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_may_not_be_read_is_no_empty_journal() {
        let hint = "Hint: You are currently not seeing messages from other users and the system.\n";
        assert_eq!(judge(true, hint).unwrap_err().kind(), ErrorKind::PermissionDenied);
        let none = "No journal files were opened due to insufficient permissions.\n";
        assert_eq!(judge(false, none).unwrap_err().kind(), ErrorKind::PermissionDenied);
        let failed = judge(false, "Failed to seek to cursor: Invalid argument\nmore").unwrap_err();
        assert_eq!(failed.to_string(), "journalctl: Failed to seek to cursor: Invalid argument");
        assert!(judge(true, "").is_ok());
    }
}
