//! `ledger show`: entries, read page by page and written as they are read.

use super::super::exit::{Answer, Exit, Failure};
use super::super::log::{json_or_lines, known_notice};
use super::super::say::say;
use super::super::session::Session;
use crate::japan;
use owabi_core::ledger::{Body, Entry};
use owabi_core::people::Action;
use owabi_store::{LedgerRow, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

const PAGE: i64 = 2_000;

/// The options of `ledger show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi ledger show --notice metaps-2022 --kind release
  owabi ledger show --since 2h
  owabi ledger show --jsonl | jq 'select(.kind == \"status\")'    one JSON document an entry
  owabi --json ledger show --kind approve | jq '.entries[]'")]
pub(super) struct Options {
    /// Only this notice
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
    /// Only entries of this kind: import, approve, release, attempt, receipt, status … (one that is not there is said, with those that are)
    #[arg(long)]
    kind: Option<String>,
    /// Only what happened since
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// One JSON document a line
    #[arg(long)]
    jsonl: bool,
}

/// How the entries are written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Document,
    Lines,
}

pub(super) async fn run(session: &Session, store: &Store, options: &Options) -> Answer {
    json_or_lines(session, options.jsonl)?;
    let since = options.since.as_deref().map(|text| super::since(text, session.now())).transpose()?;
    session.person(store, Action::Ledger).await?;
    if let Some(id) = &options.notice {
        known_notice((session, store), id).await?;
    }
    let newest = store.ledger_newest().await?;
    let asked = json!({ "notice": options.notice, "kind": options.kind, "since": since });
    session.look(store, "ledger show", &asked, newest).await?;
    let form = match (session.json, options.jsonl) {
        (true, _) => Form::Document,
        (_, true) => Form::Lines,
        _ => Form::Text,
    };
    let wanted = |entry: &Entry| {
        options.notice.as_ref().is_none_or(|notice| entry.notice_id.as_ref() == Some(notice))
            && options.kind.as_ref().is_none_or(|kind| entry.kind == *kind)
            && since.is_none_or(|since| entry.at >= since)
    };
    let mut kinds = Kinds::default();
    match write(store, newest, form, wanted, &mut kinds).await? {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(()) => warn_of_nothing(session, options, &kinds),
        Err(_) => {}
    }
    Ok(Exit::Done)
}

/// The kinds that the ledger has; whether an entry of the kind belongs to a notice.
type Kinds = BTreeMap<String, bool>;

/// A misspelt kind, or one that belongs to no notice, must not look like a ledger in which nothing of it happened.
fn warn_of_nothing(session: &Session, options: &Options, kinds: &Kinds) {
    let Some(kind) = &options.kind else { return };
    let there = kinds.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match kinds.get(kind) {
        None => session.warn(&say!(
            ja: "種類 {kind} の記録は、この台帳に一つもありません。あるもの: {there}",
            en: "no entry of this ledger is of the kind {kind}; its kinds are: {there}"
        )),
        Some(false) if options.notice.is_some() => session.warn(&say!(
            ja: "種類 {kind} の記録は、どのお知らせにも属していません。--notice を付けずに見てください。",
            en: "the entries of the kind {kind} belong to no notice: look without --notice"
        )),
        Some(_) => {}
    }
}

async fn write(
    store: &Store,
    newest: i64,
    form: Form,
    wanted: impl Fn(&Entry) -> bool,
    kinds: &mut Kinds,
) -> Result<io::Result<()>, Failure> {
    let (mut out, mut from, mut first) = (BufWriter::new(io::stdout().lock()), 1, true);
    while from <= newest {
        let rows = store.ledger_entries(from, from + PAGE - 1).await?;
        for entry in rows.iter().filter_map(|row| row.entry.as_ref()) {
            if !kinds.contains_key(&entry.kind) {
                kinds.insert(entry.kind.clone(), false);
            }
            if let Some(of_a_notice) = kinds.get_mut(&entry.kind).filter(|_| entry.notice_id.is_some()) {
                *of_a_notice = true;
            }
        }
        let mut rows = rows.iter().filter(|row| row.entry.as_ref().is_none_or(&wanted));
        let written = rows.try_for_each(|row| match form {
            Form::Text => writeln!(out, "{}", as_line(row)),
            Form::Lines => writeln!(out, "{}", as_json(row)),
            Form::Document => {
                let before = if std::mem::take(&mut first) { "{\"entries\":[" } else { ",\n" };
                write!(out, "{before}{}", as_json(row))
            }
        });
        if written.is_err() {
            return Ok(written);
        }
        from += PAGE;
    }
    let end = match form {
        Form::Document if first => "{\"entries\":[]}\n",
        Form::Document => "]}\n",
        Form::Text | Form::Lines => "",
    };
    Ok(out.write_all(end.as_bytes()).and_then(|()| out.flush()))
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
