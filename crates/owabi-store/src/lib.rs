//! owabi-store
