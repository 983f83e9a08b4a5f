//! The log's filters, and what a report counts.

use crate::place::{Place, on_both_databases};
use crate::{NOTICE, accepted, add, batch, claim, intent, new_row, released};
use owabi_core::lifecycle::Status;
use owabi_core::reply::Reply;
use owabi_store::{Group, LogFilter, NewRow, Settle, Store, Totals};

/// Five members: accepted by `docomo.ne.jp`, refused, put off, under way, waiting; then one of another import, held.
async fn varied(place: &Place) -> Store {
    let store = released(place, 5).await;
    place.run("UPDATE affected_members SET email = 'a@Docomo.ne.jp' WHERE member_no = 'M00000'").await.unwrap();
    let rows = claim(&store, 20, 4).await;
    let mut intents: Vec<_> = rows.iter().map(intent).collect();
    intents[0].rcpt_to = "a@Docomo.ne.jp".into();
    store.record(&Group { intents, settles: vec![] }, 30, 30, false).await.unwrap();
    let refused = Settle {
        outcome: "failed".into(),
        status: Status::Failed,
        reason: Some("bad_address".into()),
        reply: Some(Reply::new(550, "5.1.1 No such user")),
        ..accepted(&rows[1], 50)
    };
    let later = Settle {
        outcome: "deferred".into(),
        status: Status::Queued,
        due_at: Some(9_000),
        reply: Some(Reply::new(452, "4.2.2 Full")),
        ..accepted(&rows[2], 60)
    };
    let settles = vec![accepted(&rows[0], 40), refused, later];
    store.record(&Group { intents: vec![], settles }, 60, 60, false).await.unwrap();
    add(&store, 7).await;
    store
}

/// The members whose rows a filter lets through.
async fn found(store: &Store, filter: LogFilter) -> String {
    let rows = store.log_after(&filter, (0, 0), 100).await.unwrap();
    rows.iter().map(|row| row.member_no.trim_start_matches("M0000")).collect::<Vec<_>>().join(" ")
}

on_both_databases!(each_filter_of_the_log_lets_through_what_it_says_and_nothing_else);
async fn each_filter_of_the_log_lets_through_what_it_says_and_nothing_else(place: Place) {
    let store = varied(&place).await;
    let all = LogFilter::default;
    let ids: Vec<i64> = store.members_after(NOTICE, 0, None, 10).await.unwrap().iter().map(|row| row.id).collect();
    for (filter, wanted) in [
        (all(), "0 1 2 3 4 7"),
        (LogFilter { notice_id: Some(NOTICE.into()), ..all() }, "0 1 2 3 4 7"),
        (LogFilter { notice_id: Some("n2".into()), ..all() }, ""),
        (LogFilter { members: Some(vec![ids[1], ids[5]]), ..all() }, "1 7"),
        (LogFilter { members: Some(vec![]), ..all() }, ""),
        (LogFilter { statuses: vec![Status::Failed, Status::Queued], ..all() }, "1 2 4"),
        (LogFilter { domain: Some("docomo.ne.jp".into()), ..all() }, "0"),
        (LogFilter { domain: Some("ne.jp".into()), ..all() }, ""),
        (LogFilter { code: Some((550, 550)), ..all() }, "1"),
        (LogFilter { code: Some((400, 599)), ..all() }, "1 2"),
        (LogFilter { enhanced: Some("5.1.1".into()), ..all() }, "1"),
        (LogFilter { enhanced: Some("4.%".into()), ..all() }, "2"),
        (LogFilter { outcomes: vec!["accepted".into(), "deferred".into()], ..all() }, "0 2"),
        (LogFilter { outcomes: vec!["none".into()], ..all() }, "3 4 7"),
        (LogFilter { batch: Some("b7".into()), ..all() }, "7"),
        (LogFilter { since: Some(50), ..all() }, "1 2"),
        (LogFilter { since: Some(40), until: Some(60), ..all() }, "0 1"),
        (LogFilter { statuses: vec![Status::Failed], code: Some((452, 452)), ..all() }, ""),
    ] {
        assert_eq!(found(&store, filter.clone()).await, wanted, "{filter:?}");
    }
}

