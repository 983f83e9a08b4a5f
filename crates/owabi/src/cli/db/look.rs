//! `db migrate --dry-run`: whether the schema is older than the program needs.

use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::{Config, Target};
use owabi_store::{Store, StoreError};
use serde_json::json;

/// Opening a database that is there changes nothing but an empty one, which gets its schema as by any other verb.
pub(super) async fn run(session: &Session, config: &Config) -> Answer {
    let to = Store::newest_schema();
    let from = match config.database.target() {
        Some(Target::Sqlite(file)) if !file.exists() => None,
        _ => Some(version(config).await?),
    };
    session.tell(&match from {
        Some(from) if from != to => {
            say!(ja: "スキーマの更新が必要です: {from} → {to}", en: "the schema must be migrated: {from} → {to}")
        }
        Some(_) => say!(ja: "スキーマは最新です({to})。", en: "the schema is the newest one ({to})"),
        None => say!(ja: "データベースはまだありません。", en: "there is no database yet"),
    });
    session.answer(&json!({ "from": from, "to": to }));
    Ok(if from.is_some_and(|from| from != to) { Exit::Failed } else { Exit::Done })
}

async fn version(config: &Config) -> Result<i64, Failure> {
    match Store::open(&config.open_options()?).await {
        Ok(store) => {
            let version = store.schema_version().await?;
            store.close().await;
            Ok(version)
        }
        Err(StoreError::SchemaOlder { found, .. }) => Ok(found),
        Err(error) => Err(error.into()),
    }
}
