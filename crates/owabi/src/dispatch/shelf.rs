//! The notices on disk as they were read last: one reading for all who send by them, judge by them or tell of them.

use crate::config::Config;
use crate::library::Library;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Where the newest reading is.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    library: Mutex<Arc<Library>>,
    /// Whoever has it reads: an older reading never takes the place of a newer one.
    turn: Mutex<()>,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Arc<Library>> {
        self.library.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest reading.
    pub(super) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.lock())
    }

    /// This one was read.
    pub(super) fn put(&self, library: Arc<Library>) {
        *self.lock() = library;
    }

    /// Reads the files again. What was read takes the place of the reading before if it is `good`; true when it did.
    pub(super) fn read_again(&self, config: &Config, good: impl FnOnce(&Library) -> bool) -> bool {
        beside_the_others(|| {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let library = Library::load(config);
            let good = good(&library);
            if good {
                self.put(Arc::new(library));
            }
            good
        })
    }
}

/// A disk that hangs holds up whoever reads, or waits for who reads, and not the other tasks of this thread.
pub(super) fn beside_the_others<T>(reads: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(reads),
        _ => reads(),
    }
}
