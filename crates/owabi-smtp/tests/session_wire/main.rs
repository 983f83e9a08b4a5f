//! A connection against a scripted relay over a real socket.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail it")]

mod lease;
mod relay;
mod support;
mod tls;
