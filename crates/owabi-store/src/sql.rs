//! The texts under `sql/` and their two small expansions.
//!
//! - `/*rows $1: a bigint, b text*/` becomes a table made of one JSON array of arrays, given as parameter.
//! - `/*skip locked*/` becomes `FOR UPDATE SKIP LOCKED` on PostgreSQL and nothing on SQLite, which has one writer.

use std::sync::OnceLock;

/// Which database a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// How a writing transaction begins.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

/// One statement: its file's text and, once asked for, its text for each database.
pub(crate) struct Statement {
    text: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Statement {
    const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The text for `dialect`.
    pub(crate) fn on(&'static self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite.get_or_init(|| expand(self.text, dialect)),
            Dialect::Postgres => self.postgres.get_or_init(|| expand(self.text, dialect)),
        }
    }
}

fn expand(text: &str, dialect: Dialect) -> String {
    let locked = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let text = text.replace("/*skip locked*/", locked);
    let Some((before, rest)) = text.split_once("/*rows ") else { return text };
    let Some((marker, after)) = rest.split_once("*/") else { return text };
    let Some((parameter, columns)) = marker.split_once(':') else { return text };
    format!("{before}{}{after}", table_of_rows(parameter.trim(), columns, dialect))
}

fn table_of_rows(parameter: &str, columns: &str, dialect: Dialect) -> String {
    let column = |(at, column): (usize, &str)| {
        let (name, kind) = column.trim().split_once(' ').unwrap_or((column.trim(), "text"));
        match dialect {
            Dialect::Sqlite => format!("value ->> {at} AS {name}"),
            Dialect::Postgres => format!("(value ->> {at})::{kind} AS {name}"),
        }
    };
    let columns: Vec<String> = columns.split(',').enumerate().map(column).collect();
    let source = match dialect {
        Dialect::Sqlite => format!("jsonb_each({parameter})"),
        Dialect::Postgres => format!("json_array_elements({parameter}::json)"),
    };
    format!("(SELECT {} FROM {source})", columns.join(", "))
}

macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) static $name: Statement = Statement::new(include_str!(concat!("../sql/", $file, ".sql")));)*
        /// Every statement with its file's name, so that a test can prepare them all.
        #[cfg(test)]
        pub(crate) static ALL: &[(&str, &Statement)] = &[$(($file, &$name)),*];
    };
}

statements! {
    APPROVALS = "approvals";
    APPROVAL_INSERT = "approval_insert";
    BATCH_BY_FILE = "batch_by_file";
    BATCH_INSERT = "batch_insert";
    BATCH_TOTALS = "batch_totals";
    CLAIM = "claim";
    COUNTS = "counts";
    FAIL_UNSENT = "fail_unsent";
    FINDINGS_INSERT = "findings_insert";
    GIVE_BACK = "give_back";
    INSERT_MEMBERS = "insert_members";
    INTEND = "intend";
    KNOWN_MEMBERS = "known_members";
    LEDGER_APPEND = "ledger_append";
    LOG_PAGE = "log_page";
    MEMBERS_PAGE = "members_page";
    MEMBER_BY_NO = "member_by_no";
    MERGE_MEMBERS = "merge_members";
    META_GET = "meta_get";
    META_SET = "meta_set";
    NEXT_DUE = "next_due";
    NOTICES = "notices";
    NOTICE_RELEASE = "notice_release";
    NOTICE_STATE = "notice_state";
    NOTICE_UPSERT = "notice_upsert";
    OTHER_TEXT_WAITS = "other_text_waits";
    PREFLIGHT_INSERT = "preflight_insert";
    PREFLIGHT_LATEST = "preflight_latest";
    RELEASE_MEMBERS = "release_members";
    RESTART_ATTEMPTS = "restart_attempts";
    RESTART_DOUBT = "restart_doubt";
    RESTART_QUEUE = "restart_queue";
    RESTART_WITHDRAW = "restart_withdraw";
    SEND_AGAIN = "send_again";
    SETTLE_ATTEMPTS = "settle_attempts";
    SETTLE_MEMBERS = "settle_members";
    SHARED_ADDRESSES = "shared_addresses";
    TAKE_OVER_ATTEMPTS = "take_over_attempts";
    TAKE_OVER_MEMBERS = "take_over_members";
    WITHDRAW_MEMBERS = "withdraw_members";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_under_sql_is_a_statement_and_no_marker_stays_unexpanded() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql")).unwrap().count();
        assert_eq!(ALL.len(), files);
        for (name, statement) in ALL {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                assert!(!statement.on(dialect).contains("/*"), "{name}");
            }
        }
    }

    #[tokio::test]
    async fn every_statement_prepares_on_sqlite() {
        use sqlx::{Executor, SqlSafeStr};
        let store = crate::Store::open(&crate::OpenOptions::new("sqlite::memory:")).await.unwrap();
        let crate::open::Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
        for (name, statement) in ALL {
            let prepared = writer.prepare(statement.on(Dialect::Sqlite).into_sql_str()).await;
            assert!(prepared.is_ok(), "{name}: {prepared:?}");
        }
    }

    /// What runs once a claim, a group or a page: its cost must not grow with the queue.
    static OFTEN: &[&Statement] = &[
        &CLAIM,
        &FAIL_UNSENT,
        &GIVE_BACK,
        &INTEND,
        &KNOWN_MEMBERS,
        &MEMBERS_PAGE,
        &MEMBER_BY_NO,
        &MERGE_MEMBERS,
        &NEXT_DUE,
        &RESTART_ATTEMPTS,
        &RESTART_DOUBT,
        &RESTART_QUEUE,
        &RESTART_WITHDRAW,
        &SEND_AGAIN,
        &SETTLE_ATTEMPTS,
        &SETTLE_MEMBERS,
        &TAKE_OVER_ATTEMPTS,
        &TAKE_OVER_MEMBERS,
    ];

    #[tokio::test]
    async fn no_statement_that_runs_often_reads_or_sorts_the_whole_queue() {
        use sqlx::{AssertSqlSafe, Row};
        let store = crate::Store::open(&crate::OpenOptions::new("sqlite::memory:")).await.unwrap();
        let crate::open::Pools::Sqlite { writer, .. } = &store.pools else { unreachable!() };
        for statement in OFTEN {
            let text = statement.on(Dialect::Sqlite);
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
            let plan = sqlx::query(explain).fetch_all(writer).await.unwrap();
            for step in plan.iter().map(|row| row.get::<String, _>("detail")) {
                // Scanning a partial index reads only the rows of its status.
                let partial = step.contains("INDEX affected_members_sending");
                let scan =
                    (step.starts_with("SCAN affected_members") || step == "SCAN m" || step.starts_with("SCAN m "))
                        && !partial;
                assert!(!scan && !step.contains("TEMP B-TREE"), "{step}\n{text}");
            }
        }
    }

    #[test]
    fn a_row_marker_becomes_a_table_of_the_parameter() {
        let text = "SELECT r.a FROM /*rows $2: a bigint, b text*/ r";
        let sqlite = "SELECT r.a FROM (SELECT value ->> 0 AS a, value ->> 1 AS b FROM jsonb_each($2)) r";
        assert_eq!(expand(text, Dialect::Sqlite), sqlite);
        let postgres = "SELECT r.a FROM (SELECT (value ->> 0)::bigint AS a, (value ->> 1)::text AS b \
                        FROM json_array_elements($2::json)) r";
        assert_eq!(expand(text, Dialect::Postgres), postgres);
    }
}
