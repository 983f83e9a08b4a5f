//! The private Postfix itself: what the other tests rely on.

use crate::support::postfix::{Options, Postfix};
use crate::support::talk::Talk;
use crate::support::world::PATIENCE;
use owabi_core::bounce::Class;
use owabi_core::maillog::{Log, LogEvent};

#[test]
fn a_mail_to_any_domain_lands_in_the_maildir_and_scripted_recipients_are_refused() {
    let Some(postfix) = Postfix::start(&Options::default()) else { return };
    let mut talk = Talk::with(postfix.port());
    let offered = talk.say("EHLO client.test");
    for keyword in ["PIPELINING", "CHUNKING", "DSN", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 10240000"] {
        assert!(offered.contains(keyword), "{keyword} is not in {offered}");
    }
    assert!(talk.say("MAIL FROM:<bounces+token@sender.test> RET=HDRS ENVID=e1").starts_with("250 "));
    for (recipient, answer) in [
        ("unknown7@docomo.ne.jp", "550 5.1.1"),
        ("greylist@ezweb.ne.jp", "450 4.7.1"),
        ("full@example.jp", "452 4.2.2"),
        ("\"abc..def\"@docomo.ne.jp", "250 2.1.5"),
        ("hanako@xn--wgv71a.example", "250 2.1.5"),
    ] {
        let reply = talk.say(&format!("RCPT TO:<{recipient}> NOTIFY=FAILURE"));
        assert!(reply.starts_with(answer), "{recipient}: {reply}");
    }
    assert!(talk.say("DATA").starts_with("354 "));
    assert!(talk.say("Subject: one\r\n\r\nhello\r\n.").starts_with("250 2.0.0"));
    assert!(postfix.wait_delivered(2, PATIENCE), "{}", postfix.log());
    let mails: Vec<_> = postfix.delivered().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert!(mails.iter().all(|mail| mail.contains("\n\nhello\n")), "{mails:?}");
    assert!(mails.iter().any(|mail| mail.contains("Delivered-To: hanako@xn--wgv71a.example")), "{mails:?}");
    assert!(mails.iter().all(|mail| mail.starts_with("Return-Path: <bounces+token@sender.test>")), "{mails:?}");
}

#[test]
fn what_a_test_asks_to_hide_is_not_offered() {
    let Some(postfix) = Postfix::start(&Options { chunking: false, pipelining: false, ..Options::default() }) else {
        return;
    };
    let offered = Talk::with(postfix.port()).say("EHLO client.test");
    assert!(!offered.contains("CHUNKING") && !offered.contains("PIPELINING"), "{offered}");
    assert_eq!((postfix.delivered().len(), postfix.queue_len()), (0, 0));
}

#[test]
fn what_it_logs_of_a_mail_is_understood() {
    let Some(postfix) = Postfix::start(&Options::default()) else { return };
    let mut talk = Talk::with(postfix.port());
    talk.say("EHLO client.test");
    for line in ["MAIL FROM:<bounces+token@sender.test>", "RCPT TO:<\"a>, b\"@docomo.ne.jp>", "DATA"] {
        let reply = talk.say(line);
        assert!(reply.starts_with('2') || reply.starts_with('3'), "{line}: {reply}");
    }
    let reply = talk.say("Message-ID: <7.1.token@owabi.test>\r\n\r\nhello\r\n.");
    let queue_id = reply.trim_end().rsplit(' ').next().unwrap();
    assert!(postfix.wait_delivered(1, PATIENCE), "{}", postfix.log());
    assert!(postfix.wait_logged(&format!("{queue_id}: removed"), PATIENCE), "{}", postfix.log());
    let mut log = Log::default();
    let evidence: Vec<_> = postfix.log().lines().filter_map(|line| log.line(line.as_bytes(), None)).collect();
    let delivered = LogEvent::Delivery { class: Class::Delivered, is_final: true, relayed: false };
    assert_eq!(evidence.iter().map(|one| one.event).collect::<Vec<_>>(), [LogEvent::Taken, delivered]);
    for one in &evidence {
        assert_eq!((one.queue_id.as_str(), one.message_id.as_deref()), (queue_id, Some("7.1.token@owabi.test")));
    }
    assert_eq!(evidence[1].recipient.as_deref(), Some("\"a>, b\"@docomo.ne.jp"));
}
