//! SMTP for owabi: guarded, pipelined relay connections, and the capture relay of `demo` and tests.
//!
//! A [`session::Session`] is one connection to one [`relay::Relay`]. Its wire rules live in [`pipeline`], which does no
//! I/O and is tested as a table; [`wire`] keeps a hostile or broken relay from growing memory or hanging a reader.

pub mod auth;
pub mod capabilities;
pub mod capture;
pub mod certificate;
mod dialogue;
pub mod envelope;
mod open;
pub mod pipeline;
pub mod probe;
pub mod relay;
pub mod session;
pub mod tls;
pub mod wire;

pub use open::open;
