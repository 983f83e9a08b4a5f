//! End-to-end tests: the built `owabi` program against real servers.

#[test]
fn placeholder() {}
