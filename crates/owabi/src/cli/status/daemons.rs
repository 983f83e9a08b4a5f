//! Who is at work on the queue, as `status` shows them: the daemons of a shared database, or whoever has a SQLite file's lock.

use crate::cli::exit::Failure;
use crate::cli::lock::is_held;
use crate::cli::say::{Text, say};
use crate::japan;
use owabi_store::{DaemonRow, FORGET_MS, Store};
use serde_json::{Value, json};

/// A daemon of a shared database.
pub(super) struct Daemon {
    pub(super) row: DaemonRow,
    /// Milliseconds since it was seen, by the database's clock.
    pub(super) unseen_ms: i64,
}

/// SQLite has one daemon at most, and a lock instead of a list: see [`at_work`].
pub(super) async fn daemons(store: &Store) -> Result<Vec<Daemon>, Failure> {
    if !store.is_shared() {
        return Ok(Vec::new());
    }
    let (rows, now) = (store.daemons().await?, store.clock_ms().await?);
    Ok(rows.into_iter().map(|row| Daemon { unseen_ms: (now - row.seen_at).max(0), row }).collect())
}

/// Whether anybody is at work on the queue; `None`: that cannot be seen from here.
pub(super) fn at_work(store: &Store, daemons: &[Daemon]) -> Option<bool> {
    store.file().map_or_else(|| Some(daemons.iter().any(Daemon::is_alive)), is_held)
}

/// For people: what no list of daemons says.
pub(super) fn said(at_work: Option<bool>, is_shared: bool) -> Option<Text> {
    if at_work? {
        let text = say!(ja: "このデータベースで owabi が稼働中です。", en: "owabi is at work on this database");
        return Some(text).filter(|_| !is_shared);
    }
    Some(say!(
        ja: "`owabi run` は動いていません。動かすまで、何も送られません。",
        en: "`owabi run` is not at work: until it is, nothing is sent"
    ))
}

impl Daemon {
    fn is_alive(&self) -> bool {
        self.unseen_ms < FORGET_MS
    }

    pub(super) fn document(&self) -> Value {
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

    pub(super) fn text(&self) -> Text {
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
