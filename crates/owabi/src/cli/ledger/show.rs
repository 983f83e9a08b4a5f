//! `ledger show`: entries, one a line, read page by page.

use super::super::exit::{Answer, Exit};
use super::super::session::Session;
use crate::japan;
use owabi_core::ledger::{Body, Entry};
use owabi_core::people::Action;
use owabi_store::{LedgerRow, Store};
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};

const PAGE: i64 = 2_000;

/// The options of `ledger show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi ledger show --notice metaps-2022 --kind release
  owabi ledger show --since 2h
  owabi --json ledger show | jq 'select(.kind == \"status\")'    one JSON document an entry")]
pub(super) struct Options {
    /// Only this notice
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
    /// Only entries of this kind: import, approve, release, attempt, receipt, status …
    #[arg(long)]
    kind: Option<String>,
    /// Only what happened since
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

pub(super) async fn run(session: &Session, store: &Store, options: &Options) -> Answer {
    let since = options.since.as_deref().map(|text| super::since(text, session.now())).transpose()?;
    let wanted = |entry: &Entry| {
        options.notice.as_ref().is_none_or(|notice| entry.notice_id.as_ref() == Some(notice))
            && options.kind.as_ref().is_none_or(|kind| entry.kind == *kind)
            && since.is_none_or(|since| entry.at >= since)
    };
    let (mut from, newest) = (1, store.ledger_newest().await?);
    session.person(store, Action::Ledger).await?;
    let asked = json!({ "notice": options.notice, "kind": options.kind, "since": since });
    session.look(store, "ledger show", &asked, newest).await?;
    let mut out = BufWriter::new(io::stdout().lock());
    while from <= newest {
        let rows = store.ledger_entries(from, from + PAGE - 1).await?;
        let rows = rows.iter().filter(|row| row.entry.as_ref().is_none_or(wanted));
        let mut lines = rows.map(|row| if session.json { as_json(row).to_string() } else { as_line(row) });
        match lines.try_for_each(|line| writeln!(out, "{line}")) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
            written => written?,
        }
        from += PAGE;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn as_line(row: &LedgerRow) -> String {
    let Some(entry) = &row.entry else { return format!("{:>8}  ?", row.seq) };
    let member = entry.member_id.map(|id| format!(" #{id}")).unwrap_or_default();
    let notice = entry.notice_id.as_deref().unwrap_or("-");
    format!(
        "{:>8}  {}  {:<12} {:<10} {notice}{member}  {}",
        row.seq,
        japan::iso(entry.at),
        entry.actor,
        entry.kind,
        said(entry)
    )
}

fn as_json(row: &LedgerRow) -> Value {
    let Some(entry) = &row.entry else { return json!({ "seq": row.seq, "unreadable": true }) };
    json!({
        "seq": entry.seq, "at": entry.at, "actor": entry.actor, "kind": entry.kind, "notice": entry.notice_id,
        "member": entry.member_id, "number": entry.number, "body": body(entry),
    })
}

fn said(entry: &Entry) -> String {
    match &entry.body {
        Body::Told(text) => text.clone(),
        Body::Gone => "-".to_owned(),
        _ => body(entry).to_string(),
    }
}

fn body(entry: &Entry) -> Value {
    let row = match &entry.body {
        Body::Told(text) => return serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Body::Attempt(row) => serde_json::to_value(row),
        Body::Receipt(row) => serde_json::to_value(row),
        Body::Correction(row) => serde_json::to_value(row),
        Body::Substitute(row) => serde_json::to_value(row),
        Body::Resent(row) => serde_json::to_value(row),
        Body::Gone => Ok(Value::Null),
    };
    row.unwrap_or(Value::Null)
}
