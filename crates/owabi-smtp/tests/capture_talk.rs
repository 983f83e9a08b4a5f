//! The capture relay as a strict relay: what it offers, takes and refuses.

mod capture_client;

use capture_client::{Client, start, take_one};
use owabi_smtp::capture::{Account, CaptureOptions, Extensions};

const GROUP: &str = "MAIL FROM:<a@example.jp>\r\nRCPT TO:<b@example.jp>\r\n";

#[tokio::test]
async fn ehlo_offers_every_extension_or_none() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::connect(&relay).await;
    let offers = client.ask("EHLO me\r\n").await;
    for keyword in ["PIPELINING", "SIZE 10240000", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING"] {
        assert!(offers.contains(keyword), "{keyword} in {offers}");
    }
    assert!(!offers.contains("STARTTLS") && !offers.contains("AUTH"));

    let relay = start(CaptureOptions { extensions: Extensions::none(), ..CaptureOptions::default() }).await;
    let mut client = Client::connect(&relay).await;
    assert_eq!(client.ask("EHLO me\r\n").await, "250 capture.example.jp\r\n");
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let relay = start(CaptureOptions { extensions: Extensions::none(), ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    for param in ["SIZE=10", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=x"] {
        assert_eq!(client.ask(&format!("MAIL FROM:<a@b> {param}\r\n")).await, "555 Unsupported option\r\n");
    }
    assert!(client.ask("BDAT 3 LAST\r\n").await.starts_with("502 "));
    assert_eq!(client.ask("MAIL FROM:<a@b>\r\n").await, "250 Ok\r\n");
    assert!(client.ask("RCPT TO:<a@b> NOTIFY=NEVER\r\n").await.starts_with("555 "));
}

#[tokio::test]
async fn a_helo_only_relay_does_not_know_ehlo_but_takes_mail() {
    let relay = start(CaptureOptions { helo_only: true, ..CaptureOptions::default() }).await;
    let mut client = Client::connect(&relay).await;
    assert!(client.ask("EHLO me\r\n").await.starts_with("502 "));
    assert_eq!(client.ask("HELO me\r\n").await, "250 capture.example.jp\r\n");
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<c@d.jp>", "250"), ("DATA", "354")]).await;
    client.talk(&[("Hello", ""), (".", "250 Ok: queued as")]).await;
    assert_eq!(&relay.captured()[0].bytes[..], b"Hello\r\n");
}

#[tokio::test]
async fn a_mail_is_captured_exactly_as_sent_with_its_envelope() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    client.ask("MAIL FROM:<bounces+x@example.jp> RET=HDRS ENVID=n-1\r\n").await;
    client.ask("RCPT TO:<\"abc..def\"@docomo.ne.jp> NOTIFY=FAILURE,DELAY ORCPT=rfc822;abc..def@docomo.ne.jp\r\n").await;
    client.ask("DATA\r\n").await;
    let reply = client.ask("Subject: x\r\n\r\n..one\r\n...\r\n\tlast.\r\n.\r\n").await;

    let mail = relay.captured().remove(0);
    assert_eq!(&mail.bytes[..], b"Subject: x\r\n\r\n.one\r\n..\r\n\tlast.\r\n");
    assert_eq!(mail.mail_from(), "bounces+x@example.jp");
    assert_eq!(mail.rcpt_to(), ["\"abc..def\"@docomo.ne.jp"]);
    assert_eq!(mail.envelope.envid(), Some("n-1"));
    assert_eq!(mail.envelope.recipients[0].param("NOTIFY"), Some("FAILURE,DELAY"));
    assert_eq!(reply, format!("250 2.0.0 Ok: queued as {}\r\n", mail.queue_id));
    assert_eq!((mail.size, mail.connection), (32, 1));
    assert_eq!(mail.sha256_hex().len(), 64);
}

#[tokio::test]
async fn a_refused_recipient_leaves_the_transaction_open() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<nobody>", "501 5.1.3")]).await;
    client.talk(&[("DATA", "554 5.5.1 Error: no valid recipients"), ("MAIL FROM:<a@b.jp>", "503 5.5.1")]).await;
    client.talk(&[("RSET", "250"), ("MAIL FROM:<a@b.jp>", "250")]).await;
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::connect(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "503"), ("EHLO me", "250"), ("RCPT TO:<c@d.jp>", "503")]).await;
    client.talk(&[("DATA", "503"), ("BDAT 0 LAST", "503"), ("NOOP", "250"), ("HELP", "502"), ("EHLO", "501")]).await;
    client.talk(&[("STARTTLS", "502"), ("AUTH PLAIN", "502"), ("QUIT", "221")]).await;
    client.expect_end().await;
}

#[tokio::test]
async fn an_overlong_line_and_a_bare_line_feed_are_refused_and_the_next_command_is_served() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    assert!(client.ask(&format!("NOOP {}\r\n", "x".repeat(100_000))).await.starts_with("500 5.5.2"));
    assert!(client.ask("NOOP\n").await.starts_with("550 5.5.2"));
    assert!(client.ask("NOOP\r\n").await.starts_with("250"));
}

