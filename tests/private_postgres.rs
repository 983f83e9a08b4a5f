//! The private PostgreSQL itself: what the other tests rely on.

use crate::support::postgres::{Server, Stop};
use sqlx::{Connection, PgConnection, Row};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Set for the child process that is to be killed: where it writes down its server's folder.
const VICTIM: &str = "OWABI_TEST_VICTIM";

async fn one(url: &str, sql: &'static str) -> i32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let row = sqlx::query(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn two_databases_of_the_shared_server_know_nothing_of_each_other() {
    let (a, b) = (Server::shared().database(), Server::shared().database());
    a.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    assert_eq!(one(a.url(), "SELECT n FROM t").await, 7);
    assert_eq!(one(a.socket_url(), "SELECT n FROM t").await, 7);
    let refused = b.try_psql("SELECT n FROM t").unwrap_err();
    assert!(refused.contains("relation \"t\" does not exist"), "{refused}");
    assert_eq!(b.psql("SELECT 1, '山田'; SELECT NULL"), "1|山田\n");
}

#[tokio::test]
async fn an_own_server_keeps_its_settings_its_port_and_its_data_over_restarts_and_crashes() {
    let server = Server::start_own(&[("max_connections", "17")]);
    let database = server.database();
    assert_eq!(database.psql("SHOW max_connections"), "17");
    database.psql("CREATE TABLE t (n int)");
    for (how, n) in [(Stop::Fast, 1), (Stop::Immediate, 2)] {
        database.psql(&format!("INSERT INTO t VALUES ({n})"));
        server.stop(how);
        assert!(PgConnection::connect(database.url()).await.is_err(), "{how:?}: it still answers");
        server.start();
        assert_eq!(one(database.url(), "SELECT max(n) FROM t").await, n);
    }
    server.restart(Stop::Immediate);
    assert!(server.log().contains("automatic recovery in progress"), "{}", server.log());
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists() && processes_of(&folder).is_empty());
}

#[test]
fn a_server_goes_away_with_the_test_process_even_when_that_is_killed() {
    if let Some(file) = std::env::var_os(VICTIM) {
        let server = Server::start_own(&[]);
        std::fs::write(file, server.folder().as_os_str().as_encoded_bytes()).unwrap();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let told = tempfile::tempdir().unwrap();
    let file = told.path().join("folder");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "private_postgres::a_server_goes_away_with_the_test_process_even_when_that_is_killed"]);
    let mut victim = command.env(VICTIM, &file).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    eventually(|| std::fs::read(&file).is_ok_and(|name| !name.is_empty()) || victim.try_wait().unwrap().is_some());
    let folder = PathBuf::from(std::fs::read_to_string(&file).unwrap());
    assert!(folder.exists() && processes_of(&folder).len() > 2, "{folder:?}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(|| !folder.exists() && processes_of(&folder).is_empty());
}

/// The processes at work in this folder, as its user or root sees them.
fn processes_of(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let works_there = |process: &PathBuf| {
        std::fs::read_link(process.join("cwd"))
            .is_ok_and(|cwd| cwd.as_os_str().as_encoded_bytes().starts_with(folder.as_os_str().as_encoded_bytes()))
    };
    all.filter(works_there).collect()
}

fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not within a minute");
}
