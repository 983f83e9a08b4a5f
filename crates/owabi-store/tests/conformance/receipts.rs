//! What comes back: receipts, what arrived, and the sources that are waited for.

use crate::place::{Place, on_both_databases};
use crate::{LEASE, NOTICE, accepted, claim, count, intent, released};
use owabi_core::lifecycle::Status;
use owabi_core::reply::Reply;
use owabi_store::{
    ArrivalRow, ByPerson, Claimed, Group, MemberChange, NewReceipt, Received, Settle, SourceName, Store, StoreError,
    Unreached,
};

const DAY: i64 = 86_400_000;
const MAILDIR: SourceName<'static> = SourceName { host: "mail1", name: "maildir:/b", bounces: true, followed: false };
const MAILLOG: SourceName<'static> = SourceName { host: "mail1", name: "maillog:/l", bounces: false, followed: false };

/// A store with one member whose mail the relay took.
async fn one_accepted(place: &Place) -> (Store, Claimed) {
    let store = released(place, 1).await;
    let row = claim(&store, 20, 1).await.remove(0);
    let group = Group { intents: vec![intent(&row)], settles: vec![accepted(&row, 40)] };
    store.record(&group, 40, 40, false).await.unwrap();
    (store, row)
}

fn receipt(row: &Claimed, evidence: &str, change: (Status, Status)) -> NewReceipt {
    NewReceipt {
        member_id: row.id,
        round: Some(1),
        number: Some(1),
        reported_at: Some(50),
        source: MAILDIR.name.into(),
        evidence: evidence.into(),
        part: 0,
        matched_by: "token",
        says: "failed",
        recipient: Some("u0@example.jp".into()),
        status: Some("5.1.1".into()),
        reason: Some("bad_address".into()),
        detail: Some("550 \"no\" 宛先\0不明".into()),
        queue_id: Some("4F1Bxy".into()),
        change,
    }
}

fn change(row: &Claimed, before: Status, after: Status) -> MemberChange {
    let reason = Some("bad_address".to_owned());
    MemberChange { id: row.id, fence: row.fence, before, after, reason, possible_duplicate: false }
}

fn arrival(sha256: &str, state: &str) -> ArrivalRow {
    let content = Some("YWJj".to_owned());
    let (kind, source) = ("bounce".to_owned(), MAILDIR.name.to_owned());
    ArrivalRow { sha256: sha256.into(), source, kind, state: state.into(), size: 3, content, ..ArrivalRow::default() }
}

on_both_databases!(a_receipt_its_mail_and_the_members_new_status_are_recorded_together_and_once);
async fn a_receipt_its_mail_and_the_members_new_status_are_recorded_together_and_once(place: Place) {
    let (store, row) = one_accepted(&place).await;
    let before_and_after = (Status::Accepted, Status::Bounced);
    let received = Received {
        arrivals: vec![arrival("aa", "matched")],
        receipts: vec![receipt(&row, "aa", before_and_after)],
        changes: vec![change(&row, Status::Accepted, Status::Bounced)],
        by_person: None,
    };
    assert!(store.receive(&received, 60).await.unwrap());
    assert_eq!(count(&store, Status::Bounced).await, 1);
    assert!(!store.receive(&received, 70).await.unwrap(), "the row is not accepted any more");
    let receipts = store.receipts_of(row.id).await.unwrap();
    assert_eq!((receipts.len(), receipts[0].at, receipts[0].status_after.as_str()), (1, 60, "bounced"));
    assert!(receipts[0].detail.as_deref().unwrap().contains("宛先"));
    let same = Received { changes: vec![], ..received };
    assert!(store.receive(&same, 80).await.unwrap());
    assert_eq!(store.receipts_of(row.id).await.unwrap(), receipts, "the same evidence is one receipt");
    let standing = store.standings(&[row.id, 999_999]).await.unwrap().remove(0);
    assert_eq!((standing.status, standing.reason.as_deref()), (Status::Bounced, Some("bad_address")));
    assert_eq!((standing.sent.len(), standing.sent[0].queue_id.as_deref()), (1, Some("4F1Bxy")));
    let known = store.known_evidence(&["aa".into(), "zz".into()]).await.unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [("aa".to_owned(), "matched".to_owned())]);
}

