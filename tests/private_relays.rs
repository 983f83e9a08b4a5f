//! The private relays that return mail, and the exchanger behind them: what the tests of receipts rely on.

use crate::support::dovecot::Dovecot;
use crate::support::relay::Relay;
use crate::support::scripted_mx::ScriptedMx;
use crate::support::servers::{files_under, text_of, wait, wait_mail};
use crate::support::talk::Talk;
use crate::support::{exim, opensmtpd, postfix_returning};
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const IN_TIME: Duration = Duration::from_secs(30);

/// Hands over a mail to each, in one conversation.
fn send(relay: &Relay, recipients: &[&str], notify: &str) {
    let mut talk = Talk::with(relay.port());
    talk.ask("EHLO client.test");
    for recipient in recipients {
        let token = token(recipient);
        talk.ask(&format!("MAIL FROM:<bounces+{token}@sender.test> RET=HDRS ENVID=env-{token}"));
        talk.ask(&format!("RCPT TO:<{recipient}> NOTIFY={notify} ORCPT=rfc822;{recipient}"));
        talk.ask("DATA");
        talk.ask(&format!("From: notice@sender.test\r\nMessage-ID: <{token}@owabi.test>\r\n\r\nhello\r\n."));
    }
}

/// The name and the domain's first label.
fn token(recipient: &str) -> String {
    recipient.trim_end_matches(".test").replace('@', ".")
}

/// What came back for this recipient with all of these words.
fn returned(relay: &Relay, recipient: &str, words: &[&str]) -> String {
    let to = format!("bounces+{}@sender.test", token(recipient));
    let words: Vec<_> = [to.as_str()].into_iter().chain(words.iter().copied()).collect();
    wait_mail(&relay.bounces(), &words, IN_TIME).unwrap_or_else(|| {
        let came: Vec<_> = files_under(&relay.bounces()).iter().map(|file| text_of(file)).collect();
        panic!("nothing for {recipient} with {words:?} in {came:#?}\n{}", text_of(&relay.maillog()))
    })
}

/// Those that no relay delivers, of whatever make.
const REFUSED: [&str; 5] =
    ["unknown@member.test", "full@full.test", "r550-5.1.1@mx.test", "d554-5.7.1@mx.test", "any@elsewhere.test"];

const GREYLISTS: [&str; 2] = ["ok@mx.test", "g451-4.7.1@mx.test"];

/// `statuses` are those that it reports for [`REFUSED`]; `relayed` go to the exchanger. Returns what came back.
fn all_of_it_comes_back(relay: &Relay, mx: &ScriptedMx, statuses: [&str; 5], relayed: &[&str]) -> Vec<String> {
    send(relay, &REFUSED, "FAILURE");
    send(relay, &["ok@member.test"], "SUCCESS,FAILURE");
    send(relay, relayed, "SUCCESS,FAILURE");
    let failed = REFUSED.into_iter().zip(statuses);
    let failed = failed.map(|(to, status)| returned(relay, to, &["Action: failed", &format!("Status: {status}")]));
    let mut mails: Vec<_> = failed.collect();
    mails.push(returned(relay, "ok@member.test", &["Action: delivered", "Status: 2.0.0"]));
    mails.extend(relayed.iter().map(|to| returned(relay, to, &["Status: 2."])));
    let member = wait_mail(&relay.members(), &["ok.member@owabi.test"], IN_TIME);
    assert!(member.is_some_and(|mail| mail.ends_with("\nhello\n")));
    assert_eq!(mx.kept(), relayed);
    assert!(text_of(&relay.maillog()).contains("unknown@member.test"));
    mails
}

/// How many of the mails hold these words.
fn count(mails: &[String], words: &str) -> usize {
    mails.iter().filter(|mail| mail.contains(words)).count()
}

#[test]
fn postfix_returns_failures_and_receipts_with_what_the_sender_called_them() {
    let mx = ScriptedMx::start();
    let Some(relay) = postfix_returning::start(mx.port()) else { return };
    let mails = all_of_it_comes_back(&relay, &mx, ["5.1.1", "5.2.2", "5.1.1", "5.7.1", "5.4.4"], &GREYLISTS);
    assert_eq!((count(&mails, "Original-Envelope-Id: env-"), count(&mails, "Original-Recipient: rfc822;")), (8, 8));
    assert_eq!(count(&mails, "Action: relayed"), 2);
}

