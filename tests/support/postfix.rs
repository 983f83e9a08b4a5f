//! A private Postfix: the real relay of the end-to-end tests.
//!
//! It lives in one temporary directory and on one free port of 127.0.0.1, reads nothing of the machine's own Postfix, and
//! can send nothing off the machine: every recipient of every domain ends in one Maildir, except those whose local part
//! asks for trouble (`unknown…` 550, `greylist…` 450, `full…` 452, each at RCPT). Needs root, as Postfix does.

use super::keeper::Keeper;
use super::servers::{self, files_under, text_of, wait};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a test may ask for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Whether CHUNKING (BDAT) is offered.
    pub(crate) chunking: bool,
    /// Whether PIPELINING is offered.
    pub(crate) pipelining: bool,
    /// Largest message, bytes.
    pub(crate) message_size_limit: u32,
    /// Further lines of main.cf.
    pub(crate) more: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { chunking: true, pipelining: true, message_size_limit: 10_240_000, more: String::new() }
    }
}

/// A running Postfix. Dropping it stops it and removes its directory.
pub(crate) struct Postfix(Instance);

impl Postfix {
    /// Starts one. `None` when Postfix cannot run here; then `OWABI_REQUIRE=postfix` makes it a failure instead.
    pub(crate) fn start(options: &Options) -> Option<Self> {
        let hidden = [("chunking", options.chunking), ("pipelining", options.pipelining)];
        let hidden: Vec<_> = hidden.iter().filter(|(_, offered)| !offered).map(|(name, _)| *name).collect();
        let main_cf =
            MAIN_CF.replace("HIDDEN", &hidden.join(", ")).replace("SIZE", &options.message_size_limit.to_string());
        let main_cf = main_cf + &options.more;
        let files = [("recipients", REFUSED), ("mailboxes", "/./ all/\n")];
        Instance::start(&main_cf, MASTER_CF, &files).map(Self)
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.0.port
    }

    /// The Maildir of all mails.
    pub(crate) fn mailbox(&self) -> PathBuf {
        self.0.folder().join("mail/all")
    }

    /// The files of the delivered mails.
    pub(crate) fn delivered(&self) -> Vec<PathBuf> {
        let mut files = files_under(&self.0.folder().join("mail/all/new"));
        files.sort();
        files
    }

    /// Waits until at least `n` mails are delivered; false when they are not in time.
    pub(crate) fn wait_delivered(&self, n: usize, timeout: Duration) -> bool {
        wait(timeout, || self.delivered().len() >= n)
    }

    /// Mails that Postfix has taken and not yet delivered.
    pub(crate) fn queue_len(&self) -> usize {
        let queues = ["maildrop", "incoming", "active", "deferred", "hold"];
        queues.iter().map(|queue| files_under(&self.0.folder().join("queue").join(queue)).len()).sum()
    }

    /// Waits until its queue is empty; false when it is not in time. The beginning of a mail that a client left unsent is
    /// taken away only after the client was answered.
    pub(crate) fn wait_empty(&self, timeout: Duration) -> bool {
        wait(timeout, || self.queue_len() == 0)
    }

    /// Waits until it has logged this; false when it has not in time.
    pub(crate) fn wait_logged(&self, words: &str, timeout: Duration) -> bool {
        wait(timeout, || self.log().contains(words))
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        self.0.log()
    }
}

/// A Postfix of some configuration. Dropping it stops it and removes its directory.
pub(super) struct Instance {
    pub(super) keeper: Keeper,
    pub(super) port: u16,
}

impl Instance {
    /// Starts one. In every file FOLDER, PORT, UID and GID stand for what it has; `files` lie beside main.cf, which goes
    /// on after [`COMMON_CF`].
    pub(super) fn start(main_cf: &str, master_cf: &str, files: &[(&str, &str)]) -> Option<Self> {
        if !servers::is_available("postfix", why_not()) {
            return None;
        }
        let main_cf = format!("{COMMON_CF}{main_cf}");
        let files = [&[("main.cf", main_cf.as_str()), ("master.cf", master_cf)], files].concat();
        Some(servers::insist("Postfix", || Self::try_start(&files), Self::answers, Self::said))
    }

    fn try_start(files: &[(&str, &str)]) -> Self {
        let (folder, port) = (servers::folder("postfix"), servers::free_port());
        write(folder.path(), port, files);
        let (start, stop) = (r#""$2" -c "$1/etc" start-fg"#, r#"kill $(cat "$1/queue/pid/master.pid")"#);
        let keeper = Keeper::start(folder, Path::new(PROGRAM), start, stop);
        Self { keeper, port }
    }

    pub(super) fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    fn log(&self) -> String {
        text_of(&self.folder().join("maillog"))
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.log().contains("daemon started")
    }

    fn said(&self) -> String {
        self.log() + &self.keeper.said()
    }
}

fn write(folder: &Path, port: u16, files: &[(&str, &str)]) {
    // Postfix and its delivery agent change their user: they must be able to walk down to here.
    for name in ["etc", "queue", "data", "mail"] {
        fs::create_dir(folder.join(name)).unwrap();
        servers::open_to_all(&folder.join(name));
    }
    let (postfix, (uid, gid)) = (servers::account("postfix"), servers::account("nobody"));
    chown(folder.join("data"), Some(postfix.0), Some(postfix.1)).unwrap();
    chown(folder.join("mail"), Some(uid), Some(gid)).unwrap();
    for (name, text) in files {
        let text = text
            .replace("UID", &uid.to_string())
            .replace("GID", &gid.to_string())
            .replace("PORT", &port.to_string())
            .replace("FOLDER", &folder.display().to_string());
        fs::write(folder.join("etc").join(name), text).unwrap();
    }
    fs::write(folder.join("maillog"), "").unwrap();
}

const PROGRAM: &str = "/usr/sbin/postfix";

fn why_not() -> Option<String> {
    if !Path::new(PROGRAM).exists() {
        return Some("postfix is not installed (./x test installs it)".into());
    }
    servers::needs_root("Postfix")
}

const REFUSED: &str = r#"/^"?unknown/ 550 5.1.1 No such user here
/^"?greylist/ 450 4.7.1 Greylisted, try again later
/^"?full/ 452 4.2.2 Mailbox full
"#;

/// What is so with every private Postfix.
const COMMON_CF: &str = "compatibility_level = 3.6
queue_directory = FOLDER/queue
data_directory = FOLDER/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = FOLDER/maillog
maillog_file_prefixes = FOLDER
notify_classes =
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtpd_reject_unlisted_recipient = no
smtpd_relay_restrictions = permit_mynetworks, reject
strict_rfc821_envelopes = no
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_base = FOLDER/mail
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_minimum_uid = 1
default_transport = error:5.4.4 this test relay delivers nowhere else
relay_transport = error:5.4.4 this test relay delivers nowhere else
smtp_dns_support_level = disabled
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_hard_error_limit = 100000
smtpd_soft_error_limit = 100000
smtpd_junk_command_limit = 100000
allow_percent_hack = no
swap_bangpath = no
resolve_dequoted_address = no
default_process_limit = 200
in_flow_delay = 0
";

const MAIN_CF: &str =
    "smtpd_recipient_restrictions = check_recipient_access regexp:FOLDER/etc/recipients, permit_mynetworks, reject
smtpd_discard_ehlo_keywords = HIDDEN
recipient_delimiter = +
message_size_limit = SIZE
virtual_mailbox_domains = static:all
virtual_mailbox_maps = regexp:FOLDER/etc/mailboxes
virtual_destination_concurrency_limit = 20
";

pub(super) const MASTER_CF: &str = "127.0.0.1:PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
