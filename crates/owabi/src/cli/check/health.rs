//! `check`: where the daemon answers whether all is well.

use super::Found;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::Config;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// It has no password.
pub(super) fn check(session: &Session, config: &Config, found: &mut Found) {
    let Some(address) = config.health.address() else { return };
    if !is_ours(address.ip()) {
        found.warning(session, "health", &not_ours(address));
    }
    if address.ip().is_loopback() {
        return;
    }
    let what = say!(
        ja: "health.listen の {address} には、ほかのマシンからも届きます。パスワードはありません。件数を知られてよい相手だけが届くようにするか、127.0.0.1 にしてください。",
        en: "health.listen: other machines reach {address}, and it has no password: let only those reach it who may know the counts, or write 127.0.0.1"
    );
    found.warning(session, "health", &what);
}

/// Tried with any free port, so that the daemon's own is left alone.
fn is_ours(ip: IpAddr) -> bool {
    !TcpListener::bind((ip, 0)).is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

fn not_ours(address: SocketAddr) -> Text {
    say!(
        ja: "health.listen の {address} は、このマシンのアドレスではないようです。`owabi run` の開始時にもなければ、終了コード 78 で終わります。このマシンのアドレスか 127.0.0.1 にしてください。",
        en: "health.listen: {address} seems to be no address of this machine; if it is still none when `owabi run` starts, that ends with 78: write an address of this machine, or 127.0.0.1"
    )
}
