//! What surrounds the sending: imports, members, preflights, approvals, the log, and what an installation knows of itself.

use crate::place::{Place, on_both_databases};
use crate::{LEASE, NOTICE, accepted, add, batch, claim, count, intent, new_row, release, released};
use owabi_core::lifecycle::Status;
use owabi_core::member::{Member, Payment};
use owabi_store::{
    Finding, Group, LogFilter, MergedRow, NewRow, OpenOptions, PreflightRow, Selection, Store, StoreError, Totals,
};
use serde_json::json;

on_both_databases!(a_member_is_found_by_number_and_pages_go_on_where_the_last_one_ended);
async fn a_member_is_found_by_number_and_pages_go_on_where_the_last_one_ended(place: Place) {
    let store = released(&place, 5).await;
    add(&store, 7).await;
    let first = store.members_after(NOTICE, 0, None, 4).await.unwrap();
    let rest = store.members_after(NOTICE, first[3].id, None, 4).await.unwrap();
    let numbers: Vec<_> = first.iter().chain(&rest).map(|row| row.member.member_no.as_str()).collect();
    assert_eq!(numbers, ["M00000", "M00001", "M00002", "M00003", "M00004", "M00007"]);
    let held = store.members_after(NOTICE, 0, Some(Status::Held), 4).await.unwrap();
    assert_eq!(held.iter().map(|row| row.id).collect::<Vec<_>>(), [rest[1].id]);
    assert_eq!(store.member(NOTICE, "M00007").await.unwrap().unwrap(), held[0]);
    assert_eq!(store.member("other", "M00007").await.unwrap(), None);
}

on_both_databases!(a_member_comes_back_exactly_as_the_roster_gave_it);
async fn a_member_comes_back_exactly_as_the_roster_gave_it(place: Place) {
    let store = place.store().await;
    let payment = Payment {
        paid_at: "2021-10-14T09:30:00".into(),
        cohort: "fee".into(),
        purpose: "公認野球指導者資格 登録費".into(),
        method: "カード'\"\\".into(),
    };
    let member = Member {
        member_no: "M-'1;--".into(),
        name: "𠮷田\u{e0100} 👩‍👩‍👧".into(),
        email: Some("\"a..b\"@docomo.ne.jp".into()),
        cohorts: vec!["fee".into(), "course".into()],
        payments: vec![payment],
        fields: [("備考".to_owned(), "一行目\n二行目\t\u{7f}".to_owned())].into(),
    };
    let row = NewRow { member: member.clone(), given_email: "a..b@docomo.ne.jp".into(), unreachable: None };
    let mut import = store.begin_import(batch("b1")).await.unwrap();
    import.write(&[row], &[]).await.unwrap();
    assert_eq!(import.known(&["M-'1;--", "M2"]).await.unwrap()[0].member, member);
    import.commit(Totals { lines: 1, imported: 1, ..Totals::default() }).await.unwrap();
    assert_eq!(store.member(NOTICE, "M-'1;--").await.unwrap().unwrap().member, member);
}

on_both_databases!(a_further_line_renews_a_member_and_an_address_that_it_brings_makes_it_reachable);
async fn a_further_line_renews_a_member_and_an_address_that_it_brings_makes_it_reachable(place: Place) {
    let store = place.store().await;
    let mut import = store.begin_import(batch("b1")).await.unwrap();
    let without = NewRow { unreachable: Some("no_address".into()), given_email: "なし".into(), ..new_row(1) };
    import.write(&[without], &[]).await.unwrap();
    import.commit(Totals { lines: 1, unreachable: 1, ..Totals::default() }).await.unwrap();
    assert_eq!(count(&store, Status::Unreachable).await, 1);
    let mut import = store.begin_import(batch("b2")).await.unwrap();
    let known = import.known(&["M00001"]).await.unwrap().remove(0);
    assert!(known.status == Status::Unreachable && !known.same_import);
    let (given_email, cohorts) = (Some("u1@example.jp".to_owned()), vec!["fee".to_owned()]);
    let member = Member { email: given_email.clone(), cohorts, ..known.member };
    import.write(&[], &[MergedRow { id: known.id, member, given_email, unreachable: None }]).await.unwrap();
    assert_eq!(import.shared_addresses().await.unwrap(), 0);
    import
        .write(&[NewRow { member: Member { member_no: "M2".into(), ..new_row(1).member }, ..new_row(2) }], &[])
        .await
        .unwrap();
    assert_eq!(import.shared_addresses().await.unwrap(), 1, "each of the two gets a mail of their own");
    import.commit(Totals { lines: 2, imported: 1, merged: 1, ..Totals::default() }).await.unwrap();
    let renewed = store.member(NOTICE, "M00001").await.unwrap().unwrap();
    assert_eq!((renewed.status, renewed.member.cohorts), (Status::Held, vec!["fee".to_owned()]));
}

