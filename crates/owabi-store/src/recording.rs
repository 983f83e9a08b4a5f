//! PostgreSQL's connection for recording: kept for the recorder alone, so that a group costs one round trip and waits for no pool.

use crate::error::StoreError;
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
    patience: Duration,
}

impl Recording {
    /// Connections come from `pool`, which then forgets them. An answer that takes longer than `patience` never comes.
    pub(crate) fn new(pool: PgPool, patience: Duration) -> Self {
        Self { pool, connection: Arc::default(), patience }
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
        let done = async {
            // Taken out, so that a connection in the middle of something is never used again.
            let mut connection = match place.take() {
                Some(connection) => connection,
                None => self.pool.acquire().await?.detach(),
            };
            let done = work(&mut connection).await?;
            *place = Some(connection);
            Ok(done)
        };
        tokio::time::timeout(self.patience, done).await.unwrap_or_else(|_| {
            let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer from the database");
            Err(StoreError::Unavailable(sqlx::Error::Io(late)))
        })
    }

    /// Closes the connection, if there is one.
    pub(crate) async fn close(&self) {
        use sqlx::Connection;
        if let Some(connection) = self.connection.lock().await.take() {
            // The database notices a lost connection by itself.
            let _ = connection.close().await;
        }
    }
}
