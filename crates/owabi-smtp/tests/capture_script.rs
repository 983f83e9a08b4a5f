//! The capture relay made to misbehave: every kind of answer that a script can give.

mod capture_client;

use std::time::Duration;

use capture_client::{Client, PATIENCE, Relay, send_to, start, take_one};
use owabi_smtp::capture::{CaptureOptions, Hangup, Moment, Point, Script, Then, When};
use tokio::time::{Instant, timeout};

const GROUP: &str = "MAIL FROM:<a@example.jp>\r\nRCPT TO:<b@example.jp>\r\n";
const MAIL: &str = "MAIL FROM:<a@example.jp>\r\nRCPT TO:<b@example.jp>\r\nBDAT 4 LAST\r\nHi\r\n";
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_millis(500);

async fn with(script: Script) -> Relay {
    start(CaptureOptions { script, ..CaptureOptions::default() }).await
}

#[tokio::test]
async fn a_reply_can_take_the_place_of_any_answer() {
    let no = || Then::reply(450, "4.0.0 No");
    for (point, reply) in [
        (Point::Greeting, "450 4.0.0 No"),
        (Point::Ehlo, "220,450 4.0.0 No"),
        (Point::Mail, "220,250,450 4.0.0 No,503"),
        (Point::Rcpt, "220,250,250,450 4.0.0 No,554"),
        (Point::Data, "220,250,250,250,450 4.0.0 No"),
        (Point::Rset, "220,250,250,250,354,250,450 4.0.0 No"),
    ] {
        let relay = with(Script::new().always(point, no())).await;
        let mut client = Client::open(&relay).await;
        let commands = ["", "EHLO me\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<a@b>\r\n", "DATA\r\n", ".\r\n", "RSET\r\n"];
        for (command, reply) in commands.iter().zip(reply.split(',')) {
            let got = client.ask(command).await;
            assert!(got.starts_with(reply), "{point:?} {command}: {got}");
        }
    }
}

#[tokio::test]
async fn a_refused_greeting_leaves_only_quit() {
    let relay = with(Script::new().always(Point::Greeting, Then::reply(554, "5.3.2 No SMTP service here"))).await;
    let mut client = Client::open(&relay).await;
    assert_eq!(client.read_reply().await, "554 5.3.2 No SMTP service here\r\n");
    client.talk(&[("EHLO me", "503"), ("QUIT", "221")]).await;
}

#[tokio::test]
async fn a_mail_refused_after_the_dot_is_not_captured_and_the_transaction_is_over() {
    for code in [451, 552] {
        let relay = with(Script::new().once(Point::Dot, Then::reply(code, "x"))).await;
        let mut client = Client::hello(&relay).await;
        assert!(client.ask_lines(MAIL, 3).await.ends_with(&format!("{code} x\r\n")));
        assert_eq!(relay.stats().mails, 0);
        take_one(&mut client).await;
    }
}

#[tokio::test]
async fn a_421_closes_after_it_is_said() {
    for then in [Then::reply(421, "4.3.2 Shutting down"), Then::Close(451, "4.3.2 Shutting down".into())] {
        let relay = with(Script::new().always(Point::Rcpt, then)).await;
        let mut client = Client::hello(&relay).await;
        assert!(client.ask_lines(GROUP, 2).await.ends_with("4.3.2 Shutting down\r\n"));
        client.expect_end().await;
    }
}

#[tokio::test]
async fn a_reply_can_have_several_lines() {
    let relay = with(Script::new().always(Point::Mail, Then::reply(550, "5.7.1 one\n5.7.1 two"))).await;
    let mut client = Client::hello(&relay).await;
    assert_eq!(client.ask("MAIL FROM:<a@b>\r\n").await, "550-5.7.1 one\r\n550 5.7.1 two\r\n");
}

#[tokio::test]
async fn raw_octets_take_the_place_of_a_reply_and_the_mail_is_taken_or_not() {
    let strange: [(&[u8], bool); 6] = [
        (b"250\r\n", true),
        (b"250 \x8e\xf3\x95t\x8a\xae\x97\xb9\r\n", true),
        (b"250 a\0b\r\n", true),
        (b"\0\xff garbage\r\n", false),
        (b"199 what\r\n", false),
        (b"650 what\r\n", false),
    ];
    for (bytes, accept) in strange {
        let then = if accept { Then::raw(bytes) } else { Then::raw_refused(bytes) };
        let relay = with(Script::new().always(Point::Dot, then)).await;
        let mut client = Client::hello(&relay).await;
        client.send(MAIL).await;
        client.read_lines(2).await;
        assert_eq!(client.read_raw_lines(1).await, bytes);
        assert_eq!(relay.stats().mails, u64::from(accept));
    }
}

