//! What evidence is made of, and the end of personal data.

use super::{NOTICE, accepted, claim, intent, release, released};
use crate::place::{Place, on_both_databases};
use owabi_core::ids::{Keys, Pseudonyms};
use owabi_core::ledger::{Body, Entry};
use owabi_store::{Group, Store, StoreError};
use serde_json::json;

fn pseudonyms() -> Pseudonyms {
    Keys::new(&[7; 32]).unwrap().pseudonyms(NOTICE)
}

/// Two members, told, one of them with everything that people can add.
async fn told(place: &Place) -> Store {
    let store = released(place, 2).await;
    let rows = claim(&store, 20, 2).await;
    let intents = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
    store.record(&intents, 30, 30, false).await.unwrap();
    let settles = Group { intents: vec![], settles: rows.iter().map(|row| accepted(row, 40)).collect() };
    assert_eq!(store.record(&settles, 40, 40, false).await.unwrap().settled.len(), 2);
    for statement in [
        "INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email)
         SELECT id, 50, 'hanako', 'she telephoned', email, 'new@example.jp' FROM affected_members WHERE member_no = 'M00000'",
        "UPDATE affected_members SET email = 'new@example.jp' WHERE member_no = 'M00000'",
        "INSERT INTO resends (member_id, round, batch_id, at, status_before, tries_before, fingerprint)
         SELECT id, 2, 'b1', 60, 'accepted', 1, 'f' FROM affected_members WHERE member_no = 'M00000'",
        "INSERT INTO substitutes (notice_id, member_id, kind, on_day, note, actor, at)
         SELECT notice_id, id, 'letter', '2022-03-03', 'to her parents', 'hanako', 70 FROM affected_members WHERE member_no = 'M00000'",
        "INSERT INTO receipts (member_id, at, source, evidence, part, matched_by, says, recipient, detail, status_before, status_after)
         SELECT id, 80, 'maildir:/b', 'h', 0, 'token', 'delayed', email, 'busy', 'accepted', 'accepted' FROM affected_members WHERE member_no = 'M00001'",
        "INSERT INTO arrivals (sha256, at, source, kind, state, member_id, sender, size, content, updated_at)
         SELECT 'a', 80, 'maildir:/b', 'bounce', 'matched', id, 'x@example.jp', 1, 'Y29udGVudA==', 80 FROM affected_members WHERE member_no = 'M00001'",
        "INSERT INTO findings (batch_id, line, kind, member_no, detail) VALUES ('b1', 2, 'typo', 'M00000', 'gmial.com')",
    ] {
        place.run(statement).await.unwrap();
    }
    store
}

async fn lines(store: &Store) -> Vec<Vec<u8>> {
    let entries = store.snapshot().await.unwrap().entries(0, ("", ""), 1_000).await.unwrap();
    entries.iter().map(|entry| entry.line(&pseudonyms()).unwrap()).collect()
}

async fn purge(store: &Store) -> Result<(), StoreError> {
    let pseudonyms = pseudonyms();
    let keyed = |value: &str| pseudonyms.of(value);
    store.begin_purge(NOTICE, &json!({ "early": false }), ("hanako", 100)).await?;
    let mut after = 0;
    while let Some((last, _)) = store.purge_members(NOTICE, after, &keyed).await? {
        after = last;
    }
    store.finish_purge(NOTICE, &keyed, 100).await
}

on_both_databases!(a_purge_changes_no_sealed_line_and_leaves_no_personal_value);
async fn a_purge_changes_no_sealed_line_and_leaves_no_personal_value(place: Place) {
    let store = told(&place).await;
    let before = lines(&store).await;
    let counts = store.personal_counts(NOTICE).await.unwrap();
    let of = |table: &str| counts[table];
    assert_eq!([of("members"), of("intents"), of("attempts"), of("receipts"), of("corrections")], [2, 2, 2, 1, 1]);
    assert_eq!([of("substitutes"), of("arrivals"), of("findings"), of("batches")], [1, 1, 1, 1]);
    assert_eq!(store.kept(NOTICE).await.unwrap(), (None, None));
    store.delete_securely().await.unwrap();
    purge(&store).await.unwrap();
    store.free_space().await.unwrap();
    assert!(store.personal_counts(NOTICE).await.unwrap().values().all(|count| *count == 0));
    let after = lines(&store).await;
    assert_eq!(after[..before.len()], before);
    let last = String::from_utf8(after.last().unwrap().clone()).unwrap();
    assert!(after.len() == before.len() + 1 && last.contains("\"kind\":\"purge\""), "{last}");
    assert_eq!(store.kept(NOTICE).await.unwrap(), (None, Some(100)));
    assert_eq!(store.retention(NOTICE).await.unwrap().unwrap().purged_at, Some(100));

    // Stopped anywhere and begun again it comes to the same.
    purge(&store).await.unwrap();
    assert_eq!(lines(&store).await[..after.len()], after);
    let hash = pseudonyms().of("new@example.jp");
    assert_eq!(store.asked_members(NOTICE, &[hash]).await.unwrap().len(), 1);
    assert_eq!(store.asked_members(NOTICE, &["new@example.jp".to_owned()]).await.unwrap(), Vec::<i64>::new());
}