on_both_databases!(receipts_stay_as_they_are);
async fn receipts_stay_as_they_are(place: Place) {
    let (store, row) = one_accepted(&place).await;
    let receipts = vec![receipt(&row, "aa", (Status::Accepted, Status::Accepted))];
    store.receive(&Received { receipts, ..Received::default() }, 60).await.unwrap();
    for edit in ["UPDATE receipts SET says = 'delivered'", "DELETE FROM receipts"] {
        let refused = place.run(edit).await.unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(store.known_evidence(&["aa".into()]).await.unwrap()["aa"], "matched", "a line that left only a receipt");
}

on_both_databases!(a_change_that_was_decided_on_an_older_picture_is_not_made);
async fn a_change_that_was_decided_on_an_older_picture_is_not_made(place: Place) {
    let (store, row) = one_accepted(&place).await;
    for stale in [
        change(&row, Status::InDoubt, Status::Accepted),
        MemberChange { fence: row.fence - 1, ..change(&row, Status::Accepted, Status::Bounced) },
    ] {
        let received =
            Received { arrivals: vec![arrival("aa", "matched")], changes: vec![stale], ..Received::default() };
        assert!(!store.receive(&received, 60).await.unwrap());
    }
    assert_eq!(count(&store, Status::Accepted).await, 1);
    assert!(store.known_evidence(&["aa".into()]).await.unwrap().is_empty(), "nothing of it is recorded");
}

on_both_databases!(what_waits_for_a_person_is_kept_whole_and_only_that_is_decided_again);
async fn what_waits_for_a_person_is_kept_whole_and_only_that_is_decided_again(place: Place) {
    let (store, row) = one_accepted(&place).await;
    let take = async |rows: Vec<ArrivalRow>, now| {
        store.receive(&Received { arrivals: rows, ..Received::default() }, now).await.unwrap()
    };
    take(vec![arrival("aa11", "review"), arrival("aa22", "parked"), arrival("bb", "ignored")], 60).await;
    let parked = store.arrivals("parked", 0, 10).await.unwrap();
    assert_eq!((parked.len(), parked[0].sha256.as_str(), parked[0].at, &parked[0].content), (1, "aa22", 60, &None));
    let matched = |sha256| ArrivalRow { member_id: Some(row.id), content: None, ..arrival(sha256, "matched") };
    take(vec![matched("aa22"), matched("bb")], 70).await;
    let settled = store.arrival("aa22").await.unwrap().unwrap();
    assert_eq!((settled.state.as_str(), settled.content.as_deref(), settled.at), ("matched", Some("YWJj"), 60));
    assert_eq!(store.arrival("bb").await.unwrap().unwrap().state, "ignored");
    assert_eq!(store.arrivals_like("aa").await.unwrap(), ["aa11", "aa22"]);
    assert_eq!(store.arrivals_like("aa1").await.unwrap(), ["aa11"]);
    let counts = store.arrival_counts().await.unwrap();
    let states: Vec<_> = counts.iter().map(|count| (count.state.as_str(), count.count)).collect();
    assert_eq!(states, [("ignored", 1), ("matched", 1), ("review", 1)]);
}

on_both_databases!(a_persons_decision_stands_in_the_ledger_with_it_and_is_nothing_when_it_was_decided_meanwhile);
async fn a_persons_decision_stands_in_the_ledger_with_it_and_is_nothing_when_it_was_decided_meanwhile(place: Place) {
    let (store, row) = one_accepted(&place).await;
    let arrives = async |sha256: &str, state: &str| {
        let arrivals = vec![arrival(sha256, state)];
        store.receive(&Received { arrivals, ..Received::default() }, 50).await.unwrap();
    };
    arrives("aa", "review").await;
    arrives("bb", "review").await;
    arrives("bb", "matched").await;
    let body = serde_json::json!({ "reason": "広告" });
    let by = ByPerson { actor: "hana".into(), kind: "dismiss", notice_id: None, body };
    let dismiss = async |sha256: &str| {
        let arrivals = vec![ArrivalRow { why: Some("person".into()), ..arrival(sha256, "dismissed") }];
        store.receive(&Received { arrivals, by_person: Some(by.clone()), ..Received::default() }, 60).await
    };
    assert!(dismiss("aa").await.unwrap());
    for decided in ["aa", "bb"] {
        assert!(matches!(dismiss(decided).await, Err(StoreError::DecidedMeanwhile)), "{decided}");
    }
    assert_eq!(store.arrival("bb").await.unwrap().unwrap().state, "matched");
    let entries = "SELECT CAST(COUNT(*) AS TEXT) FROM ledger WHERE kind = 'dismiss' AND actor = 'hana'";
    assert_eq!(place.text(entries).await, "1");

    // A word on a member whose receipt of this mail is there already is not dropped in silence.
    arrives("cc", "review").await;
    let say = async |after| {
        let arrivals = vec![ArrivalRow { why: Some("person".into()), ..arrival("cc", "matched") }];
        let receipts = vec![receipt(&row, "cc", (Status::Accepted, after))];
        let changes = vec![change(&row, Status::Accepted, after)];
        store.receive(&Received { arrivals, receipts, changes, by_person: Some(by.clone()) }, 70).await
    };
    let delayed = vec![receipt(&row, "cc", (Status::Accepted, Status::Accepted))];
    store.receive(&Received { receipts: delayed, ..Received::default() }, 65).await.unwrap();
    assert!(matches!(say(Status::Bounced).await, Err(StoreError::DecidedMeanwhile)));
    assert_eq!(count(&store, Status::Accepted).await, 1, "nothing of it is done");
}

on_both_databases!(a_person_may_say_that_one_mail_speaks_of_several_members);
async fn a_person_may_say_that_one_mail_speaks_of_several_members(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    let group = Group {
        intents: rows.iter().map(intent).collect(),
        settles: rows.iter().map(|row| accepted(row, 40)).collect(),
    };
    store.record(&group, 40, 40, false).await.unwrap();
    let waiting = vec![arrival("aa", "review"), arrival("bb", "matched")];
    store.receive(&Received { arrivals: waiting, ..Received::default() }, 50).await.unwrap();
    let say = async |sha256: &str, row: &Claimed| {
        let arrivals =
            vec![ArrivalRow { why: Some("person".into()), member_id: Some(row.id), ..arrival(sha256, "matched") }];
        let words = NewReceipt { part: row.id, ..receipt(row, sha256, (Status::Accepted, Status::Bounced)) };
        let changes = vec![change(row, Status::Accepted, Status::Bounced)];
        let by = ByPerson { actor: "x".into(), kind: "receipt_by_hand", notice_id: None, body: 1.into() };
        store.receive(&Received { arrivals, receipts: vec![words], changes, by_person: Some(by) }, 60).await
    };
    assert!(matches!(say("bb", &rows[0]).await, Err(StoreError::DecidedMeanwhile)), "it found its member by itself");
    assert!(say("aa", &rows[0]).await.unwrap() && say("aa", &rows[1]).await.unwrap());
    assert_eq!((count(&store, Status::Bounced).await, store.receipts_of(rows[1].id).await.unwrap().len()), (2, 1));
}

on_both_databases!(members_are_found_by_address_and_by_what_a_log_called_their_mail);
async fn members_are_found_by_address_and_by_what_a_log_called_their_mail(place: Place) {
    let (store, row) = one_accepted(&place).await;
    let found = store.members_by_email(&["u0@example.jp".into(), "nobody@example.jp".into()]).await.unwrap();
    assert_eq!(found, [(row.id, "u0@example.jp".to_owned())]);
    let twice = ["aa", "bb"].map(|evidence| receipt(&row, evidence, (Status::Accepted, Status::Accepted)));
    store.receive(&Received { receipts: twice.to_vec(), ..Received::default() }, 60).await.unwrap();
    let ids = ["4F1Bxy".to_owned()];
    assert_eq!(store.members_by_queue_id(MAILDIR.name, &ids).await.unwrap(), [("4F1Bxy".to_owned(), row.id)]);
    assert!(store.members_by_queue_id("maillog:/other", &ids).await.unwrap().is_empty(), "queue ids are a host's own");
}

on_both_databases!(a_mail_in_doubt_is_not_sent_again_before_the_sources_that_are_followed_were_looked_at);
async fn a_mail_in_doubt_is_not_sent_again_before_the_sources_that_are_followed_were_looked_at(place: Place) {
    let store = released(&place, 1).await;
    let row = claim(&store, 20, 1).await.remove(0);
    store.record(&Group { intents: vec![intent(&row)], settles: vec![] }, 30, 30, false).await.unwrap();
    let over = 20 + LEASE;
    store.take_over(&[(NOTICE.to_owned(), Some(1_000))], over, over).await.unwrap();
    let due = over + 1_000;
    store.follow_sources("mail1", &[MAILDIR, MAILLOG], over).await.unwrap();
    store.source_looked(SourceName { name: "pipe", ..MAILDIR }, 5, None).await.unwrap();
    assert_eq!(store.send_again(DAY, due + 10).await.unwrap(), 0);
    store.source_looked(MAILDIR, due + 1, None).await.unwrap();
    store.source_looked(MAILLOG, due - 1, None).await.unwrap();
    assert_eq!(store.send_again(DAY, due + 10).await.unwrap(), 0, "the log was read before it was due");
    store.source_trouble(MAILLOG, "permission denied", due + 2).await.unwrap();
    assert_eq!(store.send_again(DAY, due + 10).await.unwrap(), 0);
    assert_eq!(store.send_again(1_000, due + 2_000).await.unwrap(), 1, "a source that stays silent is not waited for");
}

on_both_databases!(a_source_that_is_not_read_any_more_is_not_waited_for);
async fn a_source_that_is_not_read_any_more_is_not_waited_for(place: Place) {
    let store = released(&place, 0).await;
    store.follow_sources("mail1", &[MAILDIR, MAILLOG], 5).await.unwrap();
    store.follow_sources("mail2", &[SourceName { host: "mail2", ..MAILDIR }], 5).await.unwrap();
    store.follow_sources("mail1", &[MAILLOG], 6).await.unwrap();
    let followed: Vec<_> = store.sources().await.unwrap().into_iter().filter(|source| source.followed).collect();
    let names: Vec<_> = followed.iter().map(|source| (source.host.as_str(), source.since)).collect();
    assert_eq!(names, [("mail1", 6), ("mail2", 5)]);
    // Its reader is another daemon of the same host, and still there.
    store.source_looked(SourceName { followed: true, ..MAILDIR }, 7, None).await.unwrap();
    store.source_looked(MAILDIR, 8, None).await.unwrap();
    let followed = async || store.sources().await.unwrap().iter().filter(|source| source.followed).count();
    assert_eq!(followed().await, 3);
    let forget = async |host| store.forget_source(host, MAILDIR.name, "hanako", 30).await.unwrap();
    assert_eq!((forget("mail2").await, forget("mail2").await, forget("mail3").await), (true, false, false));
    assert_eq!(followed().await, 2);
}

on_both_databases!(a_source_that_was_read_by_hand_is_forgotten_whole);
async fn a_source_that_was_read_by_hand_is_forgotten_whole(place: Place) {
    let store = released(&place, 0).await;
    store.source_looked(MAILDIR, 7, None).await.unwrap();
    assert!(store.forget_source("mail1", MAILDIR.name, "hanako", 40).await.unwrap());
    assert!(store.sources().await.unwrap().is_empty());
    store.source_looked(MAILDIR, 9, None).await.unwrap();
    assert_eq!(store.sources().await.unwrap()[0].looked_at, Some(9), "somebody reads it again");
}

on_both_databases!(a_source_is_not_forgotten_when_the_ledger_cannot_say_who_did);
async fn a_source_is_not_forgotten_when_the_ledger_cannot_say_who_did(place: Place) {
    let store = released(&place, 0).await;
    store.follow_sources("mail1", &[MAILDIR], 5).await.unwrap();
    let refuse = match place {
        Place::Sqlite(_) => {
            "CREATE TRIGGER full BEFORE INSERT ON ledger WHEN NEW.kind = 'forget_source' BEGIN SELECT RAISE(ABORT, 'full'); END"
        }
        Place::Postgres(_) => "ALTER TABLE ledger ADD CONSTRAINT nobody CHECK (kind <> 'forget_source')",
    };
    place.run(refuse).await.unwrap();
    store.forget_source("mail1", MAILDIR.name, "hanako", 30).await.unwrap_err();
    assert!(store.sources().await.unwrap()[0].followed, "half of it is nothing of it");
}

on_both_databases!(patience_with_a_source_goes_on_from_one_run_to_the_next_until_it_is_read);
async fn patience_with_a_source_goes_on_from_one_run_to_the_next_until_it_is_read(place: Place) {
    let store = released(&place, 0).await;
    let since = async |now| {
        store.follow_sources("mail1", &[MAILDIR], now).await.unwrap();
        store.sources().await.unwrap()[0].since
    };
    assert_eq!((since(5).await, since(6).await), (5, 6), "nothing is known to be wrong with it");
    store.source_trouble(MAILDIR, "gone", 6).await.unwrap();
    assert_eq!((since(7).await, since(8).await), (6, 6));
    store.source_looked(MAILDIR, 10, None).await.unwrap();
    assert_eq!(since(11).await, 11);
}

on_both_databases!(what_is_parked_is_evidence_that_a_mail_in_doubt_waits_for);
async fn what_is_parked_is_evidence_that_a_mail_in_doubt_waits_for(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 2).await;
    store.record(&Group { intents: rows.iter().map(intent).collect(), settles: vec![] }, 30, 30, false).await.unwrap();
    let row = ArrivalRow { member_id: Some(rows[0].id), ..arrival("aa", "parked") };
    store.receive(&Received { arrivals: vec![row], ..Received::default() }, 40).await.unwrap();
    let over = 20 + LEASE;
    store.take_over(&[(NOTICE.to_owned(), Some(0))], over, over).await.unwrap();
    assert_eq!(store.send_again(DAY, over + 1).await.unwrap(), 1, "only the other one");
    let standing = store.standings(&[rows[0].id]).await.unwrap().remove(0);
    assert_eq!((standing.status, standing.possible_duplicate), (Status::InDoubt, false));
}

