//! `run`: the daemon.

use super::db;
use super::exit::{Answer, Exit, Failure};
use super::lock::lock;
use super::lost::refuse_lost;
use super::say::{Text, say};
use super::session::Session;
use super::status::hold::Hold;
use super::trouble;
use crate::alerts::{self, Deliverer};
use crate::config::Config;
use crate::dispatch::{self, Live, Parts, Summary};
use crate::health;
use crate::ledger::{self, Noted, Sealer};
use crate::library::Library;
use crate::receipts::sources::Sources;
use crate::receipts::{Intake, Troubles};
use crate::{clock, configuration, keys, relays};
use owabi_core::lifecycle::Status;
use owabi_smtp::relay::Relay;
use owabi_store::{NoticeRow, Store, StoreError};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// The options of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi run                   until SIGTERM or Ctrl-C; mails under way finish first
  owabi run --until-idle      sends what is due, waits for nothing that is due later")]
pub(super) struct Options {
    /// Stop when nothing more is due now
    #[arg(long)]
    until_idle: bool,
    /// First bring an older schema up to date, as `owabi db migrate` does
    #[arg(long)]
    migrate: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let config = session.config()?;
    config.check_secrets()?;
    refuse_lost(&config, false)?;
    if options.migrate {
        db::migrate_first(session, &config).await?;
    }
    let store = session.store(&config).await?;
    session.needs_no_seal();
    store.check_integrity().await?;
    warn_of_durability(session, &store).await?;
    // SQLite has one daemon.
    let _lock = store.file().map(lock).transpose()?;
    db::refuse_restored(&config, &store).await?;
    let keys = keys::load(&config, &store).await?;
    let library = Arc::new(load_library(&config));
    configuration::note(&config, &library, &store, &session.actor(None), session.now()).await?;
    let seal_key = ledger::key::load(&config, &store).await?;
    let relays = relays::relays(&config)?;
    let live = Live::default();
    let intake = Intake::new(&config, store.clone(), keys.clone());
    let figures = health::Figures::new(store.clone(), Arc::clone(&library));
    let health = serve_health(&config, &live, intake.troubles(), figures).await?;
    let begun = clock::monotonic();
    let bar = session.bar(Left::of(&store).await?.to_send(), &say!(ja: "送信", en: "sending"));
    let follower = tokio::spawn(follow(bar.clone(), live.clone()));
    let options = dispatch::Options { until_idle: options.until_idle };
    let sources = Sources::new(&config, intake)?;
    // Evidence before any resend: a run that ends by itself looks once before and once after, another one all the time.
    let reading = stop.child_token();
    let mut readers = JoinSet::new();
    if options.until_idle {
        stop.run_until_cancelled(sources.look()).await.transpose()?;
    } else {
        readers = sources.clone().follow(&reading).await?;
    }
    let sealer = Sealer::new(store.clone(), keys.clone(), seal_key).await?.noting(Noted::of(&config));
    let sealing = sealer.keep_sealing(live.alerts().clone());
    let telling = Telling::start(&config, &relays, &store, &live, options.until_idle);
    let parts = Parts { relays, store: store.clone(), library: Arc::clone(&library), keys };
    let summary = dispatch::run(&config, parts, options, live, stop.child_token()).await;
    telling.end().await;
    reading.cancel();
    while readers.join_next().await.is_some() {}
    if options.until_idle && summary.is_ok() {
        stop.run_until_cancelled(look_again(&sources)).await;
    }
    sealing.finish().await;
    follower.abort();
    bar.finish_and_clear();
    // Without the database nobody can be counted; what was sent is told all the same.
    let left = Left::of(&store).await.ok();
    let held_up = held_up(&store, &library).await.unwrap_or_default();
    let (waiting, paused) = waiting(&config, &store).await.unwrap_or_default();
    store.close().await;
    health.abort();
    let exit =
        finish(session, &summary?, &Ended { left, held_up, waiting, paused }, clock::monotonic().duration_since(begun));
    Ok(exit)
}

