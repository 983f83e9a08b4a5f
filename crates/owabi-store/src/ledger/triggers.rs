//! The triggers that enter what is recorded and keep it: whether they are there, at work, and what owabi made them.

use crate::error::StoreError;
use crate::open::{Pools, Store, migrator, on_both};
use crate::sql::{Dialect, LEDGER_TRIGGERS};
use owabi_core::ids::hex;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};
use std::collections::BTreeMap;

/// A trigger that does not do what it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTrigger {
    /// Its name.
    pub name: String,
    /// It is there and at work, and does something else; otherwise it is missing or switched off.
    pub altered: bool,
}

/// PostgreSQL's, each with the SHA-256 of what `/*triggers*/` says of it: there is no fresh schema to compare with.
const POSTGRES: [(&str, &str); 20] = [
    ("affected_members_enter", "998a95ef0b368c60032af4cc54f9aa7b0f76204887c57e54f463c1bafbba7e2e"),
    ("attempts_enter", "19089eeedfd2097534339e6a04e9f719fc6960395f6c8bc08891652382e116c6"),
    ("attempts_stay", "be4765b65908d7558ceabe344bff8c892e05b4c13ef3c46c1b771d9e4cec8223"),
    ("attempts_stay_u", "52243e00f1782347dafd93bec332efef83a6a7f63b9ae22121a206f556f22a22"),
    ("corrections_enter", "87fbbc79ac9fb3e82cdd33b6f1dc29b2a3158a3c15d8ace7a015b878b79b0e24"),
    ("corrections_stay", "710ed61d72876c56562342fa99c2f304805dbc44829691f238a8233b23e925f3"),
    ("corrections_stay_u", "e73671ff0f1e22d009a73361d9df99c22c97c5eec666c7346deb62188d664087"),
    ("intents_stay", "124c6c4d5160db5559b5193ecd2201c3b3c30fd23da49edc0a365442776b1144"),
    ("intents_stay_u", "5989d88b46ce8daf95827b0b88f8734883f205e2428d449cbfaf19deb1fcd4b0"),
    ("ledger_stays", "1d7f276f5784e6c6aac1e1eeab6b6fb5901b460bbe756fa79a04a94eef270633"),
    ("receipts_enter", "912316fa68c92c8ffa062b9843a3721f8be950c7de8827141f1071e1d29c929e"),
    ("receipts_stay", "51bc93676550a5a45789b57d62d5893bc1ad834fedb45795ff901888027487b5"),
    ("receipts_stay_u", "7e40a1aca42b2676ffa0baf133d24a1d0b3fb1dcda6d298939c4d055fbc029a3"),
    ("releases_stay", "07c39b5797a594519d0b3a3b094a3f4c24318cb2519806f43c4580aedbc75ffa"),
    ("resends_enter", "5ac09667e4f842cc6b63aa1e6dbcaba7e5b9204fffa568a31a0ffd782f076ddb"),
    ("resends_stay", "2948a21bf39384b69fd575ac3ec29761f5a83019067abfeee1325245c58b2a2d"),
    ("seals_stay", "a94041cb9d06e100b4f0a7560e5c83096f30e709c2d4c347cc08baf6a09ad4d9"),
    ("substitutes_enter", "8ff406c6d397498431c573f6fd250dd39e2a09227f027f0a3242afb7ad08f18f"),
    ("substitutes_stay", "d5c7573bd7122ec3e6d8c4510609aaee22ac203a54c02f8c0f65e44a10bd1681"),
    ("substitutes_stay_u", "2721c19d92aa1cf3287086137d88dc84ed2fda6fc8ed6e70bb4911adaf39efe0"),
];

impl Store {
    /// The first trigger that should keep or enter records and is missing, switched off, or another one of that name. On SQLite
    /// all triggers of the schema are compared with those of a fresh one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn wrong_trigger(&self) -> Result<Option<WrongTrigger>, StoreError> {
        let wanted = match &self.pools {
            Pools::Sqlite { .. } => fresh().await?,
            Pools::Postgres { .. } => POSTGRES.map(|(name, sha256)| (name.to_owned(), sha256.to_owned())).into(),
        };
        let there = self.triggers().await?;
        let wrong = wanted.into_iter().find(|(name, sha256)| there.get(name) != Some(sha256));
        Ok(wrong.map(|(name, _)| WrongTrigger { altered: there.contains_key(&name), name }))
    }

    async fn triggers(&self) -> Result<BTreeMap<String, String>, StoreError> {
        on_both!(self, reader, |pool, dialect| {
            let rows = sqlx::query(LEDGER_TRIGGERS.on(dialect)).fetch_all(pool).await?;
            Ok(hashed(rows.iter().map(|row| (row.get(0), row.get(1)))))
        })
    }
}

/// Those of a schema that was made just now.
async fn fresh() -> Result<BTreeMap<String, String>, StoreError> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).disable_statement_logging().connect().await?;
    migrator(Dialect::Sqlite).run(&mut connection).await?;
    let rows = sqlx::query(LEDGER_TRIGGERS.on(Dialect::Sqlite)).fetch_all(&mut connection).await?;
    Ok(hashed(rows.iter().map(|row| (row.get(0), row.get(1)))))
}

/// Each trigger's name, and the hash of what it does.
fn hashed(rows: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    rows.map(|(name, text)| (name, hex(&Sha256::digest(text)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenOptions;
    use crate::private_postgres::Server;

    #[tokio::test]
    async fn the_hashes_of_postgres_are_those_of_a_fresh_schema() {
        let database = Server::shared().database();
        let store = Store::open(&OpenOptions::new(database.url())).await.unwrap();
        let mut there = store.triggers().await.unwrap();
        there.retain(|name, _| POSTGRES.iter().any(|(ours, _)| ours == name));
        assert_eq!(there, POSTGRES.map(|(name, sha256)| (name.to_owned(), sha256.to_owned())).into());
    }
}
