//! End-to-end tests: the built `owabi` program and real servers. One test crate, a file a subject.
//!
//! What the program promises, and the tests that fail if it breaks a promise:
//!
//! 1. Nobody is lost: `soak`, `fleet_soak`, `through_postfix`, `histories`, `cli_main_job`; the sum of an import: `roster_properties`;
//!    the figures of a report: `report_histories`.
//! 2. Nobody is silently told twice: `failures::crashes` (`a04…`, `a05…`, `promise_2…`), `soak`, `fleet_soak`, `histories`.
//! 3. A fault of the relay or of ours costs no attempt: `failures::faults`, all of it.
//! 4. Nothing leaves that was not approved: `cli_main_job` (`a_template_changed_after…`, `a_fact_or_a_roster_changed…`),
//!    `promise_4…` below for the daemon.
//! 5. The log cannot be quietly changed: `ledger`, `ledger::tamper`; the pure check: `owabi-core`, `ledger`.
//!    Pause, hours, canary, breaker: `release_control`; who may get mail beside: `before_a_release…` there.
//! 6. Unknown means temporary, and is said: `promise_6…`; the meaning of every reply: `owabi-core`, `classify`.
//!
//! Receipts (FAILURES C): `receipts`. Doubt is settled by evidence first (`effects::doubt`); overtaken commits (C11), floods
//! (C13), kills while reading (C14), forgeries (C2).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support {
    pub(crate) mod audit;
    pub(crate) mod dns;
    pub(crate) mod dovecot;
    pub(crate) mod english;
    pub(crate) mod exim;
    pub(crate) mod journal;
    pub(crate) mod journald;
    pub(crate) mod keeper;
    pub(crate) mod manager;
    pub(crate) mod opendkim;
    pub(crate) mod opensmtpd;
    pub(crate) mod postfix;
    pub(crate) mod postfix_returning;
    pub(crate) mod postgres;
    pub(crate) mod program;
    pub(crate) mod promtool;
    pub(crate) mod received;
    pub(crate) mod relay;
    pub(crate) mod scripted_mx;
    pub(crate) mod servers;
    pub(crate) mod site;
    pub(crate) mod talk;
    pub(crate) mod wire;
    pub(crate) mod world;
}

mod backup;
mod bounce_parse;
mod check;
mod cli_exits;
mod cli_main_job;
mod cli_receipts;
mod database_away;
mod database_trouble;
mod dispatch;
mod doctor;
mod documents;
mod evidence;
mod failures;
mod fleet;
mod fleet_soak;
mod histories;
mod ledger;
mod lost_database;
mod metrics;
mod monitoring;
mod people;
mod postgres_setup;
mod private_dovecot;
mod private_postfix;
mod private_postgres;
mod private_relays;
mod purge;
mod queue_interface;
mod receipts;
mod release_control;
mod report;
mod report_histories;
mod resend;
mod sandbox;
mod secrecy;
mod service;
mod soak;
mod through_postfix;
mod unreachable;
mod wrong_notices;
