//! Resend batches and selections: whom they choose, what they begin, and that nobody is chosen twice.

use crate::place::{Place, on_both_databases};
use crate::{LEASE, NOTICE, accepted, batch, claim, count, intent, new_row, released};
use owabi_core::lifecycle::{Event, Status};
use owabi_store::{
    BatchRecord, CanaryClaim, Chosen, Group, NewSubstitute, ResendRequest, Selection, Settle, Store, StoreError, Totals,
};
use serde_json::json;

/// One member in each status, in the order of `Status::ALL`: held, queued, sending, accepted, delivered, `in_doubt`, failed, bounced,
/// unreachable, withdrawn.
const ONE_OF_EACH: &str = "UPDATE affected_members SET updated_at = 100, due_at = 5, queued_at = 5, status = CASE member_no
    WHEN 'M00000' THEN 'held' WHEN 'M00001' THEN 'queued' WHEN 'M00002' THEN 'sending' WHEN 'M00003' THEN 'accepted'
    WHEN 'M00004' THEN 'delivered' WHEN 'M00005' THEN 'in_doubt' WHEN 'M00006' THEN 'failed' WHEN 'M00007' THEN 'bounced'
    WHEN 'M00008' THEN 'unreachable' ELSE 'withdrawn' END";

fn number(status: Status) -> String {
    let at = Status::ALL.iter().position(|one| *one == status).unwrap();
    format!("M{at:05}")
}

fn request<'a>(selection: &'a Selection, words: &'a str, reason: &'a str) -> ResendRequest<'a> {
    let (notice_id, fingerprint, actor) = (NOTICE, "f", "hanako");
    ResendRequest { notice_id, fingerprint, selection, words, include_delivered: false, reason, actor }
}

fn of(statuses: &[Status]) -> Selection {
    Selection { statuses: statuses.to_vec(), ..Selection::default() }
}

fn classes(chosen: &Chosen) -> Vec<(&str, i64)> {
    chosen.excluded.iter().map(|(class, count)| (class.as_str(), *count)).collect()
}

async fn one_of_each(place: &Place) -> Store {
    let store = released(place, 10).await;
    place.run(ONE_OF_EACH).await.unwrap();
    store
}

/// Fails the claimed rows for good.
async fn fail(store: &Store, now: i64) -> usize {
    let rows = claim(store, now, 100).await;
    let failed = |row| Settle {
        outcome: "failed".into(),
        status: Status::Failed,
        reason: Some("bad_address".into()),
        ..accepted(row, now)
    };
    let group = Group { intents: vec![], settles: rows.iter().map(failed).collect() };
    store.record(&group, now, now, false).await.unwrap().settled.len()
}

on_both_databases!(exactly_the_statuses_that_the_lifecycle_allows_are_sent_again);
async fn exactly_the_statuses_that_the_lifecycle_allows_are_sent_again(place: Place) {
    let store = one_of_each(&place).await;
    for status in Status::ALL {
        for (include_delivered, event) in [(false, Event::Resend), (true, Event::ResendByName)] {
            let selection = Selection { member_nos: Some(vec![number(status)]), ..of(&[status]) };
            let asked = ResendRequest { include_delivered, ..request(&selection, "{}", "why") };
            let chosen = store.resend_look(&asked).await.unwrap();
            let allowed = status.after(event).is_ok();
            assert_eq!(chosen.selected == 1, allowed, "{status} {event:?}");
            assert_eq!(chosen.excluded.values().sum::<i64>(), i64::from(!allowed), "{status} {event:?}");
            // Nobody of a status that was not asked for.
            let others: Vec<Status> = Status::ALL.into_iter().filter(|other| *other != status).collect();
            let selection = Selection { member_nos: Some(vec![number(status)]), ..of(&others) };
            let asked = ResendRequest { include_delivered, ..request(&selection, "{}", "why") };
            assert_eq!(store.resend_look(&asked).await.unwrap().selected, 0, "{status}");
        }
    }
}

