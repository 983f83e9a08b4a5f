//! owabi-smtp

pub mod capture;
