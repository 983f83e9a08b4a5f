//! A private OpenSMTPD as [`super::relay`] says: a relay that returns mail. Only its notice of a delay comes with the first
//! failure, at once.
//!
//! Debian's OpenSMTPD and Postfix cannot be installed together. So it is unpacked, and runs in a world of its own,
//! which knows its users and has its folders at the places that are built into it. A script decides what is local.

use super::keeper::{self, Keeper};
use super::relay::{BOUNCES, MEMBERS, Relay};
use super::servers::{self, make_maildir, text_of};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Its users. The numbers are nobody's on a fresh Debian.
const ACCOUNTS: [(&str, u32); 3] = [("opensmtpd", 64_997), ("opensmtpq", 64_996), MAIL];
const MAIL: (&str, u32) = ("members", 64_995);

/// Starts one; `mx` is the port of the exchanger of `mx.test`. `None` when OpenSMTPD cannot run here; then
/// `OWABI_REQUIRE=opensmtpd` makes it a failure instead.
pub(crate) fn start(mx: u16) -> Option<Relay> {
    servers::is_available("opensmtpd", keeper::why_not("OpenSMTPD", &program()))
        .then(|| servers::insist("OpenSMTPD", || try_start(mx), answers, Relay::said))
}

fn try_start(mx: u16) -> Relay {
    let (folder, port) = (servers::folder("opensmtpd"), servers::free_port());
    write(folder.path(), port, mx);
    let keeper = Keeper::start_apart(folder, "opensmtpd.test", &ACCOUNTS, &program(), START);
    Relay { keeper, port, maillog: "maillog" }
}

/// It logs every connection: so it is this one that has answered.
fn answers(smtpd: &Relay) -> bool {
    TcpStream::connect(("127.0.0.1", smtpd.port)).is_ok() && text_of(&smtpd.maillog()).contains("smtp connected")
}

fn write(folder: &Path, port: u16, mx: u16) {
    let path = |name: &str| folder.join(name);
    let mode = |name: &str, mode| fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    for name in ["var/spool/smtpd", "var/lib/opensmtpd/empty", "var/run"] {
        fs::create_dir_all(path(name)).unwrap();
        mode(name, 0o711);
    }
    for name in [BOUNCES, MEMBERS] {
        make_maildir(&path(name), (MAIL.1, MAIL.1));
    }
    let fill = |text: &str| {
        let text = text.replace("MX_PORT", &mx.to_string()).replace("PORT", &port.to_string());
        text.replace("FOLDER", &folder.display().to_string())
    };
    fs::write(path("smtpd.conf"), fill(CONFIGURATION)).unwrap();
    fs::write(path("deliver"), fill(DELIVER)).unwrap();
    mode("deliver", 0o755);
}

fn program() -> PathBuf {
    keeper::unpacked("opensmtpd", "usr/sbin/smtpd")
}

const START: &str =
    r#"mount --bind "${2%/sbin/smtpd}/libexec" /usr/libexec && "$2" -d -f "$1/smtpd.conf" >"$1/maillog" 2>&1"#;

const CONFIGURATION: &str = r#"queue ttl 20s
bounce warn-interval 5s
listen on 127.0.0.1 port PORT hostname opensmtpd.test
action "local" mda "FOLDER/deliver '%{rcpt}'" virtual { "@" = members }
action "mx" relay host "smtp://127.0.0.1:MX_PORT" helo opensmtpd.test
match from any for domain "mx.test" action "mx"
match from any for any action "local"
"#;

const DELIVER: &str = r#"#!/bin/sh
into() { exec /usr/libexec/opensmtpd/mail.maildir "FOLDER/mail/$1"; }
no() { echo "$1" >&2; exit "$2"; }
case $1 in
    *@sender.test) into bounces ;;
    ok*@member.test) into members ;;
    *@member.test) no "550 5.1.1 unknown user" 67 ;;
    *@full.test) no "552 5.2.2 mailbox full" 73 ;;
    *@later.test) no "452 4.2.2 mailbox busy" 75 ;;
    *) no "550 5.4.4 this test relay delivers nowhere else" 68 ;;
esac
"#;
