//! `run`: the daemon.

mod built;
mod ending;
mod reload;
mod shift;

use super::db;
use super::exit::{Answer, Exit, Failure};
use super::lock::lock;
use super::lost::refuse_lost;
use super::say::say;
use super::session::Session;
use super::trouble;
use crate::alerts::Unsent;
use crate::config::Config;
use crate::dispatch::{Live, Summary};
use crate::ledger::{self, Noted, Sealer};
use crate::receipts::Troubles;
use crate::service::{Keeper, Longest, Manager, Phase, Service, Signals, keep_counting, stopping, watchdog};
use crate::{clock, health, keys};
use built::Built;
use ending::{Ended, Left, finish};
use owabi_store::Store;
use reload::Reloader;
use shift::Place;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// The options of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi run                   until SIGTERM or Ctrl-C; mails under way finish first
  owabi run --until-idle      sends what is due, waits for nothing that is due later

Signals: SIGHUP reads the configuration and the notices again; a bad configuration is refused, and the old one stays.
SIGUSR1 logs one step more (info, debug, trace), SIGUSR2 what is configured. Under systemd it tells when it is ready and how
far it is (sd_notify), and feeds the watchdog only while all of its loops go on.")]
pub(super) struct Options {
    /// Stop when nothing more is due now
    #[arg(long)]
    pub(super) until_idle: bool,
    /// First bring an older schema up to date, as `owabi db migrate` does
    #[arg(long)]
    migrate: bool,
}

/// How soon a configuration that could not begin, for want of the database, tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the beginning may show nothing of its going on.
const STEP: Duration = Duration::from_mins(5);

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let signals = Signals::listen()?;
    let config = session.config()?;
    warn_of_clear_ways(session, &config);
    refuse_lost(&config, false)?;
    let built = Built::of(config)?;
    let config = &built.config;
    let (live, service, troubles) = (Live::default(), Service::default(), Troubles::default());
    let manager = Manager::of(&session.environment);
    let fed = watchdog(&session.environment, std::process::id());
    service.may_take_until(clock::monotonic() + STEP);
    let keeper = Keeper::start(manager.clone(), fed, live.clone(), service.clone())?;
    if options.migrate {
        db::migrate_first(session, config).await?;
    }
    let store = session.store(config).await?;
    session.needs_no_seal();
    let looking = service.clone();
    store.check_integrity_telling(move || looking.may_take_until(clock::monotonic() + STEP)).await?;
    warn_of_durability(session, &store).await?;
    // SQLite has one daemon.
    let _lock = store.file().map(lock).transpose()?;
    db::refuse_restored(config, &store).await?;
    let keys = keys::load(config, &store).await?;
    let seal_key = ledger::key::load(config, &store).await?;
    live.read(&built.library);
    let figures = health::Figures::new(store.clone(), live.clone());
    let watched = Watched { live: &live, service: &service, receipts: &troubles, figures: &figures };
    let health = serve_health(config, watched).await?;
    let begun = clock::monotonic();
    let bar = session.bar(Left::of(&store).await?.to_send(), &say!(ja: "送信", en: "sending"));
    let follower = tokio::spawn(follow(bar.clone(), live.clone()));
    let mut sealer = Sealer::new(store.clone(), keys.clone(), seal_key).await?.noting(Noted::of(config));
    sealer.trust().await?;
    let seals = live.pulses().begin("sealer", Longest::of(config).database);
    let sealing = sealer.keep_sealing(live.alerts().clone(), seals);
    let (store_too, stop) = (store.clone(), signals.stop.clone());
    let place = Place { session, options, store: store_too, keys, live, troubles, stop };
    let summary = place.serve(built, (&signals, &manager, &service)).await;
    sealing.finish().await;
    follower.abort();
    bar.finish_and_clear();
    let ended = Ended::look(&place.live.library(), &store).await;
    store.close().await;
    health.abort();
    keeper.end();
    Ok(finish(session, &summary?, &ended, clock::monotonic().duration_since(begun)))
}