on_both_databases!(a_purge_that_was_killed_in_the_middle_lets_nothing_personal_in_and_is_finished_by_the_same_command);
async fn a_purge_that_was_killed_in_the_middle_lets_nothing_personal_in_and_is_finished_by_the_same_command(
    place: Place,
) {
    let store = told(&place).await;
    let secrets = pseudonyms();
    let keyed = |value: &str| secrets.of(value);
    assert!(matches!(store.purge_members(NOTICE, 0, &keyed).await, Err(StoreError::ChangedMeanwhile)));
    store.begin_purge(NOTICE, &json!({}), ("hanako", 100)).await.unwrap();
    assert!(matches!(release(&store, "f").await, Err(StoreError::Purged)));
    assert!(matches!(store.begin_import(super::batch("b2")).await, Err(StoreError::Purged)));
    let letter = |note: Option<&str>| owabi_store::NewSubstitute {
        member_id: 1,
        kind: "letter",
        on_day: "2022-04-04".to_owned(),
        note: note.map(str::to_owned),
    };
    assert!(matches!(
        store.add_substitutes(NOTICE, &[letter(Some("to her son"))], "hanako", 102).await,
        Err(StoreError::Purged)
    ));
    assert_eq!(store.add_substitutes(NOTICE, &[letter(None)], "hanako", 103).await.unwrap(), 1);
    assert!(
        !store.set_state(NOTICE, (&["draft", "released", "paused"], "released"), None, "hanako", 104).await.unwrap()
    );
    purge(&store).await.unwrap();
    assert!(store.personal_counts(NOTICE).await.unwrap().values().all(|count| *count == 0));
    let entries = store.snapshot().await.unwrap().entries(0, ("purge", NOTICE), 10).await.unwrap();
    assert_eq!(entries.len(), 1);
}

on_both_databases!(words_that_begin_like_a_keyed_hash_are_purged_like_all_others);
async fn words_that_begin_like_a_keyed_hash_are_purged_like_all_others(place: Place) {
    let store = told(&place).await;
    for words in [
        "INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email)
         SELECT id, 55, 'hanako', 'keyed: told by phone', email, 'third@example.jp' FROM affected_members WHERE member_no = 'M00001'",
        "INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email)
         SELECT id, 55, 'hanako', 'keyed:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', email, 'third@example.jp' FROM affected_members WHERE member_no = 'M00001'",
        "INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email)
         SELECT id, 55, 'hanako', 'KEYED:0000000000000000000000000000000000000000000000000000000000000000', email, 'third@example.jp' FROM affected_members WHERE member_no = 'M00001'",
    ] {
        place.run(words).await.unwrap();
    }
    assert_eq!(store.personal_counts(NOTICE).await.unwrap()["corrections"], 4);
    purge(&store).await.unwrap();
    assert!(store.personal_counts(NOTICE).await.unwrap().values().all(|count| *count == 0));
    let changed = "UPDATE corrections SET reason = 'keyed: something else'";
    assert!(place.run(changed).await.is_err());
}

on_both_databases!(a_receipt_that_comes_late_for_a_purged_notice_is_kept_only_without_anything_personal);
async fn a_receipt_that_comes_late_for_a_purged_notice_is_kept_only_without_anything_personal(place: Place) {
    let store = told(&place).await;
    purge(&store).await.unwrap();
    let standing = store.standings(&[1]).await.unwrap().remove(0);
    assert!(standing.purged);
    let receipt = |recipient: String| owabi_store::NewReceipt {
        member_id: 1,
        round: None,
        number: Some(1),
        reported_at: None,
        source: "maildir:/b".to_owned(),
        evidence: "late".to_owned(),
        part: 0,
        matched_by: "token",
        says: "delayed",
        recipient: Some(recipient),
        status: None,
        reason: None,
        detail: None,
        queue_id: None,
        change: (standing.status, standing.status),
    };
    let arrival = owabi_store::ArrivalRow {
        sha256: "late".to_owned(),
        source: "maildir:/b".to_owned(),
        kind: "bounce".to_owned(),
        state: "matched".to_owned(),
        member_id: Some(1),
        sender: Some("x@example.jp".to_owned()),
        content: Some("Y29udGVudA==".to_owned()),
        ..owabi_store::ArrivalRow::default()
    };
    let received = |recipient| owabi_store::Received {
        arrivals: vec![arrival.clone()],
        receipts: vec![receipt(recipient)],
        ..owabi_store::Received::default()
    };
    assert!(!store.receive(&received("a@example.jp".to_owned()), 200).await.unwrap());
    assert!(store.receive(&received(pseudonyms().of("a@example.jp")), 201).await.unwrap());
    assert!(store.personal_counts(NOTICE).await.unwrap().values().all(|count| *count == 0));
    assert_eq!(store.receipts_of(1).await.unwrap().len(), 1);
}

