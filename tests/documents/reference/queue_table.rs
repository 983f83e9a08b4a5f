//! `queue-table.md`, from the migrated schemas of both databases.

use super::super::markdown::{all, root};
use crate::support::postgres::Server;
use crate::support::site::Site;
use owabi_store::{OpenOptions, Store};
use sqlx::Connection as _;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const HEAD: &str = "\
# Reference: the columns of `affected_members`

`affected_members` の列と型です。各列の意味と、書き込んでよい列は [queue-table.ja.md](../queue-table.ja.md) にあります。

As the newest migration leaves them. What each column means, and which of them your system may write: [queue-table.md](../queue-table.md).
";

/// Name, type, whether it may be NULL, and the default of each column.
type Columns = Vec<(String, String, String, String)>;

pub(super) async fn page() -> String {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    let mut page = format!(
        "{HEAD}\nSchema {}.\n\n| column | SQLite | PostgreSQL | may be NULL | default |\n|---|---|---|---|---|\n",
        Store::newest_schema()
    );
    for (name, kind, null, default) in &sqlite {
        let there = postgres.iter().find(|column| column.0 == *name);
        let there = there.unwrap_or_else(|| panic!("{name} is not on PostgreSQL"));
        assert_eq!((null, default), (&there.2, &there.3), "{name}");
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {null} | {default} |", there.1);
    }
    assert_eq!(sqlite.len(), postgres.len());
    page
}

async fn sqlite() -> Columns {
    let site = Site::new();
    site.run(&["db", "migrate"]).exits(0);
    let mut connection = sqlx::SqliteConnection::connect(&site.database()).await.unwrap();
    let sql =
        "SELECT name, lower(type), CASE WHEN \"notnull\" = 1 OR pk = 1 THEN '' ELSE 'yes' END, lower(coalesce(dflt_value, ''))
        FROM pragma_table_info('affected_members') ORDER BY cid";
    sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
}

async fn postgres() -> Columns {
    let database = Server::shared().database();
    Store::open(&OpenOptions { migrate: true, ..OpenOptions::new(database.url()) }).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    // An identity has no default to be written; a cast behind one says what the type says.
    let sql = "SELECT column_name::text, data_type::text, CASE WHEN is_nullable = 'YES' THEN 'yes' ELSE '' END,
        CASE WHEN is_identity = 'YES' THEN '' ELSE coalesce(regexp_replace(column_default, '::[a-z ]+$', ''), '') END
        FROM information_schema.columns WHERE table_name = 'affected_members' ORDER BY ordinal_position";
    sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap()
}

#[tokio::test]
async fn the_document_of_the_queue_table_tells_of_every_column_and_of_no_other() {
    let columns: BTreeSet<String> = sqlite().await.into_iter().map(|column| column.0).collect();
    for document in all().iter().filter(|document| document.path.starts_with("docs/queue-table")) {
        let tables = document.tables();
        let of_columns = tables.iter().filter(|table| ["column", "列"].contains(&table[0][0].as_str()));
        let told: BTreeSet<String> =
            of_columns.flat_map(|table| &table[1..]).map(|row| row[0].trim_matches('`').to_owned()).collect();
        assert_eq!(told, columns, "{}", document.path);
    }
    assert!(root().join("docs/queue-table.ja.md").exists());
}
