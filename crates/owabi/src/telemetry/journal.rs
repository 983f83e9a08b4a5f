//! The journal's own protocol (systemd.io, "Native Journal Protocol"): an entry is a datagram of fields.
//!
//! Fields of an event are fields of the entry, `OWABI_RELAY=main`, to be looked for with `journalctl OWABI_RELAY=main`; and they
//! stand in its message as well, because that is all that `journalctl -u owabi` shows.

use crate::config::Environment;
use std::fmt::{Debug, Write};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Octets of one field: a datagram that is too large would be lost.
const LONGEST: usize = 16 << 10;
/// A journal that does not read for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    /// It is named each time: a journal that was restarted listens anew.
    at: PathBuf,
}

/// Whether stderr is a stream of the journal: `$JOURNAL_STREAM` names its device and inode (systemd.exec(5)).
pub(super) fn is_stderr(environment: &Environment) -> bool {
    let Some((device, inode)) = environment.get("JOURNAL_STREAM").and_then(|named| named.split_once(':')) else {
        return false;
    };
    rustix::fs::fstat(io::stderr()).is_ok_and(|is| device.parse() == Ok(is.st_dev) && inode.parse() == Ok(is.st_ino))
}

impl Journal {
    /// The journal of this machine, if it answers.
    pub(super) fn open() -> Option<Self> {
        Self::at(Path::new(SOCKET)).ok()
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        UnixDatagram::unbound()?.connect(path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, at: path.to_owned() })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let of = event.metadata();
        let mut octets = Vec::with_capacity(512);
        put(&mut octets, "MESSAGE", &entry.text());
        put(&mut octets, "PRIORITY", priority(*of.level()));
        put(&mut octets, "SYSLOG_IDENTIFIER", "owabi");
        put(&mut octets, "TARGET", of.target());
        entry.fields.iter().for_each(|(name, value)| put(&mut octets, name, value));
        // There is nobody to tell.
        let _ = self.socket.send_to(&octets, &self.at);
    }
}

/// As syslog counts.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Entry {
    message: String,
    /// By their names in the journal, and how they stand in the message.
    fields: Vec<(String, String)>,
    told: String,
}

impl Entry {
    fn text(&self) -> String {
        format!("{}{}", self.message, self.told)
    }

    fn take(&mut self, field: &Field, value: String, shown: &str) {
        if field.name() == "message" {
            self.message = value;
            return;
        }
        let _ = write!(self.told, " {}={shown}", field.name());
        self.fields.push((name(field.name()), value));
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned(), &format!("{value:?}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        let shown = value.clone();
        self.take(field, value, &shown);
    }
}

/// A field's name as the journal takes it: capitals, digits and `_`, at most 64 of them.
fn name(of: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    "OWABI_".chars().chain(of.chars().map(fits)).take(64).collect()
}

/// A value with a line's end is put with its length.
fn put(octets: &mut Vec<u8>, name: &str, value: &str) {
    let value = &value.as_bytes()[..value.floor_char_boundary(LONGEST)];
    octets.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        octets.push(b'\n');
        octets.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        octets.push(b'=');
    }
    octets.extend_from_slice(value);
    octets.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    fn entry(say: impl FnOnce()) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("socket");
        let socket = UnixDatagram::bind(&at).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Journal::at(&at).unwrap()), say);
        let mut octets = vec![0; 64 << 10];
        let length = socket.recv(&mut octets).unwrap();
        octets.truncate(length);
        octets
    }

    #[test]
    fn an_entry_has_the_event_s_fields_and_tells_them_in_its_message() {
        let octets = entry(|| tracing::warn!(target: "owabi::dispatch", relay = "main", failures = 3, "it is paused"));
        let text = String::from_utf8(octets).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let message = "MESSAGE=it is paused relay=\"main\" failures=3";
        let rest = ["PRIORITY=4", "SYSLOG_IDENTIFIER=owabi", "TARGET=owabi::dispatch", "OWABI_RELAY=main"];
        assert_eq!((lines[0], &lines[1..5], &lines[5..]), (message, &rest[..], &["OWABI_FAILURES=3"][..]));
    }

    #[test]
    fn nothing_that_is_logged_can_add_a_field() {
        let octets = entry(|| tracing::info!(why = "one\nMESSAGE=forged", "two\nPRIORITY=0"));
        let text = String::from_utf8_lossy(&octets).into_owned();
        let length = |name: &str| {
            let at = text.find(&format!("{name}\n")).unwrap() + name.len() + 1;
            usize::from(octets[at])
        };
        assert_eq!(length("OWABI_WHY"), "one\nMESSAGE=forged".len());
        assert_eq!(length("MESSAGE"), "two\nPRIORITY=0 why=\"one\\nMESSAGE=forged\"".len());
    }

    #[test]
    fn what_is_too_long_for_a_datagram_is_cut_and_not_lost() {
        let octets = entry(|| tracing::error!("{}", "祝".repeat(100_000)));
        assert!(octets.len() > LONGEST / 2 && octets.len() < 2 * LONGEST, "{}", octets.len());
        assert!(String::from_utf8(octets).unwrap().contains("PRIORITY=3"));
    }

    #[test]
    fn a_stream_that_is_not_stderr_is_not_the_journal() {
        let is = |named: &str| is_stderr(&Environment::of([("JOURNAL_STREAM", named)]));
        let stderr = rustix::fs::fstat(io::stderr()).unwrap();
        assert!(is(&format!("{}:{}", stderr.st_dev, stderr.st_ino)));
        assert!(!is(&format!("{}:{}", stderr.st_dev, stderr.st_ino + 1)) && !is("x") && !is("1:"));
        assert!(!is_stderr(&Environment::default()));
    }
}
