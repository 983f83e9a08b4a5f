//! A ledger to measure `owabi ledger verify` with: `ledger_seed URL ENTRIES`.
//!
//! An empty database gets as many members who were all sent to: each has its intent, its attempt and its entry.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

use owabi_store::{OpenOptions, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

const STEPS: [&str; 4] = [
    "INSERT INTO notices (id, title, updated_at) VALUES ('n', 'title', 1)",
    "INSERT INTO affected_members (id, notice_id, member_no, name, email, status, due_at, queued_at, tries, attempts, fence) NUMBERS
     SELECT x, 'n', 'M' || x, '山田 太郎', 'member' || x || '@example.jp', 'accepted', NULL, 10, 1, 1, 1 FROM n",
    "INSERT INTO intents (member_id, number, fence, at, relay, rcpt_to, message_id, envid, mail_sha256, mail_bytes, possible_duplicate) NUMBERS
     SELECT x, 1, 1, 30, 'main', 'member' || x || '@example.jp', 'abcdefghij.1.klmnopqrstuvwxyz' || x, 'abcdefghij.1.1.klmnopqrstuvwxyz' || x,
            '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', 2000, FALSE FROM n",
    "INSERT INTO attempts (member_id, number, fence, at, outcome, spent, phase, code, enhanced, reply, queue_id, tls, duration_ms) NUMBERS
     SELECT x, 1, 1, 40, 'accepted', TRUE, 'dot', 250, '2.0.0', '2.0.0 Ok: queued as 4bQ' || x, '4bQ' || x, 'TLSv1.3', 12 FROM n",
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, entries] = words.as_slice() else { panic!("ledger_seed URL ENTRIES") };
    let entries: u64 = entries.parse().unwrap();
    Store::open(&OpenOptions::new(url.clone())).await.unwrap().close().await;
    let numbers = format!("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {entries})");
    for step in STEPS {
        let text = AssertSqlSafe(step.replace("NUMBERS", &numbers));
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}
