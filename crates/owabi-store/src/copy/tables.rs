//! The tables that make a queue, and the way of their rows.

use super::{CopiedTable, CopyError};
use crate::sql::{Dialect, expand};
use crate::tx::{Tx, on_tx};
use futures_util::TryStreamExt;
use owabi_core::ids::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Row;
use std::sync::OnceLock;

/// Rows, and octets, that are written together at the most.
const CHUNK: (usize, usize) = (1_000, 1 << 20);

/// One table: its columns as in a `/*rows …*/` marker, and the columns that give its rows an order of their own.
pub(super) struct Table {
    pub(super) name: &'static str,
    columns: &'static str,
    order: &'static str,
    texts: [OnceLock<Texts>; 2],
}

/// A table's statements for one database.
pub(super) struct Texts {
    read: String,
    write: String,
    pub(super) any: String,
}

const fn table(name: &'static str, columns: &'static str, order: &'static str) -> Table {
    Table { name, columns, order, texts: [const { OnceLock::new() }; 2] }
}

/// What makes a queue, in an order in which each row's references are there before it. Who is at work is not copied.
pub(super) static TABLES: [Table; 19] = [
    table("meta", "key text, value text", "key"),
    table(
        "notices",
        "id text, title text, state text, state_reason text, fingerprint text, roster_hash text, definition text, \
         released_at bigint, updated_at bigint, watched_from bigint, canary_passed_at bigint, legal_hold text, \
         purged_at bigint",
        "id",
    ),
    table(
        "batches",
        "id text, notice_id text, kind text, actor text, reason text, selection text, file_name text, \
         file_sha256 text, encoding text, lines bigint, imported bigint, merged bigint, unreachable bigint, \
         not_affected bigint, already_present bigint, refused bigint, at bigint",
        "id",
    ),
    table(
        "affected_members",
        "id bigint, notice_id text, member_no text, name text, email text, given_email text, cohorts text, \
         payments text, fields text, batch_id text, status text, reason text, due_at bigint, queued_at bigint, \
         attempts bigint, tries bigint, fence bigint, round bigint, possible_duplicate boolean, plain_form boolean, \
         updated_at bigint",
        "id",
    ),
    table(
        "intents",
        "member_id bigint, number bigint, fence bigint, at bigint, relay text, rcpt_to text, message_id text, \
         envid text, mail_sha256 text, mail_bytes bigint, possible_duplicate boolean",
        "member_id, number",
    ),
    table(
        "attempts",
        "member_id bigint, number bigint, at bigint, outcome text, spent boolean, reason text, phase text, \
         code bigint, enhanced text, reply text, queue_id text, tls text, duration_ms bigint, fence bigint",
        "member_id, number",
    ),
    table(
        "findings",
        "batch_id text, line bigint, kind text, member_no text, detail text",
        "batch_id, line, kind, member_no, detail",
    ),
    table(
        "preflights",
        "notice_id text, at bigint, actor text, fingerprint text, roster_hash text, rows bigint, problems bigint",
        "notice_id, at, actor, fingerprint, roster_hash, rows, problems",
    ),
    table(
        "approvals",
        "notice_id text, at bigint, actor text, fingerprint text, roster_hash text",
        "notice_id, actor, fingerprint, roster_hash",
    ),
    table(
        "receipts",
        "id bigint, member_id bigint, round bigint, number bigint, at bigint, reported_at bigint, source text, \
         evidence text, part bigint, matched_by text, says text, recipient text, status text, reason text, detail text, \
         queue_id text, status_before text, status_after text",
        "id",
    ),
    table(
        "arrivals",
        "sha256 text, at bigint, source text, kind text, state text, why text, member_id bigint, envelope_to text, \
         sender text, subject text, size bigint, content text, updated_at bigint",
        "sha256",
    ),
    table(
        "sources",
        "host text, name text, bounces boolean, followed boolean, since bigint, looked_at bigint, position text, \
         trouble text, trouble_at bigint",
        "host, name",
    ),
    table(
        "releases",
        "notice_id text, at bigint, actor text, fingerprint text, roster_hash text, members bigint, definition text",
        "notice_id, at, roster_hash",
    ),
    table(
        "resends",
        "member_id bigint, round bigint, batch_id text, at bigint, status_before text, reason_before text, \
         tries_before bigint, fingerprint text",
        "member_id, round",
    ),
    table(
        "corrections",
        "id bigint, member_id bigint, at bigint, actor text, reason text, old_email text, new_email text",
        "id",
    ),
    table(
        "substitutes",
        "id bigint, notice_id text, member_id bigint, kind text, on_day text, until_day text, url text, note text, \
         revokes bigint, actor text, at bigint",
        "id",
    ),
    table(
        "users",
        "name text, role text, os_user text, password text, disabled boolean, failures bigint, failed_at bigint, \
         created_at bigint, updated_at bigint",
        "name",
    ),
    table(
        "ledger",
        "seq bigint, at bigint, actor text, kind text, notice_id text, body text, member_id bigint, number bigint",
        "seq",
    ),
    table(
        "seals",
        "number bigint, at bigint, first_seq bigint, last_seq bigint, entries bigint, text text, signature text, \
         leaves text",
        "number",
    ),
];

/// Reads a table's rows one by one, each as the text of one JSON array.
macro_rules! each_row {
    ($from:expr, $table:expr, |$row:ident| $body:expr) => {
        on_tx!($from, |tx, dialect| {
            let mut rows = sqlx::query($table.texts(dialect).read.as_str()).fetch(&mut **tx);
            while let Some(row) = rows.try_next().await? {
                let $row: &str = row.get(0);
                $body
            }
        })
    };
}

/// How far the copy is.
pub(super) struct Done<'a> {
    pub(super) rows: u64,
    pub(super) progress: &'a dyn Fn(u64),
}

