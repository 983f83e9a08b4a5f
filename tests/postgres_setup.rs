//! A PostgreSQL database as an operator meets it: set up, checked, wrong in every ordinary way, moved into.

use crate::support::postgres::{Database, Server, Stop};
use crate::support::site::{NOTICE, Site};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use owabi_store::Store;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// A site whose queue is at `url`; `more` are further keys of `database`.
fn site_at(url: &str, more: &str) -> Site {
    let site = Site::new();
    site.edit("owabi.yaml", "\"sqlite:owabi.db\"", &format!("\"{url}\"{more}"));
    site
}

fn older(database: &Database) -> Site {
    let site = site_at(database.url(), "");
    site.run(&["status"]).exits(0);
    // As the first schema: everything goes, but the note that its migration was made.
    database.psql("CREATE SCHEMA kept; ALTER TABLE _sqlx_migrations SET SCHEMA kept; DROP SCHEMA public CASCADE; CREATE SCHEMA public;
        ALTER TABLE kept._sqlx_migrations SET SCHEMA public; DROP SCHEMA kept; DELETE FROM _sqlx_migrations WHERE version > 1");
    database.psql(include_str!("../crates/owabi-store/migrations/postgres/0001_queue.sql"));
    site
}

#[test]
fn an_empty_database_is_all_that_owabi_needs_and_check_says_what_it_found() {
    let database = Server::shared().database();
    let (site, newest) = (site_at(database.url(), ""), Store::newest_schema());
    let said = site.run(&["check"]).exits(0);
    assert!(said.stdout.contains("check --connect") && !said.stdout.contains("PostgreSQL 1"), "{}", said.stdout);
    assert_eq!(database.psql("SELECT to_regclass('notices') IS NULL"), "t", "it was not even looked at");
    let said = site.run(&["--json", "check", "--connect"]).exits(69).json();
    assert_eq!((&said["database"]["tls"], &said["database"]["schema"]), (&json!(null), &json!(newest)));
    assert!(said["database"]["version"].as_str().unwrap().starts_with(char::is_numeric), "{said}");
    let warned = |problem: &&serde_json::Value| problem["area"] == "database" && problem["warning"] == true;
    assert_eq!(
        said["problems"].as_array().unwrap().iter().filter(warned).count(),
        2,
        "fsync, full_page_writes: {said}"
    );
    let said = site.run(&["--json", "db", "check"]).exits(0).json();
    assert_eq!(
        (&said["ok"], &said["schema"], said["warnings"].as_array().unwrap().len()),
        (&json!(true), &json!(newest), 2)
    );
    assert_eq!(site.json(&["db", "migrate"]), json!({ "from": newest, "to": newest, "copy": null }));
    let said = site.run(&["db", "backup", "copy.db"]).exits(1);
    assert!(
        said.stderr.contains(&format!("pg_dump --format=custom --file=owabi.dump '{}'", database.url())),
        "{}",
        said.stderr
    );
    site.release_samples();
    assert_eq!(site.count("queued"), 5);
}

#[test]
fn an_older_schema_waits_for_db_migrate_or_for_run_with_migrate() {
    let database = Server::shared().database();
    let site = older(&database);
    let said = site.run(&["run", "--until-idle"]).exits(78);
    assert!(said.stderr.contains("owabi db migrate"), "{}", said.stderr);
    assert_eq!(site.json(&["db", "migrate"]), json!({ "from": 1, "to": Store::newest_schema(), "copy": null }));
    site.run(&["status"]).exits(0);
    let entered = "SELECT string_agg(body, ' ') FROM ledger WHERE kind = 'migrate'";
    let body = json!({ "from": 1, "to": Store::newest_schema() }).to_string();
    assert_eq!(database.psql(entered), body);
    let database = Server::shared().database();
    let site = older(&database);
    site.run(&["--json", "run", "--until-idle", "--migrate"]).exits(0);
    assert_eq!(database.psql("SELECT max(version) FROM _sqlx_migrations"), Store::newest_schema().to_string());
    assert_eq!(database.psql(entered), body);
}

#[test]
fn what_is_wrong_with_a_database_is_said_with_what_to_do() {
    let server = Server::shared();
    let database = server.database();
    let gone = site_at(&format!("{}_gone", database.url()), "").run(&["status"]).exits(78);
    assert!(gone.stderr.contains("createdb"), "{}", gone.stderr);
    database.psql("CREATE TABLE payments (id int)");
    let site = site_at(database.url(), "");
    let taken = site.run(&["status"]).exits(78);
    assert!(taken.stderr.contains("other tables") && taken.stderr.contains("owabi db migrate"), "{}", taken.stderr);
    assert_eq!(site.json(&["db", "migrate"])["from"], 0);
    site.run(&["status"]).exits(0);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = site_at(&format!("postgres://owabi@{closed}/owabi"), "").run(&["status"]).exits(69);
    assert!(away.stderr.contains(&format!("{closed}: Connection refused")), "{}", away.stderr);
    let plain = site_at(database.url(), ", tls: verify-full").run(&["status"]).exits(69);
    assert!(plain.stderr.contains("TLS") && plain.stderr.contains("database.tls"), "{}", plain.stderr);
    database.psql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", name(&database)));
    site.run(&["status"]).exits(0);
    let read_only = site.import("samples/payments.csv", &[]).exits(69);
    assert!(read_only.stderr.contains("no standby"), "{}", read_only.stderr);
    let checked = site.run(&["check", "--connect"]).exits(69);
    assert!(checked.stdout.contains("is read-only"), "{}", checked.stdout);
}

/// What `run` logs, and says on the terminal that `script` brings.
fn said_at_the_start(site: &Site, lang: &str) -> String {
    let run =
        format!("exec {} --config {} run --until-idle", env!("CARGO_BIN_EXE_owabi"), site.path("owabi.yaml").display());
    let mut command = std::process::Command::new("script");
    command.args(["--quiet", "--return", "--command", &run]).arg(site.path("typescript"));
    command.env("SHELL", "/bin/sh").env("OWABI_LANG", lang).env("OWABI_LOG", "warn").stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    site.read("typescript")
}

#[test]
fn a_run_says_at_its_start_what_its_server_may_lose_and_nothing_of_a_careful_one() {
    let database = Server::shared().database();
    let site = site_at(database.url(), "");
    let logged = site.command(&["run", "--until-idle"]).env("OWABI_LOG", "warn").output().unwrap();
    let logged = String::from_utf8(logged.stderr).unwrap();
    for setting in ["fsync = off", "full_page_writes = off"] {
        assert_eq!(logged.matches(setting).count(), 1, "once, in the log: {logged}");
    }
    for (lang, said) in [("ja", "△ サーバーの fsync が off です"), ("en", "! the server has fsync = off")] {
        let told = said_at_the_start(&site, lang);
        assert!(told.contains(said) && told.contains("the database may lose what it confirmed"), "{told}");
    }
    let careful = Server::start_own(&[("fsync", "on"), ("full_page_writes", "on")]);
    let database = careful.database();
    let told = said_at_the_start(&site_at(database.url(), ""), "en");
    assert!(told.contains("this run: 0 accepted") && !told.contains("may lose"), "{told}");
}

#[test]
fn the_commonest_failures_are_said_in_japanese() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = site_at(&format!("postgres://owabi@{closed}/owabi"), "");
    let said = |arguments: &[&str]| {
        let output = site.command(arguments).env("OWABI_LANG", "ja").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let away = said(&["status"]);
    assert!(away.starts_with(&format!("owabi: データベースにつながりません({closed}: Connection refused")), "{away}");
    let secret = said(&["db", "copy", "--from", "postgres://u:hush@h/d", "--to", "sqlite:new.db"]);
    assert!(secret.starts_with("owabi: --from の URL にパスワードが含まれています。\n"), "{secret}");
    assert!(!secret.contains("hush"), "{secret}");
}

fn name(database: &Database) -> &str {
    database.url().rsplit('/').next().unwrap()
}

#[test]
fn a_wrong_password_is_a_bad_configuration_and_no_password_is_said_even_at_trace_level() {
    let server = Server::start_own(&[]);
    server.database().psql("CREATE ROLE clerk LOGIN PASSWORD 'hush-and-hide'");
    let rules = "host all clerk all scram-sha-256\nhost all postgres all trust\n";
    std::fs::write(server.folder().join("data/pg_hba.conf"), rules).unwrap();
    server.restart(Stop::Fast);
    let database = server.database();
    database.psql(&format!("ALTER DATABASE {} OWNER TO clerk", name(&database)));
    let site = site_at(&database.url().replace("postgres@", "clerk@"), ", password_file: pw");
    for (password, code, said) in [("hush-and-seek", 78, "database.password_file"), ("hush-and-hide", 0, "")] {
        site.write("pw", password);
        std::fs::set_permissions(site.path("pw"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let output = site.command(&["status"]).env("OWABI_LOG", "trace").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(said) && !told.contains("hush"), "{told}");
    }
    let by_variable = site_at(&database.url().replace("postgres@", "clerk@"), "");
    by_variable.run(&["status"]).exits(78);
    assert!(by_variable.command(&["status"]).env("PGPASSWORD", "hush-and-hide").output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_moved_to_postgresql_and_sent_from_there_and_from_nowhere_else() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let (site, database) = (Site::new(), Server::shared().database());
    site.configure(relay.addr().port());
    site.release_samples();
    let (old, new) = (site.database(), database.url().to_owned());
    let copy = |more: &[&str]| site.run(&[&["--json", "db", "copy", "--from", &old, "--to", &new], more].concat());
    let asked = copy(&[]).exits(2);
    assert!(asked.stderr.contains("--yes") && asked.stderr.contains("Nobody can send"), "{}", asked.stderr);
    let said = copy(&["--yes"]).exits(0).json();
    let members = said["tables"].as_array().unwrap().iter().find(|table| table["table"] == "affected_members").unwrap();
    assert_eq!(members["rows"], json!(database.psql("SELECT count(*) FROM affected_members").parse::<i64>().unwrap()));
    assert_eq!(members["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(database.psql("SELECT kind FROM ledger ORDER BY seq DESC LIMIT 1"), "copy");
    copy(&["--yes"]).exits(1);
    for verb in [
        &["run", "--until-idle"][..],
        &["release", NOTICE, "--yes"],
        &["pause", NOTICE],
        &["withdraw", "--notice", NOTICE, "--reason", "why", "--yes"],
        &["preflight", "--notice", NOTICE],
    ] {
        let moved = site.run(verb).exits(78);
        assert!(moved.stderr.contains("was moved to") && moved.stderr.contains(&new), "{}", moved.stderr);
    }
    site.import("samples/payments.csv", &[]).exits(78);
    assert!(site.run(&["status"]).exits(0).stderr.contains("was moved to"));
    let checked = site.run(&["check"]).exits(78);
    assert!(
        checked.stdout.contains("was moved to") && checked.stdout.contains("→ set database.url"),
        "{}",
        checked.stdout
    );
    assert_eq!((site.count("queued"), relay.captured().len()), (5, 0), "it can still be looked at");
    site.edit("owabi.yaml", "\"sqlite:owabi.db\"", &format!("\"{new}\""));
    site.run(&["--json", "run", "--until-idle"]).exits(0);
    assert_eq!((site.count("accepted"), relay.captured().len()), (5, 5));
}

#[test]
fn a_copy_needs_two_different_databases_that_are_there() {
    let (site, database) = (Site::new(), Server::shared().database());
    let copy = |from: &str, to: &str| site.run(&["db", "copy", "--yes", "--from", from, "--to", to]);
    let there = site.database();
    site.run(&["status"]).exits(0);
    copy(&there, &there).exits(2);
    let link = site.path("link.db");
    std::os::unix::fs::symlink(site.path("owabi.db"), &link).unwrap();
    copy(&there, &format!("sqlite:{}", link.display())).exits(2);
    let gone = site.path("gone.db");
    copy(&format!("sqlite:{}", gone.display()), database.url()).exits(1);
    assert!(!gone.exists());
    let secret = copy(&there, "postgres://owabi:hush@127.0.0.1/owabi").exits(2);
    assert!(!secret.stderr.contains("hush") && secret.stderr.contains("--to"), "{}", secret.stderr);
    let daemon = std::fs::File::options().create(true).append(true).open(site.path("owabi.db.lock")).unwrap();
    daemon.try_lock().unwrap();
    copy(&there, database.url()).exits(75);
    drop(daemon);
    copy(&there, database.url()).exits(0);
}
