//! The notices on disk as they were read last: one reading for all who send by them, judge by them or tell of them.
//!
//! No mail is sent by a policy that is not in the ledger: what is read again is entered before it takes the old one's place, and
//! what nobody entered is not [`Shelf::sendable`].

use crate::cli::say::Text;
use crate::clock::now_ms;
use crate::config::Config;
use crate::configuration::{self, Policies};
use crate::disk::apart;
use crate::library::{Library, LoadedNotice};
use owabi_store::{NoticeRow, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the newest reading is.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    reading: Mutex<Reading>,
    /// Whoever has it reads: an older reading never takes the place of a newer one.
    turn: tokio::sync::Mutex<()>,
}

/// The files as they are now, before anything is done by them.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    library: Library,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

#[derive(Clone, Debug, Default)]
struct Reading {
    library: Arc<Library>,
    /// The policies in it that are in the ledger.
    noted: Policies,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest reading.
    pub(super) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.lock().library)
    }

    /// What a run begins with. Until it is read again nothing is sent by it: it may have been read long ago.
    pub(super) fn put(&self, library: Arc<Library>) {
        *self.lock() = Reading { library, noted: Policies::default() };
    }

    /// The notice, if its policy is in the ledger, or why there is none.
    pub(super) fn sendable(&self, id: &str) -> Result<Option<Arc<LoadedNotice>>, Text> {
        let reading = self.lock();
        reading.library.get(id).map(|notice| reading.noted.contains_key(id).then_some(notice))
    }

    /// The hash of the notice's policy that mails may be sent by.
    pub(super) fn policy(&self, id: &str) -> Option<String> {
        self.lock().noted.get(id).cloned()
    }

    /// Reads the files again, when it has its turn.
    pub(super) async fn read_again(&self, config: &Arc<Config>) -> Fresh<'_> {
        let turn = self.turn.lock().await;
        let config = Arc::clone(config);
        // What cannot be read is as if it were not there.
        let library = apart(move || Library::load(&config)).await.unwrap_or_default();
        Fresh { library, _turn: turn }
    }

    /// Enters what is new of its policies into the ledger; then it takes the place of the reading before. Returns the released
    /// notices whose files are not those that were released: what was read of them before stays.
    ///
    /// # Errors
    /// The database's. All is as before.
    pub(super) async fn enter(
        &self,
        fresh: Fresh<'_>,
        config: &Config,
        store: &Store,
    ) -> Result<BTreeSet<String>, StoreError> {
        let Fresh { mut library, _turn } = fresh;
        let others = self.keep_what_was_released(&mut library, &store.notices().await?);
        let noted = configuration::note(config, &library, store, "owabi", now_ms()).await?;
        *self.lock() = Reading { library: Arc::new(library), noted };
        Ok(others)
    }

    /// An edited text changes nothing: what was released is sent.
    fn keep_what_was_released(&self, library: &mut Library, rows: &[NoticeRow]) -> BTreeSet<String> {
        let before = self.library();
        let others: Vec<_> =
            rows.iter().filter(|row| row.fingerprint.is_some() && !library.is_as_released(row)).collect();
        for row in others.iter().filter(|row| before.is_as_released(row)) {
            library.notices.extend(before.notices.get_key_value(&row.id).map(|(id, of)| (id.clone(), Arc::clone(of))));
        }
        others.into_iter().map(|row| row.id.clone()).collect()
    }
}
