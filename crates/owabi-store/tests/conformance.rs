//! Every verb of the store, on every database. A database earns its trust here.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "conformance/by_hand.rs"]
mod by_hand;
#[path = "conformance/evidence.rs"]
mod evidence;
#[path = "conformance/ledger.rs"]
mod ledger;
#[path = "conformance/paper.rs"]
mod paper;
#[path = "conformance/people.rs"]
mod people;
#[path = "conformance/place.rs"]
mod place;
#[path = "../../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "these tests share one server and leave it running")]
mod postgres;
#[path = "conformance/receipts.rs"]
mod receipts;
#[path = "conformance/report.rs"]
mod report;
#[path = "conformance/resend.rs"]
mod resend;
#[path = "conformance/watch.rs"]
mod watch;

use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_core::reply::Reply;
use owabi_store::{
    BatchRecord, Claimed, DaemonRow, Group, Intent, LeftBehind, LogFilter, NewRow, OpenOptions, ReleaseRecord, Roster,
    Settle, Store, StoreError, Totals,
};
use place::{Place, on_both_databases};

const NOTICE: &str = "n1";
const LEASE: i64 = 600_000;

fn batch(id: &str) -> BatchRecord {
    let (notice_id, actor) = (NOTICE.to_owned(), "tester".to_owned());
    let (file_name, file_sha256, encoding) = ("roster.csv".to_owned(), "00".to_owned(), "utf-8".to_owned());
    let notice_title = "title".to_owned();
    BatchRecord { id: id.into(), notice_id, notice_title, actor, file_name, file_sha256, encoding, at: 1 }
}

fn new_row(no: usize) -> NewRow {
    let (member_no, name) = (format!("M{no:05}"), "山田 太郎".to_owned());
    let email = Some(format!("u{no}@example.jp"));
    let member = Member { member_no, name, email, ..Member::default() };
    NewRow { member, given_email: format!("u{no}@example.jp"), unreachable: None }
}

/// A store with `n` members, released at time 10.
async fn released(place: &Place, n: usize) -> Store {
    let store = place.store().await;
    let mut import = store.begin_import(batch("b1")).await.unwrap();
    let rows: Vec<NewRow> = (0..n).map(new_row).collect();
    import.write(&rows, &[]).await.unwrap();
    let lines = i64::try_from(n).unwrap();
    import.commit(Totals { lines, imported: lines, ..Totals::default() }).await.unwrap();
    assert_eq!(release(&store, "f").await.unwrap(), n as u64);
    store
}

/// Adds one held member.
async fn add(store: &Store, no: usize) {
    let mut import = store.begin_import(batch(&format!("b{no}"))).await.unwrap();
    import.write(&[new_row(no)], &[]).await.unwrap();
    import.commit(Totals { lines: 1, imported: 1, ..Totals::default() }).await.unwrap();
}

/// Releases exactly what is held.
async fn release(store: &Store, fingerprint: &str) -> Result<u64, StoreError> {
    let Roster { hash, rows } = store.held_roster(NOTICE).await.unwrap();
    let record =
        ReleaseRecord { notice_id: NOTICE, fingerprint, roster_hash: &hash, definition: "d", policy: "{}", rows };
    store.release(record, "tester", 10).await
}

async fn state(store: &Store) -> String {
    store.notice(NOTICE).await.unwrap().unwrap().state
}

async fn claim(store: &Store, now: i64, n: i64) -> Vec<Claimed> {
    store.claim(NOTICE, now, LEASE, n).await.unwrap()
}

/// What somebody else does when the lease of a claim at 20 is over.
async fn claim_after_lease(store: &Store) -> Vec<Claimed> {
    let now = 20 + LEASE;
    store.take_over(&[(NOTICE.to_owned(), Some(3_600_000))], now, now).await.unwrap();
    claim(store, now, 10).await
}

fn intent(row: &Claimed) -> Intent {
    Intent {
        id: row.id,
        fence: row.fence,
        relay: "main".into(),
        rcpt_to: "u@example.jp".into(),
        message_id: format!("m{}", row.id),
        envid: format!("e{}", row.number),
        mail_sha256: "ab".into(),
        mail_bytes: 100,
    }
}

