use super::super::check;
use super::*;
use owabi_store::OpenOptions;
use sqlx::{AssertSqlSafe, Executor};

struct Place {
    store: Store,
    folder: tempfile::TempDir,
}

fn keys() -> Keys {
    Keys::new(&[7; 32]).unwrap()
}

fn key() -> SealKey {
    SealKey::from_octets(&[9; 32])
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("owabi.db").display());
        Self { store: Store::open(&OpenOptions::new(&url)).await.unwrap(), folder }
    }

    async fn sealer(&self) -> Sealer {
        Sealer::new(self.store.clone(), keys(), key()).await.unwrap()
    }

    fn noted(&self) -> Noted {
        Noted::at(self.folder.path().join("ledger.key.head"))
    }

    async fn run(&self, sql: String) {
        let url = format!("sqlite:{}", self.folder.path().join("owabi.db").display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        pool.close().await;
    }

    async fn enter(&self, entries: i64) {
        self.run(format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {entries})
             INSERT INTO ledger (at, actor, kind, body) SELECT i, 'test', 'note', '{{}}' FROM n"
        ))
        .await;
    }
}

#[tokio::test]
async fn two_sealers_that_race_with_different_views_leave_no_hole() {
    let place = Place::new().await;
    let (mut one, mut other) = (place.sealer().await, place.sealer().await);
    place.enter(3_000).await;
    let few = place.store.ledger_entries(1, 4_000).await.unwrap();
    place.enter(20_000).await;
    let many = place.store.ledger_entries(1, 4_000).await.unwrap();
    assert!(matches!(one.seal_rows(few, 1).await.unwrap(), Page::Sealed(3_000)));
    assert!(matches!(other.seal_rows(many, 1).await.unwrap(), Page::Lost), "the round ends");
    assert_eq!(other.seal(2).await.unwrap(), 20_000);
    let checked = check(&place.store, &keys(), key().public(), None, &|_| {}).await.unwrap();
    assert_eq!((checked.first_bad, checked.unsealed, checked.head.entries), (None, 0, 23_000));
}

#[tokio::test]
async fn a_hole_in_what_is_sealed_is_sealed_by_the_next_round_on_sqlite() {
    let place = Place::new().await;
    place.enter(30).await;
    let mut sealer = place.sealer().await;
    let above = place.store.ledger_entries(11, 30).await.unwrap();
    assert!(matches!(sealer.seal_rows(above, 1).await.unwrap(), Page::Sealed(20)));
    assert_eq!(sealer.seal(2).await.unwrap(), 10);
    let checked = check(&place.store, &keys(), key().public(), None, &|_| {}).await.unwrap();
    assert_eq!((checked.first_bad, checked.head.entries), (None, 30));
}

#[tokio::test]
async fn a_chain_without_the_noted_head_is_not_gone_on_with() {
    let place = Place::new().await;
    place.enter(3).await;
    let mut sealer = place.sealer().await.noting(place.noted());
    sealer.seal(1).await.unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(place.noted().place()).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.noted().read(&sealer.queue), Some(sealer.head()));
    place.run("DROP TRIGGER seals_stay_d; DELETE FROM seals".to_owned()).await;
    place.enter(1).await;
    // The one that is at work, and one that begins.
    let mut begins = place.sealer().await.noting(place.noted());
    for sealer in [&mut sealer, &mut begins] {
        let refused = sealer.seal(2).await.unwrap_err();
        assert!(matches!(refused, StoreError::SealsGone { number: 1 }), "{refused}");
    }
    assert!(place.store.newest_seal().await.unwrap().is_none());
    // A head that is older than the chain, as of another host, is fine; one of another queue says nothing.
    std::fs::remove_file(place.noted().place()).unwrap();
    let mut other = Noted::at(place.folder.path().join("ledger.key.head"));
    other.write(&Head { queue: "other".into(), number: 9, ..begins.head() });
    assert_eq!(begins.seal(3).await.unwrap(), 4);
    place.enter(1).await;
    assert_eq!(place.sealer().await.seal(4).await.unwrap(), 1, "of another host, with a file of its own");
    assert_eq!(place.sealer().await.noting(place.noted()).seal(5).await.unwrap(), 0);
    assert!(other.read("other").is_some(), "each queue has its line");
}

#[test]
fn sealing_that_fails_for_five_seconds_is_told_and_so_is_the_next_trouble() {
    let (alerts, mut trouble) = (Alerts::default(), Trouble::default());
    let error = StoreError::SealsGone { number: 3 };
    let told = |alerts: &Alerts| alerts.told()[&Kind::SealTrouble].count;
    for (at, expected) in [(0, 0), (4_999, 0), (5_000, 1), (6_000, 1)] {
        trouble.take(Some(&error), at, &alerts);
        assert_eq!(told(&alerts), expected, "{at}");
    }
    trouble.take(None, 7_000, &alerts);
    for at in [8_000, 13_000] {
        trouble.take(Some(&error), at, &alerts);
    }
    assert_eq!(told(&alerts), 2);
}