on_both_databases!(who_was_taken_out_before_any_release_can_be_held_again_and_nobody_else_can);
async fn who_was_taken_out_before_any_release_can_be_held_again_and_nobody_else_can(place: Place) {
    let store = released(&place, 1).await;
    add(&store, 7).await;
    let everybody = Selection::default();
    assert_eq!(store.withdraw_selected(NOTICE, (&everybody, &json!({})), "why", "花子", 20).await.unwrap(), 2);
    let mut import = store.begin_import(batch("b3")).await.unwrap();
    let known = import.known(&["M00000", "M00007"]).await.unwrap();
    let row = |no: &str| {
        let known = known.iter().find(|row| row.member.member_no == no).unwrap();
        assert_eq!((known.status, known.never_released), (Status::Withdrawn, no == "M00007"));
        let email = Some("right@example.jp".to_owned());
        let member = Member { email: email.clone(), ..known.member.clone() };
        MergedRow { id: known.id, member, given_email: email, unreachable: None }
    };
    import.take_in(&[row("M00007")]).await.unwrap();
    import.roll_back().await.unwrap();
    // Whoever was told in another way since, as after a restore, is not sent to.
    place.run("INSERT INTO substitutes (notice_id, member_id, kind, on_day, actor, at) SELECT notice_id, id, 'other', '2026-11-30', 'hanako', 70 FROM affected_members WHERE member_no = 'M00007'").await.unwrap();
    let mut import = store.begin_import(batch("b3")).await.unwrap();
    assert!(import.known(&["M00007"]).await.unwrap().iter().all(|row| !row.never_released));
    import.roll_back().await.unwrap();
    place.run("INSERT INTO substitutes (notice_id, member_id, kind, on_day, revokes, actor, at) SELECT notice_id, member_id, 'revoked', '2026-11-30', id, 'hanako', 71 FROM substitutes").await.unwrap();
    let mut import = store.begin_import(batch("b3")).await.unwrap();
    assert!(import.known(&["M00007"]).await.unwrap().iter().all(|row| row.never_released));
    import.take_in(&[row("M00007")]).await.unwrap();
    import.commit(Totals { lines: 1, merged: 1, ..Totals::default() }).await.unwrap();
    let held = store.member(NOTICE, "M00007").await.unwrap().unwrap();
    assert_eq!((held.status, held.member.email.as_deref()), (Status::Held, Some("right@example.jp")));
    let entries = store.ledger_entries(0, 100).await.unwrap();
    let entries: Vec<String> = entries.iter().map(|row| format!("{:?}", row.entry).replace([' ', '\\'], "")).collect();
    let told = |kind: &str, what: &str| entries.iter().any(|entry| entry.contains(kind) && entry.contains(what));
    assert!(told("kind:\"status\"", "\"to\":\"held\"") && told("kind:\"import\"", "\"taken_in\":1"), "{entries:?}");
    let mut import = store.begin_import(batch("b4")).await.unwrap();
    let refused = import.take_in(&[row("M00000")]).await;
    assert!(matches!(refused, Err(StoreError::ChangedMeanwhile)), "{refused:?}");
}

