//! A real `journalctl` over a real journal file, made by systemd-journal-remote from text.

use super::*;
use owabi_core::maillog::{LogEvent, LogEvidence};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The daemon runs it as a task of its own.
const _: fn(Intake) = |intake| {
    fn is_send(_: impl Send) {}
    is_send(follow(intake, Duration::ZERO, Vec::new(), CancellationToken::new()));
};

const WRITERS: [&str; 2] = ["/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"];

/// Why there can be no journal here; a failure instead when `OWABI_REQUIRE` names the journal.
fn skipped() -> bool {
    let has_reader = Command::new("journalctl").arg("--version").stdout(Stdio::null()).status().is_ok();
    if has_reader && writer().is_some() {
        return false;
    }
    let required = std::env::var("OWABI_REQUIRE").unwrap_or_default();
    let reason = "there is no journalctl or no systemd-journal-remote here";
    assert!(!required.split(',').any(|name| name.trim() == "journal"), "{reason}, and OWABI_REQUIRE names journal");
    // Not eprintln!: the test harness keeps that to itself when a test passes.
    std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
    true
}

fn writer() -> Option<&'static str> {
    WRITERS.into_iter().find(|path| Path::new(path).exists())
}

/// A journal in a private folder.
struct Private(TempDir);

impl Private {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn arguments(&self) -> Vec<OsString> {
        vec![format!("--directory={}", self.0.path().display()).into()]
    }

    /// Logs `messages` at 1, 2, … seconds after `from`, each as `IDENTIFIER: MESSAGE`.
    fn log(&self, name: &str, from: i64, facility: u8, messages: &[&[u8]]) {
        let export = self.0.path().join("export");
        let mut text = Vec::new();
        for (n, message) in (1..).zip(messages) {
            let split = message.iter().position(|octet| *octet == b' ').unwrap();
            let (identifier, message) = (&message[..split - 1], &message[split + 1..]);
            let stamp = 1_795_340_000_000_000 + (from + n) * 1_000_000;
            let fields = format!(
                "__REALTIME_TIMESTAMP={stamp}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n\
                 SYSLOG_FACILITY={facility}\nSYSLOG_PID=77\nSYSLOG_IDENTIFIER=",
                (from + n) * 1_000_000
            );
            text.extend(
                [fields.as_bytes(), identifier, b"\nMESSAGE\n", &message.len().to_le_bytes(), message, b"\n\n"]
                    .concat(),
            );
        }
        fs::write(&export, text).unwrap();
        let journal = self.0.path().join(format!("{name}.journal"));
        let written = Command::new(writer().unwrap()).arg("-o").arg(&journal).arg(&export).output().unwrap();
        assert!(written.status.success(), "{written:?}");
        fs::remove_file(&export).unwrap();
    }
}

async fn read(journal: &mut Journal) -> (Vec<LogEvidence>, Then) {
    let mut evidence = Vec::new();
    loop {
        let piece = journal.next().await.unwrap();
        evidence.extend(piece.evidence);
        if piece.then != Then::More {
            assert_eq!(piece.place, journal.cursor);
            return (evidence, piece.then);
        }
    }
}

#[tokio::test]
async fn the_journal_is_read_from_cursor_to_cursor_and_other_facilities_are_left_out() {
    if skipped() {
        return;
    }
    let private = Private::new();
    private.log(
        "first",
        0,
        2,
        &[
            b"postfix/cleanup: 4D65C98C1B2: message-id=<c7@owabi.test>",
            b"postfix/qmgr: 4D65C98C1B2: from=<b@sender.test>, size=481, nrcpt=1 (queue active)",
            b"postfix/smtp: 4D65C98C1B2: to=<\xff@m.test>, relay=mx.test[192.0.2.8]:25, dsn=4.7.1, status=deferred (busy)",
        ],
    );
    private.log("other", 4, 3, &[b"postfix/qmgr: 4E32398C1B3: from=<>, size=1, nrcpt=1 (queue active)"]);
    let mut journal = Journal::new(&private.arguments(), None);
    let (evidence, then) = read(&mut journal).await;
    assert_eq!((evidence.len(), then), (2, Then::End));
    assert_eq!((evidence[0].event, evidence[0].at), (LogEvent::Taken, Some(1_795_340_002_000)));
    assert_eq!((evidence[1].recipient.as_deref(), evidence[1].text.as_str()), (Some("\u{fffd}@m.test"), "busy"));
    assert_eq!(read(&mut journal).await, (Vec::new(), Then::End));

    let sent =
        b"postfix-out/smtp: 4D65C98C1B2: to=<a@m.test>, relay=mx.test[192.0.2.8]:25, dsn=2.0.0, status=sent (250 ok)";
    private.log("second", 10, 2, &[sent]);
    let mut restarted = Journal::new(&private.arguments(), journal.cursor.clone());
    for journal in [&mut journal, &mut restarted] {
        let (evidence, _) = read(journal).await;
        assert_eq!(evidence.len(), 1);
        assert_eq!(evidence[0].message_id.as_deref(), Some("c7@owabi.test"), "said before the cursor");
    }
}

#[tokio::test]
async fn a_long_journal_comes_in_batches() {
    if skipped() {
        return;
    }
    let private = Private::new();
    let lines: Vec<Vec<u8>> = (0..250)
        .map(|n| format!("postfix/qmgr: 4D65C{n:05}: from=<>, size=1, nrcpt=1 (queue active)").into_bytes())
        .collect();
    private.log("long", 0, 2, &lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut journal = Journal::new(&private.arguments(), None);
    let first = journal.next().await.unwrap();
    assert_eq!((first.evidence.len(), first.then), (100, Then::More));
    assert_eq!(read(&mut journal).await.0.len(), 150);
    let mut restarted = Journal::new(&private.arguments(), first.place);
    assert_eq!(read(&mut restarted).await.0.len(), 150);
}

#[tokio::test]
async fn a_journal_that_holds_no_mail_log_or_cannot_be_read_is_no_silent_success() {
    if skipped() {
        return;
    }
    let private = Private::new();
    private.log("other", 0, 3, &[b"cron: something else"]);
    let mut journal = Journal::new(&private.arguments(), None);
    assert_eq!(read(&mut journal).await, (Vec::new(), Then::Missing));
    let nowhere = vec![OsString::from("--directory=/nonexistent/journal")];
    let error = Journal::new(&nowhere, None).next().await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/journal"), "{error}");
}

#[tokio::test]
async fn the_same_entry_is_the_same_evidence_in_any_copy_of_a_journal() {
    if skipped() {
        return;
    }
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let private = Private::new();
        private.log("copy", 0, 2, &[b"postfix/qmgr: 4D65C98C1B2: from=<>, size=1, nrcpt=1 (queue active)"]);
        hashes.push(read(&mut Journal::new(&private.arguments(), None)).await.0[0].sha256.clone());
    }
    assert_eq!(hashes[0], hashes[1]);
}
