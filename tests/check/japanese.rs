//! What is wrong with a relay, on a Japanese screen: in Japanese, but for what the relay itself said.

use super::relay::{PLAIN, refusing, scripted, write_password};
use super::{relayed, set_relay};
use crate::support::english::is_english;
use crate::support::site::{NOTICE, Site};
use owabi_smtp::capture::{Account, CaptureOptions, Hangup, Moment, Point, Script, Then};

/// All that `owabi --lang ja …` says, with this exit code.
#[track_caller]
fn in_japanese(site: &Site, verb: &[&str], code: i32) -> String {
    let said = site.run(&[&["--lang", "ja"], verb].concat()).exits(code);
    let screen = said.stdout + &said.stderr;
    assert!(!screen.lines().any(is_english), "{screen}");
    screen
}

/// A relay that answers late, on a machine with much to do, is no other fault.
fn be_patient(site: &Site) {
    site.edit("owabi.yaml", "greeting: 1s, ehlo: 1s, auth: 1s", "greeting: 60s, ehlo: 60s, auth: 60s");
}

#[track_caller]
fn says(site: &Site, code: i32, words: &str) {
    let screen = in_japanese(site, &["check", "--connect"], code);
    assert!(screen.contains(words), "{words}\n{screen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_relay_is_said_in_japanese_and_its_own_words_stay() {
    let gone = Script::new().always(Point::Ehlo, Then::Drop(Hangup::Fin, Moment::BeforeReply));
    let starttls = "host: localhost, port: PORT, tls: starttls";
    let implicit = "host: localhost, port: PORT, tls: implicit";
    for (options, line, code, words) in [
        (
            refusing(Point::Mail, 550, "5.7.1 unwanted"),
            PLAIN,
            78,
            "が受け付けられません: 中継サーバーが送信元を断りました(MAIL FROM)。応答: 550 5.7.1 unwanted",
        ),
        (
            refusing(Point::Rcpt, 554, "5.7.1 denied"),
            PLAIN,
            78,
            "が受け付けられません: 中継サーバーが宛先を断りました(RCPT TO)。応答: 554 5.7.1 denied",
        ),
        (
            refusing(Point::Greeting, 554, "no"),
            PLAIN,
            69,
            "最初の応答がありません: 中継サーバーに接続を断られました(最初の応答)。応答: 554 no",
        ),
        (scripted(gone), PLAIN, 69, "中継サーバーが接続を切りました(EHLO)"),
        (scripted(Script::new()), starttls, 69, "中継サーバーが、必要な STARTTLS を提示しません(TLS)"),
        (scripted(Script::new()), implicit, 69, "TLS の接続を始められません("),
    ] {
        let (_relay, site) = relayed(options, line).await;
        be_patient(&site);
        says(&site, code, words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_says_nothing_is_said_in_japanese() {
    let silent = Script::new().always(Point::Greeting, Then::Stall(Moment::BeforeReply));
    let (_relay, site) = relayed(scripted(silent), PLAIN).await;
    says(&site, 69, "中継サーバーが 1 秒以内に応答しませんでした(最初の応答)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_fails_is_said_in_japanese() {
    let options = CaptureOptions {
        account: Some(Account { user: "owabi".into(), password: "right".into() }),
        auth_required: true,
        ..scripted(Script::new())
    };
    let login = format!("{PLAIN}, user: owabi, password_file: pw, auth_without_tls: true");
    let (_relay, site) = relayed(options, &login).await;
    write_password(&site, "wrong");
    be_patient(&site);
    says(&site, 69, "ログインが拒否されました: 中継サーバーがログインを断りました(ログイン)。応答: 535 ");
    let (_relay, site) = relayed(scripted(Script::new()), &login).await;
    write_password(&site, "right");
    be_patient(&site);
    says(&site, 69, "中継サーバーは AUTH PLAIN も AUTH LOGIN も提示しません(ログイン)。提示された方式: ");
}

#[test]
fn a_relay_that_cannot_be_reached_is_said_in_japanese_by_test_send_and_in_json_as_ever() {
    let site = Site::new();
    set_relay(&site, "host: 127.0.0.1, port: 1, tls: none");
    let text = site.read("owabi.yaml");
    site.write("owabi.yaml", &format!("{text}test_send: {{ allow: [operator@example.jp] }}\n"));
    let verb = ["test-send", "--notice", NOTICE, "--to", "operator@example.jp"];
    let screen = in_japanese(&site, &verb, 69);
    let words = "中継サーバーにつながりません: main: 127.0.0.1:1 につながりません(接続を拒否されました)(接続)。";
    assert!(screen.contains(words), "{screen}");
    let said = site.run(&verb).exits(69).stderr;
    assert!(said.contains("127.0.0.1:1 cannot be reached: Connection refused"), "{said}");
}
