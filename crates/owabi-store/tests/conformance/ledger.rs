//! Seals and the entries that they cover.

use super::{NOTICE, accepted, claim, intent, released};
use crate::place::{Place, on_both_databases};
use owabi_core::ids::Keys;
use owabi_core::ledger::{Body, Entry, Hash, NO_SEAL, Seal, SealKey, StoredSeal, leaf};
use owabi_store::{Beside, Group, Store};
use serde_json::json;
use std::time::Duration;

fn key() -> SealKey {
    SealKey::from_octets(&[9; 32])
}

/// A seal over these entries.
fn seal(number: i64, numbers: &[i64], previous: Hash) -> (StoredSeal, Vec<Hash>) {
    let entries: Vec<(i64, Hash)> = numbers.iter().map(|seq| (*seq, leaf(&seq.to_be_bytes()))).collect();
    let seal = Seal::over(&entries, ("q", number, number * 10), previous, &key()).unwrap();
    (seal.signed(&key()), entries.into_iter().map(|(_, leaf)| leaf).collect())
}

on_both_databases!(seals_are_appended_one_behind_the_other_and_nothing_comes_between);
async fn seals_are_appended_one_behind_the_other_and_nothing_comes_between(place: Place) {
    let store = place.store().await;
    assert_eq!(store.newest_seal().await.unwrap(), None);
    let (first, leaves) = seal(1, &[1, 2, 3], NO_SEAL);
    let hash = Seal::hash_of(&first.text);
    let (second, more) = seal(2, &[4, 6], hash);
    assert!(!store.append_seal(&second, &more, &hash).await.unwrap(), "there is no first one yet");
    assert!(store.append_seal(&first, &leaves, &NO_SEAL).await.unwrap());
    assert!(!store.append_seal(&first, &leaves, &NO_SEAL).await.unwrap(), "it is there already");
    assert!(!store.append_seal(&second, &more, &[1; 32]).await.unwrap(), "it follows another one");
    assert!(store.append_seal(&second, &more, &hash).await.unwrap());
    assert_eq!(store.newest_seal().await.unwrap(), Some(second.clone()));
    assert_eq!(store.seals_after(0, 10).await.unwrap(), [first, second.clone()]);
    assert_eq!(store.seals_after(1, 10).await.unwrap(), [second]);
    assert_eq!(store.seals_after(0, 1).await.unwrap().len(), 1);
    assert_eq!(store.seal_leaves(2).await.unwrap(), Some(more));
    assert_eq!(store.seal_leaves(3).await.unwrap(), None);
    place.run("UPDATE seals SET text = 'x'").await.unwrap_err();
    place.run("DELETE FROM seals").await.unwrap_err();
}

on_both_databases!(of_two_who_seal_at_the_same_time_one_is_told_that_it_came_too_late);
async fn of_two_who_seal_at_the_same_time_one_is_told_that_it_came_too_late(place: Place) {
    let (one, two) = (place.store().await, place.store().await);
    let (ours, leaves) = seal(1, &[1], NO_SEAL);
    let (theirs, more) = seal(1, &[1, 2], NO_SEAL);
    let (first, second) =
        tokio::join!(one.append_seal(&ours, &leaves, &NO_SEAL), two.append_seal(&theirs, &more, &NO_SEAL));
    assert_ne!(first.unwrap(), second.unwrap());
    assert_eq!(one.seals_after(0, 10).await.unwrap().len(), 1);
}

async fn entries(store: &Store) -> Vec<Entry> {
    let newest = store.ledger_newest().await.unwrap();
    store.ledger_entries(1, newest).await.unwrap().into_iter().map(|row| row.entry.unwrap()).collect()
}

