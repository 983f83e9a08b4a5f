//! `health`: where the daemon answers whether all is well.

use super::problem::Findings;
use crate::cli::say::say;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// `health`: the daemon's `GET /health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// `ADDRESS:PORT`, or `:PORT` for this machine alone; `None` is off.
    pub listen: Option<String>,
}

impl Health {
    /// Where to listen; `None` when it is off, or no address (which loading has refused). Port 0 is any free one.
    pub fn address(&self) -> Option<SocketAddr> {
        let listen = self.listen.as_deref()?;
        let loopback = |port: &str| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?));
        listen.parse().ok().or_else(|| loopback(listen.strip_prefix(':')?))
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        if self.listen.is_some() && self.address().is_none() {
            found.refuse_with(
                "health.listen",
                say!(ja: "IP アドレスとポートの形になっていません。", en: "is not an IP address and a port"),
                say!(
                    ja: "127.0.0.1:8025 のように書くか、使わないなら null と書いてください。ほかのマシンからは、ここに書いたこのマシンのアドレスでだけ届きます。",
                    en: "write 127.0.0.1:8025, or null for none; other machines reach it only at an address of yours that you write"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_unless_said_and_on_this_machine_alone_unless_an_address_is_written() {
        let address = |listen: &str| Health { listen: Some(listen.to_owned()) }.address().map(|at| at.to_string());
        assert_eq!(Health::default().address(), None);
        assert_eq!(address(":8025").as_deref(), Some("127.0.0.1:8025"));
        assert_eq!(address("192.0.2.1:8025").as_deref(), Some("192.0.2.1:8025"));
        assert_eq!(address("[::1]:8025").as_deref(), Some("[::1]:8025"));
        for wrong in ["", "8025", "127.0.0.1", "localhost:8025", ":99999", "127.0.0.1:8025/health"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