on_both_databases!(an_import_that_is_rolled_back_leaves_no_trace_and_one_that_is_committed_is_known_by_its_file);
async fn an_import_that_is_rolled_back_leaves_no_trace_and_one_that_is_committed_is_known_by_its_file(place: Place) {
    let store = place.store().await;
    let finding = Finding { line: 2, kind: "refused".into(), member_no: None, detail: "M1,,".into() };
    let mut import = store.begin_import(batch("b1")).await.unwrap();
    import.write(&[new_row(1)], &[]).await.unwrap();
    import.note(std::slice::from_ref(&finding)).await.unwrap();
    import.roll_back().await.unwrap();
    assert!(store.counts().await.unwrap().is_empty() && store.batch_of_file(NOTICE, "00").await.unwrap().is_none());
    let mut import = store.begin_import(batch("b2")).await.unwrap();
    import.write(&[new_row(1)], &[]).await.unwrap();
    import.note(&[finding]).await.unwrap();
    import.commit(Totals { lines: 2, imported: 1, refused: 1, ..Totals::default() }).await.unwrap();
    assert_eq!(store.batch_of_file(NOTICE, "00").await.unwrap().as_deref(), Some("b2"));
    assert_eq!(place.text("SELECT lines || ' ' || imported || ' ' || refused FROM batches").await, "2 1 1");
    assert_eq!(
        place.text("SELECT batch_id || ' ' || line || ' ' || kind || ' ' || detail FROM findings").await,
        "b2 2 refused M1,,"
    );
}

on_both_databases!(the_latest_preflight_counts_and_each_person_approves_once);
async fn the_latest_preflight_counts_and_each_person_approves_once(place: Place) {
    let store = released(&place, 0).await;
    assert_eq!(store.latest_preflight(NOTICE).await.unwrap(), None);
    let at = |at: i64, problems: i64| {
        let (actor, fingerprint, roster_hash) = ("tester".to_owned(), "f".to_owned(), "r".to_owned());
        PreflightRow { at, actor, fingerprint, roster_hash, rows: 3, problems }
    };
    for row in [at(20, 0), at(10, 2)] {
        store.record_preflight(NOTICE, &row).await.unwrap();
    }
    assert_eq!(store.latest_preflight(NOTICE).await.unwrap(), Some(at(20, 0)));
    for (actor, hash, now) in [("a", "r", 30), ("b", "r", 31), ("a", "r", 32), ("c", "other", 33)] {
        store.approve(NOTICE, actor, "f", hash, "p", now).await.unwrap();
    }
    let approvals = store.approvals(NOTICE, "f", "r", "p").await.unwrap();
    assert_eq!(approvals.iter().map(|it| (it.actor.as_str(), it.at)).collect::<Vec<_>>(), [("a", 30), ("b", 31)]);
    let entries = "SELECT COUNT(*) || '' FROM ledger WHERE kind IN ('preflight', 'approve')";
    assert_eq!(place.text(entries).await, "6");
}

on_both_databases!(a_notice_is_known_by_its_newest_title_and_keeps_its_state);
async fn a_notice_is_known_by_its_newest_title_and_keeps_its_state(place: Place) {
    let store = released(&place, 1).await;
    store.know_notice("another", "別のお知らせ", 5).await.unwrap();
    store.know_notice(NOTICE, "新しい題", 6).await.unwrap();
    let notices = store.notices().await.unwrap();
    let said: Vec<_> = notices.iter().map(|it| (it.id.as_str(), it.title.as_str(), it.state.as_str())).collect();
    assert_eq!(said, [("another", "別のお知らせ", "draft"), (NOTICE, "新しい題", "released")]);
    assert_eq!((notices[1].fingerprint.as_deref(), notices[1].released_at), (Some("f"), Some(10)));
}

on_both_databases!(a_row_that_cannot_be_rendered_fails_without_an_attempt);
async fn a_row_that_cannot_be_rendered_fails_without_an_attempt(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    let reason = || "row_unreadable".to_owned();
    let late = (rows[1].id, rows[1].fence - 1, reason());
    assert_eq!(store.fail_unsent(&[(rows[0].id, rows[0].fence, reason()), late], 30).await.unwrap(), 1);
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    let said = (log[0].status.as_str(), log[0].status_reason.as_deref(), log[0].attempt);
    assert_eq!(said, ("failed", Some("row_unreadable"), 0));
    assert_eq!(count(&store, Status::Sending).await, 1);
}

