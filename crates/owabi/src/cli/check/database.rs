//! `check`: the database, and whether keys and people are its own.

use super::{Found, credentials, notices};
use crate::cli::db::refuse_restored;
use crate::cli::exit::Exit;
use crate::cli::own_keys::{self, Trouble};
use crate::cli::say::say;
use crate::cli::session::{Session, moved, open_store};
use crate::cli::trouble;
use crate::config::{Config, Target};
use crate::library::Library;
use owabi_store::{Server, Store, StoreError};
use serde_json::{Value, json};

/// A SQLite file is always looked at; a PostgreSQL server only with `--connect`, as the relays.
pub(super) async fn check(
    session: &Session,
    config: &Config,
    library: &Library,
    connect: bool,
    found: &mut Found,
) -> Option<Value> {
    if !connect && matches!(config.database.target(), Some(Target::Postgres(_))) {
        session.tell(&say!(
            ja: "・ データベースと鍵の照合は `owabi check --connect` で調べます。",
            en: "- the database, and whether the key is its own, are checked with `owabi check --connect`"
        ));
        if let Some(trouble) = own_keys::look_at_file(config) {
            tell_of_key(session, trouble, found);
        }
        return None;
    }
    let store = match open_store(config, false).await {
        Ok(store) => store,
        Err(failure) => {
            found.failure(session, "database", &failure);
            return None;
        }
    };
    match store.moved_to().await {
        Ok(None) => {}
        Ok(Some(to)) => found.failure(session, "database", &moved(&to)),
        Err(error) => found.failure(session, "database", &error.into()),
    }
    if let Err(error) = store.check_integrity().await {
        found.failure(session, "database", &error.into());
    }
    if let Err(failure) = refuse_restored(config, &store).await {
        found.failure(session, "database", &failure);
    }
    for trouble in own_keys::look(config, &store).await {
        tell_of_key(session, trouble, found);
    }
    warn_of_nobody(session, &store, found).await;
    if let Err(error) = notices::check_released(session, &store, library, found).await {
        found.failure(session, "database", &error.into());
    }
    let seen = look_at_server(session, &store, found).await;
    store.close().await;
    seen.unwrap_or_else(|error| {
        found.failure(session, "database", &error.into());
        None
    })
}

/// A key that systemd hands to the service alone is not looked at by whoever types `check`.
fn tell_of_key(session: &Session, trouble: Trouble, found: &mut Found) {
    match trouble {
        Trouble::File(area, failure) | Trouble::Key(area, failure) => found.failure(session, area, &failure),
        Trouble::Unseen(name) => credentials::tell(session, "ledger.key_credential", &name, found),
    }
}

/// Without users everybody who may start owabi may do everything.
async fn warn_of_nobody(session: &Session, store: &Store, found: &mut Found) {
    match store.users().await {
        Ok(users) if users.iter().all(|user| user.disabled) => found.warning(
            session,
            "users",
            &say!(
                ja: "利用者が登録されていません。owabi を動かせる人は、だれでもすべての操作ができます。`owabi user add 氏名 --role admin` で登録できます。",
                en: "no users are defined: everybody who can start owabi may do everything. Define them with `owabi user add NAME --role admin`"
            ),
        ),
        Ok(_) => {}
        Err(error) => found.failure(session, "database", &error.into()),
    }
}

/// What a PostgreSQL server says about itself.
async fn look_at_server(session: &Session, store: &Store, found: &mut Found) -> Result<Option<Value>, StoreError> {
    let Some(server) = store.server().await? else { return Ok(None) };
    let Server { version, database, tls, read_only, durability } = server;
    let schema = store.schema_version().await?;
    if read_only {
        let what = say!(
            ja: "データベース {database} は読み取り専用です(スタンバイ、または default_transaction_read_only)。",
            en: "the database {database} is read-only: a standby, or default_transaction_read_only is on"
        );
        found.problem(session, Exit::Unavailable, "database", &what);
    }
    for what in durability {
        found.warning(session, "database", &trouble::durability(what));
    }
    let shown = tls.as_deref().unwrap_or("none");
    session.tell(&say!(
        ja: "○ データベース {database}: PostgreSQL {version}、TLS {shown}、スキーマ {schema}",
        en: "ok database {database}: PostgreSQL {version}, TLS {shown}, schema {schema}"
    ));
    Ok(Some(json!({ "name": database, "version": version, "tls": tls, "schema": schema })))
}