on_both_databases!(what_is_rare_is_found_page_by_page_among_many_and_nothing_twice);
async fn what_is_rare_is_found_page_by_page_among_many_and_nothing_twice(place: Place) {
    let store = released(&place, 1_700).await;
    place.run("UPDATE affected_members SET status = 'withdrawn' WHERE id % 400 = 0").await.unwrap();
    let filter = LogFilter { statuses: vec![Status::Withdrawn], ..LogFilter::default() };
    let (mut after, mut rows) = ((0, 0), Vec::new());
    loop {
        let page = store.log_after(&filter, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = (last.member_id, last.attempt);
        rows.extend(page.iter().map(|row| row.member_id));
    }
    assert_eq!(rows, [400, 800, 1_200, 1_600]);
    let mut everybody = 0;
    let mut after = (0, 0);
    while let Some(last) = store.log_after(&LogFilter::default(), after, 700).await.unwrap().last() {
        everybody += 1;
        after = (last.member_id, last.attempt);
    }
    assert_eq!(everybody, 3, "700, 700 and 300");
}

/// Member 1 failed after one attempt and was sent to again, member 0 was accepted before.
const RESEND: [&str; 4] = [
    "INSERT INTO batches (id, notice_id, kind, actor, reason, selection, at) VALUES ('r1', 'n1', 'resend', 'hanako', 'why', '{}', 70)",
    "INSERT INTO resends SELECT id, 2, 'r1', 70, status, reason, tries, 'f' FROM affected_members WHERE member_no = 'M00001'",
    "UPDATE affected_members SET status = 'queued', round = 2, due_at = 70, queued_at = 70, reason = NULL WHERE member_no = 'M00001'",
    "INSERT INTO substitutes (notice_id, member_id, kind, on_day, actor, at) SELECT 'n1', id, 'letter', '2026-01-02', 'hanako', 80 FROM affected_members WHERE member_no IN ('M00002', 'M00007')",
];

on_both_databases!(of_a_resend_the_log_shows_what_was_sent_since_and_a_report_what_became_of_it);
async fn of_a_resend_the_log_shows_what_was_sent_since_and_a_report_what_became_of_it(place: Place) {
    let store = varied(&place).await;
    for text in RESEND {
        place.run(text).await.unwrap();
    }
    let of_it = LogFilter { batch: Some("r1".into()), ..LogFilter::default() };
    assert_eq!(found(&store, of_it.clone()).await, "", "nothing was sent since");
    let again = claim(&store, 70, 9).await.into_iter().find(|row| row.number == 2).unwrap();
    store.record(&Group { intents: vec![intent(&again)], settles: vec![] }, 80, 80, false).await.unwrap();
    store.record(&Group { intents: vec![], settles: vec![accepted(&again, 120_000)] }, 90, 90, false).await.unwrap();
    let rows = store.log_after(&of_it, (0, 0), 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.attempt).collect::<Vec<_>>(), [2]);
    let report = store.report(NOTICE, 60).await.unwrap().unwrap();
    let became: Vec<_> = report.resent.iter().map(|row| (row.batch_id.as_str(), row.status, row.count)).collect();
    assert_eq!(became, [("r1", Some(Status::Accepted), 1)]);
    let mut told: Vec<_> = report.told.iter().map(|told| (told.minute, told.count, told.first, told.last)).collect();
    told.sort_unstable();
    assert_eq!(told, [(Some(0), 1, Some(40), Some(40)), (Some(2), 1, Some(120_000), Some(120_000))]);
    let quiet: i64 = report.members.iter().filter(|row| row.quiet).map(|row| row.count).sum();
    assert_eq!(quiet, 1, "the one that was accepted by then");
}

on_both_databases!(a_report_counts_everybody_once_and_what_was_revoked_not_at_all);
async fn a_report_counts_everybody_once_and_what_was_revoked_not_at_all(place: Place) {
    let store = varied(&place).await;
    place.run("INSERT INTO affected_members (notice_id, member_no, name) VALUES ('n1', 'own', 'x')").await.unwrap();
    for text in RESEND {
        place.run(text).await.unwrap();
    }
    for text in [
        "INSERT INTO substitutes (notice_id, member_id, kind, on_day, actor, at) SELECT 'n1', member_id, 'telephone', '2026-01-03', 'hanako', 81 FROM substitutes WHERE id = 1",
        "INSERT INTO substitutes (notice_id, member_id, kind, revokes, on_day, actor, at) SELECT 'n1', member_id, 'revoked', id, '2026-01-04', 'hanako', 82 FROM substitutes WHERE id = 2",
        "INSERT INTO substitutes (notice_id, kind, on_day, url, actor, at) VALUES ('n1', 'published', '2026-01-01', 'https://example.jp/a', 'hanako', 83)",
        "INSERT INTO substitutes (notice_id, kind, on_day, url, actor, at) VALUES ('n1', 'published', '2026-01-02', 'https://example.jp/b', 'hanako', 84)",
        "INSERT INTO substitutes (notice_id, kind, revokes, on_day, actor, at) SELECT 'n1', 'revoked', id, '2026-01-04', 'hanako', 85 FROM substitutes WHERE url LIKE '%/a'",
        "INSERT INTO seals (number, at, first_seq, last_seq, entries, text, signature) VALUES (1, 5, 1, 1, 1, 'one', 'x'), (2, 6, 2, 2, 1, 'two', 'x')",
    ] {
        place.run(text).await.unwrap();
    }
    store.approve(NOTICE, "jiro", "f", "r", "p", 9).await.unwrap();
    let report = store.report(NOTICE, 0).await.unwrap().unwrap();
    let of = |batch: Option<&str>| {
        report.members.iter().filter(|row| row.batch_id.as_deref() == batch).map(|row| row.count).sum::<i64>()
    };
    assert_eq!([of(Some("b1")), of(Some("b7")), of(None)], [5, 1, 1]);
    let mut instead: Vec<_> = report.substitutes.iter().map(|row| (row.kind.as_str(), row.status, row.count)).collect();
    instead.sort_unstable_by_key(|row| row.0);
    let queued = Status::Queued;
    assert_eq!(instead, [("", queued, 1), ("letter", queued, 1), ("telephone", queued, 1)]);
    assert_eq!(
        report.publications.iter().map(|one| one.url.as_deref()).collect::<Vec<_>>(),
        [Some("https://example.jp/b")]
    );
    assert_eq!(report.seal.map(|seal| (seal.number, seal.text)), Some((2, "two".to_owned())));
    assert_eq!((report.releases[0].members, report.approvals[0].actor.as_str()), (5, "jiro"));
    let batches: Vec<_> = store.batches(NOTICE).await.unwrap().into_iter().map(|batch| batch.id).collect();
    assert_eq!(batches, ["b1", "b7", "r1"]);
    assert_eq!(store.batches("").await.unwrap().len(), 3);
    assert!(store.report("n2", 0).await.unwrap().is_none() && store.batches("n2").await.unwrap().is_empty());
}

