//! The sources of the configuration, all together: read by the daemon all the time, or once before and after a short run.

use super::{Counted, Failed, Intake, imap, journal, maildir, maillog};
use crate::config::{Config, ConfigError};
use crate::dispatch::harmless;
use crate::service::{Longest, Pulse, Pulses};
use owabi_store::StoreError;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often what waits for its mail's outcome is looked at again.
const LOOK_AT_PARKED: Duration = Duration::from_secs(2);

/// What the configuration's `receipts` names.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    intake: Intake,
    all: Vec<Source>,
    poll: Duration,
}

#[derive(Clone, Debug)]
enum Source {
    Maildir(maildir::Maildir),
    Imap(Box<imap::Mailbox>),
    Maillog(PathBuf),
    Journal,
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Maildir(maildir) => maildir.source().to_owned(),
            Self::Imap(mailbox) => mailbox.source().to_owned(),
            Self::Maillog(file) => maillog::source(file),
            Self::Journal => journal::SOURCE.to_owned(),
        }
    }

    async fn once(&self, intake: &Intake) -> Result<Counted, Failed> {
        match self {
            Self::Maildir(maildir) => maildir::once(maildir, intake).await,
            Self::Imap(mailbox) => imap::once(mailbox, intake).await,
            Self::Maillog(file) => maillog::once(intake, file).await,
            Self::Journal => journal::once(intake, &[]).await,
        }
    }

    async fn follow(self, intake: Intake, poll: Duration, stop: CancellationToken) {
        match self {
            Self::Maildir(maildir) => maildir::follow(maildir, intake, poll, stop).await,
            Self::Imap(mailbox) => imap::follow(*mailbox, intake, poll, stop).await,
            Self::Maillog(file) => maillog::follow(intake, file, poll, stop).await,
            Self::Journal => journal::follow(intake, poll, Vec::new(), stop).await,
        }
    }
}

/// The IMAP mailbox of the configuration, if there is one.
///
/// # Errors
/// When its password cannot be read.
pub(crate) fn mailbox(config: &Config) -> Result<Option<imap::Mailbox>, ConfigError> {
    let password = config.imap_password()?;
    Ok(password.and_then(|password| imap::Mailbox::new(&config.receipts.imap, password)))
}

impl Sources {
    /// The sources that are configured, with the [`mailbox`] of the same configuration.
    pub(crate) fn new(config: &Config, mailbox: Option<imap::Mailbox>, intake: Intake) -> Self {
        let receipts = &config.receipts;
        let mut all = Vec::new();
        all.extend(receipts.maildir.as_deref().map(maildir::Maildir::new).map(Source::Maildir));
        all.extend(mailbox.map(Box::new).map(Source::Imap));
        all.extend(receipts.maillog.clone().map(Source::Maillog));
        all.extend(receipts.journal.then_some(Source::Journal));
        let intake = intake.following();
        Self { intake, all, poll: receipts.poll.into() }
    }

    /// Begins to read them. From then on a mail in doubt is not sent again before they were looked at.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn follow(
        self,
        stop: &CancellationToken,
        pulses: &Pulses,
        longest: Longest,
    ) -> Result<JoinSet<()>, StoreError> {
        self.announce().await?;
        let mut readers = JoinSet::new();
        for source in self.all {
            let pulse = pulses.begin(source.name(), longest.source);
            readers.spawn(tireless(source, self.intake.clone(), self.poll, stop.clone(), pulse));
        }
        let pulse = pulses.begin("parked receipts", longest.database);
        readers.spawn(match_the_parked(self.intake, stop.clone(), pulse));
        Ok(readers)
    }

    async fn announce(&self) -> Result<(), StoreError> {
        let names: Vec<String> = self.all.iter().map(Source::name).collect();
        self.intake.follow(&names).await
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Reads all of them once. What cannot be read is told, and stops nobody: the names of these come back with the sums.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn look(&self) -> Result<(Counted, Vec<String>), StoreError> {
        self.announce().await?;
        let (mut sum, mut failures) = (Counted::default(), Vec::new());
        for source in &self.all {
            match source.once(&self.intake).await {
                Ok(counted) => sum = sum.plus(counted),
                Err(Failed::Store(error @ StoreError::Unavailable(_))) => return Err(error),
                Err(failed) => {
                    failed.tell(&self.intake, &source.name());
                    failures.push(source.name());
                }
            }
        }
        self.intake.take_parked().await?;
        Ok((sum, failures))
    }
}

/// A reader that ends in a panic of ours is told of, and begins anew.
async fn tireless(source: Source, intake: Intake, poll: Duration, stop: CancellationToken, pulse: Pulse) {
    let intake = intake.beating(pulse.clone());
    loop {
        let reading = tokio::spawn(source.clone().follow(intake.clone(), poll, stop.clone()));
        if reading.await.is_ok() || stop.is_cancelled() {
            return pulse.retire();
        }
        intake.trouble(&source.name(), "its reader ended by a defect of owabi; it begins anew");
        stop.run_until_cancelled(tokio::time::sleep(LOOK_AT_PARKED)).await;
    }
}

/// A receipt that overtook its mail's outcome finds it a little later.
async fn match_the_parked(intake: Intake, stop: CancellationToken, pulse: Pulse) {
    let (mut failing, intake) = (false, intake.beating(pulse.clone()));
    let matching = async {
        loop {
            match intake.take_parked().await {
                Ok(_) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::warn!(error = harmless(&error), "parked receipts cannot be looked at; trying again");
                    }
                    failing = true;
                }
            }
            intake.beat();
            tokio::time::sleep(LOOK_AT_PARKED).await;
        }
    };
    stop.run_until_cancelled(matching).await;
    pulse.retire();
}
