//! A relay that is well, and each thing that can be wrong with one.

use super::{checked, relayed, set_relay};
use crate::support::site::Site;
use owabi_smtp::capture::{Account, CaptureOptions, Envelope, Extensions, Hangup, Moment, Point, Script, Then, When};
use std::time::Duration;

pub(super) const PLAIN: &str = "host: 127.0.0.1, port: PORT, tls: none";

pub(super) fn scripted(script: Script) -> CaptureOptions {
    CaptureOptions { script, keep_commands: 100, ..CaptureOptions::default() }
}

pub(super) fn refusing(point: Point, code: u16, text: &str) -> CaptureOptions {
    scripted(Script::new().always(point, Then::reply(code, text)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_well_is_told_step_by_step_and_no_mail_is_left_there() {
    let (relay, site) = relayed(scripted(Script::new()), PLAIN).await;
    let said = checked(&site, 0);
    let steps: Vec<_> =
        said.0["relays"][0]["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(
        steps,
        ["resolve", "connect", "greeting", "ehlo", "sender", "recipient", "extensions", "size"],
        "{}",
        said.0
    );
    let timed = ["resolve", "connect", "greeting", "ehlo", "sender", "recipient"];
    assert!(timed.iter().all(|name| said.steps(name)[0]["ms"].is_u64()), "{}", said.0);
    let of = &said.0["relays"][0];
    assert_eq!((of["ok"].as_bool(), of["takes_mail"].as_bool()), (Some(true), Some(true)), "{of}");
    assert_eq!(of["addresses"], serde_json::json!(["127.0.0.1"]));
    let commands: Vec<String> = relay.commands().iter().map(|command| command.line.clone()).collect();
    let sender = commands.iter().find(|line| line.starts_with("MAIL")).unwrap();
    assert!(
        sender.starts_with("MAIL FROM:<bounces+") && sender.contains(" SIZE=") && sender.contains(" ENVID="),
        "{sender}"
    );
    assert!(
        commands.iter().any(|line| line == "RSET")
            && !commands.iter().any(|line| line.starts_with("DATA") || line.starts_with("BDAT"))
    );
    assert_eq!(relay.captured().len(), 0);
    let shown = site.run(&["check", "--connect"]).exits(0).stdout;
    assert!(shown.contains("  ok greeting: 220 ") && shown.contains("no mail was sent"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_is_refused_is_told_and_whether_it_is_the_plus() {
    let (_relay, site) = relayed(refusing(Point::Mail, 550, "5.7.1 who are you"), PLAIN).await;
    checked(&site, 78).only("failed", "sender", &["bounces+", "550", "5.7.1 who are you", "SPF"]);
    let with_plus = When::at(Point::Mail).envelope(|envelope: &Envelope| envelope.mail_from.contains('+'));
    let script = Script::new().always(with_plus, Then::reply(553, "5.7.1 not owned by user"));
    let (_relay, site) = relayed(scripted(script), PLAIN).await;
    checked(&site, 78).only("failed", "sender", &["553", "bounces@example.jp without + is taken"]);
    let (_relay, site) = relayed(refusing(Point::Mail, 451, "4.3.0 later"), PLAIN).await;
    checked(&site, 0).only("warning", "sender", &["451", "look again later"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_denies_relaying_is_told_and_whether_it_is_the_plus() {
    let (_relay, site) = relayed(refusing(Point::Rcpt, 554, "5.7.1 Relay access denied"), PLAIN).await;
    checked(&site, 78).only("failed", "recipient", &["554", "Relay access denied", "mynetworks"]);
    let account = Some(Account { user: "u".into(), password: "p".into() });
    let options = CaptureOptions { account, ..refusing(Point::Rcpt, 554, "5.7.1 Relay access denied") };
    let (_relay, site) = relayed(options, PLAIN).await;
    checked(&site, 78).only("failed", "recipient", &["set user and password_file"]);
    let with_plus = When::at(Point::Rcpt).contains("+");
    let script = Script::new().always(with_plus, Then::reply(550, "5.1.1 unknown"));
    let (relay, site) = relayed(scripted(script), PLAIN).await;
    checked(&site, 78).only("failed", "recipient", &["without + is taken", "recipient_delimiter = +"]);
    assert_eq!(relay.captured().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_tried_once_and_a_refusal_is_no_missing_mechanism() {
    let options = CaptureOptions {
        account: Some(Account { user: "owabi".into(), password: "right".into() }),
        auth_required: true,
        ..scripted(Script::new())
    };
    let (relay, site) =
        relayed(options, &format!("{PLAIN}, user: owabi, password_file: pw, auth_without_tls: true")).await;
    write_password(&site, "wrong");
    checked(&site, 69).only("failed", "login", &["535", "password_file", "once"]);
    let logins = |relay: &owabi_smtp::capture::CaptureRelay| {
        relay.commands().iter().filter(|command| command.line.starts_with("AUTH")).count()
    };
    assert_eq!(logins(&relay), 1, "a wrong password is tried once");
    write_password(&site, "right");
    let said = checked(&site, 0);
    assert_eq!(said.0["relays"][0]["auth"]["mechanism"], "PLAIN", "{}", said.0);
    let (relay, site) =
        relayed(scripted(Script::new()), &format!("{PLAIN}, user: owabi, password_file: pw, auth_without_tls: true"))
            .await;
    write_password(&site, "right");
    checked(&site, 69).only("failed", "login", &["the password was not sent", "PLAIN and LOGIN"]);
    assert_eq!(logins(&relay), 0);
}

pub(super) fn write_password(site: &Site, password: &str) {
    use std::os::unix::fs::PermissionsExt;
    site.write("pw", password);
    std::fs::set_permissions(site.path("pw"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_size_limit_below_the_largest_mail_is_a_wrong_configuration() {
    let extensions = Extensions { size: Some(2_000), ..Extensions::default() };
    let (_relay, site) = relayed(CaptureOptions { extensions, ..CaptureOptions::default() }, PLAIN).await;
    checked(&site, 78).only("failed", "size", &["2000 octets", "message_size_limit"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_lacks_is_said_with_its_meaning_and_is_no_problem() {
    let (_relay, site) =
        relayed(CaptureOptions { extensions: Extensions::none(), ..CaptureOptions::default() }, PLAIN).await;
    let said = checked(&site, 0);
    let told: String = said.steps("extensions").iter().map(|step| step["message"].to_string()).collect();
    for word in ["no PIPELINING", "slower", "no DSN", "ENVID", "no SMTPUTF8", "no SIZE"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert_eq!(said.0["problems"].as_array().unwrap().iter().filter(|one| one["area"] == "relay").count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greeting_that_turns_us_away_or_never_comes_is_told() {
    for (code, word) in [(554, "this machine's address is not wanted"), (421, "run waits for that")] {
        let (_relay, site) = relayed(refusing(Point::Greeting, code, "no"), PLAIN).await;
        checked(&site, 69).only("failed", "greeting", &[&code.to_string(), word]);
    }
    let silent = Script::new().always(Point::Greeting, Then::Stall(Moment::BeforeReply));
    let (_relay, site) = relayed(scripted(silent), PLAIN).await;
    checked(&site, 69).only("failed", "greeting", &["did not answer within 1 s", "tls: implicit"]);
    let gone = Script::new().always(Point::Ehlo, Then::Drop(Hangup::Fin, Moment::BeforeReply));
    let (_relay, site) = relayed(scripted(gone), PLAIN).await;
    checked(&site, 69).only("failed", "ehlo", &["closed the connection"]);
    let slow = Script::new().always(Point::Ehlo, Then::Delay(Duration::from_secs(30)));
    let (_relay, site) = relayed(scripted(slow), PLAIN).await;
    checked(&site, 69).only("failed", "ehlo", &["did not answer within 1 s"]);
}

#[test]
fn a_name_without_an_address_and_a_port_where_nobody_listens_are_told() {
    let site = Site::new();
    set_relay(&site, "host: 127.0.0.1, port: 1, tls: none");
    checked(&site, 69).only("failed", "connect", &["127.0.0.1:1", "nothing listens on that port"]);
    set_relay(&site, "host: no-such-relay.invalid, port: 25, tls: none");
    let said = checked(&site, 69);
    // Without any DNS here the resolver fails; with one, the name does not exist.
    let told = said.steps("resolve")[0]["message"].as_str().unwrap().to_owned();
    assert!(told.contains("there is no such name") || told.contains("the resolver fails"), "{told}");
    said.only("failed", "resolve", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_steps_are_told_in_japanese_too() {
    let (_relay, site) = relayed(refusing(Point::Rcpt, 554, "5.7.1 Relay access denied"), PLAIN).await;
    let said = site.run(&["--lang", "ja", "check", "--connect"]).exits(78).stdout;
    assert!(
        said.contains("  ○ 最初の応答: 220") && said.contains("ミリ秒") && said.contains("  × 宛先 bounces+"),
        "{said}"
    );
    assert!(said.contains("    → 中継が許されていないか"), "{said}");
}