on_both_databases!(whoever_is_left_out_is_counted_with_the_reason);
async fn whoever_is_left_out_is_counted_with_the_reason(place: Place) {
    let store = one_of_each(&place).await;
    place.run("UPDATE affected_members SET email = NULL WHERE status = 'unreachable'").await.unwrap();
    let selection = of(&[Status::Failed, Status::Unreachable]);
    let chosen = store.resend_look(&request(&selection, "{}", "why")).await.unwrap();
    assert_eq!(chosen.selected, 1);
    let left_out = [
        ("in_doubt", 1),
        ("no_address", 1),
        ("other_status", 1),
        ("told", 2),
        ("under_way", 1),
        ("waiting", 2),
        ("withdrawn", 1),
    ];
    assert_eq!(classes(&chosen), left_out, "they add up to all ten");
    let by_name = ResendRequest { include_delivered: true, ..request(&selection, "{}", "why") };
    assert_eq!(
        store.resend_look(&by_name).await.unwrap().excluded["told"],
        2,
        "told members are named by their status, too"
    );
}

on_both_databases!(a_selection_narrows_by_domain_cohort_reason_time_and_number);
async fn a_selection_narrows_by_domain_cohort_reason_time_and_number(place: Place) {
    let store = released(&place, 4).await;
    for sql in [
        "UPDATE affected_members SET status = 'failed', updated_at = 100, reason = 'bad_address'",
        "UPDATE affected_members SET email = 'X@Docomo.ne.jp' WHERE member_no = 'M00000'",
        "UPDATE affected_members SET email = 'x@notdocomo.ne.jp', cohorts = '[\"course\",\"paper\"]' WHERE member_no = 'M00001'",
        "UPDATE affected_members SET reason = 'render_failed: no helper', cohorts = '[\"courses\"]' WHERE member_no = 'M00002'",
        "UPDATE affected_members SET updated_at = 200, reason = 'render' WHERE member_no = 'M00003'",
    ] {
        place.run(sql).await.unwrap();
    }
    let text = |text: &str| Some(text.to_owned());
    let all = of(&[Status::Failed]);
    for (selection, wanted) in [
        (Selection { domain: text("docomo.ne.jp"), ..all.clone() }, 1),
        (Selection { cohort: text("course"), ..all.clone() }, 1),
        (Selection { reason_code: text("render_failed"), ..all.clone() }, 1),
        (Selection { reason_code: text("render"), ..all.clone() }, 1),
        (Selection { reason_code: text("bad_address"), ..all.clone() }, 2),
        (Selection { since: Some(200), ..all.clone() }, 1),
        (Selection { until: Some(199), ..all.clone() }, 3),
        (Selection { member_nos: Some(vec!["M00001".into(), "M00003".into(), "M9".into()]), ..all.clone() }, 2),
        (Selection { member_nos: Some(vec![]), ..all.clone() }, 0),
        (all.clone(), 4),
    ] {
        assert_eq!(
            store.resend_look(&request(&selection, "{}", "why")).await.unwrap().selected,
            wanted,
            "{selection:?}"
        );
        let counts = store.matching_counts(NOTICE, &selection).await.unwrap();
        assert_eq!(counts.get(&Status::Failed).copied().unwrap_or(0), wanted);
    }
}