#[test]
fn exim_returns_failures_and_receipts_with_what_the_sender_called_them() {
    let mx = ScriptedMx::start();
    let Some(relay) = exim::start(mx.port()) else { return };
    let mails = all_of_it_comes_back(&relay, &mx, ["5.0.0"; 5], &GREYLISTS);
    assert_eq!((count(&mails, "Original-Envelope-ID: env-"), count(&mails, "Original-Recipient: rfc822;")), (8, 8));
}

#[test]
fn opensmtpd_returns_failures_and_receipts_and_forgets_what_the_sender_called_them() {
    let mx = ScriptedMx::start();
    let Some(relay) = opensmtpd::start(mx.port()) else { return };
    // Its second try at an exchanger comes after minutes: too late for one that greylists.
    let mails = all_of_it_comes_back(&relay, &mx, ["5.3.0", "5.3.0", "5.0.0", "5.0.0", "5.3.0"], &["ok@mx.test"]);
    assert_eq!((count(&mails, "env-"), count(&mails, "Original-Recipient:")), (0, 0));
    assert_eq!(count(&mails, "Action: relayed"), 1);
}

#[test]
fn a_mail_that_stays_in_the_queue_is_reported_as_late_and_in_the_end_comes_back() {
    // OpenSMTPD says "delayed" even when it has given up.
    let starts = [
        (postfix_returning::start as fn(u16) -> _, "Action: failed"),
        (exim::start, "Action: failed"),
        (opensmtpd::start, "Status: 4.4.7"),
    ];
    let start = |(start, end): (fn(u16) -> Option<Relay>, _)| Some((start(ScriptedMx::start().port())?, end));
    let relays: Vec<_> = starts.into_iter().filter_map(start).collect();
    for (relay, _) in &relays {
        send(relay, &["somebody@later.test"], "FAILURE,DELAY");
    }
    for (relay, _) in &relays {
        let late = returned(relay, "somebody@later.test", &["Action: delayed", "Status: 4."]);
        assert!(!late.contains("Status: 4.4.7"), "{late}");
    }
    for (relay, end) in &relays {
        returned(relay, "somebody@later.test", &[end]);
    }
}

/// Set for the child process that is to be killed: where it writes down its servers' folders and ports.
const VICTIM: &str = "OWABI_TEST_VICTIM_OF_RELAYS";

/// Servers of every kind, and what there is of each: its folder and its port.
fn one_of_each() -> (Vec<Relay>, Option<Dovecot>, String) {
    let relays: Vec<_> =
        [postfix_returning::start, exim::start, opensmtpd::start].iter().filter_map(|start| start(0)).collect();
    let dovecot = Dovecot::start();
    let places = relays.iter().map(|relay| (relay.bounces().join("../.."), relay.port()));
    let places = places.chain(dovecot.iter().map(|dovecot| (dovecot.maildir().join(".."), dovecot.port())));
    let lines: Vec<_> = places.map(|(folder, port)| format!("{} {port}\n", folder.display())).collect();
    (relays, dovecot, lines.concat())
}

#[test]
fn every_server_goes_away_with_the_test_process_even_when_that_is_killed() {
    if let Some(file) = std::env::var_os(VICTIM) {
        let (_relays, _dovecot, places) = one_of_each();
        std::fs::write(file, format!("{places}all\n")).unwrap();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let told = tempfile::tempdir().unwrap();
    let file = told.path().join("places");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "private_relays::every_server_goes_away_with_the_test_process_even_when_that_is_killed"]);
    let mut victim = command.env(VICTIM, &file).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert!(wait(2 * IN_TIME, || text_of(&file).ends_with("all\n")), "the servers did not start");
    victim.kill().unwrap();
    victim.wait().unwrap();
    for place in text_of(&file).lines().filter(|line| *line != "all") {
        let (folder, port) = place.split_once(' ').unwrap();
        let is_free = || TcpListener::bind(("127.0.0.1", port.parse().unwrap())).is_ok();
        assert!(wait(IN_TIME, || !Path::new(folder).exists() && is_free()), "{place} is still there");
    }
}
