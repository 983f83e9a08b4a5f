//! What earlier lines said of the mails that are in the queue. Bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};

/// A mail that left the queue is still known until so many others have left it: lines of several programs may overtake each other.
const LEAVING: usize = 1_000;
/// Longer Message-IDs are not remembered: none of ours is.
const LONGEST_MESSAGE_ID: usize = 255;

#[derive(Debug)]
pub(super) struct Known {
    mails: HashMap<Box<str>, Mail>,
    by_age: BTreeMap<u64, Box<str>>,
    leaving: VecDeque<(u64, Box<str>)>,
    next: u64,
    most: usize,
}

#[derive(Debug)]
struct Mail {
    /// Tells this mail from another one that has the same queue id later: they are used again.
    serial: u64,
    message_id: Option<Box<str>>,
    taken: bool,
}

impl Known {
    pub(super) fn new(most: usize) -> Self {
        Self { mails: HashMap::new(), by_age: BTreeMap::new(), leaving: VecDeque::new(), next: 0, most: most.max(1) }
    }

    /// A mail begins: cleanup says its Message-ID.
    pub(super) fn named(&mut self, queue_id: &str, message_id: Option<String>) {
        let message_id = message_id.filter(|id| id.len() <= LONGEST_MESSAGE_ID).map(String::into_boxed_str);
        self.insert(queue_id, message_id, false);
    }

    /// Whether the queue manager takes it for the first time, as far as is known.
    pub(super) fn first_taken(&mut self, queue_id: &str) -> bool {
        if let Some(mail) = self.mails.get_mut(queue_id) {
            return !std::mem::replace(&mut mail.taken, true);
        }
        self.insert(queue_id, None, true);
        true
    }

    pub(super) fn message_id(&self, queue_id: &str) -> Option<&str> {
        self.mails.get(queue_id)?.message_id.as_deref()
    }

    /// It left the queue.
    pub(super) fn gone(&mut self, queue_id: &str) {
        let Some(mail) = self.mails.get(queue_id) else { return };
        self.leaving.push_back((mail.serial, queue_id.into()));
        if self.leaving.len() > LEAVING
            && let Some((serial, queue_id)) = self.leaving.pop_front()
        {
            self.forget(serial, &queue_id);
        }
    }

    fn insert(&mut self, queue_id: &str, message_id: Option<Box<str>>, taken: bool) {
        let serial = self.next;
        self.next += 1;
        if let Some(before) = self.mails.insert(queue_id.into(), Mail { serial, message_id, taken }) {
            self.by_age.remove(&before.serial);
        }
        self.by_age.insert(serial, queue_id.into());
        if self.mails.len() > self.most
            && let Some((serial, oldest)) = self.by_age.pop_first()
        {
            self.forget(serial, &oldest);
        }
    }

    fn forget(&mut self, serial: u64, queue_id: &str) {
        if self.mails.get(queue_id).is_some_and(|mail| mail.serial == serial) {
            self.mails.remove(queue_id);
            self.by_age.remove(&serial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> String {
        format!("4D65C{n:05X}")
    }

    #[test]
    fn the_oldest_mail_is_forgotten_when_there_are_too_many_and_nothing_is_left_of_it() {
        let mut known = Known::new(10);
        (0..25).for_each(|n| known.named(&id(n), Some(format!("m{n}@x.test"))));
        assert_eq!((known.message_id(&id(14)), known.message_id(&id(15))), (None, Some("m15@x.test")));
        assert_eq!((known.mails.len(), known.by_age.len()), (10, 10));
    }

    #[test]
    fn a_mail_that_left_is_known_for_a_while_and_then_gone_but_not_another_with_its_queue_id() {
        let mut known = Known::new(100_000);
        known.named("AAAAA1", Some("first@x.test".to_owned()));
        known.named("AAAAA2", Some("other@x.test".to_owned()));
        known.gone("AAAAA1");
        known.gone("AAAAA2");
        assert_eq!(known.message_id("AAAAA2"), Some("other@x.test"));
        known.named("AAAAA1", Some("again@x.test".to_owned()));
        for n in 0..=LEAVING {
            known.named(&id(n), None);
            known.gone(&id(n));
        }
        assert_eq!((known.message_id("AAAAA1"), known.message_id("AAAAA2")), (Some("again@x.test"), None));
        assert_eq!((known.mails.len(), known.by_age.len(), known.leaving.len()), (LEAVING + 1, LEAVING + 1, LEAVING));
    }

    #[test]
    fn a_message_id_of_any_length_takes_no_more_room_than_ours() {
        let mut known = Known::new(10);
        known.named("AAAAA1", Some("x".repeat(60_000)));
        assert_eq!(known.message_id("AAAAA1"), None);
    }
}