on_both_databases!(a_new_round_starts_anew_and_what_was_before_stays_linked);
async fn a_new_round_starts_anew_and_what_was_before_stays_linked(place: Place) {
    let store = released(&place, 2).await;
    assert_eq!(fail(&store, 20).await, 2);
    place.run("UPDATE affected_members SET plain_form = TRUE, attempts = 9").await.unwrap();
    let selection = of(&[Status::Failed]);
    let words = json!({ "status": ["failed"] }).to_string();
    let done = store.resend(&request(&selection, &words, "後日"), "r1", None, 1_000).await.unwrap();
    assert_eq!((done.selected, classes(&done)), (2, vec![]));
    let rows = claim(&store, 1_000, 10).await;
    let one = &rows[0];
    assert_eq!((one.round, one.number, one.attempts, one.queued_at), (2, 2, 0, 1_000));
    assert_eq!((one.plain_form, one.possible_duplicate, one.doubts), (false, false, 0));
    let resends = store.resends_of(one.id).await.unwrap();
    assert_eq!(resends.len(), 1);
    let resend = &resends[0];
    assert_eq!((resend.round, resend.status_before.as_str(), resend.tries_before), (2, "failed", 1));
    assert_eq!((resend.reason_before.as_deref(), resend.batch.as_str()), (Some("bad_address"), "r1"));
    assert_eq!((resend.actor.as_str(), resend.reason.as_deref(), resend.at), ("hanako", Some("後日"), 1_000));
    let intents = Group { intents: vec![intent(one)], settles: vec![] };
    assert_eq!(store.record(&intents, 1_010, 1_010, false).await.unwrap().granted.len(), 1);
    let settles = Group { intents: vec![], settles: vec![accepted(one, 1_020)] };
    assert_eq!(store.record(&settles, 1_020, 1_020, false).await.unwrap().settled.len(), 1);
    let entry = place.text("SELECT body FROM ledger WHERE kind = 'resend'").await;
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    assert_eq!((&entry["batch"], &entry["selected"], &entry["reason"]), (&json!("r1"), &json!(2), &json!("後日")));
    assert_eq!(entry["selection"]["status"], json!(["failed"]));
    assert_eq!(place.text("SELECT CAST(lines AS TEXT) FROM batches WHERE id = 'r1'").await, "2");
    assert_eq!(
        place.text("SELECT CAST(COUNT(*) AS TEXT) FROM ledger WHERE kind = 'resent' AND actor = 'hanako'").await,
        "2"
    );
}

on_both_databases!(the_same_request_chooses_nobody_twice_and_another_reason_is_a_new_one);
async fn the_same_request_chooses_nobody_twice_and_another_reason_is_a_new_one(place: Place) {
    let store = released(&place, 3).await;
    fail(&store, 20).await;
    let selection = of(&[Status::Failed]);
    let asked = request(&selection, "{\"status\":[\"failed\"]}", "why");
    assert_eq!(store.resend(&asked, "r1", None, 1_000).await.unwrap().selected, 3);
    assert_eq!(store.resend(&asked, "r2", None, 1_001).await.unwrap().selected, 0, "they wait");
    assert_eq!(fail(&store, 1_010).await, 3);
    let again = store.resend(&asked, "r3", None, 1_020).await.unwrap();
    assert_eq!((again.selected, classes(&again)), (0, vec![("already_resent", 3)]));
    let before = store.resend_batches_like(&asked).await.unwrap();
    let named: Vec<_> = before.iter().map(|batch| (batch.id.as_str(), batch.members, batch.actor.as_str())).collect();
    assert_eq!(named, [("r1", 3, "hanako")], "a batch that chose nobody is none");
    let other = ResendRequest { reason: "another why", ..asked };
    assert_eq!(store.resend(&other, "r4", None, 1_030).await.unwrap().selected, 3);
}

on_both_databases!(two_people_who_ask_for_the_same_at_the_same_time_send_once);
async fn two_people_who_ask_for_the_same_at_the_same_time_send_once(place: Place) {
    let (one, two) = (released(&place, 20).await, place.store().await);
    fail(&one, 20).await;
    let selection = of(&[Status::Failed]);
    let (ours, theirs) = (request(&selection, "{}", "why"), request(&selection, "{}", "other words"));
    let (ours, theirs) = tokio::join!(one.resend(&ours, "r1", None, 1_000), two.resend(&theirs, "r2", None, 1_000));
    assert_eq!(ours.unwrap().selected + theirs.unwrap().selected, 20);
    assert_eq!(place.text("SELECT CAST(COUNT(*) AS TEXT) FROM resends").await, "20");
    assert_eq!(count(&one, Status::Queued).await, 20);
}

