//! What keeps a relay from being reached, read from what the system says.

use std::io;

/// What keeps a relay from being reached, where the system tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The name does not exist, or has no address.
    NoSuchName,
    /// The resolver does not answer, or fails.
    Resolver,
    /// Nothing listens there.
    Refused,
    /// Nobody answered in time.
    Silent,
    /// There is no way to that network from here.
    NoRoute,
    /// Something else.
    Other,
}

/// The system tells of names in words only (`gai_strerror`, glibc and musl).
pub(super) fn of_name(error: &io::Error) -> Trouble {
    let said = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&["Name or service not known", "No address associated", "Name does not resolve", "Name has no usable"]) {
        Trouble::NoSuchName
    } else if says(&["Temporary failure", "Try again", "Non-recoverable", "Unrecoverable"]) {
        Trouble::Resolver
    } else {
        Trouble::Other
    }
}

pub(super) fn of_connection(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Trouble::Refused,
        io::ErrorKind::TimedOut => Trouble::Silent,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
            Trouble::NoRoute
        }
        _ => Trouble::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_there_and_a_resolver_that_fails_are_told_apart() {
        for (said, trouble) in [
            ("failed to lookup address information: Name or service not known", Trouble::NoSuchName),
            ("failed to lookup address information: No address associated with hostname", Trouble::NoSuchName),
            ("failed to lookup address information: Name does not resolve", Trouble::NoSuchName),
            ("failed to lookup address information: Temporary failure in name resolution", Trouble::Resolver),
            ("failed to lookup address information: Try again", Trouble::Resolver),
            ("something new", Trouble::Other),
        ] {
            assert_eq!(of_name(&io::Error::other(said)), trouble, "{said}");
        }
    }
}