fn accepted(row: &Claimed, at: i64) -> Settle {
    Settle {
        id: row.id,
        fence: row.fence,
        at,
        outcome: "accepted".into(),
        status: Status::Accepted,
        due_at: None,
        spent: true,
        reason: None,
        plain_form: false,
        phase: Some("dot".into()),
        reply: Some(Reply::new(250, "2.0.0 Ok: queued as 4F1Bxy")),
        detail: None,
        tls: None,
        duration_ms: 5,
    }
}

async fn count(store: &Store, status: Status) -> i64 {
    store.counts().await.unwrap().get(NOTICE).and_then(|c| c.get(&status).copied()).unwrap_or(0)
}

/// A verb that no test here, or of copying, calls has not earned its trust.
#[test]
fn every_verb_of_the_store_is_tried_here() {
    let here = [
        include_str!("conformance.rs"),
        include_str!("conformance/ledger.rs"),
        include_str!("conformance/evidence.rs"),
        include_str!("conformance/by_hand.rs"),
        include_str!("conformance/resend.rs"),
        include_str!("conformance/paper.rs"),
        include_str!("conformance/people.rs"),
        include_str!("conformance/receipts.rs"),
        include_str!("conformance/watch.rs"),
        include_str!("conformance/report.rs"),
        include_str!("copy.rs"),
    ]
    .concat();
    let files =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
    let texts = texts.collect::<Vec<_>>().concat();
    let verbs = texts.split("pub async fn ").skip(1).map(|rest| rest.split(['(', '<']).next().unwrap());
    let verbs: Vec<_> = verbs.collect();
    let untried: Vec<_> = verbs.iter().filter(|verb| !here.contains(&format!("{verb}("))).collect();
    assert!(verbs.len() > 40 && untried.is_empty(), "{} verbs, untried: {untried:?}", verbs.len());
}

on_both_databases!(two_daemons_never_claim_the_same_row_at_the_same_time);
async fn two_daemons_never_claim_the_same_row_at_the_same_time(place: Place) {
    let (one, two) = (released(&place, 60).await, place.store().await);
    let mut claimed = Vec::new();
    for _ in 0..5 {
        let (ours, theirs) = tokio::join!(claim(&one, 20, 7), claim(&two, 20, 7));
        claimed.extend(ours.into_iter().chain(theirs).map(|row| row.id));
    }
    claimed.extend(claim(&one, 20, 60).await.iter().map(|row| row.id));
    claimed.sort_unstable();
    let all: Vec<_> = one.members_after(NOTICE, 0, None, 100).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(claimed, all);
}

on_both_databases!(a_claimed_row_is_claimed_once_and_its_outcome_is_exact);
async fn a_claimed_row_is_claimed_once_and_its_outcome_is_exact(place: Place) {
    let store = released(&place, 3).await;
    let rows = claim(&store, 20, 2).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(claim(&store, 20, 10).await.len(), 1);
    assert!(claim(&store, 20, 10).await.is_empty());
    let intents = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
    assert_eq!(store.record(&intents, 30, 30, false).await.unwrap().granted.len(), 2);
    let settles = Group { intents: vec![], settles: rows.iter().map(|row| accepted(row, 40)).collect() };
    assert_eq!(store.record(&settles, 40, 40, false).await.unwrap().settled.len(), 2);
    assert_eq!((count(&store, Status::Accepted).await, count(&store, Status::Sending).await), (2, 1));
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!((log[0].code, log[0].queue_id.as_deref(), log[0].attempt), (Some(250), Some("4F1Bxy"), 1));
    assert_eq!((log[2].outcome.as_deref(), log[2].attempt), (None, 0));
    assert_eq!(store.log_after(&LogFilter::default(), (log[0].member_id, 1), 10).await.unwrap().len(), 2);
}

on_both_databases!(a_worker_that_was_paused_past_its_lease_gets_no_permission_and_writes_nothing);
async fn a_worker_that_was_paused_past_its_lease_gets_no_permission_and_writes_nothing(place: Place) {
    let store = released(&place, 1).await;
    let old = claim(&store, 20, 1).await;
    let new = claim_after_lease(&store).await;
    assert_eq!(new.len(), 1, "the lease ended without an intent, so the row is claimed anew");
    let late = Group { intents: vec![intent(&old[0])], settles: vec![accepted(&old[0], 30)] };
    let recorded = store.record(&late, 20 + LEASE, 20 + LEASE, false).await.unwrap();
    assert!(recorded.granted.is_empty() && recorded.settled.is_empty());
    assert_eq!(count(&store, Status::Sending).await, 1);
}