on_both_databases!(what_an_earlier_mail_may_have_reached_is_flagged_and_nothing_else);
async fn what_an_earlier_mail_may_have_reached_is_flagged_and_nothing_else(place: Place) {
    let store = one_of_each(&place).await;
    for sql in [
        // M00006 failed after a lost reply, M00007 bounced, M00009 was withdrawn while it waited after a lost reply.
        "UPDATE affected_members SET tries = 2",
        "INSERT INTO attempts (member_id, number, at, outcome, spent) SELECT id, 1, 5, 'in_doubt', FALSE FROM affected_members WHERE member_no IN ('M00006', 'M00009')",
        "INSERT INTO attempts (member_id, number, at, outcome, spent) SELECT id, 2, 6, 'failed', TRUE FROM affected_members WHERE member_no = 'M00006'",
        "INSERT INTO attempts (member_id, number, at, outcome, spent) SELECT id, 2, 5, 'accepted', TRUE FROM affected_members WHERE member_no IN ('M00003', 'M00004', 'M00007')",
    ] {
        place.run(sql).await.unwrap();
    }
    let asked =
        [Status::Accepted, Status::Delivered, Status::Failed, Status::Bounced, Status::Unreachable, Status::Withdrawn];
    let selection = of(&asked);
    let by_name = ResendRequest { include_delivered: true, ..request(&selection, "{}", "why") };
    assert_eq!(store.resend(&by_name, "r1", Some(6), 1_000).await.unwrap().selected, 6);
    let flagged = "SELECT group_concat(member_no) FROM (SELECT member_no FROM affected_members WHERE possible_duplicate ORDER BY id) f";
    let flagged = match place {
        Place::Sqlite(_) => place.text(flagged).await,
        Place::Postgres(_) => {
            place
                .text("SELECT string_agg(member_no, ',' ORDER BY id) FROM affected_members WHERE possible_duplicate")
                .await
        }
    };
    assert_eq!(flagged, "M00003,M00004,M00006,M00009");
}

on_both_databases!(doubts_of_an_earlier_round_do_not_count_in_the_new_one);
async fn doubts_of_an_earlier_round_do_not_count_in_the_new_one(place: Place) {
    let store = released(&place, 1).await;
    for sql in [
        "UPDATE affected_members SET status = 'failed', tries = 3, possible_duplicate = TRUE",
        "INSERT INTO attempts (member_id, number, at, outcome, spent, reason) SELECT id, 1, 5, 'in_doubt', FALSE, 'in_doubt' FROM affected_members",
        "INSERT INTO attempts (member_id, number, at, outcome, spent, reason) SELECT id, 2, 5, 'in_doubt', FALSE, 'in_doubt' FROM affected_members",
    ] {
        place.run(sql).await.unwrap();
    }
    let selection = of(&[Status::Failed]);
    store.resend(&request(&selection, "{}", "why"), "r1", None, 1_000).await.unwrap();
    let row = claim(&store, 1_000, 1).await.remove(0);
    assert_eq!((row.doubts, row.possible_duplicate, row.number), (0, true, 4));
}

on_both_databases!(nothing_is_sent_again_of_another_text_or_of_a_notice_that_is_not_released);
async fn nothing_is_sent_again_of_another_text_or_of_a_notice_that_is_not_released(place: Place) {
    let store = released(&place, 1).await;
    fail(&store, 20).await;
    let selection = of(&[Status::Failed]);
    let other = ResendRequest { fingerprint: "another text", ..request(&selection, "{}", "why") };
    assert!(matches!(store.resend(&other, "r1", None, 30).await, Err(StoreError::NoticeState)));
    assert!(store.set_state(NOTICE, (&["released"], "paused"), None, "tester", 35).await.unwrap());
    let asked = request(&selection, "{}", "why");
    assert!(matches!(store.resend(&asked, "r1", None, 40).await, Err(StoreError::NoticeState)));
    assert!(matches!(store.resend(&asked, "r1", Some(2), 40).await, Err(StoreError::ChangedMeanwhile)));
    assert_eq!((count(&store, Status::Failed).await, count(&store, Status::Queued).await), (1, 0));
    assert_eq!(place.text("SELECT CAST(COUNT(*) AS TEXT) FROM resends").await, "0");
    assert_eq!(place.text("SELECT CAST(COUNT(*) AS TEXT) FROM batches WHERE kind = 'resend'").await, "0");
}

