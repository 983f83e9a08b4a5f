//! Addresses and names stay out of everything that is logged.

use crate::support::journald::{self, Journald};
use crate::support::program::Program;
use crate::support::world::{CAREFUL, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Hangup, Moment, Point, Script, Then, When};

/// Nobody else's words: whatever of these is found in a log came from the roster.
const MEMBERS: [(&str, &str, &str); 6] = [
    ("Q1", "鷲尾 翡翠", "taken.zanzibar@quokka-one.example"),
    ("Q2", "轟 朧", "refused.zanzibar@quokka-two.example"),
    ("Q3", "雲雀 螢", "dropped.zanzibar@quokka-three.example"),
    ("Q4", "鬼灯 雫", "greylisted.zanzibar@quokka-four.example"),
    ("Q5", "薔薇 霞", "unrendered.zanzibar@quokka-five.example"),
    ("Q6", "朝霧 凪", "..legacy.zanzibar.@docomo.ne.jp"),
];

fn secrets() -> Vec<String> {
    let words = ["鷲尾", "翡翠", "轟", "朧", "雲雀", "螢", "鬼灯", "雫", "薔薇", "霞", "朝霧", "凪"];
    let codes = words.iter().map(|word| word.escape_unicode().to_string());
    let words = words.iter().map(|word| (*word).to_owned()).chain(codes);
    words.chain(["zanzibar".to_owned(), "quokka".to_owned(), "docomo".to_owned()]).collect()
}

fn bad_relay() -> Script {
    let quoting = |text: &str| format!("{text} <refused.zanzibar@quokka-two.example>: 轟 朧 unknown here");
    Script::new()
        .always(When::at(Point::Rcpt).contains("refused."), Then::reply(550, quoting("5.1.1")))
        .first(1, When::at(Point::Dot).contains("dropped."), Then::Drop(Hangup::Rst, Moment::BeforeReply))
        .first(1, When::at(Point::Mail), Then::Close(421, quoting("4.3.2 busy with")))
        .first(1, When::at(Point::Greeting), Then::Close(554, quoting("5.7.1 not for")))
        .first(3, When::at(Point::Rcpt).contains("taken."), Then::reply(550, quoting("5.7.1 relay access denied")))
        .first(1, When::at(Point::Rcpt).contains("greylisted."), Then::reply(450, quoting("4.7.1")))
        .first(1, When::at(Point::Dot).contains("greylisted."), Then::raw(quoting("not a reply") + "\r\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_or_name_is_ever_logged_even_at_trace_level() {
    let heard = everything_logged(&stderr_of).await;
    let news = ["DEBUG", "the relay is paused", "the relay works again"];
    assert!(news.iter().all(|line| heard.contains(line)), "the log was not heard: {heard}");
    no_secret_in(&heard);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_aborted_leaves_no_image_of_its_memory_on_a_disk() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &["one@example.jp".to_owned()]);
    let running = program.start(&["run"]);
    assert!(eventually(&async || relay.stats().mails == 1).await, "{}", program.said());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.number())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "soft and hard: {core}");
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_or_name_comes_into_the_journal_either_even_at_trace_level() {
    if !journald::is_available() {
        return;
    }
    let journal = Journald::start();
    let run = |program: &Program, verb: &[&str]| {
        let mut command = program.command(verb);
        assert!(journal.unit(command.env("OWABI_LOG", "trace")).output().is_ok());
        String::new()
    };
    assert_eq!(everything_logged(&run).await, "");
    let heard = journal.entries().concat();
    let debug = "PRIORITY=7\nSYSLOG_IDENTIFIER=owabi\nTARGET=owabi";
    assert!(heard.contains(debug) && heard.contains("the relay is paused"), "the log was not heard: {heard}");
    no_secret_in(&heard);
}

fn no_secret_in(heard: &str) {
    for secret in secrets() {
        let told: Vec<&str> = heard.lines().filter(|line| line.contains(&secret)).collect();
        assert!(told.is_empty(), "{secret}: {told:#?}");
    }
}

/// A notice from its import to its end, with a relay that quotes members; `hear` runs a verb and says what it logged.
async fn everything_logged(hear: &impl Fn(&Program, &[&str]) -> String) -> String {
    let relay = CaptureRelay::start(CaptureOptions { script: bad_relay(), ..CaptureOptions::default() }).await.unwrap();
    let program = Program::new(relay.addr().port(), CAREFUL);
    let lines = MEMBERS.map(|(no, name, email)| format!("{no},{name},{email}\n")).concat();
    let file = program.write("roster.csv", &format!("会員番号,氏名,メールアドレス\n{lines}"));
    let file = file.to_str().unwrap();
    let mut heard = String::new();
    for verb in [
        &["check"][..],
        &["import", file, "--notice", "leak", "--yes"],
        &["import", file, "--notice", "leak", "--yes"],
        &["preflight", "--notice", "leak"],
        &["release", "leak", "--yes"],
    ] {
        heard += &hear(&program, verb);
    }
    let broken = "UPDATE affected_members SET name = name || char(10) WHERE member_no = 'Q5'";
    sqlx::query(broken).execute(&mut crate::support::audit::connect(&program.url()).await).await.unwrap();
    for _ in 0..200 {
        heard += &hear(&program, &["run", "--until-idle"]);
        if program.rows().await.iter().all(|row| row.status.is_final()) {
            break;
        }
    }
    heard += &hear(&program, &["status"]);
    let statuses: Vec<_> = program.rows().await.iter().map(|row| row.status).collect();
    let (accepted, failed) = (Status::Accepted, Status::Failed);
    assert_eq!(statuses, [accepted, failed, accepted, accepted, failed, accepted], "{:#?}", program.rows().await);
    heard
}

/// What a verb says on stderr, all log included. The sample of names that an import shows its operator is no log.
fn stderr_of(program: &Program, verb: &[&str]) -> String {
    let output = program.command(verb).env("OWABI_LOG", "trace").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let logged: Vec<&str> = text.lines().filter(|line| !line.starts_with("sample of names: ")).collect();
    logged.join("\n") + "\n"
}
