//! The configuration is read again: all of it is looked at before any of it is used.

use super::built::Built;
use crate::alerts::{Alerts, Kind};
use crate::cli::check;
use crate::cli::exit::Failure;
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::clock;
use crate::config::Config;
use crate::disk::apart;
use crate::service::{Longest, Manager, Phase, Service, Signals};
use crate::{configuration, telemetry};
use owabi_core::yaml::document as yaml;
use owabi_store::Store;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is open or held for as long as owabi runs.
const STAYS: [&str; 6] = ["database.", "keys.", "ledger.", "health.", "dispatch.spool", "log.format"];

/// Whoever waits for the next configuration.
pub(super) struct Reloader<'a> {
    pub(super) session: &'a Session,
    pub(super) signals: &'a Signals,
    pub(super) manager: &'a Manager,
    pub(super) service: &'a Service,
    pub(super) store: &'a Store,
    pub(super) alerts: &'a Alerts,
    /// Somebody asked, and has no answer yet.
    pub(super) asked: AtomicBool,
}

impl Reloader<'_> {
    /// Waits until a good configuration is to be used. A bad one is told of, and the one in use stays. Dropped while it reads, it
    /// reads again the next time.
    pub(super) async fn next(&self, in_use: &Config) -> Built {
        loop {
            if !self.asked.load(Ordering::Relaxed) {
                self.signals.reload().await;
                self.asked.store(true, Ordering::Relaxed);
            }
            self.manager.reloading(clock::monotonic_usec());
            let read = self.read(in_use).await;
            self.asked.store(false, Ordering::Relaxed);
            match read {
                Ok(built) => {
                    telemetry::configure(&built.config.log);
                    tracing::info!(
                        "the configuration is read again: it is used as soon as the mails under way are done"
                    );
                    self.service.configuration(None, clock::now_ms());
                    self.alerts.over(Kind::ConfigurationRefused, "");
                    self.service.may_take_until(clock::monotonic() + Longest::of(in_use).wind_down);
                    self.service.enter(Phase::Reloading);
                    return built;
                }
                Err(why) => {
                    tracing::error!(why, "the new configuration is refused; the old one is used");
                    self.refused(why);
                    // Else it is told when the one that was accepted before is in use.
                    if self.service.phase() == Phase::Running {
                        self.manager.ready();
                    }
                }
            }
        }
    }

    /// The configuration that was accepted cannot be used after all: the one before it is used again.
    pub(super) fn takes_back(&self, before: &Config, failure: &Failure) {
        let why = failure.what.en.clone();
        tracing::error!(why, "the new configuration cannot be used; the old one is used again");
        telemetry::configure(&before.log);
        self.refused(why);
    }

    /// The reason stands in the log and in `/health`. It may quote a file, and so has no place in the ledger.
    fn refused(&self, why: String) {
        self.service.configuration(Some(why), clock::now_ms());
        let text = say!(
            ja: "再読み込みした設定は使えないため、それまでの設定のまま動いています。理由は owabi のログと `/health` にあります。直して `owabi check` で確かめ、もう一度再読み込みしてください。",
            en: "the configuration that was to be loaded cannot be used, and the old one is in use. The log and `/health` say why: put it right, look at it with `owabi check`, and reload again"
        );
        self.alerts.raise(Kind::ConfigurationRefused, None, text);
    }

    /// What `check` finds without asking a relay, and what cannot change while owabi runs.
    async fn read(&self, in_use: &Config) -> Result<Built, String> {
        let config = self.session.read_config().map_err(|error| error.to_string())?;
        let fixed = fixed(in_use, &config);
        if !fixed.is_empty() {
            return Err(fixed.join("\n"));
        }
        let built = apart(move || Built::of(config)).await.map_err(|error| error.to_string())?;
        let built = built.map_err(|error| error.to_string())?;
        let wrong = check::wrong(self.session, &built.config, &built.library, self.store).await;
        if wrong.is_empty() { Ok(built) } else { Err(wrong.join("\n")) }
    }
}

/// The keys that changed and may not, each with its place.
fn fixed(in_use: &Config, config: &Config) -> Vec<String> {
    let changed = configuration::changed(in_use, config);
    let stays = changed.into_iter().filter(|key| STAYS.iter().any(|stays| key.starts_with(stays)));
    let text = std::fs::read_to_string(&config.file).unwrap_or_default();
    let place = |key: String| {
        let line = yaml::locate(&text, &yaml::steps_of(&key)).map(|at| format!(":{}", at.0)).unwrap_or_default();
        format!(
            "{}{line}: {key}: it cannot change while owabi runs; restart it: systemctl restart owabi",
            config.file.display()
        )
    };
    stays.map(place).collect()
}

#[cfg(test)]
mod tests;
