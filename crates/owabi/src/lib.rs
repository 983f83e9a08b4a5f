//! owabi
