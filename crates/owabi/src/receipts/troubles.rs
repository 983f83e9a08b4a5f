//! Which sources cannot be read, as the readers find them: for the log, which says each once, and for whoever asks whether all is well.

use crate::dispatch::Trouble;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sources with something wrong, by name.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<BTreeMap<String, Said>>>);

/// What is wrong with a source, and whether the database knows.
#[derive(Clone, Debug)]
struct Said {
    trouble: Trouble,
    is_recorded: bool,
}

impl Troubles {
    /// What is wrong now.
    pub fn list(&self) -> Vec<(String, Trouble)> {
        self.lock().iter().map(|(source, said)| (source.clone(), said.trouble.clone())).collect()
    }

    /// The sources are other ones from now on.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    /// Something is wrong. Whether that is news: nothing was, or something else.
    pub(super) fn begin(&self, source: &str, why: &str, now: i64) -> bool {
        let mut troubles = self.lock();
        let before = troubles.get(source).cloned();
        let is_news = before.as_ref().is_none_or(|before| before.trouble.why != why);
        let since = before.as_ref().map_or(now, |before| before.trouble.since);
        let is_recorded = !is_news && before.is_some_and(|before| before.is_recorded);
        troubles.insert(source.to_owned(), Said { trouble: Trouble { since, why: why.to_owned() }, is_recorded });
        is_news
    }

    /// Whether the database does not know yet what is wrong.
    pub(super) fn is_unrecorded(&self, source: &str) -> bool {
        self.lock().get(source).is_some_and(|said| !said.is_recorded)
    }

    /// The database knows.
    pub(super) fn recorded(&self, source: &str) {
        if let Some(said) = self.lock().get_mut(source) {
            said.is_recorded = true;
        }
    }

    /// All is well with it. Whether that is news.
    pub(super) fn end(&self, source: &str) -> bool {
        self.lock().remove(source).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Said>> {
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
        assert!(troubles.is_unrecorded("imap"));
        troubles.recorded("imap");
        assert!(!troubles.begin("imap", "wrong password", 8) && !troubles.is_unrecorded("imap"));
        assert!(troubles.begin("imap", "gone", 9) && troubles.is_unrecorded("imap"), "news is to be recorded");
        assert!(troubles.end("imap") && troubles.list().is_empty());
    }
}