impl Place<'_> {
    /// Works by one configuration after the other until the stop.
    async fn serve(
        &self,
        first: Built,
        (signals, manager, service): (&Signals, &Manager, &Service),
    ) -> Result<Summary, Failure> {
        let told = [
            tokio::spawn(tell_of_beginnings(self.live.clone(), manager.clone(), service.clone())),
            tokio::spawn(tell_of_the_end(self.live.clone(), manager.clone(), service.clone(), self.stop.clone())),
        ];
        let counting = keep_counting(service.clone(), self.live.clone(), self.store.clone());
        let counting = manager.listens().then(|| tokio::spawn(counting));
        let asked = AtomicBool::new(false);
        let (session, store, alerts) = (self.session, &self.store, self.live.alerts());
        let reloader = Reloader { session, signals, manager, service, store, alerts, asked };
        let alive = self.live.pulses().begin("run", Longest::of(&first.config).alive);
        let ended = alive.waits_for(Box::pin(self.one_after_the_other(first, &reloader))).await;
        alive.retire();
        told.into_iter().chain(counting).for_each(|task| task.abort());
        if service.phase() != Phase::Stopping {
            tell_that_it_ends(&self.live, manager, service);
        }
        ended
    }

    /// One that cannot begin waits for the database, or gives way to the one that worked before it.
    async fn one_after_the_other(&self, first: Built, reloader: &Reloader<'_>) -> Result<Summary, Failure> {
        let (mut built, mut before, mut summary, mut unsent) = (first, None, None, Unsent::default());
        loop {
            let (done, next) = self.until_the_next(&built, reloader, &mut unsent).await;
            let goes_on = !self.stop.is_cancelled();
            let failed = match done {
                Ok(of_this) => {
                    let sum = of_this.after(summary.unwrap_or_default());
                    match next {
                        Some(next) if goes_on => before = Some(std::mem::replace(&mut built, next)),
                        _ => return Ok(sum),
                    }
                    summary = Some(sum);
                    continue;
                }
                Err(failure) if summary.is_some() && goes_on => failure,
                Err(failure) => return Err(failure),
            };
            match (next, before.take()) {
                (next, worked) if matches!(failed.exit, Exit::Unavailable | Exit::TryAgain) => {
                    let why = failed.what.en;
                    tracing::error!(why, "the new configuration waits for the database; trying again");
                    self.stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
                    (built, before) = (next.unwrap_or(built), worked);
                }
                (Some(next), worked) => (built, before) = (next, worked),
                (None, Some(worked)) => {
                    reloader.takes_back(&worked.config, &failed);
                    built = worked;
                }
                (None, None) => return Err(failed),
            }
        }
    }

    /// Works by this configuration until it ends, or is to be replaced.
    async fn until_the_next(
        &self,
        built: &Built,
        reloader: &Reloader<'_>,
        unsent: &mut Unsent,
    ) -> (Result<Summary, Failure>, Option<Built>) {
        let (wind_down, mut next) = (self.stop.child_token(), None);
        let work = self.work(built, wind_down.clone(), unsent);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return (done, next),
                new = reloader.next(&built.config), if next.is_none() => {
                    next = Some(new);
                    wind_down.cancel();
                }
            }
        }
    }
}

/// Each time that the dispatcher begins to work, everything else is at work already.
async fn tell_of_beginnings(live: Live, manager: Manager, service: Service) {
    loop {
        live.began().await;
        service.enter(Phase::Running);
        manager.ready();
    }
}

async fn tell_of_the_end(live: Live, manager: Manager, service: Service, stop: CancellationToken) {
    stop.cancelled().await;
    tell_that_it_ends(&live, &manager, &service);
}

fn tell_that_it_ends(live: &Live, manager: &Manager, service: &Service) {
    service.enter(Phase::Stopping);
    manager.stopping(&stopping(live.under_way()));
}

/// Names that others on the way can read are a reason to say so at each start.
fn warn_of_clear_ways(session: &Session, config: &Config) {
    for relay in config.smtp.in_the_clear() {
        let warning = trouble::in_the_clear(&relay.name, &relay.host);
        tracing::warn!(relay = relay.name, why = warning.en, "mails travel in the clear");
        if session.on_terminal() {
            session.warn(&warning.led_by("△", "!"));
        }
    }
}

/// A server that may lose what it confirmed is no reason not to send, but a reason to say so at each start.
async fn warn_of_durability(session: &Session, store: &Store) -> Result<(), Failure> {
    for what in store.durability_warnings().await? {
        let warning = trouble::durability(what);
        tracing::warn!(why = warning.en, "the database may lose what it confirmed");
        if session.on_terminal() {
            session.warn(&warning.led_by("△", "!"));
        }
    }
    Ok(())
}

/// What the answers are about.
struct Watched<'a> {
    live: &'a Live,
    service: &'a Service,
    receipts: &'a Troubles,
    figures: &'a health::Figures,
}

/// `GET /health`, `/livez`, `/readyz` and `/metrics`, when the configuration wants them. Aborting it ends it.
async fn serve_health(config: &Config, watched: Watched<'_>) -> Result<AbortHandle, Failure> {
    let Some(address) = config.health.address() else { return Ok(tokio::spawn(async {}).abort_handle()) };
    let listening = async {
        let listener = TcpListener::bind(address).await?;
        Ok::<_, std::io::Error>((listener.local_addr()?, listener))
    };
    let (address, listener) = listening.await.map_err(|error| cannot_listen(address, &error))?;
    tracing::info!(%address, "GET /health says whether all is well");
    let daemon = health::Daemon {
        started_at: clock::now_ms(),
        live: watched.live.clone(),
        receipts: watched.receipts.clone(),
        service: watched.service.clone(),
        figures: watched.figures.clone(),
    };
    Ok(tokio::spawn(health::serve(listener, daemon)).abort_handle())
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Failure {
    // A port that another program has for a moment is no reason to stay down.
    let exit = if error.kind() == ErrorKind::AddrInUse { Exit::TryAgain } else { Exit::BadConfig };
    Failure::with(
        exit,
        say!(ja: "health.listen の {address} で待ち受けできません: {error}", en: "health.listen: cannot listen at {address}: {error}"),
        say!(
            ja: "使われていないポートと、このマシンのアドレスを書いてください。使わないなら null にします。",
            en: "write a free port and an address of this machine, or null for none"
        ),
    )
}

/// Moves the bar until it is aborted.
pub(crate) async fn follow(bar: indicatif::ProgressBar, live: Live) {
    loop {
        let done = live.done();
        bar.set_length(done.max(bar.length().unwrap_or(0)));
        bar.set_position(done);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
