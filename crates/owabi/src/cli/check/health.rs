//! `check`: where the daemon answers whether all is well.

use super::Found;
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::Config;

/// It has no password.
pub(super) fn check(session: &Session, config: &Config, found: &mut Found) {
    let Some(address) = config.health.address().filter(|address| !address.ip().is_loopback()) else { return };
    let what = say!(
        ja: "health.listen の {address} には、ほかのマシンからも届きます。パスワードはありません。件数を知られてよい相手だけが届くようにするか、127.0.0.1 にしてください。",
        en: "health.listen: other machines reach {address}, and it has no password: let only those reach it who may know the counts, or write 127.0.0.1"
    );
    found.warning(session, "health", &what);
}
