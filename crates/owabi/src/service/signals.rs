//! The signals that `owabi run` understands.
//!
//! SIGTERM and SIGINT stop it, SIGHUP reads the configuration again, SIGUSR1 logs one step more, SIGUSR2 what is configured.

use crate::telemetry;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What signals ask for.
#[derive(Clone, Debug)]
pub struct Signals {
    /// Cancelled when it is to end.
    pub stop: CancellationToken,
    reload: Arc<Notify>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub fn listen() -> io::Result<Self> {
        let signals = Self { stop: CancellationToken::new(), reload: Arc::new(Notify::new()) };
        let ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        for end in ends {
            tokio::spawn(end_at(end, signals.stop.clone()));
        }
        tokio::spawn(ask_at(signal(SignalKind::hangup())?, Arc::clone(&signals.reload)));
        tokio::spawn(change_log_at(signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?));
        Ok(signals)
    }

    /// Waits until the configuration is to be read again. What is asked for meanwhile is one more time, however often.
    pub async fn reload(&self) {
        self.reload.notified().await;
    }
}

async fn end_at(mut signal: Signal, stop: CancellationToken) {
    if signal.recv().await.is_some() && !stop.is_cancelled() {
        tracing::info!("stopping: mails under way finish, the rest stays queued");
        stop.cancel();
    }
}

async fn ask_at(mut signal: Signal, reload: Arc<Notify>) {
    while signal.recv().await.is_some() {
        reload.notify_one();
    }
}

async fn change_log_at(mut more: Signal, mut configured: Signal) {
    loop {
        tokio::select! {
            Some(()) = more.recv() => telemetry::log_more(),
            Some(()) = configured.recv() => telemetry::log_as_configured(),
            else => return,
        }
    }
}
