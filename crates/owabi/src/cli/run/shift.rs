//! A run with one configuration: from its beginning to the stop, or to the next configuration.

use super::Options;
use super::built::Built;
use crate::alerts::{self, Deliverer, Unsent};
use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::config::Config;
use crate::configuration;
use crate::dispatch::{self, Live, Parts, Stops, Summary};
use crate::receipts::sources::Sources;
use crate::receipts::{Intake, Troubles};
use crate::service::{Longest, Pulse};
use owabi_core::ids::Keys;
use owabi_smtp::relay::Relay;
use owabi_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// What stays the same whatever the configuration becomes.
pub(super) struct Place<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a Options,
    pub(super) store: Store,
    pub(super) keys: Keys,
    pub(super) live: Live,
    pub(super) troubles: Troubles,
    /// The end of it all.
    pub(super) stop: CancellationToken,
}

impl Place<'_> {
    /// Works by this configuration until `wind_down`; mails under way finish first. What no relay took for operators is handed on.
    ///
    /// # Errors
    /// The database's, at the beginning: then nothing was begun.
    pub(super) async fn work(
        &self,
        built: &Built,
        wind_down: CancellationToken,
        unsent: &mut Unsent,
    ) -> Result<Summary, Failure> {
        let (session, store, live) = (self.session, &self.store, &self.live);
        let Built { config, relays, mailbox, library } = built;
        configuration::note(config, library, store, &session.actor(None), session.now()).await?;
        say_by_what(config, store);
        self.troubles.forget();
        let intake = Intake::new(config, store.clone(), self.keys.clone()).telling(self.troubles.clone());
        let sources = Sources::new(config, mailbox.clone(), intake);
        // Evidence before any resend: a run that ends by itself looks once before and once after, another one all the time.
        let reading = wind_down.child_token();
        let (until_idle, mut readers) = (self.options.until_idle, JoinSet::new());
        if until_idle {
            wind_down.run_until_cancelled(sources.look()).await.transpose()?;
        } else {
            readers = sources.clone().follow(&reading, live.pulses(), Longest::of(config)).await?;
        }
        let telling = Telling::start(config, relays, store, live, until_idle, std::mem::take(unsent));
        let (relays, library) = (relays.clone(), Arc::clone(library));
        let parts = Parts { relays, store: store.clone(), library, keys: self.keys.clone() };
        let stops = Stops { wind_down: wind_down.clone(), end: self.stop.clone() };
        let summary = dispatch::run(config, parts, dispatch::Options { until_idle }, live.clone(), stops).await;
        *unsent = telling.end().await;
        reading.cancel();
        while readers.join_next().await.is_some() {}
        if until_idle && summary.is_ok() {
            wind_down.run_until_cancelled(look_again(&sources)).await;
        }
        Ok(summary?)
    }
}

/// The first thing that somebody who reads the log a year later wants to know.
fn say_by_what(config: &Config, store: &Store) {
    let relays: Vec<_> = config.smtp.relays.iter().map(|relay| relay.name.as_str()).collect();
    let (relays, database) = (relays.join(" "), if store.file().is_some() { "SQLite" } else { "PostgreSQL" });
    let (version, file) = (env!("CARGO_PKG_VERSION"), config.file.display());
    tracing::info!(version, %file, database, relays, "owabi begins to work by this configuration");
}

/// What came back while this run sent. A database that is away now says so below.
async fn look_again(sources: &Sources) {
    if let Err(error) = sources.look().await {
        tracing::warn!(error = dispatch::harmless(&error), "receipts cannot be recorded; the next look takes them");
    }
}

/// How long what was raised last may take to be told when a run ends.
const LAST_ALERTS: Duration = Duration::from_secs(10);

/// Whoever tells of alerts, and writes the daily report.
struct Telling {
    stop: CancellationToken,
    over: CancellationToken,
    deliverer: JoinHandle<Unsent>,
    daily: Option<(JoinHandle<()>, Pulse)>,
}

impl Telling {
    fn start(config: &Config, relays: &[Relay], store: &Store, live: &Live, until_idle: bool, unsent: Unsent) -> Self {
        let (stop, over, (letters, inbox)) = (CancellationToken::new(), CancellationToken::new(), mpsc::channel(4));
        let deliverer =
            Deliverer::new(config, relays.to_vec(), store.clone(), live.alerts().clone(), inbox, live.pulses());
        let deliverer = tokio::spawn(deliverer.taking_over(unsent).work(stop.clone(), over.clone()));
        let daily = (!until_idle).then(|| {
            let pulse = live.pulses().begin("daily report", Longest::of(config).database);
            (tokio::spawn(alerts::follow_daily(config.clone(), store.clone(), letters, pulse.clone())), pulse)
        });
        Self { stop, over, deliverer, daily }
    }

    async fn end(self) -> Unsent {
        if let Some((daily, pulse)) = self.daily {
            daily.abort();
            // What it holds is for the deliverer, which ends only without it.
            let _ = daily.await;
            pulse.retire();
        }
        self.stop.cancel();
        let mut deliverer = self.deliverer;
        if let Ok(unsent) = tokio::time::timeout(LAST_ALERTS, &mut deliverer).await {
            return unsent.unwrap_or_default();
        }
        tracing::warn!("an alert could not be told in time; it is tried again after a reload");
        self.over.cancel();
        deliverer.await.unwrap_or_default()
    }
}
