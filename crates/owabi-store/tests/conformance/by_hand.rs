//! What people do by hand: corrections, decisions, and what is done instead of a mail.

use crate::place::{Place, on_both_databases};
use crate::{LEASE, NOTICE, claim, count, intent, released};
use owabi_core::lifecycle::Status;
use owabi_store::{
    Correction, Group, NewReceipt, NewSubstitute, Publication, Resolution, Store, StoreError, SubstituteRow, Unreached,
};

fn correction<'a>(member_id: i64, old: Option<&'a str>, new: &'a str) -> Correction<'a> {
    Correction { member_id, old, new, reason: "本人からの電話", actor: "hanako" }
}

on_both_databases!(a_corrected_address_keeps_who_why_and_what_it_was);
async fn a_corrected_address_keeps_who_why_and_what_it_was(place: Place) {
    let store = released(&place, 1).await;
    let member = store.member(NOTICE, "M00000").await.unwrap().unwrap();
    place.run("UPDATE affected_members SET status = 'bounced', updated_at = 50, plain_form = TRUE").await.unwrap();
    assert!(store.correct(&correction(member.id, Some("u0@example.jp"), "new@example.jp"), 60).await.unwrap());
    let member = store.member(NOTICE, "M00000").await.unwrap().unwrap();
    assert_eq!(member.member.email.as_deref(), Some("new@example.jp"));
    let corrections = store.corrections_of(member.id).await.unwrap();
    let first = &corrections[0];
    assert_eq!((first.old_email.as_deref(), first.new_email.as_str()), (Some("u0@example.jp"), "new@example.jp"));
    assert_eq!((first.actor.as_str(), first.reason.as_str(), first.at), ("hanako", "本人からの電話", 60));
    assert!(!store.correct(&correction(member.id, Some("u0@example.jp"), "x@example.jp"), 70).await.unwrap());
    assert_eq!(store.corrections_of(member.id).await.unwrap().len(), 1, "not what the person saw: nothing is changed");
    let listed = store.unreached_after(NOTICE, Unreached::Known, 0, 10).await.unwrap();
    assert_eq!((listed[0].corrected, listed[0].since), (true, 50));
    let entry = place.text("SELECT kind || ' ' || actor || body FROM ledger WHERE kind = 'correction'").await;
    assert_eq!(entry, "correction hanako", "the ledger refers to it and holds no address");
    assert!(place.run("DELETE FROM corrections").await.unwrap_err().contains("append-only"));
}

on_both_databases!(nobody_is_corrected_while_a_mail_is_on_its_way);
async fn nobody_is_corrected_while_a_mail_is_on_its_way(place: Place) {
    let store = released(&place, 1).await;
    let row = claim(&store, 20, 1).await.remove(0);
    assert!(!store.correct(&correction(row.id, Some("u0@example.jp"), "new@example.jp"), 30).await.unwrap());
    assert!(store.corrections_of(row.id).await.unwrap().is_empty());
}

/// A member in doubt, and the claim's fence.
async fn in_doubt(place: &Place) -> (Store, i64, i64) {
    let store = released(place, 1).await;
    let row = claim(&store, 20, 1).await.remove(0);
    store.record(&Group { intents: vec![intent(&row)], settles: vec![] }, 30, 30, false).await.unwrap();
    store.take_over(&[(NOTICE.to_owned(), None)], 20 + LEASE, 40).await.unwrap();
    assert_eq!(count(&store, Status::InDoubt).await, 1);
    (store, row.id, row.fence)
}

fn decision(member_id: i64, fence: i64, after: Status) -> Resolution<'static> {
    let receipt = NewReceipt {
        member_id,
        round: Some(1),
        number: Some(1),
        reported_at: None,
        source: "person".into(),
        evidence: "aa".into(),
        part: member_id,
        matched_by: "person",
        says: "failed",
        recipient: None,
        status: None,
        reason: Some("send_again".into()),
        detail: Some("届いていないとの連絡".into()),
        queue_id: None,
        change: (Status::InDoubt, after),
    };
    let sends = after == Status::Queued;
    Resolution {
        receipt,
        fence,
        reason: Some("send_again"),
        due_at: sends.then_some(100),
        possible_duplicate: sends,
        word: "resend",
        notice_id: NOTICE,
        actor: "hanako",
    }
}

on_both_databases!(a_doubt_that_a_person_has_sent_again_is_due_at_once_and_flagged);
async fn a_doubt_that_a_person_has_sent_again_is_due_at_once_and_flagged(place: Place) {
    let (store, id, fence) = in_doubt(&place).await;
    assert!(!store.resolve(&decision(id, fence - 1, Status::Queued), 100).await.unwrap(), "not as the person saw it");
    assert!(store.receipts_of(id).await.unwrap().is_empty());
    assert!(store.resolve(&decision(id, fence, Status::Queued), 100).await.unwrap());
    let row = claim(&store, 100, 1).await.remove(0);
    assert_eq!((row.round, row.number, row.possible_duplicate), (1, 2, true), "the same Message-ID, so the same round");
    let receipt = store.receipts_of(id).await.unwrap().remove(0);
    assert_eq!((receipt.matched_by.as_str(), receipt.status_after.as_str()), ("person", "queued"));
    assert_eq!(receipt.detail.as_deref(), Some("届いていないとの連絡"));
    let entry = place.text("SELECT actor || body FROM ledger WHERE kind = 'resolve'").await;
    assert!(entry.starts_with("hanako") && !entry.contains("連絡"), "{entry}");
}