#[tokio::test]
async fn an_endless_line_and_an_endless_reply_go_on_until_the_client_leaves() {
    for (then, start) in [(Then::EndlessLine, "250 aaaa"), (Then::EndlessReply, "250-and so on\r\n250-and")] {
        let relay = with(Script::new().always(Point::Dot, then)).await;
        let mut client = Client::hello(&relay).await;
        client.send(MAIL).await;
        client.read_lines(2).await;
        let got = client.read_for(LONG).await;
        assert!(got.len() > 100_000 && got.starts_with(start.as_bytes()), "{}", got.len());
        drop(client);
        relay.wait_closed().await;
    }
}

#[tokio::test]
async fn a_delay_comes_between_capture_and_reply() {
    let relay = with(Script::new().always(Point::Dot, Then::Delay(LONG))).await;
    let mut client = Client::hello(&relay).await;
    let begun = Instant::now();
    client.ask_lines(MAIL, 2).await;
    assert_eq!(client.read_for(SHORT / 4).await, b"");
    assert_eq!(relay.stats().mails, 1);
    client.read_lines(1).await;
    assert!(begun.elapsed() >= LONG);
}

#[tokio::test]
async fn a_trickle_gives_one_octet_at_a_time() {
    let apart = Duration::from_millis(20);
    let relay = with(Script::new().always(Point::Mail, Then::Trickle(apart))).await;
    let mut client = Client::hello(&relay).await;
    let begun = Instant::now();
    let got = client.ask("MAIL FROM:<a@b>\r\n").await;
    assert!(got.ends_with("Ok\r\n"), "{got:?}");
    let pauses = u32::try_from(got.len()).unwrap() - 1;
    assert!(begun.elapsed() >= apart * pauses, "{:?} for {pauses} pauses", begun.elapsed());
}

#[tokio::test]
async fn a_stall_is_silence_on_an_open_connection() {
    for (point, moment, mails) in [
        (Point::Connect, Moment::BeforeEffect, 0),
        (Point::Dot, Moment::BeforeEffect, 0),
        (Point::Dot, Moment::BeforeReply, 1),
        (Point::Dot, Moment::AfterReply, 1),
    ] {
        let relay = with(Script::new().always(point, Then::Stall(moment))).await;
        let mut client = Client::open(&relay).await;
        if point == Point::Dot {
            client.read_lines(1).await;
            client.ask("EHLO me\r\n").await;
            client.ask_lines(MAIL, 2).await;
        }
        let got = client.read_for(SHORT).await;
        assert_eq!(!got.is_empty(), moment == Moment::AfterReply, "{got:?}");
        assert_eq!((relay.stats().open, relay.stats().mails), (1, mails));
    }
}