on_both_databases!(a_row_that_somebody_else_wrote_wrongly_is_shown_and_stops_nobody_else);
async fn a_row_that_somebody_else_wrote_wrongly_is_shown_and_stops_nobody_else(place: Place) {
    let store = released(&place, 2).await;
    place.run("UPDATE affected_members SET payments = 'no JSON' WHERE member_no = 'M00000'").await.unwrap();
    let rows = claim(&store, 20, 10).await;
    let readable: Vec<_> = rows.iter().map(|row| (row.id, row.member.is_ok())).collect();
    assert_eq!(readable.iter().filter(|row| row.1).count(), 1, "{rows:?}");
    let seen = store.member(NOTICE, "M00000").await.unwrap().unwrap();
    assert!(seen.unreadable.unwrap().en.contains("payments"));
}

on_both_databases!(the_log_shows_what_was_asked_for_and_each_page_once);
async fn the_log_shows_what_was_asked_for_and_each_page_once(place: Place) {
    let store = released(&place, 6).await;
    let rows = claim(&store, 20, 4).await;
    let group = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
    store.record(&group, 30, 30, false).await.unwrap();
    let group = Group { intents: vec![], settles: rows[..2].iter().map(|row| accepted(row, 40)).collect() };
    store.record(&group, 40, 40, false).await.unwrap();
    let all = LogFilter { notice_id: Some(NOTICE.into()), ..LogFilter::default() };
    let (mut seen, mut after) = (Vec::new(), (0, 0));
    while let Some(row) = store.log_after(&all, after, 1).await.unwrap().pop() {
        after = (row.member_id, row.attempt);
        seen.push((row.member_no, row.status, row.attempt, row.outcome));
    }
    let numbers: Vec<_> = seen.iter().map(|row| (row.0.as_str(), row.2, row.3.as_deref())).collect();
    let said =
        [("M00000", 1, Some("accepted")), ("M00001", 1, Some("accepted")), ("M00002", 1, None), ("M00003", 1, None)];
    assert_eq!((&numbers[..4], numbers.len()), (&said[..], 6));
    for (filter, found) in [
        (LogFilter { notice_id: Some("other".into()), ..LogFilter::default() }, 0),
        (LogFilter { members: Some(vec![3]), ..LogFilter::default() }, 1),
        (LogFilter { statuses: vec![Status::Queued], ..LogFilter::default() }, 2),
        (LogFilter { since: Some(40), ..LogFilter::default() }, 2),
        (LogFilter { since: Some(30), statuses: vec![Status::Sending], ..LogFilter::default() }, 2),
    ] {
        assert_eq!(store.log_after(&filter, (0, 0), 10).await.unwrap().len(), found, "{filter:?}");
    }
}

on_both_databases!(what_an_installation_knows_of_itself_stays);
async fn what_an_installation_knows_of_itself_stays(place: Place) {
    let store = place.store().await;
    assert_eq!(store.meta("key").await.unwrap(), None);
    for value in ["first", "second"] {
        assert_eq!(store.meta_or("settled", value).await.unwrap(), "first");
    }
    for value in ["one", "二"] {
        store.set_meta("key", value).await.unwrap();
    }
    store.close().await;
    let store = place.store().await;
    assert_eq!(store.meta("key").await.unwrap().as_deref(), Some("二"));
    assert_eq!(store.schema_version().await.unwrap(), Store::newest_schema());
    let is_sqlite = matches!(place, Place::Sqlite(_));
    assert_eq!((store.is_shared(), store.file().is_some()), (!is_sqlite, is_sqlite));
    store.check_integrity_telling(|| ()).await.unwrap();
    let newest = Store::newest_schema();
    assert_eq!(Store::migrate(&OpenOptions::new(place.url())).await.unwrap(), (newest, newest));
    let server = store.server().await.unwrap();
    assert_eq!(server.as_ref().map(|server| server.tls.clone()), (!is_sqlite).then_some(None), "a socket or loopback");
    assert_eq!(store.durability_warnings().await.unwrap(), server.map(|server| server.durability).unwrap_or_default());
}

