//! The relay's or our own fault, which costs nobody an attempt: B1, B6, B7, B9, B10, B16 (502), B19, B21 to B25.

use crate::support::world::{World, addresses};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{
    Account, CaptureOptions, Extensions, Hangup, Moment, Point, Script, Then, When, server_config_from_pem,
};
use owabi_smtp::relay::{Login, Tls};

/// Nobody was told, nobody paid for it, and nothing went out; then the relay is well again and everybody is told once.
async fn nobody_pays(world: &mut World) {
    world.lengthen_pauses();
    let summary = world.run().await;
    assert!(summary.relays_down, "{summary:?}");
    for row in world.rows().await {
        assert_eq!((row.status, row.used, row.possible_duplicate), (Status::Queued, 0, false), "{row:?}");
    }
    assert_eq!(world.relay.stats().mails, 0);
}

async fn all_told_once(world: &World) {
    world.finish().await;
    for row in world.rows().await {
        assert_eq!((row.status, row.used, row.possible_duplicate), (Status::Accepted, 1, false), "{row:?}");
    }
    assert_eq!(world.relay.captured().len(), world.rows().await.len());
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b01_a_421_at_any_step_costs_nobody_an_attempt() {
    for point in [Point::Greeting, Point::Ehlo, Point::Mail, Point::Rcpt, Point::Data, Point::Dot] {
        let script = Script::new().first(2, point, Then::Close(421, "4.3.2 Shutting down".into()));
        all_told_once(&World::careful(&addresses(4), script).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b01_a_relay_that_says_421_to_everybody_is_paused_and_tried_by_one_connection_at_a_time() {
    let script = Script::new().always(Point::Greeting, Then::Close(421, "4.3.2 Shutting down".into()));
    let mut world = World::with(&addresses(20), CaptureOptions { script, ..CaptureOptions::default() }).await;
    nobody_pays(&mut world).await;
    // At most the four connections that were opening when the first one failed, and one probe for each further failure.
    assert!(world.relay.stats().connections <= 4 + 2, "{:?}", world.relay.stats());
    world.relay.set_script(Script::new());
    all_told_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b06_a_message_larger_than_the_relay_takes_pauses_the_notice_before_the_first_member() {
    let extensions = Extensions { size: Some(200), ..Extensions::default() };
    let world = World::with(&addresses(20), CaptureOptions { extensions, ..CaptureOptions::default() }).await;
    world.run().await;
    assert_eq!(world.store.notice("leak").await.unwrap().unwrap().state, "paused");
    let rows = world.rows().await;
    assert!(rows.iter().all(|row| (row.status, row.tries) == (Status::Queued, 0)), "{rows:?}");
    assert_eq!((world.relay.stats().transactions, world.relay.stats().mails), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b06_a_relay_that_finds_the_message_too_large_pauses_the_notice_and_nobody_pays() {
    for point in [Point::Mail, Point::Dot] {
        let script = Script::new().always(point, Then::reply(552, "5.3.4 Message size exceeds fixed limit"));
        let world = World::careful(&addresses(20), script).await;
        world.run().await;
        assert_eq!(world.store.notice("leak").await.unwrap().unwrap().state, "paused");
        let rows = world.rows().await;
        assert!(rows.iter().all(|row| (row.status, row.used) == (Status::Queued, 0)), "{rows:?}");
        assert!(rows.iter().filter(|row| row.tries > 0).count() <= 2, "{rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b07_a_refused_sender_stops_the_queue_and_costs_nobody_an_attempt() {
    let members: Vec<String> = (0..30).map(|n| format!("u{n}@d{}.example", n % 6)).collect();
    let at_mail = |code, text| Script::new().always(Point::Mail, Then::reply(code, text));
    let scripts = [
        at_mail(550, "5.7.1 Sender rejected"),
        at_mail(553, "Sorry"),
        at_mail(554, "5.7.1 Sender address rejected"),
        Script::new().always(Point::Rcpt, Then::reply(550, "5.7.1 Your mail is not wanted")),
        Script::new().always(Point::Greeting, Then::Close(554, "5.7.1 No SMTP service here for you".into())),
    ];
    for script in scripts {
        let mut world = World::careful(&members, script).await;
        nobody_pays(&mut world).await;
        let refused: i64 = world.rows().await.iter().map(|row| row.tries).sum();
        assert!(refused <= 3 * 3, "{refused} members were tried before the queue stopped");
        world.relay.set_script(Script::new());
        all_told_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b09_a_relay_that_wants_a_login_or_does_not_relay_stops_the_queue_at_once() {
    let scripts = [
        Script::new().always(Point::Mail, Then::reply(530, "5.7.0 Authentication required")),
        Script::new().always(Point::Rcpt, Then::reply(550, "Relay access denied")),
        Script::new().always(Point::Rcpt, Then::reply(554, "5.7.1 <x@example.jp>: Relay access denied")),
    ];
    for script in scripts {
        let mut world = World::careful(&addresses(10), script).await;
        nobody_pays(&mut world).await;
        let tries: i64 = world.rows().await.iter().map(|row| row.tries).sum();
        assert!(tries <= 3, "{tries} members were tried before the queue stopped");
        world.relay.set_script(Script::new());
        all_told_once(&world).await;
    }
}

fn login() -> Login {
    Login { user: "owabi".into(), password: String::from("right").into() }
}

/// A relay that wants a login, and a dispatcher that has one.
async fn with_login(password: &str) -> World {
    let account = Some(Account { user: "owabi".into(), password: password.into() });
    let options = CaptureOptions { account, auth_required: true, ..CaptureOptions::default() };
    let mut world = World::with(&addresses(10), options).await;
    world.relays[0].auth = Some(login());
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b09_a_refused_login_is_tried_once_in_each_pause_and_never_locks_the_account() {
    let mut world = with_login("another").await;
    nobody_pays(&mut world).await;
    assert_eq!((world.relay.stats().auth_attempts, world.relay.stats().transactions), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_a_login_that_fails_for_now_costs_nobody_an_attempt() {
    let world = with_login("right").await;
    world.relay.set_script(Script::new().first(
        2,
        Point::Auth,
        Then::reply(454, "4.7.0 Temporary authentication failure"),
    ));
    all_told_once(&world).await;
    assert_eq!(world.relay.stats().auth_failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b19_a_relay_that_is_not_there_stops_the_queue_until_it_is() {
    let mut world = World::with(&addresses(20), CaptureOptions::default()).await;
    world.relay.close_listener().await;
    nobody_pays(&mut world).await;
    world.relay.reopen().unwrap();
    all_told_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b19_a_relay_whose_name_is_unknown_stops_the_queue() {
    let mut world = World::with(&addresses(5), CaptureOptions::default()).await;
    world.relays[0].host = "relay.invalid".into();
    nobody_pays(&mut world).await;
}

/// A certificate for this name, its key, and who vouches for it.
fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b21_a_relay_without_the_starttls_that_is_asked_for_hears_nothing_but_ehlo() {
    let (pem, key) = certificate("127.0.0.1");
    let starttls = server_config_from_pem(pem.as_bytes(), key.as_bytes()).unwrap();
    let refused = Script::new().always(Point::StartTls, Then::reply(454, "4.7.0 TLS not available"));
    for (starttls, script) in [(None, Script::new()), (Some(starttls), refused)] {
        let options = CaptureOptions { starttls, script, keep_commands: 100, ..CaptureOptions::default() };
        let mut world = World::with(&addresses(5), options).await;
        (world.relays[0].tls, world.relays[0].auth) = (Tls::StartTls, Some(login()));
        nobody_pays(&mut world).await;
        let said = world.relay.commands();
        let harmless = |line: &str| ["EHLO", "STARTTLS", "QUIT"].iter().any(|word| line.starts_with(word));
        assert!(!said.is_empty() && said.iter().all(|command| harmless(&command.line)), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b22_answers_injected_before_the_handshake_stop_the_queue() {
    let (pem, key) = certificate("127.0.0.1");
    let starttls = Some(server_config_from_pem(pem.as_bytes(), key.as_bytes()).unwrap());
    let script = Script::new().always(Point::StartTls, Then::raw("220 go\r\n250 injected\r\n"));
    let mut world = World::with(&addresses(5), CaptureOptions { starttls, script, ..CaptureOptions::default() }).await;
    (world.relays[0].tls, world.relays[0].ca_pem) = (Tls::StartTls, Some(pem.into_bytes()));
    nobody_pays(&mut world).await;
    assert_eq!(world.relay.stats().transactions, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b23_a_certificate_of_another_name_or_an_unknown_authority_stops_the_queue() {
    let (other, _) = certificate("127.0.0.1");
    for (name, pinned) in [("another.example", None), ("127.0.0.1", Some(other))] {
        let (pem, key) = certificate(name);
        let starttls = Some(server_config_from_pem(pem.as_bytes(), key.as_bytes()).unwrap());
        let mut world = World::with(&addresses(5), CaptureOptions { starttls, ..CaptureOptions::default() }).await;
        let trusted = pinned.unwrap_or(pem).into_bytes();
        (world.relays[0].tls, world.relays[0].ca_pem) = (Tls::StartTls, Some(trusted));
        nobody_pays(&mut world).await;
        assert_eq!(world.relay.stats().transactions, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b24_a_limit_of_mails_a_connection_is_learned_and_costs_nobody_an_attempt() {
    let full = Then::Close(421, "4.7.0 Too many messages on this connection".into());
    let world = World::careful(&addresses(40), Script::new().always(When::at(Point::Mail).after_mails(5), full)).await;
    all_told_once(&world).await;
    // Refused once; from then on the connection is renewed before the relay has to say so.
    let refused: i64 = world.rows().await.iter().map(|row| row.tries - 1).sum();
    assert_eq!((refused, world.relay.stats().connections), (1, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b25_throttling_costs_nobody_an_attempt_and_everybody_is_told_once() {
    for (point, code, text) in [
        (Point::Mail, 451, "4.7.1 Try again later"),
        (Point::Rcpt, 450, "4.7.1 Rate limit exceeded"),
        (Point::Rcpt, 452, "4.3.2 System not accepting messages"),
        (Point::Dot, 452, "4.3.1 Insufficient system storage"),
    ] {
        let script = Script::new().first(3, point, Then::reply(code, text));
        let world = World::careful(&addresses(4), script).await;
        all_told_once(&world).await;
        assert_eq!(world.rows().await.iter().map(|row| row.tries - 1).sum::<i64>(), 3, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b25_a_relay_whose_quota_for_us_is_used_up_is_paused_and_nobody_pays() {
    let used_up = Then::reply(550, "5.4.5 Daily user sending limit exceeded");
    let mut world = World::careful(&addresses(10), Script::new().always(Point::Rcpt, used_up)).await;
    nobody_pays(&mut world).await;
    let tries: i64 = world.rows().await.iter().map(|row| row.tries).sum();
    assert!(tries <= 3, "{tries} members were tried: more than one in each pause");
    world.relay.set_script(Script::new());
    all_told_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b16_a_relay_that_knows_no_command_of_ours_is_paused_and_nobody_pays() {
    let script = Script::new().always(Point::Mail, Then::reply(502, "5.5.1 Command not implemented"));
    let mut world = World::careful(&addresses(10), script).await;
    nobody_pays(&mut world).await;
    let tries: i64 = world.rows().await.iter().map(|row| row.tries).sum();
    assert!(tries <= 3 + 2, "{tries} members were tried: three, and one in each further pause");
    world.relay.set_script(Script::new());
    all_told_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b20_a_connection_lost_before_the_dot_is_neither_in_doubt_nor_an_attempt() {
    for how in [Hangup::Rst, Hangup::Fin] {
        for point in [Point::Connect, Point::Mail, Point::Rcpt, Point::Data] {
            let script = Script::new().first(2, point, Then::Drop(how, Moment::BeforeEffect));
            all_told_once(&World::careful(&addresses(4), script).await).await;
        }
    }
}