/// What people do about members; the triggers enter it.
const BY_PEOPLE: [&str; 5] = [
    "INSERT INTO receipts (member_id, round, number, at, source, evidence, part, matched_by, says, recipient, status_before, status_after) SELECT id, 1, 1, 50, 'maildir', 'ev', 0, 'envid', 'delayed', email, status, status FROM affected_members WHERE status = 'accepted'",
    "INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email) SELECT id, 60, 'hanako', '電話', email, 'x@example.jp' FROM affected_members WHERE status = 'accepted'",
    "INSERT INTO substitutes (notice_id, kind, on_day, url, actor, at) VALUES ('n1', 'published', '2026-11-30', 'https://example.jp', 'hanako', 70)",
    "INSERT INTO batches (id, notice_id, kind, actor, reason, at) VALUES ('b2', 'n1', 'resend', 'hanako', 'why', 80)",
    "INSERT INTO resends (member_id, round, batch_id, at, status_before, tries_before, fingerprint) SELECT id, 2, 'b2', 80, status, tries, 'f' FROM affected_members WHERE status = 'accepted'",
];

on_both_databases!(an_entry_comes_with_the_row_that_it_names_the_same_on_both_databases);
async fn an_entry_comes_with_the_row_that_it_names_the_same_on_both_databases(place: Place) {
    let store = released(&place, 2).await;
    let rows = claim(&store, 20, 1).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    store.record(&Group { intents: vec![], settles: vec![accepted(&rows[0], 40)] }, 40, 40, false).await.unwrap();
    for text in BY_PEOPLE {
        place.run(text).await.unwrap();
    }
    store.append_ledger(90, "hanako", "note", None, &json!({ "é": "\"\\" })).await.unwrap();
    let entries = entries(&store).await;
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["import", "release", "attempt", "receipt", "correction", "substitute", "resent", "note"]);
    let pseudonyms = Keys::new(&[7; 32]).unwrap().pseudonyms(NOTICE);
    let line = |at: usize| {
        let line = String::from_utf8(entries[at].line(&pseudonyms).unwrap()).unwrap();
        line.split_once("\"body\":").unwrap().1.to_owned()
    };
    let keyed = |value: &str| format!("\"{}\"", pseudonyms.of(value));
    let (member, fence, queue_id, reply, rcpt_to) =
        (rows[0].id, rows[0].fence, "\"4F1Bxy\"", keyed("2.0.0 Ok: queued as 4F1Bxy"), keyed("u@example.jp"));
    assert_eq!(
        line(2),
        format!(
            r#"{{"attempt":{{"fence":{fence},"at":40,"outcome":"accepted","spent":true,"reason":null,"phase":"dot","code":250,"enhanced":"2.0.0","reply":{reply},"queue_id":{queue_id},"tls":null,"duration_ms":5}},"intent":{{"fence":{fence},"at":30,"relay":"main","rcpt_to":{rcpt_to},"message_id":"m{member}","envid":"e1","mail_sha256":"ab","mail_bytes":100,"possible_duplicate":false}}}}}}"#
        )
    );
    let email = keyed("u0@example.jp");
    assert_eq!(
        line(3),
        format!(
            r#"{{"member_id":{member},"round":1,"number":1,"at":50,"reported_at":null,"source":"maildir","evidence":"ev","part":0,"matched_by":"envid","says":"delayed","recipient":{email},"status":null,"reason":null,"detail":null,"queue_id":null,"status_before":"accepted","status_after":"accepted"}}}}"#
        )
    );
    let (reason, new) = (keyed("電話"), keyed("x@example.jp"));
    assert_eq!(
        line(4),
        format!(
            r#"{{"member_id":{member},"at":60,"actor":"hanako","reason":{reason},"old_email":{email},"new_email":{new}}}}}"#
        )
    );
    assert_eq!(
        line(5),
        r#"{"notice_id":"n1","member_id":null,"kind":"published","on_day":"2026-11-30","until_day":null,"url":"https://example.jp","note":null,"revokes":null,"actor":"hanako","at":70}}"#
    );
    assert_eq!(
        line(6),
        r#"{"batch_id":"b2","at":80,"status_before":"accepted","reason_before":null,"tries_before":1,"fingerprint":"f"}}"#
    );
    assert_eq!(line(7), r#"{"é":"\"\\"}}"#);
    assert_eq!((entries[6].member_id, entries[6].number), (Some(member), Some(2)));
}

