//! Canary and breaker: how many leave, what is counted, and who says so.

use crate::place::{Place, on_both_databases};
use crate::{LEASE, NOTICE, accepted, add, claim, intent, release, released, state};
use owabi_core::lifecycle::Status;
use owabi_core::watch::Outcomes;
use owabi_store::{CanaryClaim, Claimed, Group, Settle, Store};

const RELEASED: (&[&str], &str) = (&["paused"], "released");
const PAUSED: (&[&str], &str) = (&["released"], "paused");

async fn canary(store: &Store, size: i64, now: i64) -> Vec<Claimed> {
    let of = CanaryClaim { notice_id: NOTICE, text: "f", size, now, lease_ms: LEASE, limit: 100 };
    store.claim_canary(of).await.unwrap()
}

async fn outcomes(store: &Store) -> (i64, i64, i64) {
    let Outcomes { good, failed, waiting } = store.canary_outcomes(NOTICE, "f").await.unwrap();
    (good, failed, waiting)
}

fn failed(row: &Claimed, at: i64) -> Settle {
    Settle { outcome: "failed".into(), status: Status::Failed, ..accepted(row, at) }
}

/// Put off until `due_at`.
fn deferred(row: &Claimed, at: i64, due_at: i64) -> Settle {
    Settle { outcome: "deferred".into(), status: Status::Queued, due_at: Some(due_at), ..accepted(row, at) }
}

async fn settle(store: &Store, rows: &[Claimed], at: i64, settles: Vec<Settle>) {
    let intents = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
    assert_eq!(store.record(&intents, at, 0, false).await.unwrap().granted.len(), rows.len());
    store.record(&Group { intents: vec![], settles }, at, 0, false).await.unwrap();
}

on_both_databases!(a_canary_never_has_more_members_than_its_size_and_they_are_tried_again_before_anybody_else);
async fn a_canary_never_has_more_members_than_its_size_and_they_are_tried_again_before_anybody_else(place: Place) {
    let store = released(&place, 20).await;
    let rows = canary(&store, 5, 20).await;
    assert_eq!((rows.len(), canary(&store, 5, 20).await.len(), outcomes(&store).await), (5, 0, (0, 0, 5)));
    let mut settles: Vec<Settle> = rows.iter().map(|row| deferred(row, 30, 100)).collect();
    settles[0] = accepted(&rows[0], 30);
    settles[1] = failed(&rows[1], 30);
    settle(&store, &rows, 30, settles).await;
    assert_eq!(outcomes(&store).await, (1, 1, 3));
    let due = async |text| store.canary_due(NOTICE, text).await.unwrap();
    assert_eq!(
        (due("f").await, due("other").await),
        (Some(100), None),
        "the others are due, but not before its verdict"
    );
    assert_eq!(canary(&store, 5, 99).await.len(), 0, "nobody else stands in for those who were put off");
    let again = canary(&store, 5, 100).await;
    let mut ids: Vec<i64> = again.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, rows[2..].iter().map(|row| row.id).collect::<Vec<_>>());
}

on_both_databases!(daemons_that_claim_at_once_share_one_canary);
async fn daemons_that_claim_at_once_share_one_canary(place: Place) {
    let store = released(&place, 200).await;
    let claims = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { canary(&store, 50, 20).await.len() })
    });
    let mut sum = 0;
    for claim in claims.collect::<Vec<_>>() {
        sum += claim.await.unwrap();
    }
    assert_eq!(sum, 50);
}

on_both_databases!(who_is_withdrawn_leaves_a_place_and_another_text_has_a_canary_of_its_own);
async fn who_is_withdrawn_leaves_a_place_and_another_text_has_a_canary_of_its_own(place: Place) {
    let store = released(&place, 3).await;
    let rows = canary(&store, 2, 20).await;
    store.give_back(&rows.iter().map(|row| (row.id, row.fence, 500)).collect::<Vec<_>>(), 20).await.unwrap();
    place
        .run("UPDATE affected_members SET status = 'withdrawn', due_at = NULL WHERE member_no = 'M00000'")
        .await
        .unwrap();
    let more = canary(&store, 2, 30).await;
    assert_eq!((more.len(), outcomes(&store).await), (1, (0, 0, 2)));
    assert_eq!(store.canary_outcomes(NOTICE, "other").await.unwrap(), Outcomes::default());
}