on_both_databases!(a_source_goes_on_where_it_was_left_and_its_trouble_ends_with_the_next_look);
async fn a_source_goes_on_where_it_was_left_and_its_trouble_ends_with_the_next_look(place: Place) {
    let store = released(&place, 0).await;
    assert_eq!(store.source_position("mail1", MAILLOG.name).await.unwrap(), None);
    store.remember_position(MAILLOG, "{\"offset\":7}", 5).await.unwrap();
    store.remember_position(MAILLOG, "{\"offset\":9}", 6).await.unwrap();
    assert_eq!(store.source_position("mail1", MAILLOG.name).await.unwrap().as_deref(), Some("{\"offset\":9}"));
    assert_eq!(store.source_position("mail2", MAILLOG.name).await.unwrap(), None);
    store.source_trouble(MAILLOG, "gone", 7).await.unwrap();
    store.source_trouble(MAILLOG, "still gone", 8).await.unwrap();
    let trouble = async || store.sources().await.unwrap().remove(0).trouble;
    assert_eq!(trouble().await, Some(("still gone".into(), 7)));
    store.source_looked(MAILLOG, 9, None).await.unwrap();
    store.source_looked(MAILLOG, 8, None).await.unwrap();
    assert_eq!((trouble().await, store.sources().await.unwrap()[0].looked_at), (None, Some(9)));
    store.source_looked(MAILLOG, 10, Some("3 files cannot be moved")).await.unwrap();
    store.source_looked(MAILLOG, 11, Some("3 files cannot be moved")).await.unwrap();
    assert_eq!(trouble().await, Some(("3 files cannot be moved".into(), 10)));
    let is_read = async || store.sources().await.unwrap()[0].is_read();
    assert!(is_read().await, "it is read, and something is wrong all the same");
    store.source_trouble(MAILLOG, "gone", 12).await.unwrap();
    store.source_trouble(MAILLOG, "still gone", 13).await.unwrap();
    assert_eq!((trouble().await, is_read().await), (Some(("still gone".into(), 12)), false));
}

