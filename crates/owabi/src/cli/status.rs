//! `status`: how many members stand where, which daemons are at work, and how far receipts were read. It only reads.

mod daemons;
mod evidence;
pub(crate) mod hold;
mod next;

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::library::Library;
use crate::report::refused_lines;
use crate::{clock, japan};
use daemons::{Daemon, at_work, daemons};
use evidence::Evidence;
use hold::Hold;
use next::Next;
use owabi_core::lifecycle::Status;
use owabi_core::yaml::Span;
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

/// What the database says at one moment.
struct Picture {
    lines: Vec<Line>,
    daemons: Vec<Daemon>,
    /// Whether anybody is at work on the queue, if that can be seen.
    at_work: Option<bool>,
    is_shared: bool,
    now: i64,
    evidence: Evidence,
}

/// One notice with what is counted of it.
struct Line {
    notice: NoticeRow,
    counts: BTreeMap<Status, i64>,
    refused: i64,
    oldest_due: Option<i64>,
    legal_hold: Option<String>,
    purged_at: Option<i64>,
    hold: Hold,
    next: Next,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    if options.watch && session.json {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--watch と --json は同時に使えません。", en: "--watch and --json exclude each other"),
        ));
    }
    let config = session.config()?;
    let store = session.store_to_read(&config).await.map_err(meanwhile)?;
    let quiet = config.receipts.quiet;
    let library = Library::load(&config);
    let from = (&store, &library, quiet);
    let picture = read(from, options.id.as_deref()).await.map_err(meanwhile)?;
    if let Some(id) = options.id.as_deref().filter(|_| picture.lines.is_empty()) {
        return Err(super::session::unknown_notice(session, &store, id).await);
    }
    tell(session, &picture, None);
    if let Some(older) = super::db::older(&config, &store).await? {
        session.warn(&older.led_by("△", "!"));
    }
    session.answer(&picture.document());
    if options.watch {
        watch(session, from, options.id.as_deref(), &picture.lines).await.map_err(meanwhile)?;
    }
    store.close().await;
    Ok(Exit::Done)
}

/// What it means for the sending that the database cannot be reached.
fn meanwhile(failure: Failure) -> Failure {
    if failure.exit != Exit::Unavailable {
        return failure;
    }
    let next = failure.next.unwrap_or_else(|| Text::same(""));
    let (ja, en) = (next.ja, next.en);
    let next = say!(
        ja: "{ja} その間は何も送信されません。手元の結果は送信中の owabi が持っていて、つながり次第記録します。",
        en: "{en}. Nothing is sent meanwhile; results in hand are kept by the daemon and recorded when the database is back"
    );
    Failure { next: Some(next), ..failure }
}

async fn watch(session: &Session, from: From<'_>, id: Option<&str>, first: &[Line]) -> Result<(), Failure> {
    let (mut before, mut at) = (done(first), clock::monotonic());
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        let picture = read(from, id).await?;
        let (now, sofar) = (clock::monotonic(), done(&picture.lines));
        let seconds = now.duration_since(at).as_secs_f64().max(0.001);
        tell(session, &picture, Some((sofar - before) as f64 / seconds));
        (before, at) = (sofar, now);
    }
}

fn done(lines: &[Line]) -> i64 {
    let finished = |line: &Line| line.counts.iter().filter(|(s, _)| s.is_final()).map(|(_, n)| n).sum::<i64>();
    lines.iter().map(finished).sum()
}

/// Where a picture is from: the database, the notices on disk, and how long silence is no news.
type From<'a> = (&'a Store, &'a Library, Span);

async fn read((store, library, quiet): From<'_>, id: Option<&str>) -> Result<Picture, Failure> {
    let now = clock::now_ms();
    let mut counts = store.counts().await?;
    let mut lines = Vec::new();
    for notice in store.notices().await? {
        if id.is_none_or(|id| id == notice.id) {
            let oldest_due = store.next_due(&notice.id).await?;
            let (legal_hold, purged_at) = store.kept(&notice.id).await?;
            let hold = match notice.state.as_str() {
                "released" => Hold::of(store, library, &notice, now).await?,
                _ => Hold::default(),
            };
            let counts = counts.remove(&notice.id).unwrap_or_default();
            let next = Next::of((store, library), (&notice, &counts, &hold), now).await?;
            let refused = refused_lines(&store.batches(&notice.id).await?);
            lines.push(Line { notice, counts, refused, oldest_due, legal_hold, purged_at, hold, next });
        }
    }
    let (daemons, evidence) = (daemons(store).await?, Evidence::read(store, quiet).await?);
    let (at_work, is_shared) = (at_work(store, &daemons), store.is_shared());
    Ok(Picture { lines, daemons, at_work, is_shared, now, evidence })
}

