//! A PostgreSQL server as owabi finds it: reached safely or not at all, fit or refused with the reason, and shared with
//! others who are at work.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "postgres_server/at_work.rs"]
mod at_work;
#[path = "../../../tests/support/postgres.rs"]
#[expect(dead_code, reason = "not every test crate uses all of it")]
mod postgres;
#[path = "postgres_server/reached.rs"]
mod reached;
#[path = "postgres_server/schema.rs"]
mod schema;

use owabi_store::{OpenOptions, PostgresOptions, Setup, Store, StoreError};

/// How a test opens `url`.
fn options(url: &str, postgres: PostgresOptions) -> OpenOptions {
    OpenOptions { postgres, ..OpenOptions::new(url) }
}

async fn open(url: &str) -> Result<Store, StoreError> {
    Store::open(&OpenOptions::new(url)).await
}

/// What must be set up before the server can be used.
async fn setup(options: &OpenOptions) -> Setup {
    match Store::open(options).await {
        Err(StoreError::Setup(setup)) => setup,
        other => panic!("{other:?}"),
    }
}