on_both_databases!(silence_counts_from_the_acceptance);
async fn silence_counts_from_the_acceptance(place: Place) {
    let (store, _) = one_accepted(&place).await;
    assert!(store.quiet(39).await.unwrap().is_empty());
    assert_eq!(store.quiet(40).await.unwrap().into_iter().collect::<Vec<_>>(), [(NOTICE.to_owned(), 1)]);
}

/// Takes one member's mail to an end that is no acceptance.
fn ended(row: &Claimed, outcome: &'static str, status: Status, reply: &str) -> Settle {
    let reason = Some("mailbox_full".into());
    Settle { outcome: outcome.into(), status, reason, reply: Some(Reply::new(552, reply)), ..accepted(row, 40) }
}

on_both_databases!(whom_mail_did_not_reach_is_listed_page_by_page_with_the_words_that_say_why);
async fn whom_mail_did_not_reach_is_listed_page_by_page_with_the_words_that_say_why(place: Place) {
    let store = released(&place, 5).await;
    let rows = claim(&store, 20, 5).await;
    let [bounced, failed, told, held] = [&rows[0], &rows[1], &rows[2], &rows[3]];
    let settles = vec![
        accepted(bounced, 40),
        ended(failed, "failed", Status::Failed, "5.2.2 full"),
        accepted(told, 40),
        ended(held, "in_doubt", Status::InDoubt, "?"),
    ];
    let intents = rows.iter().map(intent).collect();
    store.record(&Group { intents, settles }, 40, 40, false).await.unwrap();
    let (before, after) = (Status::Accepted, Status::Bounced);
    let late =
        NewReceipt { says: "delivered", detail: Some("read me not".into()), ..receipt(bounced, "bb", (after, after)) };
    let receipts = vec![receipt(bounced, "aa", (before, after)), late];
    let changes = vec![change(bounced, before, after)];
    assert!(store.receive(&Received { receipts, changes, ..Received::default() }, 60).await.unwrap());
    place.run("INSERT INTO affected_members (notice_id, member_no, name, given_email, status, reason) VALUES ('n1', 'L1', '見本', 'なし', 'unreachable', 'blank')").await.unwrap();

    let first = store.unreached_after(NOTICE, Unreached::Known, 0, 2).await.unwrap();
    let words: Vec<_> = first.iter().map(|row| (row.status, row.code, row.detail.as_deref().unwrap())).collect();
    assert_eq!(words[1], (Status::Failed, Some(552), "5.2.2 full"));
    assert!(words[0].0 == Status::Bounced && words[0].1.is_none() && words[0].2.contains("宛先"), "{words:?}");
    assert_eq!((first[0].enhanced.as_deref(), first[0].reason.as_deref()), (Some("5.1.1"), Some("bad_address")));
    assert_eq!((first[0].since, first[0].email.as_deref()), (60, Some("u0@example.jp")));
    let second = store.unreached_after(NOTICE, Unreached::Known, first[1].id, 2).await.unwrap();
    let letter: Vec<_> =
        second.iter().map(|row| (row.member_no.as_str(), row.given_email.as_deref(), row.since)).collect();
    assert_eq!(letter, [("L1", Some("なし"), 0)]);
    let undecided = store.unreached_after(NOTICE, Unreached::InDoubt, 0, 2).await.unwrap();
    assert_eq!(undecided.iter().map(|row| row.id).collect::<Vec<_>>(), [held.id]);
    place.run("UPDATE affected_members SET due_at = 99 WHERE status = 'in_doubt'").await.unwrap();
    assert!(store.unreached_after(NOTICE, Unreached::InDoubt, 0, 2).await.unwrap().is_empty(), "it is sent again");
    place.run("UPDATE notices SET state = 'withdrawn'").await.unwrap();
    let undecided = store.unreached_after(NOTICE, Unreached::InDoubt, 0, 2).await.unwrap();
    assert_eq!(undecided.iter().map(|row| row.id).collect::<Vec<_>>(), [held.id], "nothing of it is sent any more");
    assert!(store.unreached_after("other", Unreached::Known, 0, 2).await.unwrap().is_empty());
}