on_both_databases!(a_selection_is_withdrawn_and_the_rest_goes_on);
async fn a_selection_is_withdrawn_and_the_rest_goes_on(place: Place) {
    let store = released(&place, 4).await;
    let rows = claim(&store, 20, 2).await;
    let leaving = Group { intents: vec![intent(&rows[0])], settles: vec![] };
    assert_eq!(store.record(&leaving, 25, 25, false).await.unwrap().granted.len(), 1);
    let selection =
        Selection { member_nos: Some(vec!["M00000".into(), "M00001".into(), "M00002".into()]), ..Selection::default() };
    let words = json!({ "list": { "members": 3 } });
    let withdrawn = store.withdraw_selected(NOTICE, (&selection, &words), "why", "hanako", 30).await.unwrap();
    assert_eq!(withdrawn, 2, "the mail of one of them is just leaving");
    let late = Group { intents: vec![intent(&rows[1])], settles: vec![] };
    assert!(
        store.record(&late, 31, 31, false).await.unwrap().granted.is_empty(),
        "its daemon may not send it any more"
    );
    assert_eq!(store.give_back(&[(rows[1].id, rows[1].fence, 40)], 31).await.unwrap(), 0);
    assert_eq!(store.notice(NOTICE).await.unwrap().unwrap().state, "released");
    assert_eq!((count(&store, Status::Withdrawn).await, count(&store, Status::Queued).await), (2, 1));
    let entry: serde_json::Value =
        serde_json::from_str(&place.text("SELECT body FROM ledger WHERE kind = 'withdraw_members'").await).unwrap();
    assert_eq!((&entry["members"], &entry["selection"]["list"]["members"]), (&json!(2), &json!(3)));
    let held = Selection { statuses: vec![Status::Held], ..Selection::default() };
    assert_eq!(store.withdraw_selected(NOTICE, (&held, &words), "why", "hanako", 30).await.unwrap(), 0);
    assert_eq!(claim(&store, 20 + LEASE, 10).await.len(), 1);
}

on_both_databases!(numbers_that_a_notice_does_not_have_are_left_out_of_what_is_found);
async fn numbers_that_a_notice_does_not_have_are_left_out_of_what_is_found(place: Place) {
    let store = released(&place, 2).await;
    let found = store.member_ids(NOTICE, &["M00001".into(), "M7".into()]).await.unwrap();
    assert_eq!((found.len(), found.contains_key("M00001")), (1, true));
    assert!(store.member_ids("n2", &["M00001".into()]).await.unwrap().is_empty());
}

on_both_databases!(no_mail_leaves_for_whom_a_withdrawal_took_out_at_the_same_moment);
async fn no_mail_leaves_for_whom_a_withdrawal_took_out_at_the_same_moment(place: Place) {
    let (one, two) = (released(&place, 200).await, place.store().await);
    let rows = claim(&one, 20, 200).await;
    let everybody = Selection { domain: Some("example.jp".into()), ..Selection::default() };
    let words = json!({});
    let granting = async {
        let mut granted = 0;
        for some in rows.chunks(20) {
            let group = Group { intents: some.iter().map(intent).collect(), settles: vec![] };
            granted += one.record(&group, 30, 30, false).await.unwrap().granted.len();
        }
        u64::try_from(granted).unwrap()
    };
    let taking = two.withdraw_selected(NOTICE, (&everybody, &words), "why", "hanako", 30);
    let (granted, taken) = tokio::join!(granting, taking);
    assert!(granted + taken.unwrap() <= 200);
    let both = "SELECT CAST(COUNT(*) AS TEXT) FROM intents i JOIN affected_members m ON m.id = i.member_id WHERE m.status = 'withdrawn'";
    assert_eq!(place.text(both).await, "0");
}

