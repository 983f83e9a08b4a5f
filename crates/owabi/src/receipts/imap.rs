//! Bounces from a mailbox on an IMAP server: what lies in a folder is handed over, and moved away when that is durable.
//!
//! No mail is ever deleted: one is moved, or copied and then that one alone removed, or copied and marked. From one connection to the next nothing
//! is remembered of a mailbox but the mails that ended one ([`wary`]); what is read twice (a crash before the move, a folder with new UIDs) the intake knows by its hash.

mod connect;
mod connection;
mod find;
mod folders;
mod moving;
mod response;
mod session;
#[cfg(test)]
mod tests;
mod trouble;
mod value;
mod wary;
mod wire;

use super::counted::{Counted, Failed};
use super::find::Came;
use super::patience::Patience;
use super::{Arrival, Intake, Verdict};
use crate::clock;
use crate::config;
use connection::Deadlines;
pub(crate) use moving::Putting;
use secrecy::SecretString;
use session::Session;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use trouble::Trouble;
use wary::Wary;

/// So many connections at most may end at mails of one look of the command line.
const CONNECTIONS: u32 = 10;

/// A mailbox that is read.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    settings: config::Imap,
    host: String,
    password: SecretString,
    source: String,
    deadlines: Deadlines,
}

/// What `owabi check --connect` tells of a mailbox that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Protocol and cipher suite; `None` in the clear.
    pub(crate) tls: Option<String>,
    /// Mails in the folder now.
    pub(crate) mails: u32,
    /// How mails are put away that were recorded.
    pub(crate) putting: Putting,
    /// Whether news come at once (IDLE), not only when we ask.
    pub(crate) idle: bool,
    /// Folders that are to be made: `processed`, `review`, as the configuration names them.
    pub(crate) missing: Vec<String>,
}

impl Mailbox {
    /// The mailbox of a configuration; `None` when it names no host.
    pub(crate) fn new(settings: &config::Imap, password: SecretString) -> Option<Self> {
        let host = settings.host.clone()?;
        // Without the user: it is often somebody's address.
        let source = format!("imap:{host}/{}", settings.folder);
        Some(Self { settings: settings.clone(), host, password, source, deadlines: Deadlines::default() })
    }

    /// Its name as a source.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// One look, for the daemon and the command line alike: the intake learns how it went.
    async fn look(&self, session: &mut Session<'_>, intake: &Intake) -> Result<Counted, Trouble> {
        let began_at = clock::now_ms();
        let counted = session.pass(&|arrivals| intake.take(&self.source, arrivals)).await?;
        match self.remaining(session) {
            Some(trouble) if session.unreadable > 0 => intake.trouble(&self.source, &trouble),
            remaining => intake.looked(&self.source, began_at, remaining.as_deref()).await?,
        }
        Ok(counted)
    }

    /// One connection with one look.
    async fn look_once(&self, intake: &Intake, wary: &mut Wary) -> Result<Counted, Trouble> {
        let mut session = Session::open(self, wary).await?;
        let counted = self.look(&mut session, intake).await?;
        session.close().await;
        Ok(counted)
    }

    /// What stays in the folder and should not.
    fn remaining(&self, session: &Session<'_>) -> Option<String> {
        let (host, folder) = (&self.host, &self.settings.folder);
        if session.unreadable > 0 {
            let many = session.unreadable;
            return Some(format!("IMAP server {host}: {many} mails in {folder} cannot be read: look at them by hand"));
        }
        let many = session.unmoved;
        let advice = session.advice();
        (many > 0).then(|| format!("IMAP server {host}: {many} mails were recorded but stay in {folder}: {advice}"))
    }

    fn failed(&self, trouble: Trouble) -> Failed {
        match trouble {
            Trouble::Store(error) => Failed::Store(error),
            other => Failed::Source(format!("IMAP server {}: {other}", self.host)),
        }
    }

    /// One connection's work: looks, waits for news, and looks again, until it is time to renew it.
    async fn stay(
        &self,
        intake: &Intake,
        poll: Duration,
        patience: &mut Patience,
        wary: &mut Wary,
    ) -> Result<(), Trouble> {
        let mut session = Session::open(self, wary).await?;
        let until = clock::monotonic() + self.deadlines.session;
        while clock::monotonic() < until {
            let counted = self.look(&mut session, intake).await?;
            counted.tell(&self.source);
            session.wait(self.settings.idle, poll).await?;
            patience.restore();
        }
        session.close().await;
        wary.forgive();
        Ok(())
    }
}

/// `owabi track imap`: takes what lies there, and returns.
///
/// # Errors
/// When nothing can be recorded, or why the mailbox cannot be read, and what to do.
pub(crate) async fn once(mailbox: &Mailbox, intake: &Intake) -> Result<Counted, Failed> {
    let mut wary = Wary::default();
    for _ in 1..CONNECTIONS {
        match mailbox.look_once(intake, &mut wary).await {
            Err(_) if wary.has_learned() => {}
            looked => return looked.map_err(|trouble| mailbox.failed(trouble)),
        }
    }
    mailbox.look_once(intake, &mut wary).await.map_err(|trouble| mailbox.failed(trouble))
}

/// The daemon's reader: takes mails as they come (IDLE), or looks every `poll`, until `stop`.
/// What goes wrong is told to the intake, and tried again after a while; nothing ends it but `stop`.
pub(crate) async fn follow(mailbox: Mailbox, intake: Intake, poll: Duration, stop: CancellationToken) {
    let reading = async {
        let (mut patience, mut wary) = (Patience::default(), Wary::default());
        loop {
            if let Err(trouble) = mailbox.stay(&intake, poll, &mut patience, &mut wary).await {
                let wait = patience.after_failure(trouble.pauses(poll));
                mailbox.failed(trouble).tell(&intake, &mailbox.source);
                tokio::time::sleep(wait).await;
            }
        }
    };
    stop.run_until_cancelled(reading).await;
}

/// `owabi check --connect`: logs in and opens the folder; changes nothing.
///
/// # Errors
/// Why the mailbox cannot be read, and what to do.
pub(crate) async fn check(mailbox: &Mailbox) -> Result<Offer, Failed> {
    Session::check(mailbox).await.map_err(|trouble| mailbox.failed(trouble))
}

/// What came of the mail with this Message-ID, if it is among the newest of the folder or of where mails are put away; changes
/// nothing.
///
/// # Errors
/// Why the mailbox cannot be read, and what to do.
pub(crate) async fn find(mailbox: &Mailbox, message_id: &str) -> Result<Option<Came>, String> {
    find::find(mailbox, message_id).await.map_err(|trouble| match mailbox.failed(trouble) {
        Failed::Source(why) => why,
        Failed::Store(error) => error.to_string(),
    })
}
