//! The report as JSON.

use super::pauses::{self, Pause};
use super::{Report, words};
use crate::japan;
use owabi_core::lifecycle::Status;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn of(report: &Report) -> Value {
    let (rows, figures) = (&report.rows, &report.figures);
    let notice = &rows.notice;
    json!({
        "notice": { "id": notice.id, "title": notice.title, "issuer": report.issuer, "state": notice.state, "state_reason": notice.state_reason },
        "made_at": report.made.as_ref().map(|made| japan::iso(made.at)),
        "made_by": report.made.as_ref().map(|made| &made.by),
        "version": env!("CARGO_PKG_VERSION"),
        "from": rows.batches.first().map(|batch| japan::iso(batch.at)),
        "ledger_head": rows.seal.as_ref().filter(|_| report.made.is_some()).map(|seal| json!({ "number": seal.number, "at": japan::iso(seal.at), "sha256": report.seal_hash() })),
        "members": figures.members,
        "counts": counts(report),
        "imports": imports(report),
        "lines": figures.lines,
        "refused_lines": figures.refused_lines,
        "own_rows": figures.own_rows,
        "told": {
            "count": figures.notified.by_mail,
            "accepted": figures.count(Status::Accepted),
            "delivered": figures.count(Status::Delivered),
            "no_bounce": report.watched_until.as_ref().map(|day| json!({ "count": figures.no_bounce, "by": day })),
            "possible_duplicates": figures.duplicates,
            "first_at": figures.first_told.map(japan::iso),
            "last_at": figures.last_told.map(japan::iso),
        },
        "releases": releases(report),
        "reasons": reasons(report),
        "notified": {
            "by_mail": figures.notified.by_mail,
            "otherwise": figures.notified.otherwise,
            "not_yet": figures.notified.not_yet,
            "withdrawn": figures.notified.withdrawn,
        },
        "substitutes": rows.substitutes.iter().filter(|row| !row.kind.is_empty())
            .map(|row| json!({ "status": row.status.as_str(), "kind": row.kind, "count": row.count })).collect::<Vec<_>>(),
        "publications": rows.publications.iter()
            .map(|one| json!({ "url": one.url, "from": one.on_day, "until": one.until_day, "recorded_by": one.actor, "recorded_at": japan::iso(one.at) })).collect::<Vec<_>>(),
        "pauses": pauses::pauses(&rows.events).iter().map(pause).collect::<Vec<_>>(),
        "withdrawals": pauses::withdrawals(&rows.events).iter()
            .map(|one| json!({ "at": japan::iso(one.at), "actor": one.by, "reason": one.reason, "members": one.members })).collect::<Vec<_>>(),
        "canaries_passed": pauses::passed(&rows.events).iter()
            .map(|one| json!({ "at": japan::iso(one.at), "accepted": one.good, "failed": one.failed, "waiting": one.waiting })).collect::<Vec<_>>(),
        "resends": resends(report),
        "adds_up": figures.wrong.is_empty(),
        "wrong": figures.wrong.iter().map(|wrong| json!({ "ja": wrong.ja, "en": wrong.en })).collect::<Vec<_>>(),
    })
}

fn pause(pause: &Pause<'_>) -> Value {
    json!({
        "at": japan::iso(pause.at),
        "actor": pause.by,
        "cause": pause.cause(),
        "reason": pause.reason,
        "until": pause.end.map(|end| japan::iso(end.at)),
        "ended_by": pause.end.map(|end| &end.actor),
        "became": pause.end.map_or("paused", |end| &end.kind),
    })
}

fn counts(report: &Report) -> Map<String, Value> {
    Status::ALL.iter().map(|status| (status.as_str().to_owned(), report.figures.count(*status).into())).collect()
}

fn imports(report: &Report) -> Vec<Value> {
    let batches = report.rows.batches.iter().filter(|batch| batch.kind == "import").zip(&report.figures.imports);
    let one = batches.map(|(batch, import)| {
        json!({
            "batch": batch.id,
            "at": japan::iso(batch.at),
            "actor": batch.actor,
            "file": batch.file_name,
            "file_sha256": batch.file_sha256,
            "lines": batch.totals,
            "members": import.members,
        })
    });
    one.collect()
}

fn releases(report: &Report) -> Vec<Value> {
    let one = report.rows.releases.iter().map(|release| {
        let approvals = release.approvals(&report.rows.approvals).into_iter();
        let approvals = approvals.map(|one| json!({ "actor": one.actor, "at": japan::iso(one.at) }));
        json!({
            "at": japan::iso(release.at),
            "actor": release.actor,
            "members": release.members,
            "fingerprint": release.fingerprint,
            "roster_hash": release.roster_hash,
            "approvals": approvals.collect::<Vec<_>>(),
        })
    });
    one.collect()
}

/// Reasons of those who were not told: in the report's words, and as queue and log write them where the words are ours.
fn reasons(report: &Report) -> Vec<Value> {
    let given = report.rows.notice.state_reason.as_deref();
    let mut found: BTreeMap<(Status, String, Option<&str>), i64> = BTreeMap::new();
    let told = [Status::Accepted, Status::Delivered];
    for row in report.rows.members.iter().filter(|row| !told.contains(&row.status)) {
        let said = words::reason(row.reason.as_deref(), given).en;
        let code = row.reason.as_deref().filter(|word| words::is_ours(word));
        *found.entry((row.status, said, code)).or_default() += row.count;
    }
    let one = |((status, why, code), n): (&(Status, String, Option<&str>), &i64)| json!({ "status": status.as_str(), "reason": why, "code": code, "count": n });
    found.iter().map(one).collect()
}

fn resends(report: &Report) -> Vec<Value> {
    let batches = report.rows.batches.iter().filter(|batch| batch.kind == "resend");
    let one = batches.map(|batch| {
        let became = report.rows.resent.iter().filter(|row| row.batch_id == batch.id);
        let now: Map<String, Value> = became
            .clone()
            .map(|row| (row.status.map_or("resent", Status::as_str).to_owned(), row.count.into()))
            .collect();
        json!({
            "batch": batch.id,
            "at": japan::iso(batch.at),
            "actor": batch.actor,
            "reason": batch.reason,
            "selection": words::selection(batch.selection.as_deref()).en,
            "members": became.map(|row| row.count).sum::<i64>(),
            "now": now,
        })
    });
    one.collect()
}
