//! `GET /metrics`: counts for Prometheus, as `OpenMetrics` text where that is asked for, else in its text format 0.0.4. No member, no
//! word of a relay.

use super::families::{
    ALERTS, ATTEMPT_SECONDS, ATTEMPTS, BUILD, COMMIT_SECONDS, CONFIGURATION_REFUSED, DATABASE_UP, DELIVERIES,
    FIGURES_AGE, FIGURES_UP, IN_DOUBT, MEMORY, MOST_FILES, OLDEST_DUE, OPEN_FILES, PAUSED, PAUSED_ITSELF, RELAY_UP,
    SEALED_AT, SOURCES, STARTED_AT, UNSEALED, WAITING,
};
pub use super::families::{Described, FAMILIES, Kind};
use super::figures::{Found, Told};
use super::{Daemon, process};
use crate::dispatch::Labels;
use owabi_core::lifecycle::Status;
use owabi_store::Store;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The answer and its media type, for what the question accepts.
pub(super) async fn answer(daemon: &Daemon, accept: &str, now: i64) -> (&'static str, String) {
    let figures = daemon.figures.newest().await;
    let sheet = sheet(daemon, &figures, now);
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = encode(&mut text, &sheet.0);
    if accept.contains("application/openmetrics-text") { (OPENMETRICS, text) } else { (PLAIN, plain(&text)) }
}

/// The same in the older format, in which a counter's family is called as its samples are.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        plain.push_str(&named_as_sampled(line).unwrap_or_else(|| line.to_owned()));
        plain.push('\n');
    }
    plain
}