on_both_databases!(entries_are_found_by_their_numbers_and_one_whose_row_is_gone_says_so);
async fn entries_are_found_by_their_numbers_and_one_whose_row_is_gone_says_so(place: Place) {
    let store = place.store().await;
    for n in 0..5 {
        store.append_ledger(n, "test", "note", None, &json!(n)).await.unwrap();
    }
    place
        .run("INSERT INTO ledger (at, actor, kind, body, number) VALUES (9, 'test', 'receipt', '', 77)")
        .await
        .unwrap();
    let numbers = |rows: Vec<owabi_store::LedgerRow>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    assert_eq!(numbers(store.ledger_entries(2, 3).await.unwrap()), [2, 3]);
    assert_eq!(store.ledger_newest().await.unwrap(), 6);
    assert_eq!(store.ledger_among(&[(-9, 1), (3, 4), (7, 99)], 10).await.unwrap(), [1, 3, 4]);
    assert_eq!(store.ledger_among(&[(2, 5)], 1).await.unwrap().len(), 1);
    assert_eq!(store.ledger_entries(6, 6).await.unwrap()[0].entry.as_ref().unwrap().body, Body::Gone);
}

#[tokio::test]
async fn an_entry_that_holds_octets_where_text_belongs_cannot_be_read_and_hides_no_other() {
    let place = Place::sqlite();
    let store = place.store().await;
    for n in 0..5 {
        store.append_ledger(n, "test", "note", None, &json!(n)).await.unwrap();
    }
    place.run("DROP TRIGGER ledger_stays_u").await.unwrap();
    for octets in [
        "UPDATE ledger SET actor = X'00ff' WHERE seq = 3",
        "UPDATE ledger SET actor = CAST(X'ff41' AS TEXT) WHERE seq = 3",
    ] {
        place.run(octets).await.unwrap();
        let rows = store.ledger_entries(1, 5).await.unwrap();
        let read: Vec<_> = rows.iter().map(|row| (row.seq, row.entry.is_some())).collect();
        assert_eq!(read, [(1, true), (2, true), (3, false), (4, true), (5, true)], "{octets}");
    }
}

on_both_databases!(what_stands_beside_the_ledger_is_told_with_where_members_stand);
async fn what_stands_beside_the_ledger_is_told_with_where_members_stand(place: Place) {
    let store = released(&place, 3).await;
    store.approve(NOTICE, "hanako", "f", "r", "p", 5).await.unwrap();
    let beside = store.beside_the_ledger().await.unwrap();
    let of = |what: &str| -> Beside { beside.iter().find(|row| row.what == what).unwrap().clone() };
    assert_eq!((of("approval").actor.as_str(), of("approval").hash.as_str()), ("hanako", "r"));
    assert_eq!((of("release").at, of("release").more.as_str(), of("notice").fingerprint.as_str()), (10, "d", "f"));
    assert_eq!((of("import").fingerprint.as_str(), of("import").more.as_str()), ("b1", "3 3 0 0 0 0 0"));
    let places = store.member_places(0, 2).await.unwrap();
    assert_eq!((places.len(), places[0].member_no.as_str(), places[0].status.as_str()), (2, "M00000", "queued"));
    assert_eq!(store.member_places(places[1].id, 2).await.unwrap().len(), 1);
}

