//! The place of a systemd journal: a real datagram socket at /run/systemd/journal/socket, for a program in a mount namespace of
//! its own.

use super::servers;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// How often the listener looks whether its test has ended.
const LOOK: Duration = Duration::from_millis(100);
const MOUNTS: &str = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && touch /run/systemd/journal/socket && \
                      mount --bind \"$1\" /run/systemd/journal/socket && shift && exec \"$@\"";

/// What a journal would have got.
pub(crate) struct Journald {
    folder: TempDir,
    entries: Arc<Mutex<Vec<String>>>,
}

/// Whether a program can have a place for its journal here.
pub(crate) fn is_available() -> bool {
    let why_not = servers::needs_root("journal").or_else(|| {
        let tried = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
        (!tried.is_ok_and(|tried| tried.success())).then(|| "mount namespaces are not allowed here".to_owned())
    });
    servers::is_available("journald", why_not)
}

impl Journald {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("socket")).unwrap();
        let entries = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::downgrade(&entries);
        socket.set_read_timeout(Some(LOOK)).unwrap();
        std::thread::spawn(move || {
            let mut octets = vec![0; 256 << 10];
            while let Some(heard) = heard.upgrade() {
                if let Ok(length) = socket.recv(&mut octets) {
                    heard.lock().unwrap().push(String::from_utf8_lossy(&octets[..length]).into_owned());
                }
            }
        });
        Self { folder, entries }
    }

    /// The same command as a unit's process, whose stderr is a stream of the journal.
    pub(crate) fn unit(&self, command: &Command) -> Command {
        let stream = File::options().create(true).append(true).open(self.folder.path().join("stderr")).unwrap();
        let of = stream.metadata().unwrap();
        let mut unit = Command::new("unshare");
        unit.args(["--mount", "sh", "-c", MOUNTS, "sh"]).arg(self.folder.path().join("socket"));
        unit.arg(command.get_program()).args(command.get_args());
        unit.env_clear().env("PATH", servers::SYSTEM_PATH).envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        unit.env("JOURNAL_STREAM", format!("{}:{}", of.dev(), of.ino())).stderr(stream).stdin(Stdio::null());
        unit.current_dir(self.folder.path());
        unit
    }

    /// The entries, as they came.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.entries.lock().unwrap().clone()
    }

    /// What was written to stderr beside the journal.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}