impl Picture {
    fn document(&self) -> Value {
        let total: i64 = self.lines.iter().map(Line::total).sum();
        json!({
            "notices": self.lines.iter().map(|line| line.document(&self.evidence)).collect::<Vec<_>>(),
            "total": total,
            "daemons": self.daemons.iter().map(Daemon::document).collect::<Vec<_>>(),
            "at_work": self.at_work,
            "sources": self.evidence.sources(),
            "arrivals": self.evidence.arrivals(),
        })
    }
}

impl Line {
    fn count(&self, status: Status) -> i64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    fn total(&self) -> i64 {
        self.counts.values().sum()
    }

    fn document(&self, evidence: &Evidence) -> Value {
        let counts: Map<String, Value> =
            Status::ALL.iter().map(|status| (status.as_str().to_owned(), self.count(*status).into())).collect();
        json!({
            "id": self.notice.id,
            "title": self.notice.title,
            "state": self.notice.state,
            "state_reason": self.notice.state_reason,
            "counts": counts,
            "refused_lines": self.refused,
            "no_bounce": evidence.no_bounce(&self.notice.id),
            "total": self.total(),
            "oldest_due": self.oldest_due.map(japan::iso),
            "released_at": self.notice.released_at.map(japan::iso),
            "legal_hold": self.legal_hold,
            "purged_at": self.purged_at.map(japan::iso),
            "watched_from": self.notice.watched_from.map(japan::iso),
            "canary_passed_at": self.notice.canary_passed_at.map(japan::iso),
            "hold": self.hold.document(),
            "next_mail_at": self.next.at().map(japan::iso),
            "as_released": self.next.as_released(),
        })
    }
}

fn tell(session: &Session, picture: &Picture, rate: Option<f64>) {
    let Picture { lines, daemons, at_work, is_shared, now, evidence } = picture;
    for daemon in daemons {
        session.tell(&daemon.text());
    }
    if let Some(text) = daemons::said(*at_work, *is_shared) {
        session.tell(&text);
    }
    if lines.is_empty() {
        session.tell(&say!(ja: "お知らせはまだありません。", en: "no notices yet"));
    }
    for line in lines {
        let NoticeRow { id, title, state, state_reason, .. } = &line.notice;
        let Text { ja, en } = state_reason.as_deref().map_or_else(|| Text::same(""), super::state_reason::in_brackets);
        session.tell(&say!(ja: "{id}  {title}  [{state}]{ja}", en: "{id}  {title}  [{state}]{en}"));
        if let Some(reason) = &line.legal_hold {
            session.tell(&say!(ja: "  削除禁止: {reason}", en: "  legal hold: {reason}"));
        }
        if let Some(day) = line.purged_at.map(japan::day) {
            session.tell(&say!(ja: "  個人情報は {day} に削除済み", en: "  personal data purged on {day}"));
        }
        for status in Status::ALL {
            let (n, word) = (line.count(status), label(status));
            if n > 0 {
                let (ja, en) = (word, status.as_str());
                session.tell(&say!(ja: "  {n:>9}  {ja}", en: "  {n:>9}  {en}"));
            }
            if let Some(silence) = evidence.silence(id).filter(|_| status == Status::Accepted) {
                session.tell(&silence);
            }
        }
        let total = line.total();
        session.tell(&say!(ja: "  {total:>9}  計", en: "  {total:>9}  total"));
        if line.refused > 0 {
            let n = line.refused;
            session.tell(&say!(
                ja: "  取り込みで拒否された {n} 行は、直して取り込み直した行を除き、上の数に入っていません",
                en: "  {n} roster lines were refused: unless they were corrected and imported, they are in none of these counts"
            ));
        }
        if let Some(text) = line.next.text(id, *now, *at_work) {
            session.tell(&text);
        }
        line.hold.texts().iter().for_each(|text| session.tell(text));
        if let Some(rate) = rate {
            session.tell(&say!(ja: "  {rate:.1} 通/秒", en: "  {rate:.1} mails a second"));
        }
    }
    for text in evidence.texts() {
        session.tell(&text);
    }
}

/// A status in Japanese; `accepted` is never called delivered, nor either of them read.
pub(crate) fn label(status: Status) -> &'static str {
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
