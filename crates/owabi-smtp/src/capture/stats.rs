//! What the relay has counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A snapshot of all counters since the relay started.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Default)]
        pub(super) struct Counters { $(pub(super) $name: AtomicU64,)* }

        impl Counters {
            pub(super) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections accepted by the listener.
    connections,
    /// Connections open now.
    open,
    /// The most connections that were open at once.
    max_open,
    /// Command lines read.
    commands,
    /// MAIL commands that opened a transaction.
    transactions,
    /// Mails taken: complete, and captured.
    mails,
    /// Recipients of the mails taken.
    recipients,
    /// Replies 4xx and 5xx that the relay gave.
    refusals,
    /// Reads from a socket that returned bytes.
    reads,
    /// Groups of replies written: the round trips a client needed.
    writes,
    /// Octets read.
    bytes_in,
    /// TLS handshakes finished.
    tls_handshakes,
    /// TLS handshakes that failed.
    tls_failures,
    /// AUTH commands.
    auth_attempts,
    /// AUTH commands with the wrong user or password.
    auth_failures,
    /// RSET commands.
    resets,
    /// QUIT commands.
    quits,
    /// Connections that ended inside a body: nothing was captured.
    bodies_cut,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Relaxed);
    }

    pub(super) fn opened(&self) -> u64 {
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.max_open.fetch_max(open, Relaxed);
        self.connections.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }
}
