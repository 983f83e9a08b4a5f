//! Relays to which mails go in the clear, over a network.

use super::Found;
use crate::cli::session::Session;
use crate::cli::trouble;
use crate::config::Config;

/// Without connecting: the way to each relay is told where it was gone.
pub(super) fn check(session: &Session, config: &Config, found: &mut Found) {
    for relay in config.smtp.in_the_clear() {
        found.warning(session, "relay", &trouble::in_the_clear(&relay.name, &relay.host));
    }
}
