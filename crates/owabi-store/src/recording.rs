//! PostgreSQL's connection for recording: kept for the recorder alone, so that a group costs one round trip and waits for no pool.

use crate::error::StoreError;
use crate::postgres::{PATIENCE, connect_once, no_answer};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A connection of its own, opened when first needed and replaced after every error.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pool: PgPool,
    connection: Arc<Mutex<Option<PgConnection>>>,
    to_connect: Duration,
    to_answer: Duration,
}

impl Recording {
    /// Connects as `pool` does, within `to_connect`. An answer that takes longer than `to_answer` never comes.
    pub(crate) fn new(pool: PgPool, to_connect: Duration, to_answer: Duration) -> Self {
        Self { pool, connection: Arc::default(), to_connect, to_answer }
    }

    /// Runs `work` on the connection, for one caller at a time.
    ///
    /// # Errors
    /// `work`'s; `Unavailable` when the database cannot be reached, or says nothing for too long. Whatever the error, the
    /// connection is closed: the next call opens a new one.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut place = self.connection.lock().await;
        self.in_time(async {
            // Taken out, so that a connection in the middle of something is never used again.
            let mut connection = match place.take() {
                Some(connection) => connection,
                // Not one of the pool's: after some trouble those may all be dead, and each would be waited for.
                None => connect_once(&self.pool.connect_options(), self.to_connect).await?,
            };
            let done = work(&mut connection).await?;
            *place = Some(connection);
            Ok(done)
        })
        .await
    }

    /// What `work` gives, or `Unavailable` when the database says nothing for too long.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        tokio::time::timeout(self.to_answer, work).await.unwrap_or_else(|_| Err(no_answer().into()))
    }

    /// Closes the connection and the pool, as far as the database answers: it notices a lost connection by itself.
    pub(crate) async fn close(&self) {
        use sqlx::Connection;
        let all = async {
            if let Some(connection) = self.connection.lock().await.take() {
                let _ = connection.close().await;
            }
            self.pool.close().await;
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }
}
