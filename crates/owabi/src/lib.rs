//! The parts of the `owabi` binary: configuration, clock, telemetry, notices, dispatch; the verbs are built on them.

pub mod clock;
pub mod config;
pub mod dispatch;
pub mod library;
pub mod telemetry;
