//! `check` typed by hand: systemd hands its credentials to the service, not to who looks.

use super::Found;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::Config;

/// Tells of passwords that are not seen from here; gives the configuration without them, for what needs none.
pub(super) fn set_aside(session: &Session, config: &Config, found: &mut Found) -> Config {
    let (config, unseen) = config.without_unseen();
    for (at, name) in unseen {
        tell(session, &at, &name, found);
    }
    config
}

/// The credential under this key is not seen from here.
pub(super) fn tell(session: &Session, at: &str, name: &str, found: &mut Found) {
    found.warning(session, "configuration", &unseen(at, name));
}

/// What is said of a credential that is not seen from here.
pub(in crate::cli) fn unseen(at: &str, name: &str) -> Text {
    say!(
        ja: "{at}: systemd の credential「{name}」は、ここからは見えないため確かめていません。サービスには systemd が渡します(ユニットの LoadCredential)。",
        en: "{at}: the systemd credential {name} is not seen from here, and was not looked at; systemd passes it to the service (LoadCredential in the unit)"
    )
}