on_both_databases!(what_no_entry_explains_is_found);
async fn what_no_entry_explains_is_found(place: Place) {
    let store = released(&place, 3).await;
    assert_eq!((store.loose_of_the_ledger().await.unwrap(), store.wrong_trigger().await.unwrap()), (vec![], None));
    assert_eq!(store.other_addresses(0, 10).await.unwrap(), []);
    place.run("INSERT INTO meta (key, value) VALUES ('copying', '1')").await.unwrap();
    place
        .run("INSERT INTO corrections (member_id, at, actor, reason, new_email) SELECT MIN(id), 1, 'x', 'x', 'other@example.jp' FROM affected_members")
        .await
        .unwrap();
    let loose = store.loose_of_the_ledger().await.unwrap();
    let sorts: Vec<&str> = loose.iter().map(|loose| loose.sort.as_str()).collect();
    assert_eq!((sorts, loose[1].whose.as_str(), loose[1].number), (vec!["copying", "not_entered"], "corrections", 1));
    let others = store.other_addresses(0, 10).await.unwrap();
    assert_eq!((others.len(), others[0].corrected.as_deref()), (1, Some("other@example.jp")));
    assert_eq!(store.other_addresses(others[0].id, 10).await.unwrap(), []);
}

on_both_databases!(a_transaction_that_is_open_is_older_than_the_next_one);
async fn a_transaction_that_is_open_is_older_than_the_next_one(place: Place) {
    let store = place.store().await;
    let before = store.transactions().await.unwrap();
    assert!(before.oldest <= before.next);
    let import = store.begin_import(super::batch("b1")).await.unwrap();
    if store.is_shared() {
        store.set_meta("k", "v").await.unwrap();
    }
    let during = store.transactions().await.unwrap();
    import.roll_back().await.unwrap();
    if store.is_shared() {
        assert!(during.oldest < during.next, "{during:?}");
        // Other tests have transactions on the same server; those of then end one by one, too.
        let ended = async {
            while store.transactions().await.unwrap().oldest < during.next {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ended).await.unwrap();
    } else {
        assert_eq!((during.oldest, during.next), (0, 0));
    }
}

/// One mail of which all three records are there.
async fn recorded(place: &Place) -> Store {
    let store = released(place, 2).await;
    let rows = claim(&store, 20, 1).await;
    store.record(&Group { intents: vec![intent(&rows[0])], settles: vec![] }, 30, 30, false).await.unwrap();
    store.record(&Group { intents: vec![], settles: vec![accepted(&rows[0], 40)] }, 40, 40, false).await.unwrap();
    place.run(BY_PEOPLE[0]).await.unwrap();
    store
}

const RECORDED: &str = "SELECT (SELECT COUNT(*) || MAX(relay) FROM intents) || (SELECT COUNT(*) || MAX(outcome) FROM attempts) \
     || (SELECT COUNT(*) || MAX(says) FROM receipts)";

on_both_databases!(a_record_of_what_was_sent_is_not_replaced_by_writing_it_once_more);
async fn a_record_of_what_was_sent_is_not_replaced_by_writing_it_once_more(place: Place) {
    let _store = recorded(&place).await;
    assert_eq!(place.text(RECORDED).await, "1main1accepted1delayed");
    let replace: [(&str, &str); 4] = [
        (
            "INSERT OR REPLACE INTO intents SELECT member_id, number, fence, at, 'other', rcpt_to, message_id, envid, mail_sha256, mail_bytes, possible_duplicate FROM intents",
            "INSERT INTO intents SELECT * FROM intents ON CONFLICT (member_id, number) DO UPDATE SET relay = 'other'",
        ),
        (
            "INSERT OR REPLACE INTO attempts (member_id, number, at, outcome, spent) SELECT member_id, number, at, 'failed', spent FROM attempts",
            "INSERT INTO attempts SELECT * FROM attempts ON CONFLICT (member_id, number) DO UPDATE SET outcome = 'failed'",
        ),
        (
            "INSERT OR REPLACE INTO receipts (member_id, at, source, evidence, part, matched_by, says, status_before, status_after) SELECT member_id, at, source, evidence, part, matched_by, 'failed', status_before, status_after FROM receipts",
            "INSERT INTO receipts SELECT * FROM receipts ON CONFLICT (evidence, part) DO UPDATE SET says = 'failed'",
        ),
        (
            "INSERT OR REPLACE INTO receipts (id, member_id, at, source, evidence, part, matched_by, says, status_before, status_after) SELECT id, member_id, at, source, 'ev2', part, matched_by, 'failed', status_before, status_after FROM receipts",
            "INSERT INTO receipts SELECT * FROM receipts ON CONFLICT (id) DO UPDATE SET says = 'failed'",
        ),
    ];
    for (sqlite, postgres) in replace {
        // What owabi itself may write twice stays as it is without an error.
        let text = if matches!(place, Place::Sqlite(_)) { sqlite } else { postgres };
        if let Err(refused) = place.run(text).await {
            assert!(refused.contains("append-only"), "{text}: {refused}");
        }
        assert_eq!(place.text(RECORDED).await, "1main1accepted1delayed", "{text}");
    }
}

on_both_databases!(an_intent_that_is_there_already_keeps_no_other_one_from_being_granted);
async fn an_intent_that_is_there_already_keeps_no_other_one_from_being_granted(place: Place) {
    let store = released(&place, 3).await;
    let rows = claim(&store, 20, 3).await;
    let intents = |rows: &[_]| rows.iter().map(intent).collect::<Vec<_>>();
    let first = store.record(&Group { intents: intents(&rows[1..2]), settles: vec![] }, 30, 30, false).await.unwrap();
    let all = store.record(&Group { intents: intents(&rows), settles: vec![] }, 31, 31, false).await.unwrap();
    let granted = |granted: &owabi_store::Recorded| {
        let mut ids: Vec<i64> = granted.granted.iter().map(|grant| grant.claim().0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!((granted(&first), granted(&all)), (vec![rows[1].id], vec![rows[0].id, rows[2].id]));
}

on_both_databases!(a_trigger_that_is_gone_switched_off_or_another_one_is_named);
async fn a_trigger_that_is_gone_switched_off_or_another_one_is_named(place: Place) {
    let store = place.store().await;
    let found = async || store.wrong_trigger().await.unwrap().map(|wrong| (wrong.name, wrong.altered));
    assert_eq!(found().await, None);
    let changes: &[(&str, &str, bool)] = match place {
        Place::Sqlite(_) => &[
            ("DROP TRIGGER ledger_stays_d", "ledger_stays_d", false),
            (
                "CREATE TRIGGER ledger_stays_d BEFORE DELETE ON ledger WHEN 0 BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
                "ledger_stays_d",
                true,
            ),
            (
                "DROP TRIGGER ledger_stays_d; CREATE TRIGGER ledger_stays_d BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
                "",
                false,
            ),
        ],
        Place::Postgres(_) => &[
            ("ALTER TABLE attempts DISABLE TRIGGER attempts_enter", "attempts_enter", false),
            ("ALTER TABLE attempts ENABLE ALWAYS TRIGGER attempts_enter", "", false),
            (
                "DROP TRIGGER ledger_stays ON ledger; CREATE TRIGGER ledger_stays BEFORE UPDATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION owabi_append_only()",
                "ledger_stays",
                true,
            ),
            (
                "DROP TRIGGER ledger_stays ON ledger; CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION owabi_append_only()",
                "",
                false,
            ),
            ("ALTER FUNCTION owabi_enter_status() SET search_path = pg_temp, public", "affected_members_enter", true),
            ("ALTER FUNCTION owabi_enter_status() RESET ALL", "", false),
            (
                "CREATE OR REPLACE FUNCTION owabi_enter_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
                "affected_members_enter",
                true,
            ),
        ],
    };
    for (change, name, altered) in changes {
        place.run(change).await.unwrap();
        let wanted = (!name.is_empty()).then(|| ((*name).to_owned(), *altered));
        assert_eq!(found().await, wanted, "{change}");
    }
}
