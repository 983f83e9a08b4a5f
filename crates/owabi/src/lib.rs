//! The parts of the `owabi` binary: configuration, clock, telemetry; the verbs are built on them.

pub mod clock;
pub mod config;
pub mod telemetry;
