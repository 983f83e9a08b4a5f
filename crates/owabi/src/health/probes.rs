//! `GET /livez` and `GET /readyz`, for whoever restarts a daemon that hangs and holds work back from one that cannot do it: plain
//! text as Kubernetes' own, one line a check where `?verbose` asks for it or one fails.

use super::Daemon;
use crate::service::{Phase, Wedged};
use axum::http::StatusCode;

/// One check: what is looked at, and what is wrong with it.
type Check = (&'static str, Option<String>);

/// Whether the daemon's loops go round. A database or relay that is away is no reason for a restart.
pub(super) fn live(wedged: &[Wedged]) -> Vec<Check> {
    let why = wedged.first().map(|Wedged { name, silent, within }| {
        let (silent, within) = (silent.as_secs(), within.as_secs());
        format!("{name} has done nothing for {silent} s, and its longest round is {within} s")
    });
    vec![("loops", why)]
}

/// Whether mails can be sent now.
pub(super) fn ready(daemon: &Daemon, now: i64) -> Vec<Check> {
    let (database, relays) = (daemon.live.database(now), daemon.live.relays(now));
    let begun = !relays.is_empty();
    let ends = daemon.service.phase() == Phase::Stopping;
    let dispatcher = if ends { Some("is ending") } else { (!begun).then_some("has not begun") };
    let away = begun && !relays.iter().any(|relay| relay.up);
    vec![
        ("dispatcher", dispatcher.map(str::to_owned)),
        ("database", database.trouble().map(|trouble| trouble.why.clone())),
        ("relays", away.then(|| "none can be used".to_owned())),
    ]
}

/// The answer.
pub(super) fn answer(probe: &str, checks: &[Check], verbose: bool) -> (StatusCode, String) {
    let passed = checks.iter().all(|(_, wrong)| wrong.is_none());
    let status = if passed { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if passed && !verbose {
        return (status, "ok\n".to_owned());
    }
    let lines = checks.iter().map(|(name, wrong)| match wrong {
        None => format!("[+]{name} ok\n"),
        Some(why) => format!("[-]{name} failed: {}\n", why.lines().collect::<Vec<_>>().join(" ")),
    });
    let verdict = if passed { "passed" } else { "failed" };
    (status, format!("{}{probe} check {verdict}\n", lines.collect::<String>()))
}