impl Done<'_> {
    fn one_more(&mut self) {
        self.rows += 1;
        (self.progress)(self.rows);
    }
}

impl Table {
    pub(super) fn texts(&'static self, dialect: Dialect) -> &'static Texts {
        let place = match dialect {
            Dialect::Sqlite => &self.texts[0],
            Dialect::Postgres => &self.texts[1],
        };
        place.get_or_init(|| self.write_texts(dialect))
    }

    fn write_texts(&self, dialect: Dialect) -> Texts {
        let Self { name, columns, order, .. } = self;
        let rows = if *name == "meta" { "WHERE key <> 'moved_to'" } else { "" };
        let list = |each: &dyn Fn(&str, &str) -> String| -> String {
            let parts: Vec<String> = self.columns().map(|(column, kind)| each(column, kind)).collect();
            parts.join(", ")
        };
        let names = list(&|column, _| column.to_owned());
        let from_r = list(&|column, _| format!("r.{column}"));
        let write =
            expand(&format!("INSERT INTO {name} ({names}) SELECT {from_r} FROM /*rows $1: {columns}*/ r"), dialect);
        // The same order everywhere, whatever the database's language: that of the octets.
        let order = |collation: &str| -> String {
            let is_text = |column: &str| self.columns().any(|(name, kind)| name == column && kind == "text");
            let one = |column: &str| {
                let collation = if is_text(column) { collation } else { "" };
                format!("{column}{collation} NULLS FIRST")
            };
            order.split(", ").map(one).collect::<Vec<_>>().join(", ")
        };
        let read = match dialect {
            Dialect::Sqlite => format!("SELECT json_array({names}) FROM {name} {rows} ORDER BY {}", order("")),
            Dialect::Postgres => {
                let values = list(&|column, kind| match kind {
                    "boolean" => format!("{column}::int"),
                    _ => column.to_owned(),
                });
                let order = order(" COLLATE \"C\"");
                format!("SELECT json_build_array({values})::text FROM {name} {rows} ORDER BY {order}")
            }
        };
        Texts { read, write, any: format!("SELECT 1 FROM {name} LIMIT 1") }
    }

    /// Names and kinds.
    fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.split(", ").map(|column| column.split_once(' ').unwrap_or((column, "text")))
    }

    pub(super) async fn copy(
        &'static self,
        from: &mut Tx,
        to: &mut Tx,
        done: &mut Done<'_>,
    ) -> Result<CopiedTable, CopyError> {
        let (mut content, mut chunk) = (Content::default(), Chunk::default());
        let without_nul = matches!(to, Tx::Postgres(_));
        each_row!(*from, self, |row| {
            let values = values(row)?;
            if without_nul {
                self.refuse_nul(&values)?;
            }
            let row = canonical(&values);
            content.add(&row);
            if chunk.add(&row) {
                self.write(chunk.take(), to).await?;
            }
            done.one_more();
        });
        self.write(chunk.take(), to).await?;
        Ok(content.finish(self.name))
    }

    async fn write(&'static self, rows: Option<String>, to: &mut Tx) -> Result<(), CopyError> {
        let Some(rows) = rows else { return Ok(()) };
        on_tx!(*to, |tx, dialect| {
            sqlx::query(self.texts(dialect).write.as_str()).bind(rows).execute(&mut **tx).await?;
        });
        Ok(())
    }

    pub(super) async fn content(&'static self, of: &mut Tx, done: &mut Done<'_>) -> Result<CopiedTable, CopyError> {
        let mut content = Content::default();
        each_row!(*of, self, |row| {
            content.add(&canonical(&values(row)?));
            done.one_more();
        });
        Ok(content.finish(self.name))
    }

    fn refuse_nul(&self, values: &[Value]) -> Result<(), CopyError> {
        let has_nul = |value: &Value| value.as_str().is_some_and(|text| text.contains('\0'));
        let Some(at) = values.iter().position(has_nul) else { return Ok(()) };
        let keys = self.order.split(", ").filter_map(|key| {
            let place = self.columns().position(|(name, _)| name == key)?;
            Some(format!("{key} = {}", values.get(place)?))
        });
        let key = keys.take(2).collect::<Vec<_>>().join(", ");
        Err(CopyError::Nul { table: self.name, key, column: self.columns().nth(at).map_or("", |(name, _)| name) })
    }
}

/// The JSON array of a row. The two databases escape characters in their own ways.
fn values(row: &str) -> Result<Vec<Value>, CopyError> {
    serde_json::from_str(row).map_err(|error| sqlx::Error::Decode(error.into()).into())
}

fn canonical(values: &[Value]) -> String {
    Value::from(values).to_string()
}

/// Rows that are written together.
#[derive(Default)]
struct Chunk {
    text: String,
    rows: usize,
}

impl Chunk {
    /// Adds a row; says whether it is time to write them.
    fn add(&mut self, row: &str) -> bool {
        self.text.push(if self.rows == 0 { '[' } else { ',' });
        self.text.push_str(row);
        self.rows += 1;
        self.rows >= CHUNK.0 || self.text.len() >= CHUNK.1
    }

    fn take(&mut self) -> Option<String> {
        let Self { mut text, rows } = std::mem::take(self);
        text.push(']');
        (rows > 0).then_some(text)
    }
}

/// What a table holds.
#[derive(Default)]
struct Content {
    hash: Sha256,
    rows: u64,
}

impl Content {
    fn add(&mut self, row: &str) {
        self.hash.update(row.as_bytes());
        self.hash.update(b"\n");
        self.rows += 1;
    }

    fn finish(self, table: &'static str) -> CopiedTable {
        CopiedTable { table, rows: self.rows, sha256: hex(&self.hash.finalize()) }
    }
}
