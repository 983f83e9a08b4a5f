//! The pure rules of owabi: no I/O, no clock, no tokio, sqlx or lettre.
//!
//! Everything here is a function of its arguments, so that every promise of the lifecycle, the roster arithmetic
//! and the rendering can be tested as a table.

pub mod address;
pub mod bounce;
pub mod classify;
pub mod guard;
pub mod ids;
pub mod ledger;
pub mod lifecycle;
pub mod maillog;
pub mod member;
pub mod notice;
pub mod outcome;
pub mod people;
pub mod rebuild;
pub mod receipt;
pub mod render;
pub mod reply;
pub mod retry;
pub mod roster;
pub mod settle;
pub mod spreadsheet;
pub mod text;
pub mod watch;
pub mod yaml;
