//! What the capture relay keeps and counts, and how it starts, closes and stops.

mod capture_client;

use std::time::Duration;

use capture_client::{Client, send_to, start, take_one};
use owabi_smtp::capture::{CaptureOptions, Keep, read_captured, split_captured};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[tokio::test]
async fn a_file_of_the_maildir_gives_back_envelope_and_message_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let relay = start(CaptureOptions { maildir: Some(dir.path().into()), ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    let message = "X-Capture-Octets: 3\r\nSubject: \t\r\n\r\n.\r\nX-Capture-Mail: <x>\r\nno line end";
    client.ask("MAIL FROM:<v+1@example.jp> RET=HDRS ENVID=n-1\r\n").await;
    client.ask("RCPT TO:<\"a..b\"@docomo.ne.jp> NOTIFY=FAILURE ORCPT=rfc822;x\r\n").await;
    client.ask("RCPT TO:<c@example.jp>\r\n").await;
    client.ask(&format!("BDAT {} LAST\r\n{message}", message.len())).await;

    let mail = relay.captured().remove(0);
    let path = mail.path.clone().unwrap();
    assert_eq!(path.parent().unwrap(), dir.path().join("new"));
    let (envelope, bytes) = read_captured(&path).unwrap();
    assert_eq!((bytes.as_slice(), &envelope), (message.as_bytes(), &mail.envelope));

    let file = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&file);
    for line in ["Return-Path: <v+1@example.jp>", "Delivered-To: c@example.jp", "X-Envelope-To: \"a..b\"@docomo.ne.jp"]
    {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    assert!(text.contains("X-Envelope-Id: n-1\r\n"));
    assert_eq!(split_captured(&file[..file.len() - 1]), None, "a cut file is no mail");
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn two_relays_can_share_a_maildir() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let relay = start(CaptureOptions { maildir: Some(dir.path().into()), ..CaptureOptions::default() }).await;
        take_one(&mut Client::hello(&relay).await).await;
    }
    assert_eq!(std::fs::read_dir(dir.path().join("new")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_maildir_that_cannot_be_written_refuses_the_mail_for_now() {
    let dir = tempfile::tempdir().unwrap();
    let relay = start(CaptureOptions { maildir: Some(dir.path().into()), ..CaptureOptions::default() }).await;
    std::fs::remove_dir(dir.path().join("tmp")).unwrap();
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<c@d.jp>", "250"), ("BDAT 0 LAST", "451 4.3.0")]).await;
    assert_eq!(relay.stats().mails, 0);
}

#[tokio::test]
async fn memory_keeps_the_newest_mails_or_their_hashes_or_only_counts() {
    for (keep, kept, octets) in
        [(Keep::Mails(2), 2, 9), (Keep::Hashes(1), 1, 0), (Keep::Counts, 0, 0), (Keep::Nothing, 0, 0)]
    {
        let relay = start(CaptureOptions { keep, ..CaptureOptions::default() }).await;
        let mut client = Client::hello(&relay).await;
        for recipient in ["a@d.jp", "b@d.jp", "b@d.jp"] {
            send_to(&mut client, recipient).await;
        }
        let mails = relay.captured();
        assert_eq!((mails.len(), relay.stats().mails), (kept, 3));
        assert!(mails.iter().all(|mail| mail.rcpt_to() == ["b@d.jp"] && mail.bytes.len() == octets && mail.size == 9));
        let twice = relay.deliveries().get("b@d.jp").copied();
        assert_eq!(twice, (keep != Keep::Nothing).then_some(2));
        relay.forget();
        assert!(relay.captured().is_empty() && relay.deliveries().is_empty());
    }
}

#[tokio::test]
async fn everything_is_counted() {
    let relay = start(CaptureOptions { keep_commands: 3, ..CaptureOptions::default() }).await;
    let mut first = Client::hello(&relay).await;
    let mut second = Client::hello(&relay).await;
    take_one(&mut first).await;
    first.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("DATA", "554"), ("RSET", "250"), ("QUIT", "221")]).await;
    first.expect_end().await;
    second.talk(&[("QUIT", "221")]).await;
    relay.wait_closed().await;
    let stats = relay.stats();
    assert_eq!((stats.connections, stats.open, stats.max_open, stats.commands), (2, 0, 2, 10));
    assert_eq!((stats.transactions, stats.mails, stats.recipients, stats.refusals), (2, 1, 1, 1));
    assert_eq!((stats.resets, stats.quits), (1, 2));
    assert!(stats.reads >= 10 && stats.writes >= 12 && stats.bytes_in > 100, "{stats:?}");
    let lines: Vec<_> = relay.commands().into_iter().map(|seen| (seen.connection, seen.line)).collect();
    assert_eq!(lines, [(1, "RSET".into()), (1, "QUIT".into()), (2, "QUIT".into())]);
}

#[tokio::test]
async fn a_closed_listener_refuses_connections_and_opens_again_on_the_same_port() {
    let relay = start(CaptureOptions::default()).await;
    let mut open = Client::hello(&relay).await;
    relay.close_listener().await;
    assert!(TcpStream::connect(relay.addr()).await.is_err());
    take_one(&mut open).await;
    relay.reopen().unwrap();
    take_one(&mut Client::hello(&relay).await).await;
    relay.drop_connections();
    open.expect_end().await;
    take_one(&mut Client::hello(&relay).await).await;
}

#[tokio::test]
async fn stopping_and_dropping_end_all_connections() {
    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    let addr = relay.addr();
    relay.0.stop().await;
    client.expect_end().await;
    assert!(TcpStream::connect(addr).await.is_err());

    let relay = start(CaptureOptions::default()).await;
    let mut client = Client::hello(&relay).await;
    drop(relay);
    client.expect_end().await;
}

#[tokio::test]
async fn latency_is_paid_once_for_a_group_and_not_summed_over_groups() {
    let (rtt, groups) = (Duration::from_secs(1), 20);
    let relay = start(CaptureOptions { rtt, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    let begun = Instant::now();
    for _ in 0..groups {
        client.send("MAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nBDAT 4 LAST\r\nHi\r\n").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.read_lines(3 * 20).await;
    let spent = begun.elapsed();
    assert!(spent >= rtt && spent < groups * rtt / 2, "{spent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_connections_deliver_thousands_of_mails_exactly_once() {
    let relay = start(CaptureOptions { keep: Keep::Counts, ..CaptureOptions::default() }).await;
    let mut connections = Vec::new();
    for _ in 0..200 {
        connections.push(Client::hello(&relay).await);
    }
    let mut clients = tokio::task::JoinSet::new();
    for (client, mut connection) in connections.into_iter().enumerate() {
        clients.spawn(async move {
            let mails: String = (0..50).map(|n| mail_to(&format!("m{client}-{n}@example.jp"))).collect();
            let replies = connection.ask_lines(&mails, 150).await;
            assert_eq!(replies.matches("queued as").count(), 50);
        });
    }
    clients.join_all().await;
    let stats = relay.stats();
    assert_eq!((stats.mails, stats.max_open), (10_000, 200));
    let deliveries = relay.deliveries();
    assert!(deliveries.len() == 10_000 && deliveries.values().all(|count| *count == 1));
}

fn mail_to(recipient: &str) -> String {
    format!("MAIL FROM:<a@example.jp>\r\nRCPT TO:<{recipient}>\r\nBDAT 4 LAST\r\nHi\r\n")
}