on_both_databases!(only_one_daemon_says_that_a_canary_passed_and_it_stands_in_the_ledger);
async fn only_one_daemon_says_that_a_canary_passed_and_it_stands_in_the_ledger(place: Place) {
    let store = released(&place, 1).await;
    let numbers = Outcomes { good: 4, failed: 1, waiting: 0 };
    assert!(!store.pass_canary(NOTICE, "other", numbers, 50).await.unwrap());
    assert!(store.pass_canary(NOTICE, "f", numbers, 50).await.unwrap());
    assert!(!store.pass_canary(NOTICE, "f", numbers, 51).await.unwrap());
    assert_eq!(store.notice(NOTICE).await.unwrap().unwrap().canary_passed_at, Some(50));
    let entry = place.text("SELECT body FROM ledger WHERE kind = 'canary_passed'").await;
    assert_eq!(entry, r#"{"failed":1,"good":4,"waiting":0}"#);
}

on_both_databases!(what_trips_pauses_once_and_a_resumption_counts_as_passing_only_when_the_canary_had_failed);
async fn what_trips_pauses_once_and_a_resumption_counts_as_passing_only_when_the_canary_had_failed(place: Place) {
    let store = released(&place, 1).await;
    let numbers = Outcomes { good: 0, failed: 5, waiting: 0 };
    let passed = async || store.notice(NOTICE).await.unwrap().unwrap().canary_passed_at;
    assert!(store.set_state(NOTICE, PAUSED, None, "hanako", 40).await.unwrap());
    assert!(store.set_state(NOTICE, RELEASED, None, "hanako", 41).await.unwrap());
    assert_eq!(passed().await, None, "an ordinary pause says nothing about the canary");
    assert!(store.trip(NOTICE, Some("f"), ("too many", numbers), 50).await.unwrap());
    assert!(!store.trip(NOTICE, Some("f"), ("too many", numbers), 51).await.unwrap());
    assert_eq!((state(&store).await.as_str(), passed().await), ("paused", None));
    let entry = place.text("SELECT actor || body FROM ledger WHERE kind = 'paused' AND actor = 'owabi'").await;
    assert_eq!(entry, r#"owabi{"failed":5,"good":0,"reason":"too many","waiting":0}"#);
    assert!(store.set_state(NOTICE, RELEASED, None, "hanako", 60).await.unwrap());
    assert_eq!(passed().await, Some(60));
    assert_eq!(store.notice(NOTICE).await.unwrap().unwrap().watched_from, Some(60));
}

on_both_databases!(a_release_of_more_members_needs_no_new_canary_and_one_of_another_text_does);
async fn a_release_of_more_members_needs_no_new_canary_and_one_of_another_text_does(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 10).await;
    settle(&store, &rows, 30, vec![accepted(&rows[0], 30)]).await;
    assert!(store.pass_canary(NOTICE, "f", Outcomes::default(), 50).await.unwrap());
    let passed = async || store.notice(NOTICE).await.unwrap().unwrap().canary_passed_at;
    add(&store, 7).await;
    release(&store, "f").await.unwrap();
    assert_eq!(passed().await, Some(50));
    let rows = claim(&store, 60, 10).await;
    settle(&store, &rows, 60, vec![accepted(&rows[0], 60)]).await;
    add(&store, 8).await;
    release(&store, "g").await.unwrap();
    assert_eq!(passed().await, None);
}

on_both_databases!(failures_count_from_a_time_on_and_a_relay_s_own_fault_is_none);
async fn failures_count_from_a_time_on_and_a_relay_s_own_fault_is_none(place: Place) {
    let store = released(&place, 8).await;
    let counts =
        async |from| (store.failed_since(NOTICE, from).await.unwrap(), store.known_since(NOTICE, from).await.unwrap());
    let early = claim(&store, 20, 2).await;
    settle(&store, &early, 30, vec![failed(&early[0], 30), accepted(&early[1], 30)]).await;
    assert_eq!(counts(10).await, (1, 2));
    let rows = claim(&store, 40, 6).await;
    let unspent = Settle { spent: false, ..failed(&rows[1], 50) };
    let settles = vec![failed(&rows[0], 50), unspent, accepted(&rows[2], 50), deferred(&rows[3], 50, 900)];
    settle(&store, &rows[..4], 50, settles).await;
    assert_eq!((counts(10).await, counts(40).await, counts(51).await), ((2, 4), (1, 2), (0, 0)));
    place
        .run("UPDATE affected_members SET status = 'bounced', updated_at = 70 WHERE status = 'accepted'")
        .await
        .unwrap();
    assert_eq!(counts(10).await, (4, 4), "mails that came back");
    assert_eq!(counts(40).await, (2, 2), "those that left before do not count");
}
