//! What the service manager is told: `sd_notify(3)`. The crates for it know no abstract sockets, or change the environment of a
//! program that has threads; the protocol is one datagram of lines.

use crate::config::Environment;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where the manager listens, and how often it wants to hear that all is well. Children are not the service: they do not get these.
pub const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// A manager that does not read for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The service manager, if there is one that listens. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Manager(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    to: SocketAddr,
    /// It was said that nobody listens.
    said: AtomicBool,
}

impl Manager {
    /// The manager that `$NOTIFY_SOCKET` names: a file, or with `@` an abstract socket. Without one nothing is ever told.
    pub fn of(environment: &Environment) -> Self {
        let Some(name) = environment.get("NOTIFY_SOCKET") else { return Self::default() };
        match line(name) {
            Ok(line) => Self(Some(Arc::new(line))),
            Err(error) => {
                tracing::warn!(%error, "$NOTIFY_SOCKET cannot be used; the service manager is told nothing");
                Self::default()
            }
        }
    }

    /// Whether anybody listens.
    pub fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// Everything that was asked for is at work.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is read again, from `monotonic_usec` on (`CLOCK_MONOTONIC`); [`Manager::ready`] follows.
    pub fn reloading(&self, monotonic_usec: i64) {
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={monotonic_usec}"));
    }

    /// The end has begun.
    pub fn stopping(&self, status: &str) {
        self.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// One line for `systemctl status`.
    pub fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    /// It is not ready yet, and goes on: this long from now is to be waited before the next word.
    pub fn extend(&self, span: Duration) {
        self.tell(&format!("EXTEND_TIMEOUT_USEC={}", span.as_micros()));
    }

    /// All loops go on.
    pub fn is_alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, lines: &str) {
        let Some(line) = &self.0 else { return };
        match line.socket.send_to_addr(lines.as_bytes(), &line.to) {
            Ok(_) => line.said.store(false, Ordering::Relaxed),
            Err(error) if !line.said.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "the service manager does not listen");
            }
            Err(_) => {}
        }
    }
}

fn line(name: &str) -> io::Result<Line> {
    let to = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None if name.starts_with('/') => SocketAddr::from_pathname(name)?,
        None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor an abstract socket")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(Line { socket, to, said: AtomicBool::new(false) })
}

/// How often the manager wants to hear that all is well; `None` when it does not watch the process `pid`.
pub fn watchdog(environment: &Environment, pid: u32) -> Option<Duration> {
    let micros: u64 = environment.get("WATCHDOG_USEC")?.parse().ok().filter(|micros| *micros > 0)?;
    let watched = environment.get("WATCHDOG_PID").is_none_or(|of| of.parse() == Ok(pid));
    watched.then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut octets = [0; 512];
        let length = socket.recv(&mut octets).unwrap();
        String::from_utf8(octets[..length].to_vec()).unwrap()
    }

    #[test]
    fn it_is_told_through_a_file_and_through_an_abstract_socket_and_nobody_through_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notify");
        let name = format!("owabi-test-{}", uuid::Uuid::now_v7());
        let at_file = UnixDatagram::bind(&file).unwrap();
        let abstract_one = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (socket, name) in [(at_file, file.display().to_string()), (abstract_one, format!("@{name}"))] {
            let manager = Manager::of(&Environment::of([("NOTIFY_SOCKET", name)]));
            manager.ready();
            manager.reloading(7);
            manager.stopping("2 mails under way");
            assert!(manager.listens());
            assert_eq!([heard(&socket), heard(&socket)], ["READY=1", "RELOADING=1\nMONOTONIC_USEC=7"]);
            assert_eq!(heard(&socket), "STOPPING=1\nSTATUS=2 mails under way");
        }
        let nobody = Manager::of(&Environment::default());
        nobody.ready();
        assert!(!nobody.listens() && !Manager::of(&Environment::of([("NOTIFY_SOCKET", "notify")])).listens());
    }

    #[test]
    fn the_watchdog_is_fed_only_by_the_process_that_it_watches() {
        let asked = |pairs: &[(&str, &str)]| watchdog(&Environment::of(pairs.iter().copied()), 42);
        let half_a_minute = Some(Duration::from_secs(30));
        assert_eq!(asked(&[("WATCHDOG_USEC", "30000000")]), half_a_minute);
        assert_eq!(asked(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "42")]), half_a_minute);
        assert_eq!(asked(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "41")]), None);
        for wrong in ["", "0", "x", "-1"] {
            assert_eq!(asked(&[("WATCHDOG_USEC", wrong)]), None, "{wrong}");
        }
    }
}
