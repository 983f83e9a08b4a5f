//! A systemd journal of a private folder, written by systemd-journal-remote from the lines of a log file.

use super::servers;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

const WRITER: &str = "/usr/lib/systemd/systemd-journal-remote";
const READER: &str = "/usr/bin/journalctl";

/// Whether a journal can be written and read here; `OWABI_REQUIRE=journal` makes it a failure when not.
pub(crate) fn is_available() -> bool {
    let missing = [WRITER, READER].into_iter().find(|program| !Path::new(program).exists());
    servers::is_available("journal", missing.map(|program| format!("{program} is missing (./x test installs it)")))
}

/// Logs these lines, each a millisecond after the one before, into the file `NAME.journal`.
pub(crate) fn write(folder: &Path, name: &str, lines: &str) {
    let (export, journal) = (folder.join("export"), folder.join(format!("{name}.journal")));
    fs::write(&export, lines.lines().enumerate().map(entry).collect::<String>()).unwrap();
    let written = Command::new(WRITER).arg("-o").arg(&journal).arg(&export).output().unwrap();
    assert!(written.status.success(), "{written:?}");
    fs::remove_file(&export).unwrap();
}

/// One entry in the export format, as syslog's mails are: `Nov 22 19:39:50 host IDENTIFIER[PID]: MESSAGE`.
fn entry((n, line): (usize, &str)) -> String {
    let (head, message) = line.split_once(": ").unwrap();
    let (identifier, pid) = head.rsplit_once(' ').unwrap().1.trim_end_matches(']').split_once('[').unwrap();
    let mut entry = String::new();
    let stamp = 1_795_340_000_000_000 + n * 1_000;
    write!(
        entry,
        "__REALTIME_TIMESTAMP={stamp}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n\
         SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER={identifier}\nSYSLOG_PID={pid}\nMESSAGE={message}\n\n",
        n * 1_000
    )
    .unwrap();
    entry
}
