//! The parts of the `owabi` binary: configuration, clock, telemetry, notices, dispatch; the verbs are built on them.

pub mod alerts;
pub mod cli;
pub mod clock;
pub mod config;
pub mod configuration;
mod demo;
mod disk;
pub mod dispatch;
pub mod evidence;
#[cfg(test)]
mod filled;
pub mod health;
pub mod import;
pub mod japan;
pub mod keys;
pub mod ledger;
pub mod library;
pub mod outgoing;
pub mod preflight;
pub(crate) mod quiet;
pub mod receipts;
pub mod relays;
pub mod release;
pub mod report;
pub mod sender;
pub mod service;
pub mod telemetry;
