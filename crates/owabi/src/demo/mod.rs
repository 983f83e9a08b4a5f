//! The demonstration: the whole main job on made-up data, on this machine alone.

mod people;
mod sealed;
mod site;
mod summary;

use crate::cli::Session;
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::run::follow;
use crate::cli::say::say;
use crate::cli::session::open_store;
use crate::config::Config;
use crate::dispatch::{self, Live, Parts};
use crate::import::{Report, Request, import};
use crate::library::{Library, LoadedNotice};
use crate::preflight::{Mailer, preflight};
use crate::{clock, keys, relays, release, telemetry};
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use summary::Summary;
use tokio_util::sync::CancellationToken;

/// Longer than this the demonstration does not wait for the last mail.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn run(session: &Session, people: u32, keep: Option<PathBuf>) -> Answer {
    let begun = clock::monotonic();
    let dir = keep.unwrap_or_else(|| std::env::temp_dir().join(format!("owabi-demo-{}", clock::now_ms())));
    let shown = dir.display();
    site::create(&dir).map_err(|error| {
        let what = say!(ja: "{shown} を作れません: {error}", en: "{shown} cannot be made: {error}");
        Failure::with(
            Exit::Failed,
            what,
            say!(ja: "--keep には新しいフォルダーを指定してください。", en: "give --keep a new folder"),
        )
    })?;
    let relay = site::relay(&dir).await?;
    let roster = site::write(&dir, relay.addr().port(), people)?;
    let config = site::load(&dir)?;
    // A second start of the log changes nothing, and a bad filter in $OWABI_LOG is no reason to stop here.
    let _ = telemetry::init(&config.log, session.log_format(), &session.environment);
    let store = open_store(&config, true).await?;
    let keys = keys::load(&config, &store).await?;
    let library = Arc::new(Library::load(&config));
    let notice = library.get(site::NOTICE).map_err(|why| Failure::new(Exit::BadConfig, why))?;
    let report = fill(session, &store, &notice, roster).await?;
    approve(session, &config, &store, &notice, &keys).await?;
    let counts = send(session, &config, &store, library, keys.clone()).await?;
    let ledger = sealed::seal(session, &config, &store, &keys).await?;
    store.close().await;
    relay.stop().await;
    let seconds = clock::monotonic().duration_since(begun).as_secs_f64();
    let summary = Summary { dir: &dir, totals: report.totals, counts, mails: mails_in(&dir)?, ledger, seconds };
    Ok(summary.tell(session))
}

/// Roster into the queue.
async fn fill(session: &Session, store: &Store, notice: &LoadedNotice, file: PathBuf) -> Result<Report, Failure> {
    let definition = notice.renderer.definition();
    let request = Request {
        refused: Some(file.with_file_name("refused.csv")),
        not_affected: None,
        take_in_withdrawn: false,
        file,
        notice_id: definition.id.clone(),
        notice_title: definition.title.clone(),
        options: definition.roster_options(),
        actor: session.actor(None),
        at: clock::now_ms(),
        dry_run: false,
        lang: session.lang(),
    };
    let report = import(store, &request, &|_| ()).await?;
    let (lines, encoding) = (report.totals.lines, report.encoding.encoding.name());
    session.tell(&say!(
        ja: "1. 名簿 {lines} 行を取り込みました(文字コード {encoding} を判別)",
        en: "1. imported a roster of {lines} lines (encoding {encoding}, detected)"
    ));
    Ok(report)
}

/// Every letter is looked at, a person approves exactly those, and they become due.
async fn approve(
    session: &Session,
    config: &Config,
    store: &Store,
    notice: &LoadedNotice,
    keys: &Keys,
) -> Result<(), Failure> {
    let (id, actor, now) = (site::NOTICE, session.actor(None), clock::now_ms());
    let seen = preflight(store, notice, &Mailer::new(config, keys), (&actor, now), &|_| ()).await?;
    let (rows, problems) = (seen.rows, seen.problem_count);
    session.tell(&say!(ja: "2. {rows} 通の文面を点検しました(問題 {problems} 件)", en: "2. wrote and checked {rows} letters ({problems} problems)"));
    let policy_hash = release::policy_hash(notice);
    store.approve(id, &actor, &seen.fingerprint, &seen.roster_hash, &policy_hash, now).await?;
    let ready = release::approved(store, notice).await?.map_err(|found| crate::cli::release::obstacle(id, &found))?;
    let queued = release::release(store, notice, &ready, &actor, clock::now_ms()).await?;
    session.tell(&say!(ja: "3. {actor} が承認し、{queued} 通の送信を解禁しました", en: "3. {actor} approved, {queued} mails released"));
    Ok(())
}

/// Sends until nobody is left, retries included.
async fn send(
    session: &Session,
    config: &Config,
    store: &Store,
    library: Arc<Library>,
    keys: Keys,
) -> Result<BTreeMap<Status, i64>, Failure> {
    let (live, stop) = (Live::default(), CancellationToken::new());
    let bar = session.bar(open(&counts(store).await?).unsigned_abs(), &say!(ja: "送信", en: "sending"));
    let follower = tokio::spawn(follow(bar.clone(), live.clone()));
    let watch = tokio::spawn(stop_when_done(store.clone(), stop.clone()));
    let parts = Parts { relays: relays::relays(config)?, store: store.clone(), library, keys };
    let ran = dispatch::run(config, parts, dispatch::Options::default(), live, stop).await;
    follower.abort();
    bar.finish_and_clear();
    watch.abort();
    let done = ran?;
    let (accepted, deferred, failed, not_sent) = (done.accepted, done.deferred, done.failed, done.not_sent);
    session.tell(&say!(
        ja: "4. 送信しました: 受付 {accepted}、後で再試行した回数 {deferred}、接続が切れて送り直した数 {not_sent}、宛先不明など {failed}",
        en: "4. sent: {accepted} accepted, {deferred} put off and tried again, {not_sent} sent again after a broken connection, {failed} refused"
    ));
    counts(store).await
}

async fn stop_when_done(store: Store, stop: CancellationToken) {
    let begun = clock::monotonic();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let finished = counts(&store).await.is_ok_and(|counts| open(&counts) == 0);
        if finished || clock::monotonic().duration_since(begun) > PATIENCE {
            return stop.cancel();
        }
    }
}

async fn counts(store: &Store) -> Result<BTreeMap<Status, i64>, Failure> {
    Ok(store.counts().await?.remove(site::NOTICE).unwrap_or_default())
}

fn open(counts: &BTreeMap<Status, i64>) -> i64 {
    counts.iter().filter(|(status, _)| !status.is_final()).map(|(_, n)| n).sum()
}

fn mails_in(dir: &Path) -> std::io::Result<i64> {
    let mails = std::fs::read_dir(dir.join("mails").join("new"))?.count();
    Ok(i64::try_from(mails).unwrap_or(i64::MAX))
}
