//! The `owabi` program.

fn main() {}
