//! One courier that hangs among others that go on: none of the other loops shows it. The relay holds back one reply, and the time
//! is looked at as it will be when the reply is later than every deadline allows.

use crate::support::audit;
use crate::support::world::{World, addresses, deadlines, eventually};
use owabi::clock::{monotonic, now_ms};
use owabi::dispatch::{self, Live, Options, Parts};
use owabi::library::Library;
use owabi::service::Longest;
use owabi_core::ids::Keys;
use owabi_smtp::capture::{CaptureOptions, Moment, Point, Script, Then, When};
use owabi_store::{OpenOptions, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const HERE: &str = "here";
/// A courier that goes on has shown it within this.
const AGO: Duration = Duration::from_secs(8);

/// A dispatcher with three couriers, one of which gets no reply to its second mail's body, and who looks on.
async fn looked_at(members: usize, looks: impl AsyncFn(&World, &Live)) {
    let script = Script::new().once(When::at(Point::Dot).nth(6), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let options = CaptureOptions { script, ..CaptureOptions::default() };
    let relay = "name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 3, in_flight: 2, rate: 20";
    let more = format!("smtp:\n  relays:\n    - {{ {relay} }}\n  bounce: {{ address: bounces@example.jp }}\n");
    let mut world = World::configured(&addresses(members), options, &more).await;
    world.relays[0].deadlines = deadlines(Duration::from_hours(1));
    let url = world.config.database.url.clone();
    world.store =
        Store::open(&OpenOptions { busy_timeout: Duration::from_millis(200), ..OpenOptions::new(url) }).await.unwrap();
    let (live, stop) = (Live::default(), CancellationToken::new());
    let (library, keys) = (Arc::new(Library::load(&world.config)), Keys::new(&[7; 32]).unwrap());
    let parts = Parts { relays: world.relays.clone(), store: world.store.clone(), library, keys };
    let working = dispatch::run(&world.config, parts, Options::default(), live.clone(), stop.clone());
    let looking = async {
        world.relay.wait_reached(HERE).await;
        looks(&world, &live).await;
        world.relay.release(HERE);
        assert!(eventually(&async || live.accepted() == members as u64).await, "everybody is told in the end");
        stop.cancel();
    };
    let (summary, ()) = tokio::join!(Box::pin(working), looking);
    assert_eq!(summary.unwrap().accepted, members as u64);
    world.audit().await;
}

/// The couriers that have shown nothing for longer than [`AGO`].
fn hanging(world: &World, live: &Live) -> Vec<String> {
    let then = monotonic() + Longest::of(&world.config).courier.saturating_sub(AGO);
    let names = live.pulses().wedged(then).into_iter().map(|wedged| wedged.name);
    names.filter(|name| name.starts_with("courier main ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_courier_that_hangs_while_the_others_go_on_is_found_and_no_other_one() {
    looked_at(600, async |world, live| {
        assert_eq!(hanging(world, live), Vec::<String>::new());
        let before = live.accepted();
        tokio::time::sleep(2 * AGO).await;
        assert!(live.accepted() > before + 50 && live.accepted() < 600, "the others go on: {}", live.accepted());
        assert_eq!(hanging(world, live).len(), 1, "{:?}", hanging(world, live));
        world.relay.release(HERE);
        assert!(eventually(&async || hanging(world, live).is_empty()).await, "it goes on again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_courier_hangs_that_has_nothing_to_do_waits_for_its_turn_or_for_a_database_that_is_away() {
    looked_at(12, async |world, live| {
        let mut lock = audit::connect(&world.config.database.url).await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        assert!(eventually(&async || live.database(now_ms()).trouble().is_some()).await);
        tokio::time::sleep(2 * AGO).await;
        assert_eq!(hanging(world, live), Vec::<String>::new());
        sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
        let well = async || live.database(now_ms()).trouble().is_none();
        assert!(eventually(&well).await);
    })
    .await;
}