fn named_as_sampled(line: &str) -> Option<String> {
    let (kind, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let (name, rest) = rest.split_once(' ')?;
    let counter = |of: &&Described| of.kind == Kind::Counter && of.name.strip_suffix("_total") == Some(name);
    FAMILIES.iter().find(counter).map(|of| format!("# {kind} {} {rest}", of.name))
}

/// What is told, in the order of [`FAMILIES`].
#[derive(Default)]
struct Sheet(Registry);

impl Sheet {
    fn put(&mut self, of: &Described, metric: impl Metric) {
        let name = if of.kind == Kind::Counter { of.name.trim_end_matches("_total") } else { of.name };
        let unit = match of.unit {
            Some("seconds") => Unit::Seconds,
            Some("bytes") => Unit::Bytes,
            _ => return self.0.register(name, of.help, metric),
        };
        let name = name.trim_end_matches(unit.as_str()).trim_end_matches('_');
        self.0.register_with_unit(name, of.help, unit, metric);
    }

    fn whole<const N: usize>(&mut self, of: &Described, values: impl IntoIterator<Item = ([String; N], i64)>) {
        let family = Family::<Labels, Gauge>::default();
        for (labels, value) in values {
            family.get_or_create(&labelled(of, labels)).set(value);
        }
        self.put(of, family);
    }

    fn one(&mut self, of: &Described, value: i64) {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        self.put(of, gauge);
    }

    fn seconds(&mut self, of: &Described, seconds: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(seconds);
        self.put(of, gauge);
    }
}

fn labelled<const N: usize>(of: &Described, values: [String; N]) -> Labels {
    of.labels.iter().copied().zip(values).collect()
}

fn sheet(daemon: &Daemon, figures: &Told, now: i64) -> Sheet {
    let mut sheet = Sheet::default();
    let schema = Store::newest_schema().to_string();
    sheet.whole(&BUILD, [([env!("CARGO_PKG_VERSION").to_owned(), schema], 1)]);
    dispatcher(&mut sheet, daemon, now);
    told(&mut sheet, daemon);
    if let Some((found, _)) = &figures.found {
        database(&mut sheet, found);
    }
    sheet.one(&FIGURES_UP, i64::from(figures.up));
    if let Some((_, age)) = &figures.found {
        sheet.seconds(&FIGURES_AGE, age.as_secs_f64());
    }
    sheet.seconds(&STARTED_AT, seconds(daemon.started_at));
    let figures =
        [(MEMORY, process::memory()), (OPEN_FILES, process::open_files()), (MOST_FILES, process::most_files())];
    for (of, value) in figures {
        if let Some(value) = value {
            sheet.one(&of, value);
        }
    }
    sheet
}

fn dispatcher(sheet: &mut Sheet, daemon: &Daemon, now: i64) {
    let (live, database) = (&daemon.live, daemon.live.database(now));
    let measured = live.measured();
    sheet.put(&ATTEMPTS, measured.attempts.clone());
    sheet.put(&ATTEMPT_SECONDS, measured.durations.clone());
    sheet.put(&COMMIT_SECONDS, measured.commits.clone());
    sheet.one(&WAITING, i64::try_from(database.waiting_outcomes).unwrap_or(i64::MAX));
    sheet.one(&DATABASE_UP, i64::from(database.trouble().is_none()));
    sheet.whole(&RELAY_UP, live.relays(now).into_iter().map(|relay| ([relay.name], i64::from(relay.up))));
    sheet.one(&SOURCES, i64::try_from(daemon.receipts.list().len()).unwrap_or(i64::MAX));
    sheet.one(&CONFIGURATION_REFUSED, i64::from(daemon.service.refused().is_some()));
}

fn told(sheet: &mut Sheet, daemon: &Daemon) {
    let alerts = Family::<Labels, Counter>::default();
    for (kind, told) in daemon.live.alerts().told() {
        alerts.get_or_create(&labelled(&ALERTS, [kind.as_str().to_owned()])).inc_by(told.count);
    }
    sheet.put(&ALERTS, alerts);
    let paused: BTreeMap<_, _> = daemon.live.notices_paused().into_iter().collect();
    let notices = daemon.live.notices();
    let one = |notice: &String, is: bool| ([notice.clone()], i64::from(is));
    sheet.whole(&PAUSED, notices.keys().map(|notice| one(notice, paused.contains_key(notice))));
    sheet.whole(&PAUSED_ITSELF, notices.keys().map(|notice| one(notice, paused.get(notice) == Some(&true))));
}

fn database(sheet: &mut Sheet, found: &Found) {
    let notices = || found.counts.iter();
    let members = |of: &BTreeMap<Status, i64>, status| of.get(&status).copied().unwrap_or(0);
    let each = |status: Status| {
        notices().map(move |(notice, of)| ([notice.clone(), status.as_str().to_owned()], members(of, status)))
    };
    sheet.whole(&DELIVERIES, Status::ALL.into_iter().flat_map(each));
    sheet.whole(&IN_DOUBT, notices().map(|(notice, of)| ([notice.clone()], members(of, Status::InDoubt))));
    sheet.seconds(&OLDEST_DUE, seconds(found.late_ms));
    sheet.one(&UNSEALED, found.unsealed);
    sheet.seconds(&SEALED_AT, seconds(found.sealed_at));
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_calls_a_counter_by_its_samples_name_and_has_no_units() {
        let text = "# HELP owabi_alerts x.\n# TYPE owabi_alerts counter\nowabi_alerts_total{kind=\"x\"} 1\n\
                    # TYPE owabi_figures_age_seconds gauge\n# UNIT owabi_figures_age_seconds seconds\n# EOF\n";
        let plain = plain(text);
        assert_eq!(
            plain,
            "# HELP owabi_alerts_total x.\n# TYPE owabi_alerts_total counter\nowabi_alerts_total{kind=\"x\"} 1\n\
             # TYPE owabi_figures_age_seconds gauge\n"
        );
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for of in FAMILIES {
            assert_eq!(of.kind == Kind::Counter, of.name.ends_with("_total"), "{}", of.name);
            assert!(of.unit.is_none_or(|unit| of.name.ends_with(unit)), "{}", of.name);
            assert!(!of.help.ends_with('.') && !of.help.is_empty(), "{}", of.name);
        }
    }
}