on_both_databases!(an_import_is_in_the_report_with_its_lines);
async fn an_import_is_in_the_report_with_its_lines(place: Place) {
    let store = place.store().await;
    let mut import = store.begin_import(batch("b1")).await.unwrap();
    let lost = NewRow { unreachable: Some("blank".into()), ..new_row(2) };
    import.write(&[new_row(1), lost], &[]).await.unwrap();
    let totals =
        Totals { lines: 5, imported: 1, merged: 1, unreachable: 1, not_affected: 1, already_present: 0, refused: 1 };
    import.commit(totals).await.unwrap();
    let report = store.report(NOTICE, 0).await.unwrap().unwrap();
    assert_eq!((report.batches[0].totals, report.batches[0].file_name.as_deref()), (totals, Some("roster.csv")));
    let reasons: Vec<_> = report.members.iter().map(|row| (row.status, row.reason.as_deref(), row.count)).collect();
    assert!(reasons.len() == 2 && reasons.contains(&(Status::Unreachable, Some("blank"), 1)), "{reasons:?}");
    assert!(report.told.is_empty() && report.seal.is_none());
}

on_both_databases!(
    a_report_tells_of_each_pause_and_withdrawal_of_its_notice_in_their_order_and_a_snapshot_tells_the_same
);
async fn a_report_tells_of_each_pause_and_withdrawal_of_its_notice_in_their_order_and_a_snapshot_tells_the_same(
    place: Place,
) {
    let store = varied(&place).await;
    store.know_notice("n2", "t", 1).await.unwrap();
    for (notice, from, to, at) in
        [(NOTICE, "released", "paused", 70), ("n2", "draft", "withdrawn", 71), (NOTICE, "paused", "released", 72)]
    {
        let reason = (to != "released").then_some("why");
        assert!(store.set_state(notice, (&[from], to), reason, "hanako", at).await.unwrap());
    }
    let taken_out = store.withdraw_open(NOTICE, "enough", "jiro", 73).await.unwrap();
    let report = store.report(NOTICE, 0).await.unwrap().unwrap();
    let told: Vec<_> = report.events.iter().map(|one| (one.at, one.actor.as_str(), one.kind.as_str())).collect();
    assert_eq!(told, [(70, "hanako", "paused"), (72, "hanako", "released"), (73, "jiro", "withdraw_members")]);
    assert_eq!(report.events[0].body, r#"{"reason":"why"}"#);
    assert!(report.events[2].body.contains(&format!("\"members\":{taken_out}")), "{:?}", report.events[2]);

    let mut snapshot = store.snapshot().await.unwrap();
    store.set_state(NOTICE, (&["released"], "paused"), None, "hanako", 80).await.unwrap();
    let sorted = |mut report: owabi_store::ReportRows| {
        report.members.sort_by_key(|row| format!("{row:?}"));
        report
    };
    let then = snapshot.report(NOTICE, 0).await.unwrap().unwrap();
    assert_eq!(sorted(then), sorted(report), "what was written meanwhile is not of its state");
    assert!(snapshot.report("n3", 0).await.unwrap().is_none());
    drop(snapshot);
    assert_eq!(store.report(NOTICE, 0).await.unwrap().unwrap().events.len(), 4);
}