on_both_databases!(whoever_was_in_no_released_roster_is_not_sent_to);
async fn whoever_was_in_no_released_roster_is_not_sent_to(place: Place) {
    let store = released(&place, 3).await;
    let mut import = store.begin_import(BatchRecord { at: 20, ..batch("late") }).await.unwrap();
    import.write(&[new_row(7), new_row(8), new_row(9)], &[]).await.unwrap();
    import.commit(Totals { lines: 3, imported: 3, ..Totals::default() }).await.unwrap();
    let some = Selection { member_nos: Some(vec!["M00001".into(), "M00009".into()]), ..Selection::default() };
    assert_eq!(store.withdraw_selected(NOTICE, (&some, &json!({})), "why", "hanako", 30).await.unwrap(), 2);
    let unreachable = "UPDATE affected_members SET status = 'unreachable', due_at = NULL, queued_at = NULL WHERE member_no IN ('M00000', 'M00008')";
    place.run(unreachable).await.unwrap();
    let selection = of(&[Status::Unreachable, Status::Withdrawn]);
    let chosen = store.resend(&request(&selection, "{}", "why"), "r1", None, 1_000).await.unwrap();
    assert_eq!((chosen.selected, classes(&chosen)), (2, vec![("never_released", 2), ("waiting", 2)]));
    let due = "SELECT CAST(COUNT(*) AS TEXT) FROM affected_members WHERE status = 'queued' AND member_no IN ('M00000', 'M00001', 'M00002')";
    assert_eq!((place.text(due).await.as_str(), count(&store, Status::Queued).await), ("3", 3));
}

on_both_databases!(doubts_of_an_earlier_round_do_not_count_in_the_canary_either);
async fn doubts_of_an_earlier_round_do_not_count_in_the_canary_either(place: Place) {
    let store = released(&place, 1).await;
    let canary = |now| CanaryClaim { notice_id: NOTICE, text: "f", size: 1, now, lease_ms: LEASE, limit: 1 };
    assert_eq!(store.claim_canary(canary(20)).await.unwrap().len(), 1);
    for sql in [
        "UPDATE affected_members SET status = 'failed', due_at = NULL, tries = 2, possible_duplicate = TRUE",
        "INSERT INTO attempts (member_id, number, at, outcome, spent, reason) SELECT id, 1, 5, 'in_doubt', FALSE, 'in_doubt' FROM affected_members",
    ] {
        place.run(sql).await.unwrap();
    }
    let selection = of(&[Status::Failed]);
    store.resend(&request(&selection, "{}", "why"), "r1", None, 1_000).await.unwrap();
    let row = store.claim_canary(canary(1_000)).await.unwrap().remove(0);
    assert_eq!((row.doubts, row.possible_duplicate, row.number), (0, true, 3));
}

on_both_databases!(whoever_was_told_in_another_way_is_counted_among_the_selected);
async fn whoever_was_told_in_another_way_is_counted_among_the_selected(place: Place) {
    let store = released(&place, 3).await;
    fail(&store, 20).await;
    let found = store.member_ids(NOTICE, &["M00001".into(), "M00002".into()]).await.unwrap();
    let letter =
        |no: &str| NewSubstitute { member_id: found[no], kind: "letter", on_day: "2022-03-02".into(), note: None };
    store.add_substitutes(NOTICE, &[letter("M00001"), letter("M00002")], "hanako", 30).await.unwrap();
    assert!(store.revoke_substitute(1, ("2022-03-03", "a mistake"), "hanako", 40).await.unwrap());
    let selection = of(&[Status::Failed]);
    let looked = store.resend_look(&request(&selection, "{}", "why")).await.unwrap();
    assert_eq!((looked.selected, looked.told_otherwise), (3, 1));
}