on_both_databases!(nothing_is_purged_under_a_legal_hold_or_while_a_row_is_open);
async fn nothing_is_purged_under_a_legal_hold_or_while_a_row_is_open(place: Place) {
    let store = told(&place).await;
    assert!(store.set_hold(NOTICE, Some("claim 17"), "claim 17", "hanako", 90).await.unwrap());
    assert!(!store.set_hold(NOTICE, Some("again"), "again", "hanako", 91).await.unwrap());
    assert_eq!(store.retention(NOTICE).await.unwrap().unwrap().legal_hold.as_deref(), Some("claim 17"));
    assert!(matches!(purge(&store).await, Err(StoreError::ChangedMeanwhile)));
    assert!(store.set_hold(NOTICE, None, "settled", "hanako", 92).await.unwrap());
    assert!(!store.set_hold(NOTICE, None, "settled", "hanako", 93).await.unwrap());
    super::add(&store, 7).await;
    let state = store.retention(NOTICE).await.unwrap().unwrap();
    assert_eq!((state.open, state.last_attempt_at, state.legal_hold), (1, 40, None));
    assert!(matches!(purge(&store).await, Err(StoreError::ChangedMeanwhile)));
    assert_eq!(store.personal_counts(NOTICE).await.unwrap()["members"], 3);
    assert_eq!(store.retention("unknown").await.unwrap(), None);
}

on_both_databases!(a_snapshot_shows_one_state_whatever_is_written_meanwhile);
async fn a_snapshot_shows_one_state_whatever_is_written_meanwhile(place: Place) {
    let store = told(&place).await;
    store.approve(NOTICE, "taro", "f", "r", "p", 15).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    store.append_ledger(99, "hanako", "late", Some(NOTICE), &json!({})).await.unwrap();
    super::add(&store, 8).await;
    release(&store, "f").await.unwrap();
    let entries = snapshot.entries(0, ("", NOTICE), 1_000).await.unwrap();
    assert!(entries.iter().all(|entry| entry.kind != "late"));
    let bodies = |kind: &str| entries.iter().filter(|entry| entry.kind == kind).collect::<Vec<&Entry>>();
    assert!(
        matches!(&bodies("attempt")[..], [one, _] if matches!(&one.body, Body::Attempt(body) if body.intent.is_some()))
    );
    assert!(
        matches!(&bodies("correction")[..], [one] if matches!(&one.body, Body::Correction(body) if body.new_email == "new@example.jp"))
    );
    assert!(
        matches!(&bodies("substitute")[..], [one] if matches!(&one.body, Body::Substitute(body) if body.kind == "letter"))
    );
    assert!(
        matches!(&bodies("receipt")[..], [one] if matches!(&one.body, Body::Receipt(body) if body.detail.as_deref() == Some("busy")))
    );
    assert!(
        matches!(&bodies("resent")[..], [one] if matches!(&one.body, Body::Resent(body) if body.fingerprint == "f"))
    );
    let attempts = snapshot.entries(0, ("attempt", NOTICE), 1_000).await.unwrap();
    assert_eq!((attempts.len(), snapshot.entries(0, ("", "other"), 10).await.unwrap().len()), (2, 0));

    let roster = snapshot.roster(NOTICE, 0, 10).await.unwrap();
    assert_eq!(roster.iter().map(|row| row.member_no.as_str()).collect::<Vec<_>>(), ["M00000", "M00001"]);
    let (first, last) = (roster[0].id, roster[1].id);
    assert_eq!(snapshot.roster(NOTICE, first, 10).await.unwrap().len(), 1);
    let pasts = snapshot.pasts(NOTICE, (0, last)).await.unwrap();
    assert_eq!((pasts.intents.len(), pasts.resends.len(), pasts.corrections.len()), (2, 1, 1));
    assert_eq!((pasts.resends[0].1.at, pasts.corrections[0].1.new_email.as_str()), (60, "new@example.jp"));
    assert_eq!(snapshot.places(first).await.unwrap().len(), 1);
    assert_eq!(snapshot.releases(NOTICE).await.unwrap().iter().map(|row| row.at).collect::<Vec<_>>(), [10]);
    assert_eq!(snapshot.approvals(NOTICE).await.unwrap()[0].actor, "taro");
    assert_eq!(snapshot.preflights(NOTICE).await.unwrap(), []);
    let batches = snapshot.batches(NOTICE).await.unwrap();
    assert_eq!((batches.len(), batches[0].totals.imported), (1, 2));
    assert_eq!(snapshot.seals(0, 10).await.unwrap(), []);
}