on_both_databases!(of_two_claims_of_one_row_in_one_group_only_the_living_one_is_granted);
async fn of_two_claims_of_one_row_in_one_group_only_the_living_one_is_granted(place: Place) {
    let store = released(&place, 1).await;
    let old = claim(&store, 20, 1).await;
    let new = claim_after_lease(&store).await;
    let both = Group { intents: vec![intent(&old[0]), intent(&new[0])], settles: vec![] };
    let granted = store.record(&both, 20 + LEASE, 20 + LEASE, false).await.unwrap().granted;
    assert_eq!(granted.iter().map(owabi_store::Grant::claim).collect::<Vec<_>>(), [(new[0].id, new[0].fence)]);
}

on_both_databases!(no_body_leaves_when_the_lease_is_too_short_for_the_reply_to_its_dot);
async fn no_body_leaves_when_the_lease_is_too_short_for_the_reply_to_its_dot(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    let group = Group { intents: vec![intent(&rows[0])], settles: vec![] };
    assert!(store.record(&group, 30, 20 + LEASE + 1, false).await.unwrap().granted.is_empty());
    assert_eq!(store.record(&group, 30, 20 + LEASE, false).await.unwrap().granted.len(), 1);
}

on_both_databases!(a_lease_that_ended_with_an_intent_is_in_doubt_and_sent_again_flagged);
async fn a_lease_that_ended_with_an_intent_is_in_doubt_and_sent_again_flagged(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    let group = Group { intents: vec![intent(&rows[0])], settles: vec![] };
    store.record(&group, 30, 30, false).await.unwrap();
    let left = store.take_over(&[(NOTICE.to_owned(), Some(3_600_000))], i64::MAX, 40).await.unwrap();
    assert_eq!((left.in_doubt, left.queued, left.withdrawn), (1, 1, 0));
    let again = claim(&store, 40, 10).await;
    assert_eq!(again.iter().map(|r| r.id).collect::<Vec<_>>(), [rows[1].id]);
    assert_eq!(count(&store, Status::InDoubt).await, 1);
    assert_eq!(store.send_again(86_400_000, 40 + 3_599_999).await.unwrap(), 0);
    assert_eq!(store.send_again(86_400_000, 40 + 3_600_000).await.unwrap(), 1);
    let flagged = claim(&store, 40 + 3_600_000, 10).await;
    let row = flagged.iter().find(|r| r.id == rows[0].id).unwrap();
    assert!(row.possible_duplicate);
    assert_eq!((row.number, row.attempts), (2, 0));
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    assert_eq!(log[0].outcome.as_deref(), Some("in_doubt"));
}

on_both_databases!(in_doubt_waits_for_a_person_when_the_notice_says_hold);
async fn in_doubt_waits_for_a_person_when_the_notice_says_hold(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    store.take_over(&[(NOTICE.to_owned(), None)], i64::MAX, 40).await.unwrap();
    assert!(store.claim(NOTICE, 40, LEASE, 1).await.unwrap().is_empty());
    assert_eq!(store.send_again(86_400_000, i64::MAX).await.unwrap(), 0);
    assert_eq!(count(&store, Status::InDoubt).await, 1);
}

on_both_databases!(what_is_in_doubt_of_a_notice_that_is_not_listed_waits_for_a_daemon_that_knows_it);
async fn what_is_in_doubt_of_a_notice_that_is_not_listed_waits_for_a_daemon_that_knows_it(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    for others in [&[][..], &[("n2".to_owned(), Some(0)), ("n3".to_owned(), None)]] {
        assert_eq!(store.take_over(others, i64::MAX, 40).await.unwrap().in_doubt, 0);
        assert_eq!((count(&store, Status::Sending).await, count(&store, Status::Queued).await), (1, 1));
    }
    let known = [("n2".to_owned(), None), (NOTICE.to_owned(), Some(500))];
    assert_eq!(store.take_over(&known, i64::MAX, 40).await.unwrap().in_doubt, 1);
    assert_eq!(
        (store.send_again(86_400_000, 539).await.unwrap(), store.send_again(86_400_000, 540).await.unwrap()),
        (0, 1)
    );
}

