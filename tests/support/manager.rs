//! A service manager that only listens (`sd_notify(3)`).

use super::program::{Program, Running};
use super::world::eventually;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the listener looks whether its test has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What a program has told.
pub(crate) struct Manager {
    name: String,
    said: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Manager {
    /// One that listens at a file.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notify");
        let socket = UnixDatagram::bind(&file).unwrap();
        Self::at(file.display().to_string(), socket, folder)
    }

    /// One that listens at an abstract socket.
    pub(crate) fn abstract_one() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Self::at(format!("@{name}"), socket, folder)
    }

    fn at(name: String, socket: UnixDatagram, folder: tempfile::TempDir) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::downgrade(&said);
        socket.set_read_timeout(Some(LOOK)).unwrap();
        std::thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Some(heard) = heard.upgrade() {
                if let Ok(length) = socket.recv(&mut octets) {
                    heard.lock().unwrap().push(String::from_utf8(octets[..length].to_vec()).unwrap());
                }
            }
        });
        Self { name, said, _folder: folder }
    }

    /// The program is this manager's service, to be heard of within this time again and again.
    pub(crate) fn watches(&self, command: &mut Command, every: Duration) {
        command.env("NOTIFY_SOCKET", &self.name).env("WATCHDOG_USEC", every.as_micros().to_string());
    }

    /// Starts `run` as this manager's service, and waits until it is ready.
    pub(crate) async fn starts(&self, program: &Program) -> Running {
        let mut command = program.command(&["run"]);
        self.watches(&mut command, Duration::from_mins(1));
        let running = program.spawn(command);
        self.hears("READY=1").await;
        running
    }

    /// Everything that was told, in its order.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// How many times exactly this was told.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.said().iter().filter(|said| *said == what).count()
    }

    /// Waits until something is told that begins so.
    pub(crate) async fn hears(&self, what: &str) {
        self.hears_times(what, 1).await;
    }

    /// Waits until it was told so many times.
    pub(crate) async fn hears_times(&self, what: &str, times: usize) {
        let heard = async || self.said().iter().filter(|said| said.starts_with(what)).count() >= times;
        let told = || self.said().into_iter().filter(|said| said != "WATCHDOG=1").collect::<Vec<_>>();
        assert!(eventually(&heard).await, "{what}: {:?}", told());
    }
}
