//! The tables of a PostgreSQL database: ours, somebody else's, or none yet.

use crate::error::{Setup, StoreError};
use crate::open::{Store, migrator};
use crate::sql::Dialect;
use sqlx::Row;
use sqlx::migrate::Migrate;
use sqlx::postgres::PgConnection;

/// Gives the schema's version as it was found.
pub(super) async fn bring_up(connection: &mut PgConnection, migrate: bool) -> Result<i64, StoreError> {
    let wanted = Store::newest_schema();
    if Found::in_database(connection).await?.version == wanted {
        return Ok(wanted);
    }
    // Another daemon may be creating the schema right now: then what it leaves is what counts.
    connection.lock().await?;
    let found = Found::in_database(connection).await?;
    found.refuse(wanted, migrate)?;
    if found.version < wanted {
        sqlx::query("SET statement_timeout = 0").execute(&mut *connection).await?;
        migrator(Dialect::Postgres).run(&mut *connection).await?;
    }
    connection.unlock().await?;
    Ok(found.version)
}

/// What stands in the schema that owabi's tables go to.
struct Found {
    database: String,
    schema: Option<String>,
    encoding: String,
    version: i64,
    ours: bool,
    others: bool,
}

impl Found {
    async fn in_database(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let text = "SELECT current_database(), current_schema(), current_setting('server_encoding'),
                COALESCE(BOOL_OR(c.relname = 'affected_members'), FALSE),
                COALESCE(BOOL_OR(c.relname NOT IN ('affected_members', '_sqlx_migrations')), FALSE),
                COALESCE(BOOL_OR(c.relname = '_sqlx_migrations'), FALSE)
            FROM pg_class c
            WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind IN ('r', 'p')
              AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";
        let row = sqlx::query(text).fetch_one(&mut *connection).await?;
        let mut version = 0;
        if row.get(5) {
            let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success";
            version = sqlx::query(newest).fetch_one(connection).await?.get(0);
        }
        let (database, schema, encoding) = (row.get(0), row.get(1), row.get(2));
        Ok(Self { database, schema, encoding, version, ours: row.get(3), others: row.get(4) })
    }

    fn refuse(&self, wanted: i64, migrate: bool) -> Result<(), StoreError> {
        let database = self.database.clone();
        if self.encoding != "UTF8" {
            return Err(Setup::Encoding { database, encoding: self.encoding.clone() }.into());
        }
        let Some(schema) = self.schema.clone() else { return Err(Setup::NoSchema { database }.into()) };
        let found = self.version;
        match self {
            // A table of migrations without our queue belongs to another program of the same make.
            Self { ours: false, others: true, version: 1.., .. } => {
                Err(Setup::OtherProgram { database, schema }.into())
            }
            Self { ours: false, others: true, .. } if !migrate => Err(Setup::OtherTables { database, schema }.into()),
            _ if found > wanted => Err(StoreError::SchemaNewer { found, wanted }),
            _ if found > 0 && found < wanted && !migrate => Err(StoreError::SchemaOlder { found, wanted }),
            _ => Ok(()),
        }
    }
}