on_both_databases!(after_a_crash_nobody_of_a_withdrawn_notice_stays_sending_or_is_sent_again);
async fn after_a_crash_nobody_of_a_withdrawn_notice_stays_sending_or_is_sent_again(place: Place) {
    let store = released(&place, 3).await;
    let rows = claim(&store, 20, 2).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    assert!(store.set_state(NOTICE, (&["released"], "withdrawn"), Some("why"), "tester", 35).await.unwrap());
    let left = store.take_over(&[(NOTICE.to_owned(), Some(0))], i64::MAX, 40).await.unwrap();
    assert_eq!((left.in_doubt, left.queued, left.withdrawn), (1, 1, 2));
    assert_eq!(store.send_again(86_400_000, i64::MAX).await.unwrap(), 0, "what may have left is not sent again");
    assert_eq!((count(&store, Status::InDoubt).await, count(&store, Status::Withdrawn).await), (1, 2));
    assert_eq!(store.take_over(&[], i64::MAX, 50).await.unwrap(), LeftBehind::default());
}

on_both_databases!(after_a_crash_the_rows_of_a_paused_notice_wait_for_its_resumption);
async fn after_a_crash_the_rows_of_a_paused_notice_wait_for_its_resumption(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    assert!(store.set_state(NOTICE, (&["released"], "paused"), None, "tester", 35).await.unwrap());
    store.take_over(&[(NOTICE.to_owned(), Some(0))], i64::MAX, 40).await.unwrap();
    assert_eq!((store.send_again(86_400_000, 50).await.unwrap(), count(&store, Status::Sending).await), (0, 0));
    assert!(store.set_state(NOTICE, (&["paused"], "released"), None, "tester", 60).await.unwrap());
    assert_eq!(store.send_again(86_400_000, 70).await.unwrap(), 1);
    assert_eq!(claim(&store, 70, 10).await.len(), 2);
}

on_both_databases!(a_row_given_back_to_a_withdrawn_notice_is_withdrawn);
async fn a_row_given_back_to_a_withdrawn_notice_is_withdrawn(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    assert!(store.set_state(NOTICE, (&["released"], "withdrawn"), Some("why"), "tester", 35).await.unwrap());
    assert_eq!(store.give_back(&[(rows[0].id, rows[0].fence, 50)], 50).await.unwrap(), 1);
    assert_eq!(count(&store, Status::Withdrawn).await, 1);
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    assert_eq!(log[0].status_reason.as_deref(), Some("why"));
}

on_both_databases!(a_row_given_back_is_unspent_and_one_whose_body_may_leave_is_not_given_back);
async fn a_row_given_back_is_unspent_and_one_whose_body_may_leave_is_not_given_back(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    let back: Vec<_> = rows.iter().map(|r| (r.id, r.fence, 50)).collect();
    assert_eq!(store.give_back(&back, 50).await.unwrap(), 1);
    assert_eq!((count(&store, Status::Queued).await, count(&store, Status::Sending).await), (1, 1));
    assert_eq!(store.next_due(NOTICE).await.unwrap(), Some(50));
}

on_both_databases!(a_paused_notice_is_neither_claimed_nor_granted);
async fn a_paused_notice_is_neither_claimed_nor_granted(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 1).await;
    assert!(store.set_state(NOTICE, (&["released"], "paused"), Some("test"), "tester", 25).await.unwrap());
    assert!(claim(&store, 30, 10).await.is_empty());
    let group = Group { intents: vec![intent(&rows[0])], settles: vec![] };
    assert!(store.record(&group, 30, 30, false).await.unwrap().granted.is_empty());
    assert_eq!(store.withdraw_open(NOTICE, "test", "tester", 40).await.unwrap(), 1);
    assert_eq!(count(&store, Status::Withdrawn).await, 1);
}

