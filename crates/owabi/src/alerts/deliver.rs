//! Tells what was raised: ledger and program, one alert after the other; beside them the mail, which may wait for a relay.

use super::mail::{Letter, Post};
use super::{Alert, Alerts, Kind, program};
use crate::cli::say::Text;
use crate::config::Config;
use crate::japan;
use crate::outgoing::Listed;
use crate::service::{Longest, Pulse, Pulses};
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
/// Why something was not told.
const OVER: &str = "the time is over";

/// Letters that no relay took, for whoever tells next.
#[derive(Debug, Default)]
pub struct Unsent(VecDeque<(Listed, Letter)>);

/// What the postman does next.
enum Next {
    Letter(Letter),
    Again,
    End,
}

/// Whoever tells.
#[derive(Debug)]
pub struct Deliverer {
    teller: Teller,
    postman: Postman,
}

/// Ledger and program. It hands letters on, and waits for no relay.
#[derive(Debug)]
struct Teller {
    alerts: Alerts,
    store: Store,
    command: Option<PathBuf>,
    lang: Lang,
    /// To the postman; `None` when nobody reads.
    letters: Option<mpsc::Sender<Letter>>,
    pulse: Pulse,
}

/// Mail, which may take minutes while a relay is down.
#[derive(Debug)]
struct Postman {
    post: Post,
    /// About alerts.
    inbox: mpsc::Receiver<Letter>,
    /// Letters of others, such as the daily report.
    others: mpsc::Receiver<Letter>,
    /// Whom no relay took a letter for.
    unsent: VecDeque<(Listed, Letter)>,
    /// How often those are tried again.
    again: Duration,
    pulse: Pulse,
}

impl Deliverer {
    /// Tells as the configuration says; `others` are mailed as well.
    pub fn new(
        config: &Config,
        relays: Vec<Relay>,
        store: Store,
        alerts: Alerts,
        others: mpsc::Receiver<Letter>,
        pulses: &Pulses,
    ) -> Self {
        let longest = Longest::of(config);
        let (tells, mails) = (pulses.begin("alerts", longest.alive), pulses.begin("letters", longest.letter));
        let (post, lang) = (Post::new(config, relays), config.language.lang());
        let command = config.alerts.command.clone();
        let (letters, inbox) = mpsc::channel(UNSENT);
        let letters = (!post.readers().is_empty()).then_some(letters);
        let teller = Teller { alerts, store, command, lang, letters, pulse: tells };
        Self { teller, postman: Postman { post, inbox, others, unsent: VecDeque::new(), again: AGAIN, pulse: mails } }
    }

    /// Goes on with the letters of another one, as far as their readers are to be told still.
    #[must_use]
    pub fn taking_over(mut self, Unsent(letters): Unsent) -> Self {
        let readers = self.postman.post.readers().to_vec();
        let stays = |(to, _): &(Listed, Letter)| readers.iter().any(|reader| reader.address() == to.address());
        self.postman.unsent = letters.into_iter().filter(stays).collect();
        self
    }

    /// Tells until `stop`, and then what is left, for as long as it is not `over`. Returns the letters that no relay took; alerts
    /// that nobody was told of yet stay where they were raised.
    pub async fn work(self, stop: CancellationToken, over: CancellationToken) -> Unsent {
        tokio::join!(self.teller.work(&stop, &over), self.postman.work(&over)).1
    }
}

impl Teller {
    async fn work(self, stop: &CancellationToken, over: &CancellationToken) {
        loop {
            let news = self.alerts.0.news.notified();
            self.tell_all(over).await;
            tokio::select! {
                () = self.pulse.waits_for(news) => {}
                () = stop.cancelled() => break,
            }
        }
        self.tell_all(over).await;
        self.pulse.retire();
    }

    async fn tell_all(&self, over: &CancellationToken) {
        while !over.is_cancelled()
            && let Some(alert) = self.alerts.next()
        {
            self.tell(&alert, over).await;
        }
    }

    async fn tell(&self, alert: &Alert, over: &CancellationToken) {
        self.pulse.beat();
        let (kind, notice) = (alert.kind.as_str(), alert.notice.as_deref());
        self.write_to_readers(alert);
        self.enter(alert).await;
        if let Some(command) = &self.command {
            let Text { ja, en } = &alert.text;
            let text = alert.text.of(self.lang);
            let at = japan::iso(alert.at);
            let said = json!({ "kind": kind, "notice": notice, "text": text, "text_ja": ja, "text_en": en, "at": at });
            let said = said.to_string();
            let told = over.run_until_cancelled(program::run(command, kind, notice.unwrap_or_default(), &said)).await;
            if let Err(why) = told.unwrap_or_else(|| Err(OVER.to_owned())) {
                tracing::error!(command = %command.display(), kind, why, "alerts.command failed");
            }
        }
    }

