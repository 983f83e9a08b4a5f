//! Every family of `GET /metrics`: the one list, from which the reference is written and to which a test holds the answer.

/// Of which kind a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from 0 at each start.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often what took how long.
    Histogram,
}

/// One family.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Its name as it is asked for, with its unit and, of a counter, `_total`.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit, which is in the name: `seconds` or `bytes`.
    pub unit: Option<&'static str>,
    /// Its labels. Their values are relays and notices of the configuration, and words of owabi.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Counter, unit: None, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Gauge, unit: None, labels, help }
}

const fn measure(name: &'static str, unit: &'static str, help: &'static str) -> Described {
    Described { name, kind: Kind::Gauge, unit: Some(unit), labels: &[], help }
}

const fn seconds(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Histogram, unit: Some("seconds"), labels, help }
}

pub(super) const BUILD: Described = gauge(
    "owabi_build_info",
    &["version", "schema"],
    "Always 1; the version and its database schema are in the labels",
);
pub(super) const ATTEMPTS: Described = counter(
    "owabi_smtp_attempts_total",
    &["relay", "outcome"],
    "Attempts that came to an end since the daemon started; outcome is accepted, deferred, failed, in_doubt or not_sent",
);
pub(super) const ATTEMPT_SECONDS: Described = seconds(
    "owabi_smtp_attempt_duration_seconds",
    &["relay"],
    "From the moment that a mail is handed to a connection until its outcome is known",
);
pub(super) const COMMIT_SECONDS: Described =
    seconds("owabi_commit_duration_seconds", &[], "One group commit of intents and outcomes");
pub(super) const WAITING: Described =
    gauge("owabi_waiting_outcomes", &[], "Outcomes in memory that are not durable yet");
pub(super) const DATABASE_UP: Described = gauge(
    "owabi_database_up",
    &[],
    "0 while the database does not do what the dispatcher needs, so that nothing is sent",
);
pub(super) const RELAY_UP: Described =
    gauge("owabi_relay_up", &["relay"], "0 while the relay is paused for its faults, being tried again, or silent");
pub(super) const SOURCES: Described =
    gauge("owabi_receipt_sources_in_trouble", &[], "Sources of receipts that cannot be read");
pub(super) const CONFIGURATION_REFUSED: Described = gauge(
    "owabi_configuration_refused",
    &[],
    "1 while the configuration on disk is not the one in use, since it was refused or could not be used",
);
pub(super) const ALERTS: Described = counter("owabi_alerts_total", &["kind"], "Alerts raised since the daemon started");
pub(super) const PAUSED: Described =
    gauge("owabi_notice_paused", &["notice"], "1 while the notice is paused, by whomever");
pub(super) const PAUSED_ITSELF: Described = gauge(
    "owabi_notice_paused_itself",
    &["notice"],
    "1 while the notice is paused by owabi itself: by the canary, the breaker or its size",
);
pub(super) const DELIVERIES: Described =
    gauge("owabi_deliveries", &["notice", "status"], "Members of the notice in this status, by the database");
pub(super) const IN_DOUBT: Described =
    gauge("owabi_in_doubt", &["notice"], "Members of whom it is not known whether their mail left, by the database");
pub(super) const OLDEST_DUE: Described = measure(
    "owabi_oldest_due_age_seconds",
    "seconds",
    "How long the oldest due mail of the notices that may be sent now has been waiting since it became due, or since a daemon gave it back; 0 when none is due, by the database",
);
pub(super) const UNSEALED: Described =
    gauge("owabi_ledger_unsealed_entries", &[], "Entries of the ledger behind its newest seal, by the database");
pub(super) const SEALED_AT: Described = measure(
    "owabi_ledger_newest_seal_timestamp_seconds",
    "seconds",
    "When the newest seal was made (since the epoch); 0 before the first, by the database",
);
pub(super) const FIGURES_UP: Described = gauge(
    "owabi_figures_up",
    &[],
    "0 while the figures that come from the database could not be read when that was last tried, or not yet; they are then old or absent",
);
pub(super) const FIGURES_AGE: Described = measure(
    "owabi_figures_age_seconds",
    "seconds",
    "How old the figures are that come from the database: it is asked at most every 10 s, and more seldom (20 times as long as that took, so up to 20 min) where that takes long; the last ones stay while it is away",
);
pub(super) const STARTED_AT: Described =
    measure("process_start_time_seconds", "seconds", "When the daemon started (since the epoch)");
pub(super) const MEMORY: Described =
    measure("process_resident_memory_bytes", "bytes", "Memory of the daemon that is not swapped out");
pub(super) const OPEN_FILES: Described = gauge("process_open_fds", &[], "File descriptors in use");
pub(super) const MOST_FILES: Described = gauge("process_max_fds", &[], "File descriptors that may be in use");

/// All of them, in the order of the answer.
pub const FAMILIES: [Described; 23] = [
    BUILD,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    COMMIT_SECONDS,
    WAITING,
    DATABASE_UP,
    RELAY_UP,
    SOURCES,
    CONFIGURATION_REFUSED,
    ALERTS,
    PAUSED,
    PAUSED_ITSELF,
    DELIVERIES,
    IN_DOUBT,
    OLDEST_DUE,
    UNSEALED,
    SEALED_AT,
    FIGURES_UP,
    FIGURES_AGE,
    STARTED_AT,
    MEMORY,
    OPEN_FILES,
    MOST_FILES,
];