#[tokio::test]
async fn a_drop_before_capture_takes_nothing_and_a_drop_after_it_loses_only_the_reply() {
    for how in [Hangup::Fin, Hangup::Rst] {
        for (moment, mails) in [(Moment::BeforeEffect, 0), (Moment::BeforeReply, 1)] {
            let relay = with(Script::new().once(Point::Dot, Then::Drop(how, moment))).await;
            let mut client = Client::hello(&relay).await;
            client.ask_lines(&format!("{GROUP}DATA\r\n"), 3).await;
            client.send("Hi\r\n.\r\n").await;
            client.expect_end().await;
            relay.wait_closed().await;
            assert_eq!(relay.stats().mails, mails, "{how:?} {moment:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_is_seen_as_a_reset_and_a_fin_as_an_end() {
    let latencies = [Duration::ZERO, Duration::from_millis(10)];
    for (how, reset, rtt) in latencies.into_iter().flat_map(|rtt| [(Hangup::Fin, false, rtt), (Hangup::Rst, true, rtt)])
    {
        let script = Script::new().always(Point::Mail, Then::Drop(how, Moment::BeforeReply));
        let relay = start(CaptureOptions { script, rtt, ..CaptureOptions::default() }).await;
        let mut client = Client::hello(&relay).await;
        client.send("MAIL FROM:<a@b>\r\n").await;
        let end = tokio::io::AsyncReadExt::read(&mut client.io, &mut [0]).await;
        assert_eq!(end.is_err(), reset, "{end:?}");
    }
}

#[tokio::test]
async fn a_connection_can_be_dropped_at_once_and_after_a_reply() {
    let relay = with(Script::new().once(Point::Connect, Then::Drop(Hangup::Rst, Moment::BeforeEffect))).await;
    Client::open(&relay).await.expect_end().await;
    relay.set_script(Script::new().always(Point::Rcpt, Then::Drop(Hangup::Fin, Moment::AfterReply)));
    let mut client = Client::hello(&relay).await;
    assert!(client.ask_lines(GROUP, 2).await.ends_with("250 2.1.5 Ok\r\n"));
    client.expect_end().await;
}

#[tokio::test]
async fn a_connection_can_be_dropped_inside_the_body() {
    let drop = || Then::Drop(Hangup::Fin, Moment::BeforeEffect);
    let relay = with(Script::new().always(Point::BodyAfter(10), drop())).await;
    for body in ["DATA\r\n", "BDAT 20 LAST\r\n"] {
        let mut client = Client::hello(&relay).await;
        client.send(&format!("{GROUP}{body}")).await;
        client.read_lines(if body == "DATA\r\n" { 3 } else { 2 }).await;
        client.send("12345678").await;
        assert_eq!(client.read_for(SHORT / 2).await, b"");
        client.send("90123\r\n.\r\n").await;
        client.expect_end().await;
    }
    assert_eq!(relay.stats().mails, 0);
}

#[tokio::test]
async fn an_extra_or_a_missing_reply_puts_a_group_out_of_step() {
    let script = Script::new().once(Point::Mail, Then::ExtraReply(250, "2.1.5 Extra".into()));
    let relay = with(script.once(Point::Dot, Then::MissingReply)).await;
    let mut client = Client::hello(&relay).await;
    let replies = client.ask_lines(&format!("{MAIL}NOOP\r\n"), 4).await;
    assert_eq!(replies, "250 2.1.0 Ok\r\n250 2.1.5 Extra\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n");
    assert_eq!(relay.stats().mails, 1);
}

#[tokio::test]
async fn the_relay_holds_before_or_after_the_capture_until_it_is_released() {
    for (moment, mails) in [(Moment::BeforeEffect, 0), (Moment::BeforeReply, 1)] {
        let relay = with(Script::new().once(Point::Dot, Then::PauseUntil("dot".into(), moment))).await;
        let mut client = Client::hello(&relay).await;
        client.ask_lines(MAIL, 2).await;
        timeout(PATIENCE, relay.wait_reached("dot")).await.unwrap();
        assert_eq!((relay.stats().mails, client.read_for(SHORT / 4).await.len()), (mails, 0));
        relay.release("dot");
        assert!(client.read_lines(1).await.starts_with("250 2.0.0 Ok: queued"));
    }
}

#[tokio::test]
async fn a_rule_can_be_about_a_recipient_a_domain_a_part_a_pattern_or_an_envelope() {
    let no = || Then::reply(550, "5.1.1 No");
    let at = || When::at(Point::Rcpt);
    for when in [
        at().recipient("taro@docomo.ne.jp"),
        at().domain("DOCOMO.ne.jp"),
        at().contains("aro@do"),
        at().glob("t*@docomo.*"),
        at().share(1000, 1).envelope(|envelope| envelope.recipients.last().unwrap().address.starts_with("taro@d")),
    ] {
        let relay = with(Script::new().always(when.clone(), no())).await;
        let mut client = Client::hello(&relay).await;
        client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<taro@docomo.ne.jp>", "550")]).await;
        client.talk(&[("RCPT TO:<taro@example.jp>", "250"), ("RCPT TO:<taro@docomo.ne.jp>", "550")]).await;
        client.talk(&[("DATA", "354"), (".", "250")]).await;
        assert_eq!(relay.captured()[0].rcpt_to(), ["taro@example.jp"], "{when:?}");
    }
}

#[tokio::test]
async fn a_rule_can_be_about_the_nth_time_each_nth_time_or_the_first_times() {
    let at = || When::at(Point::Mail);
    let no = || Then::reply(451, "4.3.0 No");
    for (script, expected) in [
        (Script::new().always(at().nth(2), no()), "+-++++"),
        (Script::new().always(at().every_nth(2), no()), "+-+-+-"),
        (Script::new().first(3, at(), no()), "---+++"),
        (Script::new().once(at(), no()), "-+++++"),
    ] {
        let relay = with(script).await;
        let mut client = Client::hello(&relay).await;
        let mut seen = String::new();
        for _ in 0..6 {
            let taken = client.ask("MAIL FROM:<a@b.jp>\r\n").await.starts_with("250");
            seen.push(if taken { '+' } else { '-' });
            client.ask("RSET\r\n").await;
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_relay_can_refuse_after_so_many_mails_on_a_connection() {
    let relay =
        with(Script::new().always(When::at(Point::Mail).after_mails(2), Then::reply(421, "4.7.0 Enough"))).await;
    for _ in 0..2 {
        let mut client = Client::hello(&relay).await;
        take_one(&mut client).await;
        take_one(&mut client).await;
        assert!(client.ask("MAIL FROM:<a@b.jp>\r\n").await.starts_with("421"));
        client.expect_end().await;
    }
}

#[tokio::test]
async fn the_first_time_for_each_recipient_can_be_refused() {
    let when = When::at(Point::Rcpt).first_for_recipient();
    let relay = with(Script::new().always(when, Then::reply(450, "4.2.0 Later"))).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<c@d.jp>", "450"), ("RCPT TO:<c@d.jp>", "250")]).await;
    client.talk(&[("RCPT TO:<e@d.jp>", "450"), ("RCPT TO:<c@d.jp>", "250")]).await;
}

#[tokio::test]
async fn greylisting_lets_a_triplet_pass_after_its_delay_and_a_changed_sender_starts_anew() {
    let relay = with(Script::new().greylist(LONG)).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<c@d.jp>", "450 4.7.1"), ("RCPT TO:<c@d.jp>", "450")]).await;
    tokio::time::sleep(LONG).await;
    client.talk(&[("RCPT TO:<c@d.jp>", "250"), ("RSET", "250"), ("MAIL FROM:<other@b.jp>", "250")]).await;
    client.talk(&[("RCPT TO:<c@d.jp>", "450 4.7.1")]).await;
}

#[tokio::test]
async fn ordinary_trouble_is_the_same_for_the_same_seed_and_confirms_all_it_takes() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let relay = with(Script::ordinary_trouble(7)).await;
        let mut client = Client::hello(&relay).await;
        let mut refused = Vec::new();
        for n in 0..300 {
            client.ask("MAIL FROM:<a@b.jp>\r\n").await;
            let reply = client.ask(&format!("RCPT TO:<member{n}@example.jp>\r\n")).await;
            if reply.starts_with('5') {
                refused.push(n);
            }
            client.ask("RSET\r\n").await;
        }
        outcomes.push(refused);
    }
    assert!(!outcomes[0].is_empty() && outcomes[0].len() < 30 && outcomes[0] == outcomes[1], "{outcomes:?}");
}

#[tokio::test]
async fn a_script_can_be_changed_while_the_relay_runs() {
    let relay = with(Script::new().always(Point::Rcpt, Then::reply(450, "4.2.0 Later"))).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "250"), ("RCPT TO:<c@d.jp>", "450"), ("RSET", "250")]).await;
    relay.set_script(Script::new());
    send_to(&mut client, "c@d.jp").await;
}

#[tokio::test]
async fn a_bdat_mail_refused_at_its_first_chunk_is_consumed() {
    let relay = with(Script::new().once(Point::Data, Then::reply(451, "4.3.0 No"))).await;
    let mut client = Client::hello(&relay).await;
    let replies = client.ask_lines(&MAIL.repeat(2), 6).await;
    let codes: Vec<_> = replies.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "451", "250", "250", "250"]);
    assert_eq!(relay.stats().mails, 1);
}

#[tokio::test]
async fn a_lenient_relay_opens_the_body_without_a_recipient_and_refuses_after_the_dot() {
    let relay = start(CaptureOptions { lenient_data: true, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    client
        .talk(&[("MAIL FROM:<a@b.jp>", "250"), ("DATA", "354"), (".", "554 5.5.1"), ("MAIL FROM:<a@b.jp>", "250")])
        .await;
}

#[tokio::test]
async fn a_large_body_can_be_stopped_half_way_so_that_its_dot_is_not_out() {
    let script = Script::new().once(Point::BodyAfter(1000), Then::PauseUntil("body".into(), Moment::BeforeEffect));
    let relay = start(CaptureOptions { script, receive_buffer: Some(4096), ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    client.ask_lines(&format!("{GROUP}DATA\r\n"), 3).await;
    let body = "0123456789\r\n".repeat(500_000) + ".\r\n";
    assert!(timeout(SHORT, client.send(&body)).await.is_err());
    timeout(PATIENCE, relay.wait_reached("body")).await.unwrap();
    drop(client);
    relay.release("body");
    relay.wait_closed().await;
    assert_eq!((relay.stats().mails, relay.stats().bodies_cut), (0, 1));
}
