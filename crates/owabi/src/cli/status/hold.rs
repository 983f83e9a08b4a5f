//! What holds a released notice up that is neither paused nor done: its hours, or the verdict about its first mails.

use crate::cli::say::{Text, say};
use crate::japan;
use crate::library::Library;
use owabi_core::watch::{self, Outcomes};
use owabi_store::{NoticeRow, Store, StoreError};
use serde_json::{Value, json};

/// What is known of one notice. Without its files on this machine nothing is.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// When mails may leave: the window, and when it opens next (epoch milliseconds) if it is closed.
    window: Option<(String, Option<i64>)>,
    /// The first mails, while they are not judged: how many there are to be, and what became of them.
    canary: Option<(u32, Outcomes)>,
}

impl Hold {
    /// What holds up this notice at `now` (epoch milliseconds).
    pub(crate) async fn of(store: &Store, library: &Library, row: &NoticeRow, now: i64) -> Result<Self, StoreError> {
        let Ok(notice) = library.get(&row.id) else { return Ok(Self::default()) };
        let policy = &notice.renderer.definition().policy;
        let window = policy.window.map(|window| (window.to_string(), watch::opens_at(Some(window), now)));
        let text = row.fingerprint.as_deref();
        let mut canary = None;
        if let Some(text) = text.filter(|_| policy.canary > 0 && row.canary_passed_at.is_none()) {
            canary = Some((policy.canary, store.canary_outcomes(&row.id, text).await?));
        }
        Ok(Self { window, canary })
    }

    /// Something holds it up now.
    pub(crate) fn holds(&self) -> bool {
        self.canary.is_some() || self.window.as_ref().is_some_and(|(_, opens_at)| opens_at.is_some())
    }

    pub(crate) fn document(&self) -> Value {
        let window = self.window.as_ref().map(|(hours, opens_at)| {
            json!({ "hours": hours, "open": opens_at.is_none(), "opens_at": opens_at.map(japan::iso) })
        });
        let canary = self.canary.map(|(size, of)| {
            json!({ "size": size, "sent": of.total(), "good": of.good, "failed": of.failed, "waiting": of.waiting })
        });
        json!({ "window": window, "canary": canary })
    }

    /// For people.
    pub(crate) fn texts(&self) -> Vec<Text> {
        let closed = self.window.as_ref().and_then(|(hours, opens_at)| Some((hours, japan::short((*opens_at)?))));
        let window = closed.map(|(hours, opens)| {
            say!(
                ja: "  送信時間帯({hours})の外です。次は {opens} に始まります。",
                en: "  outside its window ({hours}, Japan time); it opens at {opens}"
            )
        });
        let canary = self.canary.map(|(size, of)| {
            let Outcomes { good, failed, waiting } = of;
            say!(
                ja: "  試し送り(最初の {size} 通まで): 受付 {good}、失敗 {failed}、結果待ち {waiting}。結果がわかるまで残りは送りません。",
                en: "  canary (the first {size} at most): {good} accepted, {failed} failed, {waiting} not known yet; the rest waits for them"
            )
        });
        window.into_iter().chain(canary).collect()
    }
}
