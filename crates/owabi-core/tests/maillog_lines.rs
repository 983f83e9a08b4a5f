//! Lines of Postfix logs, and what they tell of a mail.

use owabi_core::bounce::Class;
use owabi_core::maillog::{Log, LogEvent, LogEvidence};
use sha2::{Digest, Sha256};

/// Everything but hash and time in one line.
fn said(evidence: &LogEvidence) -> String {
    let or = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let LogEvidence { queue_id, message_id, recipient, event, status, text, .. } = evidence;
    let event = match event {
        LogEvent::Taken => "taken".to_owned(),
        LogEvent::Delivery { class, is_final, relayed } => {
            let class = match class {
                Class::Delivered if *relayed => "relayed",
                Class::Delivered => "delivered",
                Class::Permanent => "permanent",
                Class::Temporary => "temporary",
            };
            format!("{class}{}", if *is_final { "!" } else { "" })
        }
    };
    format!("{queue_id} {event} {} <{}> {} | {text}", or(status), or(recipient), or(message_id))
}

fn read(log: &mut Log, lines: &str) -> Vec<String> {
    lines.lines().filter_map(|line| log.line(line.as_bytes(), None)).map(|evidence| said(&evidence)).collect()
}

fn only(line: &str) -> Option<String> {
    Log::default().line(line.as_bytes(), None).map(|evidence| said(&evidence))
}

/// What comes after the queue id, in a line of `agent` about mail 4D65C98C1B2.
fn by(agent: &str, words: &str) -> String {
    format!("Nov 22 18:39:47 relay postfix/{agent}[9966]: 4D65C98C1B2: {words}")
}

fn all_say(cases: &[(&str, &str, &str)]) {
    for (agent, words, expected) in cases {
        assert_eq!(only(&by(agent, words)), Some(format!("4D65C98C1B2 {expected}")), "{agent}: {words}");
    }
}

#[test]
fn what_was_sent_is_in_a_mailbox_or_on_another_host() {
    all_say(&[
        (
            "virtual",
            "to=<hana@member.test>, relay=virtual, delay=0.04, delays=0.01/0.01/0/0.01, dsn=2.0.0, status=sent (delivered to maildir)",
            "delivered! 2.0.0 <hana@member.test> - | delivered to maildir",
        ),
        (
            "local",
            "to=<taro@relay.test>, orig_to=<taro>, relay=local, delay=0.1, delays=0.1/0/0/0, dsn=2.0.0, status=sent (delivered to command: /usr/bin/procmail)",
            "delivered! 2.0.0 <taro> - | delivered to command: /usr/bin/procmail",
        ),
        (
            "lmtp",
            "to=<jiro@member.test>, relay=member.test[private/dovecot-lmtp], delay=0.3, delays=0.1/0/0/0.2, dsn=2.0.0, status=sent (250 2.0.0 <jiro@member.test> 8HTEOAE3Zmv Saved)",
            "delivered! 2.0.0 <jiro@member.test> - | 250 2.0.0 <jiro@member.test> 8HTEOAE3Zmv Saved",
        ),
        (
            "pipe",
            "to=<saku@member.test>, relay=dovecot, delay=0.2, delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (delivered via dovecot service)",
            "delivered! 2.0.0 <saku@member.test> - | delivered via dovecot service",
        ),
        (
            "smtp",
            "to=<aoi@docomo.test>, relay=mx1.docomo.test[192.0.2.7]:25, conn_use=3, delay=1.3, delays=0/0/0.4/0.9, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Gx3Rz1bTqz9sWk)",
            "relayed! 2.0.0 <aoi@docomo.test> - | 250 2.0.0 Ok: queued as 4Gx3Rz1bTqz9sWk",
        ),
        (
            "relay/smtp",
            "to=<aoi@hub.test>, relay=hub.test[2001:db8::25]:587, delay=1, delays=0/0/0/1, dsn=2.6.0, status=sent (250 2.6.0 taken over (thank you))",
            "relayed! 2.6.0 <aoi@hub.test> - | 250 2.6.0 taken over (thank you)",
        ),
        (
            "smtp",
            "to=<fine@mx.test>, relay=127.0.0.1[127.0.0.1]:2599, delay=0.03, delays=0/0.03/0/0, dsn=2.0.0, status=sent (250 2.0.0 kept)",
            "relayed! 2.0.0 <fine@mx.test> - | 250 2.0.0 kept",
        ),
    ]);
}

