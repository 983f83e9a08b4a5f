//! The daily report: how many members stand where, what waits for a person, and the newest seal. One mail a day, whichever
//! daemon is first.

use super::mail::Letter;
use crate::cli::say::{Text, say};
use crate::clock::now_ms;
use crate::config::Config;
use crate::japan;
use crate::ledger::{key, newest_head};
use crate::service::Pulse;
use owabi_core::ledger::Head;
use owabi_core::lifecycle::Status;
use owabi_core::watch::minute_of_day;
use owabi_store::{Store, StoreError};
use std::fmt::Write;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the clock is looked at.
const EVERY: Duration = Duration::from_secs(20);
/// How often, and how long after each other, the first seal of a queue is looked for.
const LOOKS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(500);

/// Writes the report of each day when its time has come, until it is aborted. A day whose time passed while no daemon ran has
/// its report as soon as one does.
pub async fn follow(config: Config, store: Store, letters: mpsc::Sender<Letter>, pulse: Pulse) {
    let Some(minute) = config.alerts.daily_minute() else { return pulse.retire() };
    let me = uuid::Uuid::now_v7().to_string();
    let mut told = None;
    loop {
        pulse.beat();
        let now = now_ms();
        if let Some(day) = due(now, minute).filter(|day| told.as_ref() != Some(day)) {
            match report(&config, &store, (&day, &me), now).await {
                Ok(letter) => {
                    told = Some(day);
                    if let Some(letter) = letter {
                        // Whoever mails has gone only when the daemon ends.
                        let _ = pulse.waits_for(letters.send(letter)).await;
                    }
                }
                Err(error) => tracing::warn!(error = crate::dispatch::harmless(&error), "no daily report yet"),
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The day in Japan whose report is due at `now` (epoch milliseconds), if its time has come.
fn due(now: i64, minute: u16) -> Option<String> {
    (minute_of_day(now) >= minute).then(|| japan::day(now))
}

/// The report, unless another daemon has taken it on.
async fn report(
    config: &Config,
    store: &Store,
    (day, me): (&str, &str),
    now: i64,
) -> Result<Option<Letter>, StoreError> {
    let text = text(config, store).await?;
    if store.meta_or(&format!("daily:{day}"), me).await? != me {
        return Ok(None);
    }
    let subject = say!(ja: "owabi: {day} の報告", en: "owabi: report of {day}");
    let lang = config.language.lang();
    Ok(Some(Letter { subject: subject.of(lang).to_owned(), body: text.of(lang).to_owned(), at: now }))
}

/// Numbers only: no member is named.
async fn text(config: &Config, store: &Store) -> Result<Text, StoreError> {
    let (mut counts, mut lines) = (store.counts().await?, Lines::default());
    for notice in store.notices().await? {
        let (id, state) = (&notice.id, &notice.state);
        lines.add(&say!(ja: "{id} [{state}]", en: "{id} [{state}]"));
        let counts = counts.remove(id).unwrap_or_default();
        for status in Status::ALL {
            let (n, ja, en) =
                (counts.get(&status).copied().unwrap_or(0), crate::cli::status_label(status), status.as_str());
            if n > 0 {
                lines.add(&say!(ja: "  {n:>9}  {ja}", en: "  {n:>9}  {en}"));
            }
        }
        if state == "paused" {
            lines.add(&say!(
                ja: "  一時停止中です。`owabi resume {id}` か `owabi withdraw --notice {id}` を待っています。",
                en: "  paused: it waits for `owabi resume {id}` or `owabi withdraw --notice {id}`"
            ));
        }
    }
    let review: i64 = store.arrival_counts().await?.iter().filter(|of| of.state == "review").map(|of| of.count).sum();
    lines.add(&say!(
        ja: "確認を待つ返信・通知: {review} 件(`owabi track review`)",
        en: "mails that came back and wait for a look: {review} (`owabi track review`)"
    ));
    lines.add(&match head(config, store).await? {
        Some(head) => say!(
            ja: "台帳の最新の封印(`owabi ledger verify --head` にこのメールを渡せます):\n{head}",
            en: "the ledger's newest seal (`owabi ledger verify --head` reads this mail):\n{head}"
        ),
        None => say!(ja: "封印はまだありません。", en: "no seal yet"),
    });
    Ok(lines.0)
}

/// The newest head. At the very start of a queue's first daemon the first seal is waited for, a few seconds at most.
async fn head(config: &Config, store: &Store) -> Result<Option<Head>, StoreError> {
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        // A key that cannot be used is told by the sealer.
        let Some(key) = key::public(config, store).await.ok().flatten() else { continue };
        let head = newest_head(store, &key).await?;
        if head.number > 0 {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

struct Lines(Text);

impl Default for Lines {
    fn default() -> Self {
        Self(Text::same(""))
    }
}

impl Lines {
    fn add(&mut self, line: &Text) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0.ja, "{}", line.ja);
        let _ = writeln!(self.0.en, "{}", line.en);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_s_report_is_due_from_its_minute_until_the_day_ends_in_japan() {
        let midnight = 1_646_146_800_000;
        let at = |minutes: i64| due(midnight + minutes * 60_000, 9 * 60);
        assert_eq!((at(539), at(540), at(1_439)), (None, Some("2022-03-02".into()), Some("2022-03-02".into())));
        assert_eq!((at(1_440), at(1_980)), (None, Some("2022-03-03".into())));
    }
}
