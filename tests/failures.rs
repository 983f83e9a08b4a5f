//! What can go wrong, and what is then right: a test for every row of the failure list, which its name begins with.
//!
//! | rows | where |
//! |---|---|
//! | A1 to A7, A9, A10 (kill -9, SIGTERM, broken rows) | `crashes`, the built program; at random moments: `soak` |
//! | A8 (power cut) | `owabi-store`, `open::tests::a08_a_commit_that_was_answered_survives_a_power_cut` |
//! | B1, B6, B7, B9, B10, B16 (502), B19, B21 to B25, B20 before the dot | `faults`: the relay's or our own fault |
//! | B2 to B5, B8, B11, B12, B27, B29 | `refusals`: what is said about one member |
//! | B13 to B18, B20 after the dot, B26, B28, B30 | `garbled`: strange, late or no answers |
//! | D2, D3, D7 on PostgreSQL (answers lost, crashes, failover, silence, read-only, disk full) | `database_trouble` |
//! | D8 (SIGSTOP past the lease) | `stopped`, the built program; inside a body and inside TLS: `owabi-smtp`, `lease` and `session::tests` |
//!
//! The same rows on the wire alone, without a queue: `owabi-smtp`, `session_wire` (B1, B7, B9, B10, B13 to B24, B26, B27,
//! an expired certificate of B23 among them). The meaning of every code (B2 to B12, B25): `owabi-core`, `classify`. How
//! throttling slows the pace down and lets it rise again (B25): `owabi`, `dispatch::desk`. Rows of section E are tests of
//! `owabi-core`: `roster`, `roster_merge`, `roster_properties`, `address`, `render_mails`.

mod crashes;
mod faults;
mod garbled;
mod refusals;
mod stopped;
