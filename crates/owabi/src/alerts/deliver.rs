//! Tells what was raised: ledger, mail, program, one alert after the other.

use super::mail::{Letter, Post};
use super::{Alert, Alerts, Kind, program};
use crate::config::Config;
use crate::japan;
use crate::outgoing::Listed;
use owabi_core::address::Lang;
use owabi_smtp::relay::Relay;
use owabi_store::Store;
use serde_json::json;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long the database may take for an alert's entry.
const LEDGER: Duration = Duration::from_secs(5);
/// How often a letter that no relay took is tried again.
const AGAIN: Duration = Duration::from_mins(1);
/// So many letters wait for a relay at the most.
const UNSENT: usize = 20;

/// Whoever tells.
#[derive(Debug)]
pub struct Deliverer {
    alerts: Alerts,
    store: Store,
    post: Post,
    command: Option<PathBuf>,
    lang: Lang,
    /// Letters of others, such as the daily report.
    letters: mpsc::Receiver<Letter>,
    /// Whom no relay took a letter for.
    unsent: VecDeque<(Listed, Letter)>,
}

impl Deliverer {
    /// Tells as the configuration says; `letters` are mailed as well.
    pub fn new(
        config: &Config,
        relays: Vec<Relay>,
        store: Store,
        alerts: Alerts,
        letters: mpsc::Receiver<Letter>,
    ) -> Self {
        let (post, lang) = (Post::new(config, relays), config.language.lang());
        let command = config.alerts.command.clone();
        Self { alerts, store, post, command, lang, letters, unsent: VecDeque::new() }
    }

    /// Tells until `stop`, and then what is left.
    pub async fn work(mut self, stop: CancellationToken) {
        let alerts = self.alerts.clone();
        loop {
            let news = alerts.0.news.notified();
            while let Some(alert) = alerts.next() {
                self.tell(&alert).await;
            }
            tokio::select! {
                () = news => {}
                Some(letter) = self.letters.recv() => self.mail(letter).await,
                () = tokio::time::sleep(AGAIN), if !self.unsent.is_empty() => self.try_again().await,
                () = stop.cancelled() => break,
            }
        }
        while let Some(alert) = alerts.next() {
            self.tell(&alert).await;
        }
        while let Ok(letter) = self.letters.try_recv() {
            self.mail(letter).await;
        }
    }

    async fn tell(&mut self, alert: &Alert) {
        self.enter(alert).await;
        let text = alert.text.of(self.lang);
        let (kind, notice) = (alert.kind.as_str(), alert.notice.as_deref());
        if !self.post.readers().is_empty() {
            let subject = match notice {
                Some(notice) => format!("owabi: {kind} {notice}"),
                None => format!("owabi: {kind}"),
            };
            let body = format!("{text}\n\n{}\n", japan::short(alert.at));
            self.mail(Letter { subject, body, at: alert.at }).await;
        }
        if let Some(command) = &self.command {
            let said = json!({ "kind": kind, "notice": notice, "text": text, "at": japan::iso(alert.at) });
            if let Err(why) = program::run(command, kind, notice.unwrap_or_default(), &said.to_string()).await {
                tracing::error!(command = %command.display(), kind, why, "alerts.command failed");
            }
        }
    }

    /// The ledger's entry. A database that is away takes none.
    async fn enter(&self, alert: &Alert) {
        if alert.kind == Kind::DatabaseAway {
            return;
        }
        let (kind, notice) = (alert.kind.as_str(), alert.notice.as_deref());
        let body = json!({ "kind": kind, "text": alert.text.en });
        let entry = self.store.append_ledger(alert.at, "owabi", "alert", notice, &body);
        if !matches!(tokio::time::timeout(LEDGER, entry).await, Ok(Ok(()))) {
            tracing::error!(kind, notice, "the alert is not in the ledger: the database did not take it");
        }
    }

    async fn mail(&mut self, letter: Letter) {
        for to in self.post.readers().to_vec() {
            self.mail_to(to, letter.clone()).await;
        }
    }

    async fn mail_to(&mut self, to: Listed, letter: Letter) {
        if let Err(why) = self.post.send(&to, &letter).await {
            tracing::error!(why, "a mail to an operator was not sent; it is tried again");
            if self.unsent.len() < UNSENT {
                self.unsent.push_back((to, letter));
            }
        }
    }

    async fn try_again(&mut self) {
        for (to, letter) in std::mem::take(&mut self.unsent) {
            self.mail_to(to, letter).await;
        }
    }
}
