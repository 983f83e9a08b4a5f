//! Whether the database works, as those who need it find it: the claimer, who takes rows, the recorder, who writes, and the
//! fleet's beat.

use owabi_store::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An answer that takes longer than this is as good as none (milliseconds).
const SILENCE_MS: i64 = 30_000;
const SILENT: &str = "no answer from the database";

/// The database does not do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when (epoch milliseconds).
    pub since: i64,
    /// What it says; no word of a member or of a relay.
    pub why: String,
}

/// What the dispatcher finds the database to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseState {
    /// Nothing can be recorded, so nothing is sent.
    pub recording: Option<Trouble>,
    /// No rows can be taken.
    pub claiming: Option<Trouble>,
    /// This daemon has no beat among the others, so it begins nothing new.
    pub beating: Option<Trouble>,
    /// When rows were last looked for with success (epoch milliseconds).
    pub looked_at: Option<i64>,
    /// Outcomes in memory that are not durable yet.
    pub waiting_outcomes: u64,
}

impl DatabaseState {
    /// The trouble to tell of: not recording is the worst.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.recording.as_ref().or(self.claiming.as_ref()).or(self.beating.as_ref())
    }
}

/// What claimer, recorder and beat note.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) claiming: Condition,
    pub(super) recording: Condition,
    pub(super) beating: Condition,
    waiting: AtomicU64,
}

impl Database {
    pub(super) fn state(&self, now: i64) -> DatabaseState {
        DatabaseState {
            recording: self.recording.trouble(now),
            claiming: self.claiming.trouble(now),
            beating: self.beating.trouble(now),
            looked_at: self.claiming.lock().worked_at,
            waiting_outcomes: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// The last that rows or outcomes heard of it is a failure.
    pub(super) fn is_away(&self) -> bool {
        [&self.claiming, &self.recording].into_iter().any(Condition::fails_now)
    }

    /// So many outcomes wait to be recorded.
    pub(super) fn outcomes_came(&self, outcomes: usize) {
        self.waiting.fetch_add(outcomes as u64, Ordering::Relaxed);
    }

    /// So many are recorded, or put aside.
    pub(super) fn outcomes_went(&self, outcomes: usize) {
        self.waiting.fetch_sub(outcomes as u64, Ordering::Relaxed);
    }
}

/// What is to be written, from what matters least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Write {
    /// Rows that go back to the queue.
    Back,
    /// Intents alone.
    Intents,
    /// Outcomes.
    Outcomes,
}

/// One kind of use of the database. Times are epoch milliseconds.
#[derive(Debug, Default)]
pub(super) struct Condition(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// A question that is not answered yet.
    asked_at: Option<i64>,
    worked_at: Option<i64>,
    trouble: Option<Trouble>,
    /// It is there, and refused this.
    refused: Option<Write>,
}

impl Condition {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database is asked for something.
    pub(super) fn asks(&self, now: i64) {
        self.lock().asked_at = Some(now);
    }

    /// Nothing is asked of it for now.
    pub(super) fn rests(&self) {
        self.lock().asked_at = None;
    }

    /// It did what it was asked for. True after trouble.
    pub(super) fn works(&self, now: i64) -> bool {
        let mut state = self.lock();
        (state.asked_at, state.worked_at, state.refused) = (None, Some(now), None);
        state.trouble.take().is_some()
    }

    /// It took this, which says nothing of what matters more and was refused. True after trouble.
    pub(super) fn takes(&self, what: Write, now: i64) -> bool {
        let mut state = self.lock();
        if state.refused > Some(what) {
            state.asked_at = None;
            return false;
        }
        drop(state);
        self.works(now)
    }

    /// It is there and refuses this. True when all was well until then.
    pub(super) fn refuses(&self, what: Write, error: &StoreError, now: i64) -> bool {
        let first = self.fails(error, now);
        self.lock().refused = Some(what);
        first
    }

    /// It failed. True when it worked until then: the one time to say so.
    pub(super) fn fails(&self, error: &StoreError, now: i64) -> bool {
        self.fails_because(harmless(error), now)
    }

    /// Nobody waits for its answer any more. True when it worked until then.
    pub(super) fn says_nothing(&self, now: i64) -> bool {
        self.fails_because(SILENT.to_owned(), now)
    }

