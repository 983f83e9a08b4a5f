//! `status`: how many members stand where, and which daemons are at work. It only reads.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::{clock, japan};
use owabi_core::lifecycle::Status;
use owabi_store::{DaemonRow, FORGET_MS, NoticeRow, Store};
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
}

/// A daemon of a shared database.
struct Daemon {
    row: DaemonRow,
    /// Milliseconds since it was seen, by the database's clock.
    unseen_ms: i64,
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
    let store = session.store_to_read(&config).await.map_err(meanwhile)?;
    let picture = read(&store, options.id.as_deref()).await.map_err(meanwhile)?;
    if let Some(id) = options.id.as_deref().filter(|_| picture.lines.is_empty()) {
        super::pause::known_state(None, id)?;
    }
    tell(session, &picture, None);
    session.answer(&picture.document());
    if options.watch {
        watch(session, &store, options.id.as_deref(), &picture.lines).await.map_err(meanwhile)?;
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

async fn watch(session: &Session, store: &Store, id: Option<&str>, first: &[Line]) -> Result<(), Failure> {
    let (mut before, mut at) = (done(first), clock::monotonic());
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        let picture = read(store, id).await?;
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

async fn read(store: &Store, id: Option<&str>) -> Result<Picture, Failure> {
    let mut counts = store.counts().await?;
    let mut lines = Vec::new();
    for notice in store.notices().await? {
        if id.is_none_or(|id| id == notice.id) {
            let oldest_due = store.next_due(&notice.id).await?;
            lines.push(Line { counts: counts.remove(&notice.id).unwrap_or_default(), notice, oldest_due });
        }
    }
    Ok(Picture { lines, daemons: daemons(store).await? })
}

/// SQLite has one daemon at most, and a lock instead of a list.
async fn daemons(store: &Store) -> Result<Vec<Daemon>, Failure> {
    if !store.is_shared() {
        return Ok(Vec::new());
    }
    let (rows, now) = (store.daemons().await?, store.clock_ms().await?);
    Ok(rows.into_iter().map(|row| Daemon { unseen_ms: (now - row.seen_at).max(0), row }).collect())
}

impl Picture {
    fn document(&self) -> Value {
        let total: i64 = self.lines.iter().map(Line::total).sum();
        json!({
            "notices": self.lines.iter().map(Line::document).collect::<Vec<_>>(),
            "total": total,
            "daemons": self.daemons.iter().map(Daemon::document).collect::<Vec<_>>(),
        })
    }
}

impl Daemon {
    fn is_alive(&self) -> bool {
        self.unseen_ms < FORGET_MS
    }

    fn document(&self) -> Value {
        let DaemonRow { id, host, pid, version, started_at, seen_at, .. } = &self.row;
        json!({
            "id": id,
            "host": host,
            "pid": pid,
            "version": version,
            "started_at": japan::iso(*started_at),
            "seen_at": japan::iso(*seen_at),
            "alive": self.is_alive(),
        })
    }

    fn text(&self) -> Text {
        let DaemonRow { host, pid, version, started_at, .. } = &self.row;
        let (since, unseen) = (japan::short(*started_at), self.unseen_ms / 1000);
        if !self.is_alive() {
            return say!(
                ja: "送信プロセス {host} pid {pid}(owabi {version}、{since} 開始): {unseen} 秒前から応答なし",
                en: "daemon {host} pid {pid} (owabi {version}, since {since}): not seen for {unseen} s"
            );
        }
        let connections = self.connections();
        say!(
            ja: "送信プロセス {host} pid {pid}(owabi {version}、{since} 開始): 稼働中、{unseen} 秒前に確認{connections}",
            en: "daemon {host} pid {pid} (owabi {version}, since {since}): at work, seen {unseen} s ago{connections}"
        )
    }

    /// `, main 5`: the connections that it may have to each relay.
    fn connections(&self) -> String {
        let relay = |name: &str| Some(name.strip_prefix("relay:")?.strip_suffix(":connections")?.to_owned());
        self.row.shares.iter().filter_map(|(name, n)| Some(format!(", {} {n}", relay(name)?))).collect()
    }
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

fn tell(session: &Session, picture: &Picture, rate: Option<f64>) {
    let Picture { lines, daemons } = picture;
    for daemon in daemons {
        session.tell(&daemon.text());
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::address::Lang;

    fn daemon(unseen_ms: i64) -> Daemon {
        let shares = [("relay:main:connections", 5.0), ("relay:main:rate", 2.5), ("domain:docomo.ne.jp:rate", 30.0)];
        let row = DaemonRow {
            id: "d1".into(),
            host: "hall".into(),
            pid: 7,
            version: "0.1.0".into(),
            started_at: 1_646_179_200_000,
            seen_at: 1_646_179_260_000,
            shares: shares.map(|(name, n)| (name.to_owned(), n)).into(),
        };
        Daemon { row, unseen_ms }
    }

    #[test]
    fn a_daemon_that_the_others_have_forgotten_is_said_not_to_be_seen() {
        let words = |unseen_ms| daemon(unseen_ms).text().of(Lang::En).to_owned();
        let who = "daemon hall pid 7 (owabi 0.1.0, since 2022-03-02 09:00:00): ";
        assert_eq!(words(1_900), format!("{who}at work, seen 1 s ago, main 5"));
        assert_eq!(words(FORGET_MS), format!("{who}not seen for 10 s"));
        assert!(daemon(FORGET_MS).text().of(Lang::Ja).contains("10 秒前から応答なし"));
    }

    #[test]
    fn a_daemon_s_json_keys_are_a_contract() {
        let said = json!({
            "id": "d1", "host": "hall", "pid": 7, "version": "0.1.0", "alive": true,
            "started_at": "2022-03-02T09:00:00.000+09:00", "seen_at": "2022-03-02T09:01:00.000+09:00",
        });
        assert_eq!(daemon(0).document(), said);
        assert_eq!(daemon(FORGET_MS).document()["alive"], false);
    }
}