on_both_databases!(a_release_takes_exactly_the_rows_that_were_looked_at);
async fn a_release_takes_exactly_the_rows_that_were_looked_at(place: Place) {
    let store = released(&place, 0).await;
    add(&store, 5).await;
    let Roster { hash, rows } = store.held_roster(NOTICE).await.unwrap();
    for change in ["UPDATE affected_members SET name = 'x'", "UPDATE affected_members SET fields = 'unreadable'"] {
        place.run(change).await.unwrap();
        let record = ReleaseRecord {
            notice_id: NOTICE,
            fingerprint: "f",
            roster_hash: &hash,
            definition: "d",
            policy: "{}",
            rows,
        };
        let other = store.release(record, "tester", 10).await;
        assert!(matches!(other, Err(StoreError::RosterChanged { looked_at: 1, held: 1 })), "{change}: {other:?}");
    }
    assert_eq!((count(&store, Status::Held).await, count(&store, Status::Queued).await), (1, 0));
}

on_both_databases!(another_text_is_not_released_to_those_who_wait_for_the_first);
async fn another_text_is_not_released_to_those_who_wait_for_the_first(place: Place) {
    let store = released(&place, 2).await;
    add(&store, 7).await;
    let other = release(&store, "g").await;
    assert!(matches!(other, Err(StoreError::OtherTextWaits { waiting: 2 })), "{other:?}");
    assert_eq!(release(&store, "f").await.unwrap(), 1, "the same text goes on");
    let rows = claim(&store, 20, 10).await;
    let group = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
    store.record(&group, 30, 30, false).await.unwrap();
    let group = Group { intents: vec![], settles: rows.iter().map(|row| accepted(row, 40)).collect() };
    store.record(&group, 40, 40, false).await.unwrap();
    add(&store, 8).await;
    assert_eq!(release(&store, "g").await.unwrap(), 1, "nobody waits any more");
}

on_both_databases!(a_state_changes_only_from_the_states_that_were_meant);
async fn a_state_changes_only_from_the_states_that_were_meant(place: Place) {
    let store = released(&place, 1).await;
    let set = async |from: &[&str], to| store.set_state(NOTICE, (from, to), None, "tester", 20).await.unwrap();
    assert!(set(&["released"], "paused").await);
    add(&store, 2).await;
    let paused = release(&store, "f").await;
    assert!(matches!(paused, Err(StoreError::NoticeState)), "{paused:?}");
    assert!(set(&["draft", "released", "paused"], "withdrawn").await);
    assert!(!set(&["released"], "paused").await, "a late pause does not bring it back");
    assert!(!set(&["paused"], "released").await);
    assert_eq!(state(&store).await, "withdrawn");
    assert!(matches!(release(&store, "f").await, Err(StoreError::NoticeState)));
    assert_eq!(count(&store, Status::Held).await, 1);
}

on_both_databases!(the_same_group_recorded_twice_changes_nothing_the_second_time);
async fn the_same_group_recorded_twice_changes_nothing_the_second_time(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    let settle = Group { intents: vec![], settles: vec![accepted(&rows[0], 40)] };
    assert_eq!(store.record(&settle, 40, 40, false).await.unwrap().settled.len(), 1);
    assert!(store.record(&settle, 41, 41, false).await.unwrap().settled.is_empty());
    assert_eq!(store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap().len(), 1);
}

on_both_databases!(a_group_whose_commit_was_not_answered_is_found_when_it_is_recorded_again);
async fn a_group_whose_commit_was_not_answered_is_found_when_it_is_recorded_again(place: Place) {
    let store = released(&place, 3).await;
    let rows = claim(&store, 20, 3).await;
    let intents = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
    let first = store.record(&intents, 30, 30, false).await.unwrap();
    assert!(store.record(&intents, 31, 31, false).await.unwrap().granted.is_empty(), "not granted a second time");
    assert_eq!(store.record(&intents, 31, 31, true).await.unwrap().granted, first.granted);
    let group = Group { intents: vec![], settles: vec![accepted(&rows[0], 40), accepted(&rows[1], 40)] };
    let first = store.record(&group, 40, 40, false).await.unwrap();
    let more = Group { settles: rows.iter().map(|row| accepted(row, 40)).collect(), ..group };
    let again = store.record(&more, 41, 41, true).await.unwrap();
    assert!(first.settled.len() == 2 && again.settled.len() == 3 && first.settled.is_subset(&again.settled));
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    assert!(log.len() == 3 && log.iter().all(|row| row.attempt == 1 && row.code == Some(250)), "{log:?}");
}

