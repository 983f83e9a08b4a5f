//! A queue with members in it, for the tests of what works on one.

use owabi_core::member::Member;
use owabi_store::{BatchRecord, NewRow, ReleaseRecord, Store, Totals};

/// A released notice with so many members, due at 10.
pub(crate) async fn released(store: &Store, notice: &str, members: usize) {
    let text = |text: &str| text.to_owned();
    let batch = BatchRecord {
        id: text("b1"),
        notice_id: text(notice),
        notice_title: text("title"),
        actor: text("test"),
        file_name: text("roster.csv"),
        file_sha256: text("00"),
        encoding: text("utf-8"),
        at: 1,
    };
    let row = |no: usize| {
        let email = format!("u{no}@example.jp");
        let (member_no, name) = (format!("M{no}"), text("山田 太郎"));
        let member = Member { member_no, name, email: Some(email.clone()), ..Member::default() };
        NewRow { member, given_email: email, unreachable: None }
    };
    let mut import = store.begin_import(batch).await.unwrap();
    import.write(&(0..members).map(row).collect::<Vec<_>>(), &[]).await.unwrap();
    let lines = i64::try_from(members).unwrap();
    import.commit(Totals { lines, imported: lines, ..Totals::default() }).await.unwrap();
    let held = store.held_roster(notice).await.unwrap();
    let (roster_hash, rows) = (held.hash.as_str(), held.rows);
    let record =
        ReleaseRecord { notice_id: notice, fingerprint: "f", roster_hash, definition: "{}", policy: "{}", rows };
    store.release(record, "test", 10).await.unwrap();
}
