//! Bounces from a Maildir: what lies in `new/` is handed over, and moved to `cur/` when that is durable.
//!
//! `cur/` is left alone: what is there was taken by us, or moved by somebody who reads the mails himself. Nothing is synced:
//! a move that a crash undoes is a mail that is taken twice, which the intake knows by its hash. Two readers of one Maildir do no harm
//! for the same reason.

mod files;
mod news;
#[cfg(test)]
mod tests;

use super::counted::{Counted, Failed};
use super::{Arrival, Intake, Verdict};
use crate::clock;
use files::{Entry, Folder, Moved};
use news::News;
use owabi_store::StoreError;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A Maildir that is read.
#[derive(Clone, Debug)]
pub(crate) struct Maildir {
    folder: Folder,
    source: String,
}

impl Maildir {
    /// The Maildir at `folder`. It need not exist yet: whoever delivers into it may make it with the first mail.
    pub(crate) fn new(folder: &Path) -> Self {
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self { source: format!("maildir:{}", absolute.display()), folder: Folder(absolute) }
    }

    /// Its name as a source.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Hands over everything in `new/`, the oldest first, and moves it.
    ///
    /// # Errors
    /// What `take` says, or that this is no Maildir that can be read. What was handed over before was moved.
    pub(crate) async fn pass<F>(&self, take: impl Fn(Vec<Arrival>) -> F) -> Result<Counted, Failed>
    where
        F: Future<Output = Result<Vec<Verdict>, StoreError>>,
    {
        let mut counted = Counted::default();
        let mut stay = HashSet::new();
        loop {
            let known = std::mem::take(&mut stay);
            let (listed, known) = self.blocking(move |folder| (folder.list(&known), known)).await?;
            stay = known;
            let mut listing = listed.map_err(Failed::Source)?;
            counted.unreadable += listing.unreadable.len() as u64;
            stay.extend(listing.unreadable.drain(..));
            while !listing.entries.is_empty() {
                let batch = self.blocking(move |folder| folder.read(listing.entries)).await?;
                listing.entries = batch.rest;
                counted.unreadable += batch.unreadable.len() as u64;
                stay.extend(batch.unreadable);
                if batch.entries.is_empty() {
                    continue;
                }
                let verdicts = take(batch.arrivals).await?;
                self.put_away(batch.entries, &verdicts, &mut counted, &mut stay).await?;
            }
            if !listing.more {
                return Ok(counted);
            }
        }
    }

    async fn put_away(
        &self,
        entries: Vec<Entry>,
        verdicts: &[Verdict],
        counted: &mut Counted,
        stay: &mut HashSet<OsString>,
    ) -> Result<(), Failed> {
        for verdict in verdicts {
            counted.add(*verdict);
        }
        let moves: Vec<_> = entries.into_iter().zip(verdicts.iter().copied()).collect();
        let put = move |folder: &Folder| -> Vec<_> {
            let one = |(entry, verdict): (Entry, Verdict)| (folder.put_away(&entry, verdict), entry.name);
            moves.into_iter().map(one).collect()
        };
        for (moved, name) in self.blocking(put).await? {
            if moved == Moved::No {
                counted.unmoved += 1;
                stay.insert(name);
            }
        }
        Ok(())
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Folder) -> T + Send + 'static) -> Result<T, Failed> {
        let folder = self.folder.clone();
        let joined = tokio::task::spawn_blocking(move || work(&folder)).await;
        joined.map_err(|_| Failed::Source("reading the Maildir was broken off".to_owned()))
    }

    /// One pass, for the daemon and the command line alike: the intake learns how it went.
    async fn look(&self, intake: &Intake) -> Result<Counted, Failed> {
        let began_at = clock::now_ms();
        let counted = self.pass(|arrivals| intake.take(&self.source, arrivals)).await?;
        match self.trouble(&counted) {
            Some(trouble) if counted.unreadable > 0 => intake.trouble(&self.source, &trouble),
            remaining => intake.looked(&self.source, began_at, remaining.as_deref()).await?,
        }
        Ok(counted)
    }

    fn trouble(&self, counted: &Counted) -> Option<String> {
        let folder = self.folder.0.display();
        let (unreadable, unmoved) = (counted.unreadable, counted.unmoved);
        if unreadable > 0 {
            let advice = "let the account that runs owabi read them";
            return Some(format!("{unreadable} mails in {folder}/new cannot be read: {advice}"));
        }
        let advice =
            "let the account that runs owabi write in new and cur; names longer than 240 octets must be shortened";
        (unmoved > 0).then(|| format!("{unmoved} mails were recorded but cannot be moved to {folder}/cur: {advice}"))
    }
}

/// `owabi track maildir`: takes what lies there, and returns.
///
/// # Errors
/// As [`Maildir::pass`].
pub(crate) async fn once(maildir: &Maildir, intake: &Intake) -> Result<Counted, Failed> {
    maildir.look(intake).await
}

/// The daemon's reader: takes mails as they come (inotify), and looks at least every `poll`, until `stop`.
/// What goes wrong is told to the intake; nothing ends it but `stop`.
pub(crate) async fn follow(maildir: Maildir, intake: Intake, poll: Duration, stop: CancellationToken) {
    let mut news = News::default();
    let reading = async {
        loop {
            // Watched before it is read, so that nothing falls in between.
            news.watch(&maildir.folder.incoming());
            match maildir.look(&intake).await {
                Ok(counted) => counted.tell(&maildir.source),
                Err(failed) => {
                    failed.tell(&intake, &maildir.source);
                    news.forget();
                }
            }
            news.wait(poll).await;
        }
    };
    stop.run_until_cancelled(reading).await;
}
