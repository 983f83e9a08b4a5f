//! End-to-end tests: the built `owabi` program and real servers. One test crate, a file a subject.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support {
    pub(crate) mod postfix;
    pub(crate) mod site;
    pub(crate) mod world;
}

mod cli_exits;
mod cli_main_job;
mod dispatch;
mod failures;
mod private_postfix;
