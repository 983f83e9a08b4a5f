//! What stands in the database: nothing, owabi's tables of this or another version, or something else.

use crate::postgres::{Database, Server};
use crate::{open, setup};
use owabi_store::{OpenOptions, Setup, Store, StoreError};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, PgConnection, SqlSafeStr};

const FIRST: &str = include_str!("../../migrations/postgres/0001_queue.sql");

fn migrating(url: &str) -> OpenOptions {
    OpenOptions { migrate: true, ..OpenOptions::new(url) }
}

/// A database as the first owabi left it.
async fn first_schema() -> Database {
    let database = Server::shared().database();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let first = Migration::new(1, "queue".into(), MigrationType::Simple, FIRST.into_sql_str(), false);
    Migrator::with_migrations(vec![first]).run(&mut connection).await.unwrap();
    database.psql("INSERT INTO notices (id, title, updated_at) VALUES ('n1', 't', 1)");
    database
}

#[tokio::test]
async fn an_empty_database_gets_the_tables_once_however_many_come_at_the_same_time() {
    let database = Server::shared().database();
    let url = database.url();
    let (a, b, c, d) = tokio::join!(open(url), open(url), open(url), open(url));
    for store in [a, b, c, d] {
        assert_eq!(store.unwrap().schema_version().await.unwrap(), Store::newest_schema());
    }
}

#[tokio::test]
async fn extensions_and_other_schemas_are_nobody_elses_tables() {
    let database = Server::shared().database();
    database.psql("CREATE SCHEMA theirs; CREATE TABLE theirs.notices (id int); CREATE VIEW seen AS SELECT 1");
    open(database.url()).await.unwrap();
}

#[tokio::test]
async fn a_database_with_other_tables_is_left_alone_until_somebody_says_migrate() {
    let database = Server::shared().database();
    database.psql("CREATE TABLE payments (id int)");
    let Setup::OtherTables { schema, .. } = setup(&OpenOptions::new(database.url())).await else { panic!("taken") };
    assert_eq!((schema.as_str(), database.psql("SELECT to_regclass('notices') IS NULL").as_str()), ("public", "t"));
    assert_eq!(Store::migrate(&migrating(database.url())).await.unwrap(), (0, Store::newest_schema()));
    open(database.url()).await.unwrap();
}

#[tokio::test]
async fn a_database_with_another_programs_migrations_is_left_alone() {
    let database = Server::shared().database();
    database.psql("CREATE TABLE payments (id int)");
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let theirs = Migration::new(7, "x".into(), MigrationType::Simple, "SELECT 1".into_sql_str(), false);
    Migrator::with_migrations(vec![theirs]).run(&mut connection).await.unwrap();
    for options in [OpenOptions::new(database.url()), migrating(database.url())] {
        assert!(matches!(setup(&options).await, Setup::OtherProgram { .. }));
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_its_version() {
    let database = Server::shared().database();
    open(database.url()).await.unwrap().close().await;
    database.psql("UPDATE _sqlx_migrations SET version = version + 1000");
    for options in [OpenOptions::new(database.url()), migrating(database.url())] {
        let refused = Store::open(&options).await.unwrap_err();
        let newest = Store::newest_schema();
        let fits =
            matches!(refused, StoreError::SchemaNewer { found, wanted } if (found, wanted) == (newest + 1000, newest));
        assert!(fits, "{refused:?}");
    }
}

#[tokio::test]
async fn an_older_schema_is_brought_up_only_when_that_is_said_and_keeps_its_rows() {
    let database = first_schema().await;
    let older = open(database.url()).await.unwrap_err();
    assert!(matches!(older, StoreError::SchemaOlder { found: 1, .. }), "{older:?}");
    assert_eq!(database.psql("SELECT max(version) FROM _sqlx_migrations"), "1");
    assert_eq!(Store::migrate(&OpenOptions::new(database.url())).await.unwrap(), (1, Store::newest_schema()));
    assert_eq!(open(database.url()).await.unwrap().notices().await.unwrap().len(), 1);
    let other = first_schema().await;
    let store = Store::open(&migrating(other.url())).await.unwrap();
    assert_eq!(store.schema_version().await.unwrap(), Store::newest_schema());
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_name_is_refused() {
    let database = Server::shared().database();
    database.psql("CREATE DATABASE small_world ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    let url = format!("{}/small_world", database.url().rsplit_once('/').unwrap().0);
    let Setup::Encoding { encoding, .. } = setup(&OpenOptions::new(url)).await else { panic!("taken") };
    assert_eq!(encoding, "LATIN1");
    database.psql("DROP DATABASE small_world WITH (FORCE)");
}

#[tokio::test]
async fn a_search_path_that_leads_nowhere_is_refused() {
    let database = Server::shared().database();
    let url = format!("{}?options=-csearch_path%3Dnowhere", database.url());
    assert!(matches!(setup(&OpenOptions::new(url)).await, Setup::NoSchema { .. }));
}
