//! Which sources cannot be read, as the readers find them: for the log, which says each once, and for whoever asks whether all is well.

use crate::dispatch::Trouble;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sources with something wrong, by name.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<String, Trouble>>>);

impl Troubles {
    /// What is wrong now.
    pub fn list(&self) -> Vec<(String, Trouble)> {
        self.lock().iter().map(|(source, trouble)| (source.clone(), trouble.clone())).collect()
    }

    /// Something is wrong. Whether that is news: nothing was, or something else.
    pub(super) fn begin(&self, source: &str, why: &str, now: i64) -> bool {
        let mut troubles = self.lock();
        let before = troubles.get(source).cloned();
        let since = before.as_ref().map_or(now, |before| before.since);
        troubles.insert(source.to_owned(), Trouble { since, why: why.to_owned() });
        before.is_none_or(|before| before.why != why)
    }

    /// All is well with it. Whether that is news.
    pub(super) fn end(&self, source: &str) -> bool {
        self.lock().remove(source).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_news_when_it_begins_and_when_it_changes_and_counts_from_its_beginning() {
        let troubles = Troubles::default();
        assert!(!troubles.end("imap"));
        assert!(troubles.begin("imap", "gone", 5) && !troubles.begin("imap", "gone", 6));
        assert!(troubles.begin("imap", "wrong password", 7));
        let said = Trouble { since: 5, why: "wrong password".into() };
        assert_eq!(troubles.list(), [("imap".to_owned(), said)]);
        assert!(troubles.end("imap") && troubles.list().is_empty());
    }
}
