//! Points where the relay holds still until a test lets it go on.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::watch;

use super::locked;

/// Named gates; each is closed until it is released once.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<String, Gate>>);

#[derive(Clone)]
struct Gate {
    reached: watch::Sender<u64>,
    open: watch::Sender<bool>,
}

impl Gates {
    fn gate(&self, label: &str) -> Gate {
        let new = || Gate { reached: watch::Sender::new(0), open: watch::Sender::new(false) };
        locked(&self.0).entry(label.to_owned()).or_insert_with(new).clone()
    }

    /// Says that the point is reached, and waits for its release.
    pub(super) async fn hold(&self, label: &str) {
        let gate = self.gate(label);
        gate.reached.send_modify(|count| *count += 1);
        // The gate holds its own sender, so waiting cannot fail.
        let _ = gate.open.subscribe().wait_for(|open| *open).await;
    }

    pub(super) async fn wait_reached(&self, label: &str) {
        let gate = self.gate(label);
        let _ = gate.reached.subscribe().wait_for(|count| *count > 0).await;
    }

    pub(super) fn release(&self, label: &str) {
        self.gate(label).open.send_replace(true);
    }
}