/// Of SQLite alone: PostgreSQL has its own program for this.
#[tokio::test]
async fn a_copy_made_at_work_is_a_whole_database_and_postgresql_has_pg_dump_for_that() {
    let place = Place::sqlite();
    let store = released(&place, 3).await;
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("copy.db");
    store.backup_to(&file).await.unwrap();
    claim(&store, 20, 3).await;
    let copied = Store::open(&OpenOptions::new(format!("sqlite:{}", file.display()))).await.unwrap();
    assert_eq!((count(&copied, Status::Queued).await, count(&store, Status::Queued).await), (3, 0));
    copied.close().await;
    let before = std::fs::read(&file).unwrap();
    let looked = Store::open_copy(&file).await.unwrap();
    looked.check_integrity_fully().await.unwrap();
    assert_eq!(looked.queue_id().await.unwrap(), store.queue_id().await.unwrap());
    assert!(looked.set_meta("k", "v").await.is_err());
    looked.close().await;
    assert_eq!((std::fs::read(&file).unwrap() == before, copy.path().read_dir().unwrap().count()), (true, 1));
    let pages = store.pages().await.unwrap().unwrap();
    assert!(pages.size >= 512 && pages.all > 10 && pages.free < pages.all, "{pages:?}");
    let shared = Place::postgres().store().await;
    shared.check_integrity_fully().await.unwrap();
    assert_eq!(shared.pages().await.unwrap(), None);
    let refused = shared.backup_to(&file).await;
    assert!(refused.unwrap_err().to_string().contains("pg_dump"));
}

/// Of PostgreSQL alone: on SQLite there is no other daemon to tell.
#[tokio::test]
async fn a_release_and_new_members_are_news_to_a_daemon_that_listens() {
    let place = Place::postgres();
    let store = released(&place, 1).await;
    let mut news = store.news().await.unwrap();
    for change in ["added", "released", "paused"] {
        match change {
            "added" => add(&store, 2).await,
            "released" => assert_eq!(release(&store, "f").await.unwrap(), 1),
            _ => assert!(store.set_state(NOTICE, (&["released"], "paused"), None, "tester", 20).await.unwrap()),
        }
        let heard = tokio::time::timeout(std::time::Duration::from_mins(1), news.next()).await;
        heard.unwrap_or_else(|_| panic!("nobody said that something was {change}")).unwrap();
    }
}

/// Of PostgreSQL alone: on SQLite an import is the only writer.
#[tokio::test]
async fn an_import_with_a_member_who_was_released_or_added_meanwhile_imports_nothing() {
    let place = Place::postgres();
    let store = place.store().await;
    add(&store, 1).await;
    let mut import = store.begin_import(batch("b2")).await.unwrap();
    let known = import.known(&["M00001"]).await.unwrap().remove(0);
    assert_eq!(known.status, Status::Held);
    assert_eq!(release(&store, "f").await.unwrap(), 1);
    let member = Member { cohorts: vec!["fee".into()], ..known.member };
    let renewed = import.write(&[], &[MergedRow { id: known.id, member, given_email: None, unreachable: None }]).await;
    assert!(matches!(renewed, Err(StoreError::ChangedMeanwhile)), "{renewed:?}");
    drop(import);
    let mut import = store.begin_import(batch("b3")).await.unwrap();
    assert!(import.known(&["M00002"]).await.unwrap().is_empty());
    let comes = "INSERT INTO affected_members (notice_id, member_no, name) VALUES ('n1', 'M00002', 'x')";
    place.run(comes).await.unwrap();
    let twice = import.write(&[new_row(2)], &[]).await;
    assert!(matches!(twice, Err(StoreError::ChangedMeanwhile)), "{twice:?}");
    drop(import);
    let row = claim(&store, 20, 1).await.remove(0);
    assert!(row.member.unwrap().cohorts.is_empty() && row.lease_until == 20 + LEASE);
    assert_eq!(count(&store, Status::Held).await, 1);
}