on_both_databases!(an_outcome_that_somebody_else_closed_as_in_doubt_is_not_taken_for_ours);
async fn an_outcome_that_somebody_else_closed_as_in_doubt_is_not_taken_for_ours(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    assert!(claim_after_lease(&store).await.is_empty());
    let late = Group { intents: vec![], settles: vec![accepted(&rows[0], 40)] };
    assert!(store.record(&late, 20 + LEASE, 20 + LEASE, true).await.unwrap().settled.is_empty());
    assert_eq!(count(&store, Status::InDoubt).await, 1);
}

on_both_databases!(a_mail_that_is_refused_before_its_intent_is_durable_is_written_with_what_was_offered);
async fn a_mail_that_is_refused_before_its_intent_is_durable_is_written_with_what_was_offered(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    let refused = Settle { outcome: "failed".into(), status: Status::Failed, ..accepted(&rows[0], 30) };
    let both = Group { intents: vec![intent(&rows[0])], settles: vec![refused] };
    let recorded = store.record(&both, 30, i64::MAX, false).await.unwrap();
    assert!(recorded.granted.is_empty() && recorded.settled.len() == 1, "{recorded:?}");
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    assert_eq!((log[0].outcome.as_deref(), log[0].mail_sha256.as_deref()), (Some("failed"), Some("ab")));
}

on_both_databases!(a_reply_with_a_nul_is_kept_readable);
async fn a_reply_with_a_nul_is_kept_readable(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    let odd = Settle { reply: Some(Reply::new(250, "ok\0\\u0000")), ..accepted(&rows[0], 30) };
    store.record(&Group { intents: vec![], settles: vec![odd] }, 30, 30, false).await.unwrap();
    let log = store.log_after(&LogFilter::default(), (0, 0), 10).await.unwrap();
    assert_eq!(log[0].reply.as_deref(), Some("ok\u{fffd}\\u0000"));
}

on_both_databases!(daemons_see_each_other_until_they_are_forgotten_or_say_goodbye);
async fn daemons_see_each_other_until_they_are_forgotten_or_say_goodbye(place: Place) {
    let store = place.store().await;
    let me =
        |id: &str| DaemonRow { id: id.into(), host: "h".into(), pid: 7, version: "1".into(), ..DaemonRow::default() };
    let shares = |n: f64| move |_: &[DaemonRow]| [("relay".to_owned(), n)].into();
    let first = store.beat(&me("a"), 10_000, shares(1.5)).await.unwrap();
    assert!(first.others.is_empty() && first.database_ms > 1_700_000_000_000, "{first:?}");
    let second = store.beat(&me("b"), 10_000, shares(0.0)).await.unwrap();
    assert_eq!(
        second.others.iter().map(|other| (other.id.as_str(), other.shares["relay"])).collect::<Vec<_>>(),
        [("a", 1.5)]
    );
    assert!(
        store.beat(&me("b"), -60_000, shares(0.0)).await.unwrap().others.is_empty(),
        "nobody was seen in the future"
    );
    store.say_goodbye("a").await.unwrap();
    assert_eq!(store.daemons().await.unwrap().iter().map(|daemon| daemon.id.as_str()).collect::<Vec<_>>(), ["b"]);
    assert!((store.clock_ms().await.unwrap() - first.database_ms).abs() < 600_000);
}

on_both_databases!(what_is_recorded_cannot_be_changed_or_deleted);
async fn what_is_recorded_cannot_be_changed_or_deleted(place: Place) {
    let store = released(&place, 1).await;
    let rows = claim(&store, 20, 1).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    let settle = Group { intents: vec![], settles: vec![accepted(&rows[0], 40)] };
    store.record(&settle, 40, 40, false).await.unwrap();
    for text in [
        "UPDATE attempts SET outcome = 'failed'",
        "DELETE FROM attempts",
        "UPDATE intents SET relay = 'x'",
        "DELETE FROM intents",
        "UPDATE ledger SET actor = 'x'",
        "DELETE FROM ledger",
    ] {
        let refused = place.run(text).await.unwrap_err();
        assert!(refused.contains("append-only"), "{text}: {refused}");
    }
    if matches!(place, Place::Postgres(_)) {
        for text in ["TRUNCATE attempts", "TRUNCATE intents", "TRUNCATE ledger"] {
            assert!(place.run(text).await.unwrap_err().contains("append-only"), "{text}");
        }
    }
}

