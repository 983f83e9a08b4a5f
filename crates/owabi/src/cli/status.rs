//! `status`: how many members stand where.

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::Session;
use crate::{clock, japan};
use owabi_core::lifecycle::Status;
use owabi_store::{NoticeRow, Store};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The options of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi status
  owabi status metaps-2022 --watch
  owabi --json status | jq '.notices[0].counts.accepted'")]
pub(super) struct Options {
    /// Only this notice
    id: Option<String>,
    /// Go on every two seconds, with the rate, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// One notice with what is counted of it.
struct Line {
    notice: NoticeRow,
    counts: BTreeMap<Status, i64>,
    oldest_due: Option<i64>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    if options.watch && session.json {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--watch と --json は同時に使えません。", en: "--watch and --json exclude each other"),
        ));
    }
    let config = session.config()?;
    let store = session.store(&config).await?;
    let lines = read(&store, options.id.as_deref()).await?;
    if let Some(id) = options.id.as_deref().filter(|_| lines.is_empty()) {
        super::pause::known_state(None, id)?;
    }
    tell(session, &lines, None);
    let total: i64 = lines.iter().map(Line::total).sum();
    session.answer(&json!({ "notices": lines.iter().map(Line::document).collect::<Vec<_>>(), "total": total }));
    if options.watch {
        watch(session, &store, options.id.as_deref(), &lines).await?;
    }
    store.close().await;
    Ok(Exit::Done)
}

async fn watch(session: &Session, store: &Store, id: Option<&str>, first: &[Line]) -> Result<(), Failure> {
    let (mut before, mut at) = (done(first), clock::monotonic());
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        let lines = read(store, id).await?;
        let (now, sofar) = (clock::monotonic(), done(&lines));
        let seconds = now.duration_since(at).as_secs_f64().max(0.001);
        tell(session, &lines, Some((sofar - before) as f64 / seconds));
        (before, at) = (sofar, now);
    }
}

fn done(lines: &[Line]) -> i64 {
    let finished = |line: &Line| line.counts.iter().filter(|(s, _)| s.is_final()).map(|(_, n)| n).sum::<i64>();
    lines.iter().map(finished).sum()
}

async fn read(store: &Store, id: Option<&str>) -> Result<Vec<Line>, Failure> {
    let mut counts = store.counts().await?;
    let mut lines = Vec::new();
    for notice in store.notices().await? {
        if id.is_none_or(|id| id == notice.id) {
            let oldest_due = store.next_due(&notice.id).await?;
            lines.push(Line { counts: counts.remove(&notice.id).unwrap_or_default(), notice, oldest_due });
        }
    }
    Ok(lines)
}

impl Line {
    fn count(&self, status: Status) -> i64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    fn total(&self) -> i64 {
        self.counts.values().sum()
    }

    fn document(&self) -> Value {
        let counts: Map<String, Value> =
            Status::ALL.iter().map(|status| (status.as_str().to_owned(), self.count(*status).into())).collect();
        json!({
            "id": self.notice.id,
            "title": self.notice.title,
            "state": self.notice.state,
            "state_reason": self.notice.state_reason,
            "counts": counts,
            "total": self.total(),
            "oldest_due": self.oldest_due.map(japan::iso),
            "released_at": self.notice.released_at.map(japan::iso),
        })
    }
}

fn tell(session: &Session, lines: &[Line], rate: Option<f64>) {
    if lines.is_empty() {
        session.tell(&say!(ja: "お知らせはまだありません。", en: "no notices yet"));
    }
    for line in lines {
        let NoticeRow { id, title, state, state_reason, .. } = &line.notice;
        let reason = state_reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        session.tell(&say!(ja: "{id}  {title}  [{state}]{reason}", en: "{id}  {title}  [{state}]{reason}"));
        for status in Status::ALL {
            let (n, word) = (line.count(status), label(status));
            if n > 0 {
                let (ja, en) = (word, status.as_str());
                session.tell(&say!(ja: "  {n:>9}  {ja}", en: "  {n:>9}  {en}"));
            }
        }
        let total = line.total();
        session.tell(&say!(ja: "  {total:>9}  計", en: "  {total:>9}  total"));
        if let Some(due) = line.oldest_due.map(japan::short) {
            session.tell(&say!(ja: "  次の送信予定: {due}", en: "  next due: {due}"));
        }
        if let Some(rate) = rate {
            session.tell(&say!(ja: "  {rate:.1} 通/秒", en: "  {rate:.1} mails a second"));
        }
    }
}

/// A status in Japanese; `accepted` is never called delivered, nor either of them read.
pub(super) fn label(status: Status) -> &'static str {
    match status {
        Status::Held => "保留(解禁前)",
        Status::Queued => "送信待ち",
        Status::Sending => "送信中",
        Status::Accepted => "中継サーバーが受付",
        Status::Delivered => "配達の証拠あり",
        Status::InDoubt => "結果不明",
        Status::Failed => "送信失敗",
        Status::Bounced => "不達",
        Status::Unreachable => "宛先なし(書面が必要)",
        Status::Withdrawn => "取り下げ",
    }
}
