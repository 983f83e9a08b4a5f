//! A private Exim as [`super::relay`] says: a relay that returns mail.
//!
//! Debian's Exim and Postfix cannot be installed together. So Exim is unpacked, and runs in a world of its own, which
//! knows the user Debian-exim and has Exim's configuration at the place that is built into the program.

use super::keeper::{self, Keeper};
use super::relay::{BOUNCES, MEMBERS, Relay};
use super::servers::{self, make_maildir, text_of};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

/// A number that is nobody's on a fresh Debian.
const EXIM: u32 = 64_999;

/// Starts one; `mx` is the port of the exchanger of `mx.test`. `None` when Exim cannot run here; then
/// `OWABI_REQUIRE=exim` makes it a failure instead.
pub(crate) fn start(mx: u16) -> Option<Relay> {
    servers::is_available("exim", keeper::why_not("Exim", &program())).then(|| {
        let answers = |exim: &Relay| text_of(&exim.maillog()).contains("daemon started");
        servers::insist("Exim", || try_start(mx), answers, Relay::said)
    })
}

fn try_start(mx: u16) -> Relay {
    let (folder, port) = (servers::folder("exim"), servers::free_port());
    write(folder.path(), port, mx);
    let keeper = Keeper::start_apart(folder, "exim.test", &[("Debian-exim", EXIM)], &program(), START);
    Relay { keeper, port, maillog: "log/mainlog" }
}

fn write(folder: &Path, port: u16, mx: u16) {
    let path = |name: &str| folder.join(name);
    for name in ["spool", "log", "mail"] {
        fs::create_dir(path(name)).unwrap();
        chown(path(name), Some(EXIM), Some(EXIM)).unwrap();
    }
    for name in [BOUNCES, MEMBERS] {
        make_maildir(&path(name), (EXIM, EXIM));
    }
    let configuration = CONFIGURATION
        .replace("MX_PORT", &mx.to_string())
        .replace("PORT", &port.to_string())
        .replace("FOLDER", &folder.display().to_string())
        .replace("PROGRAM", &program().display().to_string());
    for name in ["etc/exim4", "var"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    fs::write(path("etc/exim4/exim4.conf"), configuration).unwrap();
}

fn program() -> PathBuf {
    keeper::unpacked("exim4-daemon-light", "usr/sbin/exim4")
}

const START: &str = r#""$2" -bdf -q1s"#;

const CONFIGURATION: &str = r"primary_hostname = exim.test
exim_path = PROGRAM
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT
daemon_startup_retries = 0
pid_file_path = FOLDER/exim.pid
spool_directory = FOLDER/spool
log_file_path = FOLDER/log/%slog
notifier_socket =
keep_environment =
deliver_drop_privilege = true
smtp_accept_max = 200
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
tls_advertise_hosts =
host_lookup =
never_users =
acl_smtp_rcpt = accept
acl_smtp_data = accept
delay_warning = 5s:1h
delay_warning_condition = yes
begin routers
bounces:
  driver = accept
  domains = sender.test
  transport = bounces
members:
  driver = accept
  domains = member.test
  local_parts = ^ok
  transport = members
unknown:
  driver = redirect
  domains = member.test
  allow_fail
  data = :fail: 550 5.1.1 unknown user
full:
  driver = redirect
  domains = full.test
  allow_fail
  data = :fail: 552 5.2.2 mailbox full
later:
  driver = redirect
  domains = later.test
  allow_defer
  data = :defer: 452 4.2.2 mailbox busy
mx:
  driver = manualroute
  domains = mx.test
  route_list = * 127.0.0.1
  self = send
  transport = mx
nowhere:
  driver = redirect
  allow_fail
  data = :fail: 550 5.4.4 this test relay delivers nowhere else
begin transports
bounces:
  driver = appendfile
  maildir_format
  directory = FOLDER/mail/bounces
  delivery_date_add
  envelope_to_add
  return_path_add
  user = Debian-exim
members:
  driver = appendfile
  maildir_format
  directory = FOLDER/mail/members
  user = Debian-exim
mx:
  driver = smtp
  port = MX_PORT
  allow_localhost
  hosts_try_dane =
begin retry
* * F,20s,2s
";
