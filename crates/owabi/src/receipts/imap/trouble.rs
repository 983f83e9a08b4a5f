//! What can go wrong with an IMAP server, in words for the log: never the server's own, which may hold a user's name.

use super::response::Said;
use crate::receipts::patience::Pauses;
use owabi_store::StoreError;
use std::io;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nothing can be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Trying again soon could lock the account.
    #[error("{0}")]
    Login(String),
    #[error("{0}")]
    Setup(String),
    #[error("cannot be reached ({0}): is it running, and are receipts.imap.host and port right?")]
    Unreachable(String),
    #[error("the connection was lost")]
    Lost,
    #[error("no answer in time ({0})")]
    Silent(&'static str),
    #[error("it ended the connection{0}")]
    Bye(String),
    #[error("it sent more than was asked for")]
    TooMuch,
    #[error("it did not understand, or refused, {0}{1}")]
    Refused(&'static str, String),
    #[error("it sent something before the TLS handshake, which somebody on the way may have put there")]
    Injected,
    #[error("it gave the folder's mails new numbers")]
    Renumbered,
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

/// The response code, as ` (OVERQUOTA)`: it is a word of the protocol. Anything else in its place is not shown.
pub(super) fn code(said: &Said) -> String {
    let name = said.code.split(' ').next().unwrap_or_default();
    let plain =
        !name.is_empty() && name.len() <= 30 && name.bytes().all(|octet| octet.is_ascii_uppercase() || octet == b'-');
    if plain { format!(" ({name})") } else { String::new() }
}

impl Trouble {
    /// Seconds at first, then minutes; after a refused login minutes at once, so that no account is locked.
    pub(super) fn pauses(&self, poll: Duration) -> Pauses {
        match self {
            Self::Store(_) => Pauses::new(poll, poll),
            Self::Login(_) => Pauses::new(Duration::from_mins(2), Duration::from_hours(1)),
            _ => Pauses::new(Duration::from_secs(5), Duration::from_mins(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipts::imap::response::Status;
    use crate::receipts::patience::Patience;

    #[test]
    fn a_refused_login_waits_for_minutes_and_a_lost_connection_for_seconds() {
        let poll = Duration::from_secs(30);
        let waits = |trouble: &Trouble| {
            let mut patience = Patience::default();
            [0; 8].map(|_| patience.after_failure(trouble.pauses(poll)).as_secs())
        };
        assert_eq!(waits(&Trouble::Login(String::new())), [120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        assert_eq!(waits(&Trouble::Lost), [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(waits(&Trouble::Store(StoreError::ChangedMeanwhile))[7], 30);
    }

    #[test]
    fn only_words_of_the_protocol_are_shown() {
        let code = |code: &str| code_of(code);
        assert_eq!(code("OVERQUOTA"), " (OVERQUOTA)");
        assert_eq!(code("UIDVALIDITY 3"), " (UIDVALIDITY)");
        for hidden in ["", "taro@example.jp", "Taro", "SOMETHING-THAT-IS-MUCH-LONGER-THAN-ANY-CODE"] {
            assert_eq!(code(hidden), "", "{hidden}");
        }
    }

    fn code_of(text: &str) -> String {
        code(&Said { status: Status::No, code: text.to_owned() })
    }
}