    fn fails_because(&self, why: String, now: i64) -> bool {
        let mut state = self.lock();
        let since = state.asked_at.take().unwrap_or(now);
        let first = state.trouble.is_none();
        state.trouble.get_or_insert(Trouble { since, why: String::new() }).why = why;
        first
    }

    /// The last that was heard of it is a failure, and not a refusal.
    pub(super) fn fails_now(&self) -> bool {
        let state = self.lock();
        state.trouble.is_some() && state.refused.is_none()
    }

    fn trouble(&self, now: i64) -> Option<Trouble> {
        let state = self.lock();
        let silent = state.asked_at.filter(|asked_at| now - asked_at >= SILENCE_MS);
        let silence = silent.map(|since| Trouble { since, why: SILENT.to_owned() });
        state.trouble.clone().or(silence)
    }
}

/// What may be said of an error: a server that refuses a statement may quote a row.
pub(crate) fn harmless(error: &StoreError) -> String {
    match error {
        StoreError::Refused(refusal) => match refusal.as_database_error() {
            // Our own words: no row is quoted.
            Some(said) if said.message().starts_with("this queue was moved to") => said.message().to_owned(),
            Some(said) => format!("the database refused a statement (code {})", said.code().unwrap_or_default()),
            None => "the database refused a statement".to_owned(),
        },
        StoreError::Row { id, .. } => format!("row {id} cannot be read"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::say::Text;

    fn gone() -> StoreError {
        StoreError::Damaged("page 7".into())
    }

    #[test]
    fn trouble_is_said_once_counts_from_the_question_and_ends_with_an_answer() {
        let condition = Condition::default();
        assert!(!condition.works(5), "it always worked");
        condition.asks(10);
        assert!(condition.fails(&gone(), 20));
        condition.asks(30);
        assert!(!condition.fails(&gone(), 40), "said already");
        let trouble = condition.trouble(50).unwrap();
        assert!(trouble.since == 10 && trouble.why.contains("page 7"), "{trouble:?}");
        assert!(condition.works(60), "said once, too");
        assert_eq!((condition.trouble(70), condition.fails_now()), (None, false));
    }

    #[test]
    fn a_database_that_says_nothing_at_all_is_in_trouble_too() {
        let database = Database::default();
        database.recording.asks(1_000);
        assert_eq!(database.state(1_000 + SILENCE_MS - 1).trouble(), None);
        assert_eq!(database.state(1_000 + SILENCE_MS).trouble().map(|trouble| trouble.since), Some(1_000));
    }

    #[test]
    fn what_a_refused_statement_quotes_is_not_passed_on() {
        let row = StoreError::Row { id: 7, what: Text::same("taro@example.jp") };
        assert!(!harmless(&row).contains("taro"));
    }

    #[test]
    fn a_refusal_is_trouble_until_what_was_refused_is_taken_and_an_absence_until_any_answer() {
        let (condition, refusal) = (Condition::default(), StoreError::Refused(sqlx::Error::RowNotFound));
        assert!(condition.refuses(Write::Outcomes, &refusal, 10) && !condition.fails_now(), "it is there");
        condition.asks(20);
        assert!(!condition.takes(Write::Intents, 30) && !condition.takes(Write::Back, 30));
        assert_eq!(condition.trouble(20 + SILENCE_MS).map(|trouble| trouble.since), Some(10), "it is not silent");
        assert!(condition.takes(Write::Outcomes, 40) && condition.trouble(50).is_none());
        condition.refuses(Write::Intents, &refusal, 60);
        assert!(!condition.takes(Write::Back, 70) && condition.takes(Write::Intents, 80));
        condition.fails(&gone(), 90);
        assert!(condition.fails_now() && condition.takes(Write::Back, 100) && condition.trouble(110).is_none());
    }

    #[test]
    fn without_a_beat_not_all_is_well_though_rows_could_be_taken() {
        let database = Database::default();
        database.claiming.works(10);
        assert!(database.beating.says_nothing(20) && !database.is_away());
        assert_eq!(
            database.state(30).trouble().map(|trouble| trouble.why.as_str().to_owned()),
            Some(SILENT.to_owned())
        );
        database.beating.works(40);
        assert_eq!(database.state(50).trouble(), None);
    }
}
