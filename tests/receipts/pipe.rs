//! The pipe: a mail server hands over one mail after the other, and keeps what is not taken.

use super::{PROMPT, association, letters, reach, receipts_of};
use crate::support::postfix_returning;
use crate::support::postgres::Server;
use crate::support::program::Program;
use crate::support::scripted_mx::ScriptedMx;
use crate::support::servers::{self, account, files_under, text_of};
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use sqlx::Executor;
use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The program where everybody may start it.
fn program_for_all() -> TempDir {
    let folder = servers::folder("program");
    fs::copy(env!("CARGO_BIN_EXE_owabi"), folder.path().join("owabi")).unwrap();
    folder
}

/// pipe(8) runs nothing as root.
fn give_to_nobody(program: &Program) {
    let (uid, gid) = account("nobody");
    let folder = program.path("");
    for path in files_under(&folder).iter().map(PathBuf::as_path).chain([folder.as_path()]) {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

#[tokio::test]
async fn postfix_keeps_what_the_pipe_cannot_take_and_in_the_end_every_notification_finds_its_member() {
    let mx = ScriptedMx::start();
    let program = association(1, PROMPT, "");
    let shared = program_for_all();
    let (owabi, config) = (shared.path().join("owabi"), program.path("pipe.yaml"));
    let command = format!(
        "user=nobody argv={} --config {} --lang en track pipe --to ${{original_recipient}}",
        owabi.display(),
        config.display()
    );
    let Some(relay) = postfix_returning::start_piping(mx.port(), &command) else { return };
    program.configure("port: 1,", &format!("port: {},", relay.port()));
    give_to_nobody(&program);
    program.json(&["run", "--until-idle"]);
    // There is no configuration yet.
    let kept = || text_of(&relay.maillog()).matches("relay=owabi,").count() >= PROMPT.len();
    assert!(eventually(&async || kept()).await, "{}", text_of(&relay.maillog()));
    let log = text_of(&relay.maillog());
    let outcomes = log.lines().filter(|line| line.contains("relay=owabi,"));
    assert!(outcomes.clone().all(|line| line.contains("status=deferred")), "{log}");
    assert!(program.rows().await.iter().all(|row| row.status == Status::Accepted));

    fs::copy(program.path("owabi.yaml"), &config).unwrap();
    chown(&config, Some(account("nobody").0), None).unwrap();
    reach(&program, PROMPT).await;
    for n in 0..PROMPT.len() {
        for receipt in receipts_of(&program, &format!("M{n:05}")) {
            assert_eq!((&receipt["matched_by"], &receipt["source"]), (&"token".into(), &"pipe".into()), "{receipt:#}");
        }
    }
    let is_empty = || files_under(&relay.maillog().with_file_name("queue/deferred")).is_empty();
    assert!(eventually(&async || is_empty()).await, "{}", text_of(&relay.maillog()));
}

/// One member whose mail the relay took, and the sender of that mail.
async fn one_accepted() -> (Program, String) {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = association(relay.addr().port(), &[("u1@example.jp", Status::Accepted, None)], "");
    program.json(&["run", "--until-idle"]);
    let sender = relay.captured()[0].mail_from().to_owned();
    (program, sender)
}

fn feed(mut command: Command, mail: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may not want to read it.
    let _ = child.stdin.take().unwrap().write_all(mail);
    child.wait_with_output().unwrap()
}

// The relay is in this process, and the program is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn the_recipient_may_come_by_the_environment_as_from_postfix_s_aliases() {
    let (program, sender) = one_accepted().await;
    // Nothing in it is ours.
    let mail = letters::failure("undisclosed@elsewhere.example", "x@elsewhere.example", "", "Subject: words\n");
    let mut command = program.command(&["--json", "track", "pipe"]);
    command.env("ORIGINAL_RECIPIENT", &sender).env("RECIPIENT", "bounces@sender.test");
    let output = feed(command, &mail);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), r#"{"verdict":"matched"}"#);
    assert_eq!(program.rows().await[0].status, Status::Bounced);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_hinders_the_pipe_the_mail_server_is_told_to_come_again() {
    let (program, sender) = one_accepted().await;
    let mail = letters::failure(&sender, "u1@example.jp", "", "Subject: words\n");
    let code = |arguments: &[&str], mail: &[u8]| feed(program.command(arguments), mail).status.code();
    let pipe = ["track", "pipe", "--to", sender.as_str()];
    assert_eq!(code(&pipe, b""), Some(75), "no mail");
    assert_eq!(code(&["track", "pipe", "--two", &sender], &mail), Some(75), "a word that it does not know");
    assert_eq!(code(&["track", "pipe", &sender], &mail), Some(75), "an argument too many");

    let config = fs::read_to_string(program.path("owabi.yaml")).unwrap();
    program.write("owabi.yaml", "smtp: [\n");
    assert_eq!(code(&pipe, &mail), Some(75), "a broken configuration");
    program.write("owabi.yaml", &config.replace("owabi.db\"", "owabi.db\", busy_timeout: 200ms"));
    let mut other = crate::support::audit::connect(&program.url()).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(code(&pipe, &mail), Some(75), "a database that is locked");
    other.execute("ROLLBACK").await.unwrap();
    drop(other);
    away(&program, "owabi.key", || assert_eq!(code(&pipe, &mail), Some(75), "no key"));
    away(&program, "owabi.db", || assert_eq!(code(&pipe, &mail), Some(75), "the database is elsewhere"));
    assert_eq!(program.rows().await[0].status, Status::Accepted);
    assert_eq!(code(&pipe, &mail), Some(0));
    assert_eq!(program.rows().await[0].status, Status::Bounced);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_giant_is_taken_and_kept_in_part() {
    let database = Server::shared().database();
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let keys = format!("url: \"{}\"", database.url().replace("postgres@", ""));
    let program = Program::released_on(&database, &keys, &relay, "", 1);
    program.json(&["run", "--until-idle"]);
    let sender = relay.captured()[0].mail_from().to_owned();
    let returned = format!("Subject: words\n\n{}", "0123456789 abcdefghijklmnopqrstuvwxyz\n".repeat(400_000));
    let giant = letters::failure(&sender, "u0@example.jp", "", &returned);
    let taken = feed(program.command(&["track", "pipe", "--to", &sender]), &giant);
    assert!(taken.status.success(), "{taken:?}");
    assert_eq!(program.rows().await[0].status, Status::Bounced);
    let text = "SELECT length(content), size FROM arrivals";
    assert_eq!(database.psql(text).trim(), format!("{}|{}", (10_usize << 20).div_ceil(3) * 4, giant.len()));
}

/// While a file, and all that belongs to it, is not there, as when a disk was not mounted.
fn away(program: &Program, name: &str, meanwhile: impl FnOnce()) {
    let (folder, elsewhere) = (program.path(""), program.path("elsewhere"));
    fs::create_dir_all(&elsewhere).unwrap();
    let ours = files_of(&folder, name);
    assert!(!ours.is_empty(), "{name}");
    for file in &ours {
        fs::rename(folder.join(file), elsewhere.join(file)).unwrap();
    }
    meanwhile();
    for file in files_of(&folder, name) {
        fs::remove_file(folder.join(file)).unwrap();
    }
    for file in &ours {
        fs::rename(elsewhere.join(file), folder.join(file)).unwrap();
    }
}

/// The names in a folder that begin so.
fn files_of(folder: &Path, start: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(start)).collect()
}
