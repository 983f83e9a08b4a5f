//! Nothing of a bounce is ever logged: not whom it is about, not what it says.

use super::{Office, Says, bounce};
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{Captured, Script};

/// Whom a roster names, and words that only the mails of this test use.
const NAMES: [&str; 4] = ["鷲尾", "翡翠", "雲雀", "螢"];
const ADDRESSES: [&str; 2] = ["first.zanzibar@quokka-one.example", "second.zanzibar@quokka-two.example"];
const WORDS: [&str; 10] = [
    "zanzibar",
    "quokka",
    "wombat",
    "numbat",
    "potoroo",
    "bilby",
    "dunnart",
    "capture.example",
    "bounces+",
    "宛先不明",
];

/// A bounce in free text, of a program that follows no standard.
fn in_prose(to: &str, about: &str) -> String {
    format!(
        "From: MAILER-DAEMON@numbat.example\r\nTo: {to}\r\nSubject: failure notice numbat\r\nMessage-ID: <p@numbat.example>\r\n\r\n\
         Hi. This is the qmail-send program at numbat.example.\r\nI'm afraid I wasn't able to deliver your message to the following addresses.\r\n\
         This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n<{about}>:\r\n192.0.2.7 does not like recipient.\r\n\
         Remote host said: 550 5.1.1 potoroo 宛先不明\r\n"
    )
}

fn away(to: &str) -> String {
    format!(
        "From: bilby@quokka-one.example\r\nTo: {to}\r\nSubject: Auto: bilby\r\nAuto-Submitted: auto-replied\r\nMessage-ID: <a@bilby.example>\r\n\r\n\
         I am away until Monday: dunnart.\r\n"
    )
}

fn letter() -> String {
    "From: dunnart@quokka-one.example\r\nTo: bounces@example.jp\r\nSubject: dunnart\r\nMessage-ID: <l@bilby.example>\r\n\r\nHello, bilby.\r\n"
        .to_owned()
}

/// The log of a Postfix that took the second member's mail.
fn maillog(mail: &Captured) -> String {
    let id = String::from_utf8_lossy(&mail.bytes);
    let id = id.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().trim().to_owned();
    let (from, to) = (mail.mail_from(), mail.rcpt_to()[0]);
    format!(
        "2026-11-22T09:00:00.000001+09:00 numbat postfix/cleanup[7]: 4F1Bxy0wombat: message-id={id}\n\
         2026-11-22T09:00:00.000002+09:00 numbat postfix/qmgr[7]: 4F1Bxy0wombat: from=<{from}>, size=900, nrcpt=1 (queue active)\n\
         2026-11-22T09:00:01.000003+09:00 numbat postfix/smtp[7]: 4F1Bxy0wombat: to=<{to}>, relay=mx.quokka-two.example[192.0.2.9]:25, \
         delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 wombat stored it)\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_what_comes_back_is_ever_logged_even_at_trace_level() {
    let office = Office::empty(Script::new(), "poll: 50ms, maillog: mail.log").await;
    let lines = [0, 1].map(|n| format!("Q{n},{} {},{}\n", NAMES[2 * n], NAMES[2 * n + 1], ADDRESSES[n])).concat();
    office.program.import(&office.program.write("roster.csv", &format!("会員番号,氏名,メールアドレス\n{lines}")));
    office.program.release();
    office.program.write("mail.log", "");
    assert!(office.start_logging("trace", &["run", "--until-idle"]).wait().success());
    let mails = office.relay.captured();
    let verp = mails[0].mail_from();
    let (start, first) = verp.split_at("bounces+1-".len());
    let forged = format!("{start}{}{}", if first.starts_with('a') { 'b' } else { 'a' }, &first[1..]);
    let daemon = office.start_logging("trace", &["run"]);
    office.deliver(&bounce(&mails[0], Says::Failed).replace("no such person", "potoroo wombat 宛先不明"));
    office.deliver(&in_prose(verp, ADDRESSES[0]));
    office.deliver(&in_prose("bounces@example.jp", "stranger@wombat.example"));
    office.deliver(&in_prose(&forged, ADDRESSES[1]));
    office.deliver(&away(verp));
    office.deliver(&letter());
    office.deliver("\0\u{1}numbat\r\r\n\n");
    std::fs::write(office.maildir().join("new/quokka@numbat.example"), letter() + "Again, numbat.\r\n").unwrap();
    office.program.write("mail.log", &maillog(&mails[1]));
    let done = async || {
        let rows = office.program.rows().await;
        rows[0].status == Status::Bounced && rows[1].status == Status::Delivered && office.files("new") == 0
    };
    assert!(eventually(&done).await, "{:#?}\n{}", office.program.rows().await, office.program.said());
    // What is wrong with a source is said, too.
    std::fs::rename(office.maildir(), office.program.path("aside")).unwrap();
    let troubled = async || office.program.said().contains("a source of receipts cannot be read");
    assert!(eventually(&troubled).await, "{}", office.program.said());
    assert!(daemon.terminate().success());
    let said = office.program.said();
    assert!(said.contains("DEBUG") && said.contains("receipts were read"), "the log was not heard: {said}");
    assert!(
        !said.contains("notify::"),
        "the log's own file is in the watched folder, so that each line would bring another"
    );
    let words = WORDS.into_iter().chain(NAMES).flat_map(|word| [word.to_owned(), word.escape_unicode().to_string()]);
    for word in words {
        let told: Vec<&str> = said.lines().filter(|line| line.contains(&word)).collect();
        assert!(told.is_empty(), "{word}: {told:#?}");
    }
    let arrivals = &office.program.json(&["status"])["arrivals"];
    let counts = ["matched", "review", "forged", "auto_reply"].map(|state| arrivals[state].as_i64().unwrap());
    assert_eq!(counts, [2, 4, 1, 1], "{arrivals:#}");
}