on_both_databases!(the_same_decision_is_recorded_once);
async fn the_same_decision_is_recorded_once(place: Place) {
    let (store, id, fence) = in_doubt(&place).await;
    let stays = decision(id, fence, Status::InDoubt);
    assert!(store.resolve(&stays, 100).await.unwrap());
    assert!(matches!(store.resolve(&stays, 110).await, Err(StoreError::DecidedMeanwhile)));
}

fn letter(member_id: i64, day: &str) -> NewSubstitute {
    NewSubstitute { member_id, kind: "letter", on_day: day.into(), note: Some("書留".into()) }
}

fn numbers(rows: &[SubstituteRow]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

on_both_databases!(what_was_done_instead_is_recorded_once_for_each_member_kind_and_day);
async fn what_was_done_instead_is_recorded_once_for_each_member_kind_and_day(place: Place) {
    let store = released(&place, 2).await;
    let ids = store.member_ids(NOTICE, &["M00000".into(), "M00001".into()]).await.unwrap();
    let (one, two) = (ids["M00000"], ids["M00001"]);
    let done = [letter(one, "2026-11-30"), letter(two, "2026-11-30")];
    assert_eq!(store.add_substitutes(NOTICE, &done, "hanako", 100).await.unwrap(), 2);
    assert_eq!(store.add_substitutes(NOTICE, &done, "taro", 110).await.unwrap(), 0);
    let other = NewSubstitute { kind: "telephone", ..letter(one, "2026-11-30") };
    assert_eq!(store.add_substitutes(NOTICE, &[letter(one, "2026-12-01"), other], "hanako", 120).await.unwrap(), 2);
    let of_one = store.substitutes_of(&[one]).await.unwrap();
    assert_eq!(of_one.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>().len(), 3);
    assert_eq!((of_one[0].member_no.as_deref(), of_one[0].note.as_deref()), (Some("M00000"), Some("書留")));
    let all = store.substitutes_after(NOTICE, 0, 10).await.unwrap();
    assert_eq!(store.substitutes_after(NOTICE, all[0].id, 2).await.unwrap(), all[1..3]);
    assert_eq!(
        place.text("SELECT CAST(COUNT(*) AS TEXT) FROM ledger WHERE kind = 'substitute' AND body = ''").await,
        "4"
    );
}

on_both_databases!(a_record_that_was_taken_back_stays_readable_and_may_be_made_again);
async fn a_record_that_was_taken_back_stays_readable_and_may_be_made_again(place: Place) {
    let store = released(&place, 1).await;
    let id = store.member(NOTICE, "M00000").await.unwrap().unwrap().id;
    store.add_substitutes(NOTICE, &[letter(id, "2026-11-30")], "hanako", 100).await.unwrap();
    let number = numbers(&store.substitutes_of(&[id]).await.unwrap())[0];
    assert!(store.revoke_substitute(number, ("2026-12-01", "別の会員"), "taro", 110).await.unwrap());
    assert!(!store.revoke_substitute(number, ("2026-12-01", "別の会員"), "taro", 120).await.unwrap());
    assert!(
        !store.revoke_substitute(number + 1, ("2026-12-01", "x"), "taro", 120).await.unwrap(),
        "a revocation is none"
    );
    assert!(!store.revoke_substitute(9_999, ("2026-12-01", "x"), "taro", 120).await.unwrap());
    let row = store.substitute(number).await.unwrap().unwrap();
    assert_eq!((row.revoked_by.as_deref(), row.revoked_because.as_deref()), (Some("taro"), Some("別の会員")));
    assert_eq!(store.substitutes_of(&[id]).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(store.substitutes_after(NOTICE, 0, 10).await.unwrap(), [row]);
    assert_eq!(store.add_substitutes(NOTICE, &[letter(id, "2026-11-30")], "hanako", 130).await.unwrap(), 1);
}

on_both_databases!(a_publication_is_for_everybody_and_recorded_once);
async fn a_publication_is_for_everybody_and_recorded_once(place: Place) {
    let store = released(&place, 1).await;
    let published = Publication { from: "2026-11-30", until: "2027-05-31", url: "https://example.jp/1", note: None };
    assert!(store.add_publication(NOTICE, published, "hanako", 100).await.unwrap());
    assert!(!store.add_publication(NOTICE, published, "hanako", 110).await.unwrap());
    assert!(
        store.add_publication(NOTICE, Publication { until: "2027-12-31", ..published }, "hanako", 120).await.unwrap()
    );
    let rows = store.substitutes_after(NOTICE, 0, 10).await.unwrap();
    assert_eq!(
        (rows.len(), rows[0].member_no.as_deref(), rows[0].url.as_deref()),
        (2, None, Some("https://example.jp/1"))
    );
    assert!(store.revoke_substitute(rows[0].id, ("2026-12-01", "x"), "taro", 130).await.unwrap());
    assert!(store.substitutes_after(NOTICE, 0, 1).await.unwrap()[0].revoked_by.is_some());
    assert!(store.add_publication(NOTICE, published, "hanako", 140).await.unwrap());
}
