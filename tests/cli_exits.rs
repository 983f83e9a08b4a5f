//! Exit codes: each with the failure that it stands for, and words about what to do next.

use crate::support::program::ask_to_stop;
use crate::support::servers::wait;
use crate::support::site::{NOTICE, Site, owabi};
use crate::support::world::PATIENCE;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::json;
use std::io::Read;
use std::process::{Child, Stdio};

/// A daemon that is ended with the test.
struct Daemon(Child);

impl Daemon {
    /// Starts `owabi run` and waits until it holds the lock.
    fn start(site: &Site) -> Self {
        let child = site.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let daemon = Self(child);
        let holds = || {
            let lock = std::fs::File::options().write(true).open(site.path("owabi.db.lock"));
            lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
        };
        assert!(wait(PATIENCE, holds), "the daemon never took its lock");
        daemon
    }

    fn terminate(&mut self) -> i32 {
        ask_to_stop(&self.0);
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_wrong_command_line_is_usage() {
    owabi(&["import"]).exits(2);
    owabi(&["frobnicate"]).exits(2);
    owabi(&["--lang", "fr", "status"]).exits(2);
    let said = owabi(&["--json", "status", "--wach"]).exits(2);
    let error = &said.json()["error"];
    assert_eq!(
        (&error["message"], &said.json()["exit"]),
        (&json!("there is no argument --wach; perhaps --watch?"), &json!(2))
    );
    assert!(said.stderr.contains("`owabi status --help`"), "{}", said.stderr);
    let said = owabi(&["--lang", "ja", "import"]).exits(2);
    assert!(said.stdout.is_empty() && said.stderr.starts_with("owabi: 必要な引数がありません: "), "{}", said.stderr);
    let site = Site::new();
    site.run(&["preflight", "--notice", "no-such-notice"]).exits(2);
    let said = site.run(&["import", "samples/payments.csv", "--notice", NOTICE]);
    assert_eq!(said.code, 65, "the file is looked for in the working directory: {}", said.stderr);
}

#[test]
fn a_notice_that_is_not_there_is_usage_for_every_verb_and_said_in_the_same_words() {
    let site = Site::new();
    site.write("list.txt", "10001\n");
    for verb in [
        &["import", "list.txt", "--notice", "nope"][..],
        &["preview", "--notice", "nope"],
        &["test-send", "--notice", "nope", "--to", "a@example.jp"],
        &["preflight", "--notice", "nope"],
        &["approve", "nope"],
        &["release", "nope", "--yes"],
        &["pause", "nope"],
        &["resume", "nope"],
        &["withdraw", "--notice", "nope", "--reason", "x", "--yes"],
        &["withdraw", "--notice", "nope", "--member", "1", "--reason", "x", "--yes"],
        &["status", "nope"],
        &["resend", "--notice", "nope", "--status", "failed", "--reason", "x", "--yes"],
        &["log", "--notice", "nope"],
        &["member", "show", "10001", "--notice", "nope"],
        &["member", "correct", "10001", "--notice", "nope", "--email", "a@example.jp", "--reason", "x", "--yes"],
        &["resolve", "10001", "--notice", "nope", "--as", "letter", "--reason", "x", "--yes"],
        &["unreachable", "--notice", "nope"],
        &["substitute", "list", "--notice", "nope"],
        &["substitute", "add", "--notice", "nope", "--kind", "letter", "--on", "2022-03-02", "--member", "10001"],
        &["ledger", "show", "--notice", "nope"],
        &["report", "--notice", "nope"],
        &["evidence", "export", "--notice", "nope", "--out", "z.zip"],
        &["evidence", "member", "10001", "--notice", "nope"],
        &["evidence", "asked", "--notice", "nope", "--email", "a@example.jp"],
        &["purge", "--notice", "nope", "--yes"],
        &["hold", "set", "nope", "--reason", "x"],
    ] {
        let said = site.run(verb).exits(2);
        assert!(said.stderr.contains("there is no notice \"nope\""), "{verb:?}: {}", said.stderr);
    }
}

#[test]
fn help_and_version_are_no_failures_and_every_verb_has_an_example() {
    owabi(&["--version"]).exits(0);
    for verb in [
        "demo",
        "init",
        "check",
        "import",
        "preview",
        "preflight",
        "approve",
        "release",
        "pause",
        "resume",
        "withdraw",
        "run",
        "status",
        "log",
        "member",
        "unreachable",
        "report",
        "test-send",
        "db",
        "completions",
        "man",
    ] {
        let said = owabi(&[verb, "--help"]).exits(0).stdout;
        assert!(said.contains("Example") && said.contains(&format!("owabi {verb}")), "{verb}");
    }
}

#[test]
fn without_a_terminal_an_import_needs_yes() {
    let site = Site::new();
    let file = site.path("samples/payments.csv");
    let said = site.run(&["import", file.to_str().unwrap(), "--notice", NOTICE]).exits(2);
    assert!(said.stderr.contains("--yes"), "{}", said.stderr);
    assert_eq!(site.count("held"), 0);
}

#[test]
fn an_address_that_cannot_be_used_is_bad_data_for_every_verb_that_takes_one() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    for verb in [
        &["evidence", "asked", "--notice", NOTICE, "--email", "no address"][..],
        &["test-send", "--notice", NOTICE, "--to", "no address"],
        &["member", "correct", "10001", "--email", "no address", "--reason", "test"],
    ] {
        site.run(verb).exits(65);
    }
}

#[test]
fn on_a_terminal_an_import_counts_and_asks_and_is_never_called_a_dry_run() {
    let site = Site::new();
    let roster = site.path("samples/payments.csv");
    let (config, roster) = (site.path("owabi.yaml"), roster.to_str().unwrap());
    let import = |answer: &str| {
        let owabi = env!("CARGO_BIN_EXE_owabi");
        let line = format!("{owabi} --config {} import {roster} --notice {NOTICE}", config.display());
        let mut script = std::process::Command::new("script");
        script.args(["--quiet", "--return", "--command", &line]).arg(site.path("typescript")).env("OWABI_LANG", "en");
        script.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = script.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{answer}\n").as_bytes()).unwrap();
        child.wait().unwrap();
        site.read("typescript")
    };
    let said = import("no");
    assert!(said.contains("nothing is imported yet") && said.contains("? [yes/no]"), "{said}");
    assert!(said.contains("nothing was changed") && !said.contains("dry run"), "{said}");
    assert_eq!(site.count("held"), 0);
    let said = import("yes");
    assert!(said.contains("imported (batch ") && !said.contains("dry run"), "{said}");
    assert!(site.count("held") > 0);
}

#[test]
fn a_file_that_is_no_roster_is_bad_data() {
    let site = Site::new();
    site.write("roster.csv", "色,形\n赤,丸\n");
    let said = site.import("roster.csv", &[]).exits(65);
    assert!(said.stderr.contains("会員番号"), "{}", said.stderr);
    assert_eq!(said.json()["exit"], 65, "a failure is one JSON document, too");
    site.import("nowhere.csv", &[]).exits(65);
}

#[test]
fn a_database_that_cannot_be_opened_is_unavailable() {
    let site = Site::new();
    site.edit("owabi.yaml", "sqlite:owabi.db", "sqlite:no/such/folder/owabi.db");
    let said = site.run(&["status"]).exits(69);
    assert!(said.stderr.contains("database.url"), "{}", said.stderr);
}

#[test]
fn a_relay_that_cannot_be_reached_is_unavailable_and_nobody_loses_an_attempt() {
    let site = Site::new();
    let said = site.run(&["--json", "check", "--connect"]).exits(69);
    let found = said.json();
    assert!(found["problems"].as_array().unwrap().iter().any(|problem| problem["area"] == "relay"), "{found}");
    site.release_samples();
    let said = site.run(&["--json", "run", "--until-idle"]).exits(69).json();
    assert_eq!(said["relays_down"], json!(true));
    assert_eq!(site.count("queued"), 5);
}

#[test]
fn a_second_daemon_on_one_database_is_told_to_try_again_and_the_first_stops_when_asked() {
    let site = Site::new();
    let mut daemon = Daemon::start(&site);
    let said = site.run(&["run", "--until-idle"]).exits(75);
    assert!(said.stderr.contains("another owabi"), "{}", said.stderr);
    std::os::unix::fs::symlink(site.path("owabi.db"), site.path("other.db")).unwrap();
    site.edit("owabi.yaml", "sqlite:owabi.db", "sqlite:other.db");
    site.run(&["run", "--until-idle"]).exits(75);
    site.run(&["status"]).exits(0);
    assert_eq!(daemon.terminate(), 0);
    site.run(&["--json", "run", "--until-idle"]).exits(0);
}

#[test]
fn an_address_that_is_taken_may_be_free_later_and_nothing_is_sent_meanwhile() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let health = format!("health: {{ listen: \"{}\" }}\nlog:", taken.local_addr().unwrap());
    site.edit("owabi.yaml", "log:", &health);
    let said = site.run(&["run", "--until-idle"]).exits(75);
    assert!(said.stderr.contains("health.listen") && said.stderr.contains("free port"), "{}", said.stderr);
    site.edit("owabi.yaml", "listen: \"127.0.0.1", "listen: \"localhost");
    assert!(site.run(&["status"]).exits(78).stderr.contains("health.listen"));
}

