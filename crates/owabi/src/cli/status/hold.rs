//! What holds a released notice up that is neither paused nor done: its hours, or the verdict about its first mails.

use crate::cli::say::{Text, say};
use crate::japan;
use crate::library::Library;
use owabi_core::notice::Window;
use owabi_core::watch::{self, Outcomes};
use owabi_store::{NoticeRow, Store, StoreError};
use serde_json::{Value, json};

/// What is known of one notice. Without its files on this machine nothing is.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// When mails may leave: the window, and when it opens next (epoch milliseconds) if it is closed.
    window: Option<(Window, Option<i64>)>,
    /// The first mails, while they are not judged: how many there are to be, and what became of them.
    canary: Option<(u32, Outcomes)>,
}

impl Hold {
    /// What holds up this notice at `now` (epoch milliseconds).
    pub(crate) async fn of(store: &Store, library: &Library, row: &NoticeRow, now: i64) -> Result<Self, StoreError> {
        let Ok(notice) = library.get(&row.id) else { return Ok(Self::default()) };
        let policy = &notice.renderer.definition().policy;
        let window = policy.window.map(|window| (window, watch::opens_at(Some(window), now)));
        let text = row.fingerprint.as_deref();
        let mut canary = None;
        if let Some(text) = text.filter(|_| policy.canary > 0 && row.canary_passed_at.is_none()) {
            canary = Some((policy.canary, store.canary_outcomes(&row.id, text).await?));
        }
        Ok(Self { window, canary })
    }

    /// Something holds it up now.
    pub(crate) fn holds(&self) -> bool {
        self.canary.is_some() || self.window.is_some_and(|(_, opens_at)| opens_at.is_some())
    }

    /// When the next mail is due that may leave now (epoch milliseconds): none while the window is closed, and of a canary that has
    /// its size only its own, which are tried again.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn next_due(&self, store: &Store, row: &NoticeRow) -> Result<Option<i64>, StoreError> {
        if self.window.is_some_and(|(_, opens_at)| opens_at.is_some()) { Ok(None) } else { self.due(store, row).await }
    }

    /// When the next mail can leave that waits for nothing but the time: not before its hours begin (epoch milliseconds).
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn leaves_at(&self, store: &Store, row: &NoticeRow, now: i64) -> Result<Option<i64>, StoreError> {
        let window = self.window.map(|(window, _)| window);
        let due = self.due(store, row).await?;
        Ok(due.map(|due| watch::opens_at(window, due.max(now)).unwrap_or(due)))
    }

    async fn due(&self, store: &Store, row: &NoticeRow) -> Result<Option<i64>, StoreError> {
        match (self.canary, row.fingerprint.as_deref()) {
            (Some((size, of)), Some(text)) if of.total() >= i64::from(size) => store.canary_due(&row.id, text).await,
            _ => store.next_due(&row.id).await,
        }
    }

    pub(crate) fn document(&self) -> Value {
        let window = self.window.map(|(hours, opens_at)| {
            json!({ "hours": hours.to_string(), "open": opens_at.is_none(), "opens_at": opens_at.map(japan::iso) })
        });
        let canary = self.canary.map(|(size, of)| {
            json!({ "size": size, "sent": of.total(), "good": of.good, "failed": of.failed, "waiting": of.waiting })
        });
        json!({ "window": window, "canary": canary })
    }

    /// For people.
    pub(crate) fn texts(&self) -> Vec<Text> {
        let closed = self.window.and_then(|(hours, opens_at)| Some((hours, japan::short(opens_at?))));
        let window = closed.map(|(hours, opens)| {
            say!(
                ja: "  送信時間帯({hours})の外です。次は {opens} に始まります。",
                en: "  outside its window ({hours}, Japan time); it opens at {opens}"
            )
        });
        let canary = self.canary.map(|(size, of)| {
            let Outcomes { good, failed, waiting } = of;
            say!(
                ja: "  試し送り(最初の {size} 通まで): 受付 {good}、失敗 {failed}、結果待ち {waiting}。結果が分かるまで残りは送りません。",
                en: "  canary (the first {size} at most): {good} accepted, {failed} failed, {waiting} not known yet; the rest waits for them"
            )
        });
        window.into_iter().chain(canary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled::released;
    use owabi_store::{CanaryClaim, OpenOptions};

    fn hours() -> Window {
        Window { opens: 540, closes: 1_080 }
    }

    #[tokio::test]
    async fn no_mail_is_said_to_leave_before_its_hours_begin() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
        let store = Store::open(&OpenOptions::new(url)).await.unwrap();
        released(&store, "n1", 5).await;
        let row = store.notices().await.unwrap().remove(0);
        let leaves_at = async |window: Option<Window>, now| {
            let window = window.map(|window| (window, watch::opens_at(Some(window), now)));
            Hold { window, canary: None }.leaves_at(&store, &row, now).await.unwrap()
        };
        let nine = 1_646_179_200_000;
        assert_eq!(
            leaves_at(Some(hours()), nine - 60_000).await,
            Some(nine),
            "due for long, and its hours begin at nine"
        );
        assert_eq!(leaves_at(Some(hours()), nine + 60_000).await, Some(10), "due now");
        assert_eq!(leaves_at(None, nine - 60_000).await, Some(10));
    }

    #[tokio::test]
    async fn mails_of_a_canary_are_due_and_those_that_wait_for_its_verdict_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
        let store = Store::open(&OpenOptions::new(url)).await.unwrap();
        released(&store, "n1", 5).await;
        let row = store.notices().await.unwrap().remove(0);
        let due = async |window: Option<i64>, canary: Option<u32>| {
            let outcomes = store.canary_outcomes("n1", "f").await.unwrap();
            let window = window.map(|opens_at| (hours(), Some(opens_at)));
            Hold { window, canary: canary.map(|size| (size, outcomes)) }.next_due(&store, &row).await.unwrap()
        };
        assert_eq!((due(None, None).await, due(None, Some(2)).await), (Some(10), Some(10)), "nobody was sent to yet");
        assert_eq!((due(Some(99), None).await, due(Some(99), Some(2)).await), (None, None), "the window is closed");
        let of = CanaryClaim { notice_id: "n1", text: "f", size: 2, now: 20, lease_ms: 600_000, limit: 9 };
        let taken = store.claim_canary(of).await.unwrap();
        assert_eq!((taken.len(), due(None, Some(2)).await), (2, None), "the others wait for its verdict");
        store.give_back(&[(taken[0].id, taken[0].fence, 500)], 20).await.unwrap();
        assert_eq!((due(None, Some(2)).await, due(None, Some(3)).await), (Some(500), Some(10)));
    }
}
