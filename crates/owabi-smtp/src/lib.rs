//! owabi-smtp