#[test]
fn what_failed_is_told_with_its_reason_and_whether_more_will_come() {
    all_say(&[
        (
            "smtp",
            "to=<gone@mx.test>, relay=mx.test[192.0.2.8]:25, delay=0.04, delays=0/0.03/0.01/0, dsn=5.1.1, status=bounced (host mx.test[192.0.2.8] said: 550 5.1.1 <gone@mx.test>: no such person (ask them) (in reply to RCPT TO command))",
            "permanent! 5.1.1 <gone@mx.test> - | host mx.test[192.0.2.8] said: 550 5.1.1 <gone@mx.test>: no such person (ask them) (in reply to RCPT TO command)",
        ),
        (
            "virtual",
            "to=<nobody@member.test>, relay=virtual, delay=0.03, delays=0/0.01/0/0.01, dsn=5.1.1, status=bounced (unknown user: \"nobody@member.test\")",
            "permanent! 5.1.1 <nobody@member.test> - | unknown user: \"nobody@member.test\"",
        ),
        (
            "error",
            "to=<ume@full.test>, relay=none, delay=0.03, delays=0/0.02/0/0, dsn=5.2.2, status=bounced (mailbox full)",
            "permanent! 5.2.2 <ume@full.test> - | mailbox full",
        ),
        (
            "smtp",
            "to=<ken@mx.test>, relay=none, delay=0.1, delays=0/0/0.1/0, dsn=5.4.4, status=bounced (Host or domain name not found. Name service error for name=mx.test type=A: Host not found)",
            "permanent! 5.4.4 <ken@mx.test> - | Host or domain name not found. Name service error for name=mx.test type=A: Host not found",
        ),
        (
            "smtp",
            "to=<old@mx.test>, relay=none, delay=432001, delays=432000/0/1/0, dsn=4.4.1, status=bounced (connect to mx.test[192.0.2.8]:25: Connection timed out)",
            "temporary! 4.4.1 <old@mx.test> - | connect to mx.test[192.0.2.8]:25: Connection timed out",
        ),
        (
            "error",
            "to=<x@later.test>, relay=none, delay=0.04, delays=0.01/0.01/0/0.02, dsn=4.2.2, status=deferred (mailbox busy)",
            "temporary 4.2.2 <x@later.test> - | mailbox busy",
        ),
        (
            "smtp",
            "to=<mai@mx.test>, relay=mx.test[192.0.2.8]:25, delay=0.04, delays=0.01/0.02/0.01/0, dsn=4.7.1, status=deferred (host mx.test[192.0.2.8] said: 451 4.7.1 <mai@mx.test>: greylisted, status=sent (later) (in reply to RCPT TO command))",
            "temporary 4.7.1 <mai@mx.test> - | host mx.test[192.0.2.8] said: 451 4.7.1 <mai@mx.test>: greylisted, status=sent (later) (in reply to RCPT TO command)",
        ),
        (
            "qmgr",
            "to=<mai@mx.test>, relay=none, delay=60, delays=60/0/0/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to mx.test[192.0.2.8]:25: Connection refused)",
            "temporary 4.4.1 <mai@mx.test> - | delivery temporarily suspended: connect to mx.test[192.0.2.8]:25: Connection refused",
        ),
        (
            "local",
            "to=<nana@relay.test>, relay=local, delay=0.2, delays=0.1/0/0/0.1, dsn=4.1.1, status=SOFTBOUNCE (unknown user: \"nana\")",
            "temporary 4.1.1 <nana@relay.test> - | unknown user: \"nana\"",
        ),
        (
            "smtp",
            "to=<mai@mx.test>, relay=mx.test[192.0.2.8]:25, delay=9, delays=9/0/0/0, dsn=4.4.7, status=expired (the time is up)",
            "temporary! 4.4.7 <mai@mx.test> - | the time is up",
        ),
        (
            "smtp",
            "to=<mai@mx.test>, relay=mx.test[192.0.2.8]:25, delay=9, delays=9/0/0/0, dsn=4.0.0, status=pondering (a word of a later version)",
            "temporary 4.0.0 <mai@mx.test> - | a word of a later version",
        ),
        (
            "smtp",
            "to=<mai@mx.test>, relay=mx.test[192.0.2.8]:25, delay=9, status=bounced (an old version without dsn)",
            "permanent! - <mai@mx.test> - | an old version without dsn",
        ),
        (
            "smtp",
            "to=<mai@mx.test>, relay=mx.test[192.0.2.8]:25, delay=9, dsn=nonsense.1.1.1, status=sent",
            "relayed! - <mai@mx.test> - | ",
        ),
        (
            "discard",
            "to=<mai@test.invalid>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (thrown away here)",
            "permanent! 2.0.0 <mai@test.invalid> - | thrown away here",
        ),
    ]);
}