#[tokio::test]
async fn a_body_with_bare_line_ends_is_refused_whole() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    client.ask_lines(&format!("{GROUP}DATA\r\n"), 3).await;
    assert!(client.ask("one\n.\ntwo\r\n.\r\n").await.starts_with("550 5.5.2"));
    assert_eq!(relay.stats().mails, 0);
}

#[tokio::test]
async fn replies_to_a_pipelined_group_leave_together() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    let before = relay.stats().writes;
    let replies = client.ask_lines(&format!("{GROUP}DATA\r\n"), 3).await;
    assert_eq!(replies, "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n");
    assert_eq!(relay.stats().writes, before + 1);

    let replies = client.ask_lines(&format!("one\r\n.\r\n{GROUP}DATA\r\n"), 4).await;
    assert!(replies.starts_with("250 2.0.0 Ok: queued as 0000000001\r\n250 2.1.0"), "{replies}");
    assert_eq!(relay.stats().writes, before + 2);
}

#[tokio::test]
async fn a_client_that_pipelines_without_leave_is_thrown_out() {
    let extensions = Extensions { pipelining: false, ..Extensions::default() };
    let relay = start(CaptureOptions { extensions, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    assert!(client.ask(GROUP).await.starts_with("554 5.5.0"));
    client.expect_end().await;
}

#[tokio::test]
async fn text_sent_before_the_354_is_thrown_out() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    let replies = client.ask_lines(&format!("{GROUP}DATA\r\nbody\r\n.\r\n"), 3).await;
    assert!(replies.ends_with("554 5.5.0 Error: SMTP protocol synchronization\r\n"), "{replies}");
    client.expect_end().await;
}

#[tokio::test]
async fn bdat_takes_octets_as_they_are_and_several_mails_in_one_write() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    let mail = format!("{GROUP}BDAT 9\r\n.\r\n.abc\r\nBDAT 3 LAST\r\nd\r\n");
    let replies = client.ask_lines(&mail.repeat(2), 8).await;
    assert_eq!(replies.matches("queued as").count(), 2, "{replies}");
    for mail in relay.captured() {
        assert_eq!(&mail.bytes[..], b".\r\n.abc\r\nd\r\n");
    }
}

#[tokio::test]
async fn bdat_octets_without_a_recipient_are_consumed_and_the_mail_is_over() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    let replies = client.ask_lines(&format!("MAIL FROM:<a@b.jp>\r\nBDAT 6 LAST\r\nRSET\r\n{GROUP}"), 4).await;
    let codes: Vec<_> = replies.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "554", "250", "250"], "{replies}");
}

#[tokio::test]
async fn nothing_is_captured_when_the_connection_ends_inside_a_body() {
    let relay = start(CaptureOptions::default()).await;
    for body in ["DATA\r\n", "BDAT 10 LAST\r\n123456789", "BDAT 4\r\n1234"] {
        let mut client = Client::hello(&relay).await;
        client.send(&format!("{GROUP}{body}")).await;
        if body == "DATA\r\n" {
            client.read_lines(3).await;
            client.send("Subject: x\r\n\r\nno dot\r\n.").await;
        }
        drop(client);
    }
    relay.wait_closed().await;
    assert_eq!((relay.stats().mails, relay.captured().len()), (0, 0));
}

#[tokio::test]
async fn a_mail_over_the_size_limit_is_refused_at_mail_and_at_the_end() {
    let extensions = Extensions { size: Some(20), ..Extensions::default() };
    let relay = start(CaptureOptions { extensions, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    assert!(client.ask("MAIL FROM:<a@b.jp> SIZE=21\r\n").await.starts_with("552 5.3.4"));
    client.ask_lines(&format!("{GROUP}DATA\r\n"), 3).await;
    assert!(client.ask("0123456789\r\n0123456789\r\n.\r\n").await.starts_with("552 5.3.4"));
    take_one(&mut client).await;
}

#[tokio::test]
async fn a_unicode_address_needs_smtputf8() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<太郎@example.jp>", "553 5.6.7"), ("RSET", "250")]).await;
    client.talk(&[("MAIL FROM:<a@b.jp> SMTPUTF8", "250"), ("RCPT TO:<太郎@example.jp>", "250")]).await;
}

#[tokio::test]
async fn auth_takes_the_right_password_only_and_can_be_required() {
    let account = Some(Account { user: "u".into(), password: "p".into() });
    let relay = start(CaptureOptions { account, auth_required: true, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "530 5.7.0"), ("AUTH CRAM-MD5", "504"), ("AUTH PLAIN !", "501")]).await;
    client.talk(&[("AUTH PLAIN AHUAeA==", "535 5.7.8"), ("AUTH LOGIN", "334"), ("dQ==", "334")]).await;
    client.talk(&[("cA==", "235 2.7.0"), ("AUTH PLAIN AHUAcA==", "503")]).await;
    take_one(&mut client).await;
    assert_eq!(relay.captured()[0].user.as_deref(), Some("u"));
    assert_eq!((relay.stats().auth_attempts, relay.stats().auth_failures), (5, 1));

    let mut client = Client::hello(&relay).await;
    client.talk(&[("AUTH PLAIN AHUAcA==", "235")]).await;
}
