//! From an entry as the database has it to its leaf.

use owabi_core::ids::{Keys, Pseudonyms};
use owabi_core::ledger::{Body, Entry, Hash, leaf};
use owabi_store::{LedgerRow, Store, StoreError};
use std::collections::HashMap;

/// Numbers of entries that are read together.
pub(super) const PAGE: i64 = 1_024;

/// What stands for the leaf of an entry that owabi has never written.
const UNREADABLE: Hash = [0; 32];

/// Makes leaves; remembers the pseudonyms of each notice.
pub(super) struct Leaves {
    keys: Keys,
    of: HashMap<String, Pseudonyms>,
    /// The line that is being hashed.
    line: Vec<u8>,
}

impl Leaves {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, of: HashMap::new(), line: Vec::new() }
    }

    /// The leaf of a row; `None` when the row that it names is not there.
    pub(super) fn of(&mut self, row: LedgerRow) -> Option<Hash> {
        let Some(entry) = row.entry else { return Some(UNREADABLE) };
        if entry.body == Body::Gone {
            return None;
        }
        Some(self.write(entry).map_or(UNREADABLE, |()| leaf(&self.line)))
    }

    fn write(&mut self, entry: Entry) -> serde_json::Result<()> {
        self.line.clear();
        let notice_id = entry.notice_id.as_deref().unwrap_or_default();
        if let Some(pseudonyms) = self.of.get(notice_id) {
            return entry.write_line(pseudonyms, &mut self.line);
        }
        let pseudonyms = self.keys.pseudonyms(notice_id);
        self.of.insert(notice_id.to_owned(), pseudonyms.clone());
        entry.write_line(&pseudonyms, &mut self.line)
    }
}

/// Ranges cut into pages.
pub(super) fn pages(ranges: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let cut = |(first, last): &(i64, i64)| {
        let (first, last) = (*first, *last);
        let starts = std::iter::successors(Some(first), move |start| Some(start + PAGE).filter(|next| *next <= last));
        starts.map(move |start| (start, last.min(start + PAGE - 1)))
    };
    ranges.iter().flat_map(cut).collect()
}

/// The entries of these ranges that are there.
pub(super) async fn read(store: &Store, ranges: &[(i64, i64)]) -> Result<Vec<LedgerRow>, StoreError> {
    let mut rows = Vec::new();
    for (first, last) in pages(ranges) {
        rows.extend(store.ledger_entries(first, last).await?);
    }
    Ok(rows)
}
