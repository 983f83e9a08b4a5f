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
    ("affected_members_enter", "72e032e411ff289596a6687d7dc819742141f4f141db522581b7f4d7d6b61537"),
    ("attempts_enter", "68538562e1c3fc9008fcac5a56e6332301eda83cf4129f9aab62a2e55614bb97"),
    ("attempts_stay", "f80d28c0953fd191ed11eae00ac15a7040d37d26de6418d930252c3816f193aa"),
    ("attempts_stay_u", "cea4e147a4cd3ebe02763f53f905914cacd705b50b526dbe70e21569c2280572"),
    ("corrections_enter", "2a560b0310e8196b1c8e0345ecfe7b7b65c8c9f11ae378cbac2730d8b200dc3e"),
    ("corrections_stay", "1e6f3a489da62b982c175561f948194ce5aefcca1ef56e8bb59d56a6bbb2d995"),
    ("corrections_stay_u", "b82e253154b0bd73ba0525d0fa3265777a15c7120d69f3fa4c78acba647a813c"),
    ("intents_stay", "d306173eb058de7d5d5edfba153218b5033be5a54a77f479770235634258d98d"),
    ("intents_stay_u", "7a402e8f60ba5b7379111738ddaf7a133f65a6526b5da44bf6c0e0bf135b158f"),
    ("ledger_stays", "555fd8c131e04407028c0b35e96600be60aea6116d91bc780edc4ee73b373f1d"),
    ("receipts_enter", "1cbdc4af587bd381ccd8e9799a531ff91f071a0f31f2ed2fab4123178502b39f"),
    ("receipts_stay", "ef1ac5ae9a5d3b113e67b3cc44b7d640687049fd848c9e78fe88b0e8853f4acd"),
    ("receipts_stay_u", "9e49c447c7f938fd1c3d68242d86eb8207603857a08fc9a8d3ac6cfd339089da"),
    ("releases_stay", "da4e42cde1cc67903e09bea4d14a79204b4ed22751a4ccecae7fa9dc470c75eb"),
    ("resends_enter", "53306868be66d170fb0eb56d259217db795069948be5e77e2bd19728e84028de"),
    ("resends_stay", "c37bfb9e2f86b87a3177b48afa6acbdf482ac856381360553a9a9f3f1bd8e971"),
    ("seals_stay", "bc526e1c2a238116676b2ec2bc9e90f40c5e9ede0ce2e2310bf5c2f1a340b8d9"),
    ("substitutes_enter", "1dce942587e48ea4b5bf4a2a6744c1ac70400651f567190e90e31d1350171090"),
    ("substitutes_stay", "94fe7a5b1c08f96ac8c76d68f2f13f751b6abbf15028af0c24b2a433c96bd385"),
    ("substitutes_stay_u", "45b0e514a54d370a8f998f748fdc710497b0b76079cdcc7edd2aed556289b425"),
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

    #[tokio::test]
    async fn a_trigger_of_postgres_that_differs_in_its_parentheses_alone_is_altered() {
        let database = Server::shared().database();
        let store = Store::open(&OpenOptions::new(database.url())).await.unwrap();
        assert_eq!(store.wrong_trigger().await.unwrap(), None);
        // Was: NOT (OLD.status = 'sending' AND (NEW.status = 'queued' OR NEW.tries > OLD.tries)).
        database.psql(
            "DROP TRIGGER affected_members_enter ON affected_members;
             CREATE TRIGGER affected_members_enter AFTER UPDATE OF status ON affected_members FOR EACH ROW
             WHEN (NEW.status <> OLD.status AND NEW.status <> 'sending' AND NOT (OLD.status = 'held' AND NEW.status = 'queued')
                   AND NOT ((OLD.status = 'sending' AND NEW.status = 'queued') OR NEW.tries > OLD.tries))
             EXECUTE FUNCTION owabi_enter_status()",
        );
        let altered = WrongTrigger { name: "affected_members_enter".to_owned(), altered: true };
        assert_eq!(store.wrong_trigger().await.unwrap(), Some(altered));
    }
}
