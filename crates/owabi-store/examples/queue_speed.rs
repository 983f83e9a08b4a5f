//! What the queue itself costs, without rendering and sending: `queue_speed URL ROWS claim|record|accept [GROUP]`.
//!
//! A database without members gets ROWS queued ones first. `claim` claims 500 rows at a time and gives them back; `record`
//! claims, records the intents and then the outcomes in groups of GROUP (40); `accept` does so, 500 in a group, until all have
//! theirs. Prints one JSON line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_core::reply::Reply;
use owabi_store::{BatchRecord, Claimed, Group, Intent, NewRow, OpenOptions, ReleaseRecord, Settle, Store, Totals};
use std::time::Instant;

const NOTICE: &str = "n";
/// Rows that one measurement claims.
const MEASURED: usize = 8_000;
const AT_ONCE: i64 = 500;
const LEASE: i64 = 600_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, rows, what, group @ ..] = words.as_slice() else {
        panic!("queue_speed URL ROWS claim|record|accept [GROUP]")
    };
    let store = Store::open(&OpenOptions::new(url.clone())).await.unwrap();
    let rows: usize = rows.parse().unwrap();
    if store.counts().await.unwrap().is_empty() {
        seed(&store, rows).await;
    }
    let begun = Instant::now();
    let (done, groups) = match what.as_str() {
        "claim" => (claims(&store).await, 0),
        "record" => records(&store, MEASURED, group.first().map_or(40, |size| size.parse().unwrap())).await,
        "accept" => records(&store, rows, 500).await,
        other => panic!("{other} is neither claim, record nor accept"),
    };
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = done as f64 / seconds;
    println!(
        "{{\"rows\":{rows},\"done\":{done},\"seconds\":{seconds:.4},\"per_second\":{per_second:.0},\"groups\":{groups}}}"
    );
    store.close().await;
}

async fn seed(store: &Store, rows: usize) {
    let batch = BatchRecord {
        id: "b".into(),
        notice_id: NOTICE.into(),
        notice_title: "title".into(),
        actor: "bench".into(),
        file_name: "members.csv".into(),
        file_sha256: "00".into(),
        encoding: "UTF-8".into(),
        at: 1,
    };
    let mut import = store.begin_import(batch).await.unwrap();
    for from in (0..rows).step_by(1_000) {
        let members: Vec<NewRow> = (from..rows.min(from + 1_000)).map(new_row).collect();
        import.write(&members, &[]).await.unwrap();
    }
    let lines = i64::try_from(rows).unwrap();
    import.commit(Totals { lines, imported: lines, ..Totals::default() }).await.unwrap();
    let roster = store.held_roster(NOTICE).await.unwrap();
    let (notice_id, fingerprint, definition) = (NOTICE, "f", "d");
    let record = ReleaseRecord {
        notice_id,
        fingerprint,
        roster_hash: &roster.hash,
        definition,
        policy: "{}",
        rows: roster.rows,
    };
    store.release(record, "bench", 10).await.unwrap();
}

fn new_row(no: usize) -> NewRow {
    let email = format!("member{no}@example.jp");
    let member = Member {
        member_no: format!("M{no:08}"),
        name: "山田 太郎".into(),
        email: Some(email.clone()),
        ..Member::default()
    };
    NewRow { member, given_email: email, unreachable: None }
}

async fn claims(store: &Store) -> usize {
    let mut back = Vec::new();
    while back.len() < MEASURED {
        let rows = store.claim(NOTICE, 20, LEASE, AT_ONCE).await.unwrap();
        assert!(!rows.is_empty(), "the queue is empty");
        back.extend(rows.iter().map(|row| (row.id, row.fence, 10)));
    }
    let done = back.len();
    for rows in back.chunks(500) {
        store.give_back(rows, 10).await.unwrap();
    }
    done
}

/// Claims, and records intents and outcomes as a recorder does: an outcome travels with the next mail's intent.
async fn records(store: &Store, wanted: usize, size: usize) -> (usize, usize) {
    let (mut done, mut groups, mut settles) = (0, 0, Vec::new());
    while done < wanted {
        let rows = store.claim(NOTICE, 20, LEASE, AT_ONCE).await.unwrap();
        assert!(!rows.is_empty(), "the queue is empty");
        for rows in rows.chunks(size) {
            let group = Group { intents: rows.iter().map(intent).collect(), settles: std::mem::take(&mut settles) };
            assert_eq!(store.record(&group, 30, 30, false).await.unwrap().granted.len(), rows.len());
            settles = rows.iter().map(accepted).collect();
            (done, groups) = (done + rows.len(), groups + 1);
        }
    }
    store.record(&Group { settles, intents: Vec::new() }, 40, 40, false).await.unwrap();
    (done, groups + 1)
}

fn intent(row: &Claimed) -> Intent {
    Intent {
        id: row.id,
        fence: row.fence,
        relay: "main".into(),
        rcpt_to: "member@example.jp".into(),
        message_id: "0123456789abcdef0123456789abcdef@example.jp".into(),
        envid: "0123456789abcdef0123456789abcdef".into(),
        mail_sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(),
        mail_bytes: 20_000,
    }
}

fn accepted(row: &Claimed) -> Settle {
    Settle {
        id: row.id,
        fence: row.fence,
        at: 40,
        outcome: "accepted".into(),
        status: Status::Accepted,
        due_at: None,
        spent: true,
        reason: None,
        plain_form: false,
        phase: Some("dot".into()),
        reply: Some(Reply::new(250, "2.0.0 Ok: queued as 4F1BxyKm2Nz1Qw")),
        detail: None,
        tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384".into()),
        duration_ms: 5,
    }
}