/// The released notices with mails that wait for their hours, or for the verdict about their first mails.
async fn held_up(store: &Store, library: &Library) -> Result<Vec<(String, Hold)>, StoreError> {
    let mut held_up = Vec::new();
    for row in store.notices().await?.into_iter().filter(|row| row.state == "released") {
        let hold = Hold::of(store, library, &row, clock::now_ms()).await?;
        if hold.holds() && store.next_due(&row.id).await?.is_some() {
            held_up.push((row.id, hold));
        }
    }
    Ok(held_up)
}

/// What came back while this run sent. A database that is away now says so below.
async fn look_again(sources: &Sources) {
    if let Err(error) = sources.look().await {
        tracing::warn!(error = dispatch::harmless(&error), "receipts cannot be recorded; the next look takes them");
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

/// Who is not finished with when a run ends.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Left {
    queued: i64,
    sending: i64,
    in_doubt: i64,
}

impl Left {
    async fn of(store: &Store) -> Result<Self, Failure> {
        let counts = store.counts().await?;
        let all = |status| counts.values().filter_map(|of| of.get(&status)).sum();
        Ok(Self { queued: all(Status::Queued), sending: all(Status::Sending), in_doubt: all(Status::InDoubt) })
    }

    /// The mails that a run may have to send.
    fn to_send(self) -> u64 {
        (self.queued + self.sending).unsigned_abs()
    }

    /// `paused`: so many of the queued are of notices that are paused.
    fn tell(self, session: &Session, paused: i64) {
        let Self { queued, sending, in_doubt } = self;
        if queued + sending + in_doubt > 0 {
            let next = if queued > paused || sending + in_doubt > 0 {
                say!(ja: "時刻が来たものは次の `owabi run` が送ります。", en: " The next `owabi run` sends what is due then;")
            } else {
                say!(ja: "", en: "")
            };
            let Text { ja, en } = next;
            session.tell(&say!(
                ja: "まだ終わっていない方: 送信待ち {queued}、送信中 {sending}、結果不明 {in_doubt}。{ja}`owabi status` で確かめられます。",
                en: "not finished with: {queued} queued, {sending} being sent, {in_doubt} in doubt.{en} see `owabi status`"
            ));
        }
    }
}

/// What is there when a run ends.
struct Ended {
    /// `None` without the database.
    left: Option<Left>,
    held_up: Vec<(String, Hold)>,
    /// Released notices with members who wait, and whether their files are as released.
    waiting: Vec<(String, bool)>,
    /// Paused notices with members who wait, and how many.
    paused: Vec<(String, i64)>,
}

impl Ended {
    /// Notices that could not be sent, since their files are not those that were released.
    fn changed(&self) -> Vec<&str> {
        self.waiting.iter().filter(|(_, as_released)| !as_released).map(|(id, _)| id.as_str()).collect()
    }

    /// Something was not sent that should have been: a bad configuration, if nothing else could be done either.
    fn exit(&self, summary: &Summary) -> Exit {
        let Summary { accepted, deferred, failed, in_doubt, not_sent, .. } = *summary;
        let idle = accepted + deferred + failed + in_doubt + not_sent == 0;
        match self.changed().len() {
            0 => Exit::Done,
            n if idle && n == self.waiting.len() => Exit::BadConfig,
            _ => Exit::Failed,
        }
    }
}

fn finish(session: &Session, summary: &Summary, ended: &Ended, took: Duration) -> Exit {
    let Ended { left, held_up, .. } = ended;
    let Summary { accepted, deferred, failed, in_doubt, not_sent, commits, unrecorded, spooled, relays_down } =
        *summary;
    let seconds = took.as_secs_f64();
    session.tell(&say!(
        ja: "今回の送信: 受付 {accepted}、延期 {deferred}、失敗 {failed}、結果不明 {in_doubt}、接続の都合で送れず {not_sent}({seconds:.1} 秒)",
        en: "this run: {accepted} accepted, {deferred} deferred, {failed} failed, {in_doubt} in doubt, {not_sent} not sent ({seconds:.1} s)"
    ));
    match left {
        Some(left) => left.tell(session, ended.paused.iter().map(|(_, queued)| queued).sum()),
        None => session.warn(&say!(
            ja: "データベースにつながらないため、残りの人数を数えられません。送信待ちはそのまま残っています。つながったら `owabi run` を実行してください。",
            en: "the database cannot be reached, so nobody can be counted; what is queued stays queued. Run `owabi run` again when it is back"
        )),
    }
    for (id, hold) in held_up {
        session.tell(&say!(ja: "「{id}」:", en: "{id}:"));
        hold.texts().iter().for_each(|text| session.tell(text));
    }
    for (id, queued) in &ended.paused {
        session.warn(&say!(
            ja: "「{id}」は一時停止中です。送信待ち {queued} 件は `owabi run` を実行しても送られません。`owabi status {id}` で理由を確かめ、直してから `owabi resume {id}` で再開してください。",
            en: "{id} is paused: another `owabi run` does not send its {queued} queued mails. See why with `owabi status {id}`, put it right, then `owabi resume {id}`"
        ));
    }
    for id in ended.changed() {
        session.warn(&changed(id));
    }
    if relays_down {
        session.warn(&say!(
            ja: "どの中継サーバーにもつながりません。送信待ちはそのまま残っています。`owabi check --connect` で確かめてください。",
            en: "no relay can be reached; what is queued stays queued. Look at `owabi check --connect`"
        ));
    }
    if spooled > 0 {
        session.warn(&say!(
            ja: "データベースに書き込めず、{spooled} 件の結果を dispatch.spool のファイル(名前の末尾は待ち行列の ID)に残しました。このマシンの次の `owabi run` が記録します。ファイルを消さず、早めに動かしてください。",
            en: "the database took no more writes: {spooled} outcomes are in the dispatch.spool file, whose name ends in the queue's id. The next `owabi run` on this machine records them: start it soon, and do not delete the file"
        ));
    }
    if unrecorded > 0 {
        session.warn(&say!(
            ja: "データベースに書き込めず、{unrecorded} 件の結果を記録できませんでした。該当のメールは結果不明になります。空き容量を確かめてください。",
            en: "the database took no more writes: {unrecorded} outcomes are not recorded, their mails are in doubt. Is the disk full?"
        ));
    }
    session.answer(&json!({
        "counts": { "accepted": accepted, "deferred": deferred, "failed": failed, "in_doubt": in_doubt, "not_sent": not_sent },
        "commits": commits,
        "left": left,
        "held_up": held_up.iter().map(|(id, hold)| json!({ "notice": id, "hold": hold.document() })).collect::<Vec<_>>(),
        "text_changed": ended.changed(),
        "unrecorded": unrecorded,
        "spooled": spooled,
        "seconds": seconds,
        "relays_down": relays_down,
    }));
    if relays_down || unrecorded + spooled > 0 || left.is_none() { Exit::Unavailable } else { ended.exit(summary) }
}

/// How long what was raised last may take to be told when a run ends.
const LAST_ALERTS: Duration = Duration::from_secs(10);

/// Whoever tells of alerts, and writes the daily report.
struct Telling {
    stop: CancellationToken,
    deliverer: JoinHandle<()>,
    daily: Option<JoinHandle<()>>,
}

impl Telling {
    fn start(config: &Config, relays: &[Relay], store: &Store, live: &Live, until_idle: bool) -> Self {
        let (stop, (letters, inbox)) = (CancellationToken::new(), mpsc::channel(4));
        let deliverer = Deliverer::new(config, relays.to_vec(), store.clone(), live.alerts().clone(), inbox);
        let deliverer = tokio::spawn(deliverer.work(stop.clone()));
        let daily = alerts::follow_daily(config.clone(), store.clone(), letters);
        Self { stop, deliverer, daily: (!until_idle).then(|| tokio::spawn(daily)) }
    }

    async fn end(self) {
        if let Some(daily) = self.daily {
            daily.abort();
        }
        self.stop.cancel();
        let mut deliverer = self.deliverer;
        if tokio::time::timeout(LAST_ALERTS, &mut deliverer).await.is_err() {
            deliverer.abort();
            tracing::warn!("an alert could not be told before the end");
        }
    }
}

/// `GET /health`, `/livez`, `/readyz` and `/metrics`, when the configuration wants them. Aborting it ends it.
async fn serve_health(
    config: &Config,
    live: &Live,
    receipts: Troubles,
    figures: health::Figures,
) -> Result<AbortHandle, Failure> {
    let Some(address) = config.health.address() else { return Ok(tokio::spawn(async {}).abort_handle()) };
    let listening = async {
        let listener = TcpListener::bind(address).await?;
        Ok::<_, std::io::Error>((listener.local_addr()?, listener))
    };
    let (address, listener) = listening.await.map_err(|error| cannot_listen(address, &error))?;
    tracing::info!(%address, "GET /health says whether all is well");
    let daemon = health::Daemon { started_at: clock::now_ms(), live: live.clone(), receipts, figures };
    Ok(tokio::spawn(health::serve(listener, daemon)).abort_handle())
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Failure {
    Failure::with(
        Exit::BadConfig,
        say!(ja: "health.listen の {address} で待ち受けできません: {error}", en: "health.listen: cannot listen at {address}: {error}"),
        say!(
            ja: "使われていないポートと、この機械のアドレスを書いてください。使わないなら null にします。",
            en: "write a free port and an address of this machine, or null for none"
        ),
    )
}

/// The notices on disk. A released one whose files are not those that were released keeps no other back: the dispatcher tells
/// of it and does not send it.
fn load_library(config: &Config) -> Library {
    let library = Library::load(config);
    for problem in library.problems.iter().filter(|problem| !problem.warning) {
        tracing::warn!(file = problem.file, problem = problem.message, "a notice cannot be used");
    }
    library
}

/// The notices with members who wait: the released ones, and whether their files are here as they were released; and the paused
/// ones, with how many wait.
async fn waiting(config: &Config, store: &Store) -> Result<(Vec<(String, bool)>, Vec<(String, i64)>), StoreError> {
    let (library, counts) = (Library::load(config), store.counts().await?);
    let queued = |row: &NoticeRow| counts.get(&row.id).and_then(|of| of.get(&Status::Queued)).copied().unwrap_or(0);
    let (mut waiting, mut paused) = (Vec::new(), Vec::new());
    for row in store.notices().await?.into_iter().filter(|row| queued(row) > 0) {
        match row.state.as_str() {
            "released" => waiting.push((row.id.clone(), library.is_as_released(&row))),
            "paused" => paused.push((row.id.clone(), queued(&row))),
            _ => {}
        }
    }
    Ok((waiting, paused))
}

/// A released notice was not sent, since its files are missing, broken or changed.
pub(super) fn changed(id: &str) -> Text {
    say!(
        ja: "「{id}」は解禁された後でファイルが変わったか読めないため、送信していません。承認されていない文面は送りません。ファイルを承認時の内容に戻してください。文面を直すときは `owabi withdraw` で取り下げ、新しい id の通知として送ります。",
        en: "{id} was not sent: the text or a fact of {id} changed after its release, or its files cannot be read; nothing is sent that was not approved. Restore the files as they were approved; to correct the text, `owabi withdraw` it and send a notice with a new id"
    )
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), Failure> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: mails under way finish, the rest stays queued");
        stop.cancel();
    });
    Ok(())
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