#[test]
fn an_address_is_read_whole_whatever_stands_in_it() {
    let rest = "relay=virtual, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)";
    let cases = [
        ("to=<\"ok a>b\"@member.test>", "\"ok a>b\"@member.test"),
        (r#"to=<"a\"b>, relay=x"@member.test>"#, r#""a\"b>, relay=x"@member.test"#),
        (
            r#"to=<"a>, relay=evil, dsn=5.1.1, status=bounced (x)"@m.test>"#,
            r#""a>, relay=evil, dsn=5.1.1, status=bounced (x)"@m.test"#,
        ),
        ("to=<abc..def@docomo.test>", "abc..def@docomo.test"),
        ("to=<\"abc..def\"@docomo.test>", "\"abc..def\"@docomo.test"),
        // Printed without its quotation marks (info_log_address_format = internal).
        ("to=<ok a>b@member.test>", "ok a>b@member.test"),
        ("to=<a\"b@member.test>", "a\"b@member.test"),
        ("to=<花子@例え.test>", "花子@例え.test"),
        ("to=<new@member.test>, orig_to=<old@member.test>", "old@member.test"),
        ("to=<new@member.test>, orig_to=<\"o, relay=ld\"@member.test>", "\"o, relay=ld\"@member.test"),
        ("to=<new@member.test>, orig_to=<>", "new@member.test"),
        ("to=<>", "-"),
    ];
    for (address, expected) in cases {
        let line = by("virtual", &format!("{address}, {rest}"));
        assert_eq!(only(&line), Some(format!("4D65C98C1B2 delivered! 2.0.0 <{expected}> - | ok")), "{line}");
    }
}

#[test]
fn every_layout_of_a_line_is_understood() {
    let tail = "to=<a@m.test>, relay=none, delay=0, delays=0/0/0/0, dsn=4.3.0, status=deferred (x)";
    let layouts = [
        ("Nov 22 18:39:47 relay postfix/smtp[9966]: 4D65C98C1B2: ", None),
        ("Nov  2 08:39:47 relay postfix/smtp[9966]: 4D65C98C1B2: ", None),
        ("2026 Nov 22 18:39:47 relay postfix/smtp[9966]: 4D65C98C1B2: ", None),
        ("Nov 22 18:39:47 postfix/smtp[9966]: 4D65C98C1B2: ", None),
        ("<22>Nov 22 18:39:47 relay postfix/smtp[9966]: 4D65C98C1B2: ", None),
        ("Nov 22 18:39:47 2001:db8::1 postfix/smtp[9966]: 4D65C98C1B2: ", None),
        ("Nov 22 18:39:47 relay postfix-out/smtp[9966]: 4D65C98C1B2: ", None),
        ("Nov 22 18:39:47 relay postfix/relay/smtp[9966]: 4D65C98C1B2: ", None),
        ("Nov 22 18:39:47 relay notices/out/smtp: 4D65C98C1B2: ", None),
        ("2026-11-22T18:39:47.250000+09:00 relay postfix/smtp[9966]: 4D65C98C1B2: ", Some(1_795_340_387_250)),
        ("2026-11-22T09:39:47Z relay postfix/smtp[9966]: 4D65C98C1B2: ", Some(1_795_340_387_000)),
        ("<22>1 2026-11-22T09:39:47.25Z relay postfix/smtp 9966 - - 4D65C98C1B2: ", Some(1_795_340_387_250)),
        ("<22>1 2026-11-22T09:39:47.25Z relay postfix/smtp 9966 - - \u{feff}4D65C98C1B2: ", Some(1_795_340_387_250)),
        ("2026-99-22T09:39:47Z relay postfix/smtp[9966]: 4D65C98C1B2: ", None),
    ];
    for (head, at) in layouts {
        let evidence = Log::default().line(format!("{head}{tail}").as_bytes(), None).expect(head);
        assert_eq!(said(&evidence), "4D65C98C1B2 temporary 4.3.0 <a@m.test> - | x", "{head}");
        assert_eq!(evidence.at, at, "{head}");
    }
}

#[test]
fn lines_that_are_no_evidence_are_passed_over() {
    let lines = [
        "",
        "Nov 22 18:39:46 relay postfix/postfix-script[9871]: starting the Postfix mail system",
        "Nov 22 18:39:46 relay postfix/master[9873]: daemon started -- version 3.7.11, configuration /etc/postfix",
        "Nov 22 18:39:46 relay postfix/smtpd[9884]: connect from unknown[127.0.0.1]",
        "Nov 22 18:39:47 relay postfix/smtpd[9884]: 4D65C98C1B2: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=owabi",
        "Nov 22 18:39:47 relay postfix/smtpd[9884]: NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 5.7.1 <a@b.test>: Relay access denied; from=<x@y.test> to=<a@b.test> proto=ESMTP helo=<z>",
        "Nov 22 18:39:47 relay postfix/cleanup[9965]: 4D65C98C1B2: message-id=<c7@owabi.test>",
        "Nov 22 18:39:47 relay postfix/cleanup[9965]: 4D65C98C1B2: resent-message-id=<c7@owabi.test>",
        "Nov 22 18:39:47 relay postfix/bounce[9969]: 4D65C98C1B2: sender non-delivery notification: 537A398C1C0",
        "Nov 22 18:39:47 relay postfix/qmgr[9875]: 4D65C98C1B2: removed",
        "Nov 22 18:39:47 relay postfix/qmgr[9875]: 4D65C98C1B2: skipped, still being delivered",
        "Nov 22 18:39:47 relay postfix/postsuper[1]: 4D65C98C1B2: placed on hold",
        "Nov 22 18:39:47 relay postfix/smtp[1]: 4D65C98C1B2: host mx.test[192.0.2.8] said: 450 4.7.1 try again (in reply to RCPT TO command)",
        "Nov 22 18:39:47 relay postfix/smtp[1]: warning: 4D65C98C1B2: to=<a@b.test>, relay=none, status=sent (x)",
        "Nov 22 18:39:47 relay postfix/smtp[1]: 4D65C98C1B2: to=<a@b.test>, relay=mx.test[192.0.2.8]:25, delay=1, delays=0/0/0/1, dsn=2.1.5, status=deliverable (250 2.1.5 Ok)",
        "Nov 22 18:39:47 relay postfix/smtp[1]: 4D65C98C1B2: to=<a@b.test>, relay=mx.test[192.0.2.8]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=undeliverable (550 5.1.1 no)",
        "Nov 22 18:39:47 relay postfix/smtp[1]: 4D65C98C1B2: to=<a@b.test>, relay=mx.test[192.0.2.8]:25, delay=1, delays=0/0/0/1, ds",
        "Nov 22 18:39:47 relay dovecot: lmtp(hana)<77><x>: msgid=<c7@owabi.test>: saved mail to INBOX",
        "Nov 22 18:39:47 relay amavis[77]: (00077-01) Passed CLEAN {RelayedInbound}, queued_as: 5D38798C1C9",
        "Nov 22 18:39:47 relay postfix/smtp[1]: 4D65-8C1B2: to=<a@b.test>, relay=none, status=sent (x)",
    ];
    for line in lines {
        assert_eq!(only(line), None, "{line}");
    }
}

#[test]
fn what_strangers_write_into_other_programs_lines_is_no_evidence() {
    let forged = "postfix/smtp[1]: 4D65C98C1B2: to=<a@b.test>, relay=none, delay=0, dsn=2.0.0, status=sent (x)";
    let heads = [
        "Nov 22 18:39:47 relay sshd[7]: ",
        "Nov 22 18:39:47 relay dovecot: imap-login: ",
        "2026-11-22T09:39:47Z relay app[7]: user ",
        "<22>1 2026-11-22T09:39:47.25Z relay sshd 7 - - ",
        "<22>1 2026-11-22T09:39:47.25Z relay a b ",
        "Nov 22 18:39:47 relay postfix/smtpd[7]: warning: ",
    ];
    for head in heads {
        assert_eq!(only(&format!("{head}{forged}")), None, "{head}");
    }
}

#[test]
fn a_mail_is_followed_from_the_queue_to_its_end_and_keeps_its_message_id() {
    let mut log = Log::default();
    let events = read(
        &mut log,
        "Nov 22 18:39:47 relay postfix/smtpd[9884]: 4Gx3Rz1bTqz9sWk: client=unknown[127.0.0.1]\n\
         Nov 22 18:39:47 relay postfix/cleanup[9965]: 4Gx3Rz1bTqz9sWk: message-id=<c7.1.mab@owabi.test>\n\
         Nov 22 18:39:47 relay postfix/qmgr[9875]: 4Gx3Rz1bTqz9sWk: from=<bounces+c7-mab@sender.test>, size=481, nrcpt=1 (queue active)\n\
         Nov 22 18:39:47 relay postfix/error[9971]: 4Gx3Rz1bTqz9sWk: to=<x@later.test>, relay=none, delay=0, delays=0/0/0/0, dsn=4.2.2, status=deferred (mailbox busy)\n\
         Nov 22 18:39:50 relay postfix/qmgr[9875]: 4Gx3Rz1bTqz9sWk: from=<bounces+c7-mab@sender.test>, size=481, nrcpt=1 (queue active)\n\
         Nov 22 18:39:50 relay postfix/error[9971]: 4Gx3Rz1bTqz9sWk: to=<x@later.test>, relay=none, delay=3, delays=3/0/0/0, dsn=4.2.2, status=deferred (mailbox busy)\n\
         Nov 22 18:40:10 relay postfix/qmgr[9875]: 4Gx3Rz1bTqz9sWk: from=<bounces+c7-mab@sender.test>, status=expired, returned to sender\n\
         Nov 22 18:40:10 relay postfix/qmgr[9875]: 4Gx3Rz1bTqz9sWk: removed\n",
    );
    let expected = [
        "4Gx3Rz1bTqz9sWk taken - <-> c7.1.mab@owabi.test | size=481, nrcpt=1 (queue active)",
        "4Gx3Rz1bTqz9sWk temporary 4.2.2 <x@later.test> c7.1.mab@owabi.test | mailbox busy",
        "4Gx3Rz1bTqz9sWk temporary 4.2.2 <x@later.test> c7.1.mab@owabi.test | mailbox busy",
        "4Gx3Rz1bTqz9sWk temporary! - <-> c7.1.mab@owabi.test | expired, returned to sender",
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_mail_whose_beginning_was_not_read_is_told_of_by_its_queue_id() {
    let events = read(
        &mut Log::default(),
        "Nov 22 18:39:50 relay postfix/qmgr[9875]: 5001C98C1B9: from=<a>b@sender.test>, size=475, nrcpt=1 (queue active)\n\
         Nov 22 18:39:50 relay postfix/qmgr[9875]: 5001C98C1B9: from=<>, status=force-expired, returned to sender\n",
    );
    let expected = [
        "5001C98C1B9 taken - <-> - | size=475, nrcpt=1 (queue active)",
        "5001C98C1B9 temporary! - <-> - | force-expired, returned to sender",
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_mail_that_was_thrown_away_or_deleted_is_not_delivered_and_its_end_is_told() {
    let begin = "Nov 22 18:39:47 relay postfix/cleanup[9965]: 4D65C98C1B2: message-id=<c7@owabi.test>\n";
    let cases = [
        (
            by(
                "cleanup",
                "discard: header Subject: hello from unknown[127.0.0.1]; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>: by rule",
            ),
            "permanent! - <-> c7@owabi.test | discard: header Subject: hello from unknown[127.0.0.1]; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<x>: by rule",
        ),
        (
            by(
                "cleanup",
                "milter-discard: END-OF-MESSAGE from unknown[127.0.0.1]: milter triggers DISCARD action; from=<a@b.test>",
            ),
            "permanent! - <-> c7@owabi.test | milter-discard: END-OF-MESSAGE from unknown[127.0.0.1]: milter triggers DISCARD action; from=<a@b.test>",
        ),
        (
            by("smtpd", "discard: RCPT from unknown[127.0.0.1]: x"),
            "permanent! - <-> c7@owabi.test | discard: RCPT from unknown[127.0.0.1]: x",
        ),
        (by("postsuper", "removed"), "temporary! - <-> c7@owabi.test | removed from the queue by hand (postsuper)"),
    ];
    for (line, expected) in cases {
        assert_eq!(read(&mut Log::default(), &format!("{begin}{line}")), [format!("4D65C98C1B2 {expected}")]);
    }
}

#[test]
fn a_hand_over_inside_this_host_is_not_a_delivery() {
    let lines = [
        (
            "smtp",
            "relay=127.0.0.1[127.0.0.1]:10024",
            "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 5D38798C1C9",
        ),
        ("smtp", "relay=localhost[::1]:10024", "250 2.0.0 Ok: queued as 5D38798C1C9"),
        ("smtp", "relay=localhost[203.0.113.1]:10024", "250 2.0.0 Ok: queued as 5D38798C1C9"),
        ("lmtp", "relay=relay.test[private/filter]", "250 2.0.0 Ok: queued as 5D38798C1C9"),
        ("local", "relay=local", "forwarded as 5D38798C1C9"),
    ];
    for (agent, relay, words) in lines {
        let line =
            by(agent, &format!("to=<a@m.test>, {relay}, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent ({words})"));
        assert_eq!(only(&line), Some(format!("4D65C98C1B2 taken 2.0.0 <-> - | {words}")), "{line}");
    }
}

#[test]
fn a_filter_on_another_host_is_known_by_the_mail_that_comes_back() {
    let handed = "Nov 22 18:39:47 relay postfix/smtp[9977]: 4D65C98C1B2: to=<a@m.test>, relay=filter.test[192.0.2.5]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5D38798C1C9)\n";
    let log = |other: &str| {
        format!(
            "Nov 22 18:39:46 relay postfix/cleanup[9965]: 4D65C98C1B2: message-id=<c7@owabi.test>\n\
             Nov 22 18:39:47 relay postfix/cleanup[9965]: 5D38798C1C9: message-id=<{other}@owabi.test>\n{handed}\
             Nov 22 18:39:47 relay postfix/virtual[9966]: 5D38798C1C9: to=<a@m.test>, relay=virtual, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to maildir)\n"
        )
    };
    let words = "250 2.0.0 Ok: queued as 5D38798C1C9";
    let came_back = read(&mut Log::default(), &log("c7"));
    let expected = [
        format!("4D65C98C1B2 taken 2.0.0 <-> c7@owabi.test | {words}"),
        "5D38798C1C9 delivered! 2.0.0 <a@m.test> c7@owabi.test | delivered to maildir".to_owned(),
    ];
    assert_eq!(came_back, expected);
    let another = read(&mut Log::default(), &log("somebody-elses"));
    assert_eq!(another[0], format!("4D65C98C1B2 relayed! 2.0.0 <a@m.test> c7@owabi.test | {words}"));
}

#[test]
fn message_ids_are_read_as_headers_hold_them() {
    let cases = [
        ("<c7.1.mab@owabi.test>", "c7.1.mab@owabi.test"),
        ("bare@owabi.test", "bare@owabi.test"),
        ("<c7@owabi.test> (added by a gateway)", "c7@owabi.test"),
        ("<>", "-"),
        ("", "-"),
        ("<never closed", "-"),
    ];
    for (field, expected) in cases {
        let lines = format!(
            "Nov 22 18:39:47 relay postfix/cleanup[1]: 4D65C98C1B2: message-id={field}\n\
             Nov 22 18:39:47 relay postfix/qmgr[1]: 4D65C98C1B2: from=<>, size=1, nrcpt=1 (queue active)"
        );
        let events = read(&mut Log::default(), &lines);
        assert_eq!(events, [format!("4D65C98C1B2 taken - <-> {expected} | size=1, nrcpt=1 (queue active)")]);
    }
}

#[test]
fn the_hash_is_that_of_the_line_without_its_end_and_the_callers_time_comes_first() {
    let line = "2026-11-22T09:39:47Z relay postfix/error[1]: 4D65C98C1B2: to=<a@m.test>, relay=none, dsn=4.3.0, status=deferred (x)";
    let digest: [u8; 32] = Sha256::digest(line).into();
    for end in ["", "\n", "\r\n"] {
        let evidence = Log::default().line(format!("{line}{end}").as_bytes(), Some(77)).unwrap();
        let octets = (0..64).step_by(2).map(|at| u8::from_str_radix(&evidence.sha256[at..at + 2], 16).unwrap());
        assert_eq!(octets.collect::<Vec<u8>>(), digest);
        assert_eq!((evidence.at, evidence.text.as_str()), (Some(77), "x"));
    }
}

#[test]
fn long_words_and_octets_that_are_no_utf8_are_kept_as_far_as_they_fit() {
    let mut line = b"Nov 22 18:39:47 relay postfix/smtp[1]: 4D65C98C1B2: to=<\x8e\xa9@m.test>, relay=none, dsn=5.1.1, status=bounced (".to_vec();
    line.extend("あ".repeat(100_000).as_bytes());
    let evidence = Log::default().line(&line, None).unwrap();
    assert_eq!(evidence.recipient.as_deref(), Some("\u{fffd}\u{fffd}@m.test"));
    assert_eq!(evidence.text, "あ".repeat(1_000));
}
