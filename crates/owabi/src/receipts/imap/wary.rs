//! Mails at which a connection ended: what one connection leaves to the next, so that no mail keeps those behind it from being read.

use super::Counted;
use std::collections::HashMap;

/// So many connections may end at one mail that is asked for alone; then it is passed over.
const MOST: u8 = 2;

/// What became of connections that ended while mails were read.
#[derive(Debug, Default)]
pub(super) struct Wary {
    /// By UID: how many connections ended when it was asked for alone. Those that are here are asked for alone.
    ended: HashMap<u32, u8>,
    /// The UIDs above are of this UIDVALIDITY.
    uid_validity: Option<u32>,
    /// What was taken by connections that ended, and not yet told.
    pub(super) untold: Counted,
    /// A connection ended at a mail: the next one does otherwise.
    learned: bool,
}

impl Wary {
    /// UIDs of another validity are other mails.
    pub(super) fn in_folder(&mut self, uid_validity: Option<u32>) {
        if self.uid_validity != uid_validity {
            self.ended.clear();
            self.uid_validity = uid_validity;
        }
    }

    /// The connection ended while these were read.
    pub(super) fn ended_at(&mut self, uids: &[u32]) {
        self.learned = true;
        for uid in uids {
            let ended = self.ended.entry(*uid).and_modify(|ended| *ended = ended.saturating_add(1));
            ended.or_insert(u8::from(uids.len() == 1));
        }
    }

    /// The server refuses it: a connection may hear only so many refusals.
    pub(super) fn refused(&mut self, uid: u32) {
        self.ended.insert(uid, MOST);
    }

    pub(super) fn was_read(&mut self, uid: u32) {
        self.ended.remove(&uid);
    }

    /// To be asked for alone.
    pub(super) fn suspects(&self, uid: u32) -> bool {
        self.ended.contains_key(&uid)
    }

    pub(super) fn passes_over(&self, uid: u32) -> bool {
        self.ended.get(&uid).is_some_and(|ended| *ended >= MOST)
    }

    /// Whether to connect again at once: since this was asked last, a connection ended while mails were read.
    pub(super) fn has_learned(&mut self) -> bool {
        std::mem::take(&mut self.learned)
    }

    /// After a while they are tried again.
    pub(super) fn forgive(&mut self) {
        self.ended.values_mut().for_each(|ended| *ended = 0);
    }
}