#[test]
fn a_bad_configuration_is_named_with_file_line_and_key() {
    let site = Site::new();
    site.edit("owabi.yaml", "first: 1s", "first: soon");
    let said = site.run(&["status"]).exits(78);
    assert!(said.stderr.contains("owabi.yaml:6:") && said.stderr.contains("retry.first"), "{}", said.stderr);
    assert!(
        site.run(&["--json", "check"]).exits(78).json()["problems"][0]["message"]
            .as_str()
            .unwrap()
            .contains("retry.first")
    );
}

#[test]
fn a_broken_notice_is_found_by_check() {
    let site = Site::new();
    site.edit("notices/metaps-2022.yaml", "canary: 50", "canaries: 50");
    let said = site.run(&["--json", "check"]).exits(78).json();
    assert!(said["problems"][0]["message"].as_str().unwrap().contains("canaries"));
    site.run(&["preflight", "--notice", NOTICE]).exits(78);
}

#[test]
fn another_key_than_the_databases_is_refused_and_a_missing_one_is_not_replaced() {
    let site = Site::new();
    site.run(&["preview", "--notice", NOTICE]).exits(0);
    let kept = site.read("owabi.key");
    site.write("owabi.key", &format!("{}\n", "5a".repeat(32)));
    let said = site.run(&["run", "--until-idle"]).exits(78);
    assert!(said.stderr.contains("not the key of this database"), "{}", said.stderr);
    std::fs::remove_file(site.path("owabi.key")).unwrap();
    site.run(&["run", "--until-idle"]).exits(78);
    assert!(!site.path("owabi.key").exists());
    site.write("owabi.key", &kept);
    let said = site.run(&["run", "--until-idle"]).exits(78);
    assert!(said.stderr.contains("0644") || said.stderr.contains("others can read"), "{}", said.stderr);
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_its_version() {
    let site = Site::new();
    site.run(&["status"]).exits(0);
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = version + 1000").execute(&pool).await.unwrap();
    pool.close().await;
    for verb in [&["status"][..], &["run", "--until-idle"], &["db", "migrate"]] {
        let said = site.run(verb).exits(78);
        assert!(said.stderr.contains("100"), "{}", said.stderr);
    }
}

#[test]
fn a_damaged_database_is_refused_and_not_touched() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let file = site.path("owabi.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..64].fill(0x5a);
    std::fs::write(&file, &bytes).unwrap();
    site.run(&["run", "--until-idle"]).exits(78);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[test]
fn a_backup_is_a_whole_database_and_overwrites_nothing() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let copy = site.path("copy.db");
    site.run(&["db", "backup", copy.to_str().unwrap()]).exits(0);
    site.run(&["db", "backup", copy.to_str().unwrap()]).exits(1);
    std::fs::copy(&copy, site.path("owabi.db")).unwrap();
    assert_eq!(site.json(&["db", "check"])["ok"], json!(true));
    assert_eq!(site.count("held"), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_mail_goes_only_to_the_allow_list_and_is_in_the_ledger() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let site = Site::new();
    site.configure(relay.addr().port());
    let said = site.run(&["test-send", "--notice", NOTICE, "--to", "somebody@example.com"]).exits(1);
    assert!(said.stderr.contains("test_send.allow"), "{}", said.stderr);
    assert_eq!(relay.stats().connections, 0);
    let said = site.json(&["test-send", "--notice", NOTICE, "--to", "notice@example.jp"]);
    assert_eq!(said["outcome"], "accepted");
    assert_eq!(relay.captured().len(), 1);
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    let outcomes = "SELECT body ->> 'outcome' FROM ledger WHERE kind = 'test_send' ORDER BY seq";
    let kept: Vec<(String,)> = sqlx::query_as(outcomes).fetch_all(&pool).await.unwrap();
    assert_eq!(kept.len(), 2, "before and after: {kept:?}");
    assert_eq!(kept[0].0, "pending");
    let refuse = "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END";
    sqlx::query(refuse).execute(&pool).await.unwrap();
    site.run(&["test-send", "--notice", NOTICE, "--to", "notice@example.jp"]).exits(1);
    assert_eq!(relay.captured().len(), 1, "what the ledger does not take is not sent");
    assert_eq!(site.run(&["check", "--connect"]).code, 0);
}

#[test]
fn the_demo_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().join("demo");
    let said = owabi(&["--json", "demo", "--members", "120", "--keep", keep.to_str().unwrap()]).exits(0).json();
    assert_eq!((&said["adds_up"], &said["notice"]), (&json!(true), &json!(NOTICE)));
    assert_eq!(said["ledger"]["ok"], true);
    let config = keep.join("owabi.yaml");
    let (config, head) = (config.to_str().unwrap(), said["ledger"]["head"].as_str().unwrap());
    owabi(&["--config", config, "ledger", "verify", "--head", head]).exits(0);
    assert_eq!(said["mails"], said["counts"]["accepted"]);
    assert!(said["counts"]["failed"].as_i64().unwrap() > 0 && said["seconds"].as_f64().unwrap() < 30.0);
    owabi(&["demo", "--keep", keep.to_str().unwrap()]).exits(1);
}

#[test]
fn completions_and_manual_pages_are_written() {
    assert!(owabi(&["completions", "bash"]).exits(0).stdout.contains("owabi"));
    let dir = tempfile::tempdir().unwrap();
    owabi(&["man", "--out", dir.path().to_str().unwrap()]).exits(0);
    let mut page = String::new();
    std::fs::File::open(dir.path().join("owabi-import.1")).unwrap().read_to_string(&mut page).unwrap();
    assert!(page.contains("refused"));
}