    fn write_to_readers(&self, alert: &Alert) {
        let Some(letters) = &self.letters else { return };
        let kind = alert.kind.as_str();
        let subject = match alert.notice.as_deref() {
            Some(notice) => format!("owabi: {kind} {notice}"),
            None => format!("owabi: {kind}"),
        };
        let body = format!("{}\n\n{}\n", alert.text.of(self.lang), japan::short(alert.at));
        if letters.try_send(Letter { subject, body, at: alert.at }).is_err() {
            tracing::error!(kind, "a letter about an alert is dropped: too many wait for a relay");
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
}

impl Postman {
    /// Until the teller is gone, and then what is left. Returns what no relay took.
    async fn work(mut self, over: &CancellationToken) -> Unsent {
        let pulse = self.pulse.clone();
        self.try_again(over).await;
        loop {
            match pulse.waits_for(self.next()).await {
                Next::Letter(letter) => self.mail(letter, over).await,
                Next::Again => self.try_again(over).await,
                Next::End => break,
            }
        }
        while let Ok(letter) = self.others.try_recv() {
            self.mail(letter, over).await;
        }
        pulse.retire();
        Unsent(self.unsent)
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            letter = self.inbox.recv() => letter.map_or(Next::End, Next::Letter),
            Some(letter) = self.others.recv() => Next::Letter(letter),
            () = tokio::time::sleep(self.again), if !self.unsent.is_empty() => Next::Again,
        }
    }

    async fn mail(&mut self, letter: Letter, over: &CancellationToken) {
        for to in self.post.readers().to_vec() {
            self.mail_to(to, letter.clone(), over).await;
        }
    }

    async fn mail_to(&mut self, to: Listed, letter: Letter, over: &CancellationToken) {
        self.pulse.beat();
        let sent = over.run_until_cancelled(self.post.send(&to, &letter)).await;
        if let Err(why) = sent.unwrap_or_else(|| Err(OVER.to_owned())) {
            tracing::error!(why, "a mail to an operator was not sent; it is tried again");
            if self.unsent.len() < UNSENT {
                self.unsent.push_back((to, letter));
            } else {
                tracing::error!("a letter to an operator is dropped: too many wait for a relay");
            }
        }
    }

    async fn try_again(&mut self, over: &CancellationToken) {
        for (to, letter) in std::mem::take(&mut self.unsent) {
            self.mail_to(to, letter, over).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Point, Script, Then, When};
    use owabi_store::OpenOptions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn config(folder: &Path) -> Config {
        let text =
            "smtp: { relays: [{ name: main, host: 127.0.0.1, port: 1, tls: none }], bounce: { address: b@example.jp } }
alerts: { mail: [night@example.jp, day@example.jp], command: tell.sh }
";
        Config::read(&folder.join("owabi.yaml"), text, &Environment::default()).unwrap()
    }

    fn tell_sh(folder: &Path) {
        let program = folder.join("tell.sh");
        std::fs::write(&program, "#!/bin/sh\necho \"$1 $2\" >> \"$(dirname \"$0\")/told\"\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn eventually(done: impl Fn() -> bool) -> bool {
        for _ in 0..400 {
            if done() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        false
    }

    #[tokio::test]
    async fn while_the_relay_is_down_the_program_is_run_and_the_mails_wait_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        tell_sh(folder.path());
        let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
        let store = Store::open(&OpenOptions::new(url)).await.unwrap();
        let down = Script::new().always(When::at(Point::Greeting), Then::reply(421, "4.3.2 down"));
        let relay = CaptureRelay::start(CaptureOptions { script: down, ..CaptureOptions::default() }).await.unwrap();
        let (alerts, stop, (others, inbox)) = (Alerts::default(), CancellationToken::new(), mpsc::channel(1));
        let at = Relay::new("main", "127.0.0.1", relay.addr().port());
        let (config, pulses) = (config(folder.path()), Pulses::default());
        let mut deliverer = Deliverer::new(&config, vec![at], store.clone(), alerts.clone(), inbox, &pulses);
        deliverer.postman.again = Duration::from_millis(50);
        let work = tokio::spawn(deliverer.work(stop.clone(), CancellationToken::new()));
        alerts.raise_about(Kind::RelayPaused, None, "main", Text::same("the relay is down"));
        alerts.raise(Kind::CanaryFailed, Some("leak"), Text::same("the canary failed"));
        let told = || std::fs::read_to_string(folder.path().join("told")).unwrap_or_default();
        assert!(eventually(|| told().lines().count() == 2).await, "{}", told());
        assert_eq!(told(), "relay_paused \ncanary_failed leak\n");
        assert!(eventually(|| relay.stats().connections > 8).await, "it is tried again and again");
        assert!(relay.captured().is_empty());
        relay.set_script(Script::new());
        assert!(eventually(|| relay.captured().len() == 4).await, "{:?}", relay.stats());
        let counts: Vec<u64> = relay.deliveries().into_values().collect();
        assert_eq!(counts, [2, 2], "each reader has each alert, once");
        stop.cancel();
        drop(others);
        work.await.unwrap();
        assert_eq!(store.ledger_newest().await.unwrap(), 2, "both are in the ledger, too");
    }
}
