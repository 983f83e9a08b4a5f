//! What must be true of queue, log and relay after anything that happened.

use owabi_core::lifecycle::Status;
use owabi_smtp::capture::Captured;
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row as _, SqliteConnection};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Where one member stands in the queue table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) member_no: String,
    pub(crate) email: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) due_at: Option<i64>,
    /// Attempts used.
    pub(crate) used: i64,
    /// Attempts made, used or not.
    pub(crate) tries: i64,
    pub(crate) possible_duplicate: bool,
}

/// Reads a row of [`rows`], of either database's type.
macro_rules! row {
    ($row:expr) => {
        Row {
            member_no: $row.get(0),
            email: $row.get(1),
            status: $row.get::<String, _>(2).parse().unwrap(),
            reason: $row.get(3),
            due_at: $row.get(4),
            used: $row.get(5),
            tries: $row.get(6),
            possible_duplicate: $row.get(7),
        }
    };
}

/// A second look at the database, past the program's own code.
pub(crate) async fn connect(url: &str) -> SqliteConnection {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    sqlx::query("PRAGMA busy_timeout = 10000").execute(&mut connection).await.unwrap();
    connection
}

/// The queue table in the order of import, on either database.
pub(crate) async fn rows(url: &str) -> Vec<Row> {
    let text = "SELECT member_no, COALESCE(email, ''), status, reason, due_at, attempts, tries, possible_duplicate \
                FROM affected_members ORDER BY id";
    macro_rules! rows {
        ($connection:expr) => {
            sqlx::query(text).fetch_all($connection).await.unwrap().iter().map(|row| row!(row)).collect()
        };
    }
    if url.starts_with("postgres:") {
        rows!(&mut PgConnection::connect(url).await.unwrap())
    } else {
        rows!(&mut connect(url).await)
    }
}

/// How many members are in no final state.
pub(crate) async fn open_members(connection: &mut SqliteConnection) -> i64 {
    let last = Status::ALL.into_iter().filter(|status| status.is_final()).map(|status| format!("'{status}'"));
    let last: Vec<String> = last.collect();
    let text = format!("SELECT COUNT(*) FROM affected_members WHERE status NOT IN ({})", last.join(","));
    sqlx::query(sqlx::AssertSqlSafe(text)).fetch_one(connection).await.unwrap().get(0)
}

/// How many intents have no outcome: the mails that a program which was killed just now left in doubt.
///
/// Looks at a copy of the files, so that the program itself finds its database as the kill left it.
pub(crate) async fn open_intents(database: &Path) -> usize {
    let copy = tempfile::tempdir().unwrap();
    for end in ["", "-wal"] {
        let name = format!("{}{end}", database.display());
        if std::fs::exists(&name).unwrap() {
            std::fs::copy(&name, copy.path().join(format!("copy.db{end}"))).unwrap();
        }
    }
    let text = "SELECT COUNT(*) FROM intents i WHERE NOT EXISTS \
                (SELECT 1 FROM attempts a WHERE a.member_id = i.member_id AND a.number = i.number)";
    let mut connection = connect(&format!("sqlite:{}", copy.path().join("copy.db").display())).await;
    let open: i64 = sqlx::query(text).fetch_one(&mut connection).await.unwrap().get(0);
    open.try_into().unwrap()
}

/// Nobody is lost, nobody is told twice without a flag, and the log names exactly the mails that arrived.
///
/// `log` is what `log --json` shows.
pub(crate) fn audit(rows: &[Row], log: &[Value], captured: &[Captured]) {
    let mut entries: HashMap<&str, Vec<&Value>> = HashMap::new();
    let mut known: HashSet<&str> = HashSet::new();
    for entry in log {
        entries.entry(entry["member_no"].as_str().unwrap()).or_default().push(entry);
        known.extend(entry["rcpt_to"].as_str());
    }
    let mut mails: HashMap<&str, Vec<&Captured>> = HashMap::new();
    for mail in captured {
        let to = mail.rcpt_to()[0];
        assert!(known.contains(to), "a mail arrived that the log does not know");
        mails.entry(to).or_default().push(mail);
    }
    for row in rows {
        one(row, entries.get(row.member_no.as_str()).map_or(&[], Vec::as_slice), &mails);
    }
}

fn one(row: &Row, entries: &[&Value], mails: &HashMap<&str, Vec<&Captured>>) {
    let said_to: HashSet<&str> = entries.iter().filter_map(|entry| entry["rcpt_to"].as_str()).collect();
    let arrived: Vec<&Captured> = said_to.iter().filter_map(|to| mails.get(to)).flatten().copied().collect();
    let logged_flag = entries.iter().any(|entry| entry["possible_duplicate"] == true);
    assert!(arrived.len() <= 1 || row.possible_duplicate && logged_flag, "told twice unflagged: {row:?} {entries:#?}");
    let unsure = row.possible_duplicate || row.status == Status::InDoubt;
    match row.status {
        Status::Accepted => assert!(!arrived.is_empty(), "accepted, but nothing arrived: {row:?} {entries:#?}"),
        _ => assert!(arrived.is_empty() || unsure, "arrived, but not accepted: {row:?} {entries:#?}"),
    }
    let hashes: HashSet<&str> = entries.iter().filter_map(|entry| entry["mail_sha256"].as_str()).collect();
    assert!(arrived.iter().all(|mail| hashes.contains(mail.sha256_hex().as_str())), "not what the log says: {row:?}");
    let made = entries.iter().filter(|entry| !entry["outcome"].is_null()).count();
    assert_eq!(usize::try_from(row.tries), Ok(made), "the log and the table disagree: {row:?} {entries:#?}");
}
