//! The capture relay: a small, strict SMTP server for `owabi demo` and for tests.
//!
//! It listens on loopback, takes mails and delivers none: each goes into memory and, if asked, into a Maildir. A
//! [`Script`] makes it misbehave in every way that a relay can. It never takes a mail whose final dot, or whose last
//! BDAT octet, has not arrived.
//!
//! ```
//! # use owabi_smtp::capture::*;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! // The first mail is taken, but its 250 is lost; a member of docomo is unknown.
//! let script = Script::new()
//!     .once(Point::Dot, Then::Drop(Hangup::Rst, Moment::BeforeReply))
//!     .always(When::at(Point::Rcpt).domain("docomo.ne.jp"), Then::reply(550, "5.1.1 User unknown"));
//! let relay = CaptureRelay::start(CaptureOptions { script, ..CaptureOptions::default() }).await?;
//! // ... send to relay.addr(), then look at what arrived:
//! assert!(relay.captured().is_empty());
//! relay.stop().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod auth;
mod body;
mod command;
mod envelope;
mod gates;
mod latency;
mod listener;
mod live;
mod maildir;
mod options;
mod params;
mod records;
mod script;
mod session;
mod shared;
mod stats;
mod transfer;
mod verbs;
mod when;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use envelope::{Envelope, Param, Recipient};
pub use maildir::{read_captured, split_captured};
pub use options::{Account, CaptureOptions, Extensions, Keep, server_config_from_pem};
pub use records::{Captured, SeenCommand};
pub use script::{Hangup, Moment, Point, Rule, Script, Then, Times};
pub use stats::Stats;
pub use when::{Predicate, When, Which, Who};

use listener::Listener;
use shared::Shared;

/// A running relay. It stops when it is dropped.
pub struct CaptureRelay {
    shared: Arc<Shared>,
    listener: Listener,
}

impl CaptureRelay {
    /// Listens and serves until stopped.
    ///
    /// # Errors
    /// When the address is taken or the Maildir cannot be made.
    pub async fn start(options: CaptureOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options).await?);
        let listener = Listener::open(Arc::clone(&shared))?;
        Ok(Self { shared, listener })
    }

    /// The address it listens on; the same after [`Self::reopen`].
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.shared.counters.snapshot()
    }

    /// The mails that are kept, oldest first.
    pub fn captured(&self) -> Vec<Captured> {
        locked(&self.shared.records).mails()
    }

    /// How many mails each recipient got.
    pub fn deliveries(&self) -> HashMap<String, u64> {
        locked(&self.shared.records).deliveries()
    }

    /// The command lines that are kept, oldest first.
    pub fn commands(&self) -> Vec<SeenCommand> {
        locked(&self.shared.records).commands()
    }

    /// Forgets mails, deliveries and commands; statistics and files stay.
    pub fn forget(&self) {
        locked(&self.shared.records).clear();
    }

    /// Follows another script from the next command on; what the old one remembered is gone.
    pub fn set_script(&self, script: Script) {
        self.shared.set_live(script.into());
    }

    /// Waits until a connection holds at this label of [`Then::PauseUntil`].
    pub async fn wait_reached(&self, label: &str) {
        self.shared.gates.wait_reached(label).await;
    }

    /// Lets all connections pass this label, now and later.
    pub fn release(&self, label: &str) {
        self.shared.gates.release(label);
    }

    /// Refuses new connections; those that are open stay.
    pub async fn close_listener(&self) {
        self.listener.close().await;
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// When the port was taken in the meantime.
    pub fn reopen(&self) -> io::Result<()> {
        self.listener.reopen()
    }

    /// Drops all open connections; new ones are welcome.
    pub fn drop_connections(&self) {
        self.listener.drop_connections();
    }

    /// Ends all connections and returns when they are gone.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}

/// The lock, also after a panic of another holder: the relay's records are counters and lists, always valid.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
