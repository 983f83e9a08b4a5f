//! What the verbs that run often cost on the network.

use super::lost_answers::{accepted, claim, intent};
use super::store_with;
use crate::support::postgres::Server;
use crate::support::wire::Wire;
use crate::support::world::NOTICE;
use owabi_core::member::Member;
use owabi_store::{BatchRecord, Group, NewRow};

/// How many round trips `work` took.
async fn cost<T>(wire: &Wire, work: impl Future<Output = T>) -> (T, u64) {
    let before = wire.round_trips();
    let done = work.await;
    (done, wire.round_trips() - before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_intents_and_outcomes_is_one_round_trip_whatever_its_size() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 500).await;
    let mut old = claim(&store, 5).await;
    let first = Group { intents: old.iter().map(intent).collect(), settles: Vec::new() };
    assert_eq!(store.record(&first, 20, 30, false).await.unwrap().granted.len(), 5);
    for n in [1, 40, 200] {
        let new = claim(&store, n).await;
        let group = Group { intents: new.iter().map(intent).collect(), settles: old.iter().map(accepted).collect() };
        // What the claim's connection does on its way back to the pool is not the group's.
        let (recorded, cost) = cost(&wire, store.record(&group, 20, 30, false)).await;
        let recorded = recorded.unwrap();
        assert_eq!((recorded.granted.len(), recorded.settled.len(), cost), (new.len(), old.len(), 1));
        old = new;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_one_round_trip_whatever_its_size() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 1_000).await;
    for n in [1, 40, 120] {
        let mut least = u64::MAX;
        // A connection of the pool that has not claimed before learns the statement first.
        for _ in 0..5 {
            let (rows, cost) = cost(&wire, claim(&store, n)).await;
            assert_eq!(i64::try_from(rows.len()), Ok(n));
            least = least.min(cost);
        }
        assert_eq!(least, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_of_an_import_costs_the_same_whatever_its_rows() {
    let database = Server::shared().database();
    let wire = Wire::to(database.url()).await;
    let store = store_with(&wire, 1).await;
    let batch = BatchRecord {
        id: "b2".into(),
        notice_id: NOTICE.into(),
        notice_title: "t".into(),
        actor: "test".into(),
        file_name: "roster.csv".into(),
        file_sha256: "01".into(),
        encoding: "utf-8".into(),
        at: 1,
    };
    let mut import = store.begin_import(batch).await.unwrap();
    let mut costs = Vec::new();
    for (first, rows) in [(10_000, 10), (20_000, 1_000), (30_000, 5_000)] {
        let rows: Vec<NewRow> = (first..first + rows).map(new_row).collect();
        let numbers: Vec<&str> = rows.iter().map(|row| row.member.member_no.as_str()).collect();
        let chunk = async {
            assert_eq!(import.known(&numbers).await.unwrap().len(), 0);
            import.write(&rows, &[]).await.unwrap();
        };
        costs.push(cost(&wire, chunk).await.1);
    }
    // The first one may have to learn the two statements.
    assert_eq!(costs[1..], [2, 2]);
    import.roll_back().await.unwrap();
}

fn new_row(n: usize) -> NewRow {
    let (given_email, unreachable) = (format!("u{n}@example.jp"), None);
    let (member_no, name, email) = (format!("M{n:05}"), "山田 太郎".to_owned(), Some(given_email.clone()));
    NewRow { member: Member { member_no, name, email, ..Member::default() }, given_email, unreachable }
}