on_both_databases!(a_dropped_import_leaves_no_trace);
async fn a_dropped_import_leaves_no_trace(place: Place) {
    let store = place.store().await;
    let mut import = store.begin_import(batch("b1")).await.unwrap();
    import.write(&[new_row(1)], &[]).await.unwrap();
    assert_eq!(import.known(&["M00001", "M00002"]).await.unwrap().len(), 1);
    drop(import);
    assert!(store.counts().await.unwrap().is_empty());
    assert!(store.notices().await.unwrap().is_empty());
    assert_eq!(store.batch_of_file(NOTICE, "00").await.unwrap(), None);
}

on_both_databases!(a_newer_schema_is_refused_and_an_older_one_needs_a_word);
async fn a_newer_schema_is_refused_and_an_older_one_needs_a_word(place: Place) {
    let store = place.store().await;
    store.close().await;
    place.run("DELETE FROM _sqlx_migrations WHERE version > 1").await.unwrap();
    let older = Store::open(&OpenOptions::new(place.url())).await.map(|_| ());
    assert!(matches!(older, Err(StoreError::SchemaOlder { found: 1, .. })), "{older:?}");
    place.run("UPDATE _sqlx_migrations SET version = version + 1000").await.unwrap();
    let Err(StoreError::SchemaNewer { found, wanted }) = Store::open(&OpenOptions::new(place.url())).await else {
        panic!("a newer schema was opened");
    };
    assert_eq!((found, wanted), (1_001, Store::newest_schema()));
}

/// Of SQLite alone: PostgreSQL's files are its own affair.
#[tokio::test]
async fn a_damaged_file_is_refused_and_said() {
    let place = Place::sqlite();
    let store = released(&place, 2_000).await;
    store.close().await;
    let file = store.file().unwrap();
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0x5a);
    std::fs::write(file, bytes).unwrap();
    let found = match Store::open(&OpenOptions::new(place.url())).await {
        Ok(store) => store.check_integrity().await,
        Err(error) => Err(error),
    };
    assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
}

on_both_databases!(an_entry_of_its_own_goes_into_the_ledger);
async fn an_entry_of_its_own_goes_into_the_ledger(place: Place) {
    let store = place.store().await;
    store.append_ledger(5, "tester", "test_send", Some(NOTICE), &serde_json::json!({ "to": "x" })).await.unwrap();
    let entry =
        place.text("SELECT at || ' ' || actor || ' ' || kind || ' ' || notice_id || ' ' || body FROM ledger").await;
    assert_eq!(entry, "5 tester test_send n1 {\"to\":\"x\"}");
}

on_both_databases!(only_replies_that_were_lost_count_as_doubts_not_connections_or_crashes);
async fn only_replies_that_were_lost_count_as_doubts_not_connections_or_crashes(place: Place) {
    let store = released(&place, 1).await;
    for (n, outcome) in (0..).zip(["not_sent", "in_doubt", "crash", "not_sent", "in_doubt"]) {
        let now = 1_000_000 * (n + 1);
        let row = claim(&store, now, 1).await.remove(0);
        assert_eq!(row.doubts, i64::from(n > 1), "before {outcome}");
        store.record(&Group { intents: vec![intent(&row)], settles: vec![] }, now, now, false).await.unwrap();
        if outcome == "crash" {
            store.take_over(&[(NOTICE.to_owned(), Some(0))], i64::MAX, now).await.unwrap();
        } else {
            let status = if outcome == "in_doubt" { Status::InDoubt } else { Status::Queued };
            let lost =
                Settle { outcome: outcome.into(), status, due_at: Some(now), spent: false, ..accepted(&row, now) };
            store.record(&Group { intents: vec![], settles: vec![lost] }, now, now, false).await.unwrap();
        }
        store.send_again(86_400_000, now).await.unwrap();
    }
    let row = claim(&store, 9_000_000, 1).await.remove(0);
    assert_eq!((row.doubts, row.number, row.possible_duplicate), (2, 6, true));
}
