//! A private Postfix: the real relay of the end-to-end tests.
//!
//! It lives in one temporary directory and on one free port of 127.0.0.1, reads nothing of the machine's own Postfix, and
//! can send nothing off the machine: every recipient of every domain ends in one Maildir, except those whose local part
//! asks for trouble (`unknown…` 550, `greylist…` 450, `full…` 452, each at RCPT). Needs root, as Postfix does.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// What a test may ask for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Whether CHUNKING (BDAT) is offered.
    pub(crate) chunking: bool,
    /// Whether PIPELINING is offered.
    pub(crate) pipelining: bool,
    /// Largest message, bytes.
    pub(crate) message_size_limit: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { chunking: true, pipelining: true, message_size_limit: 10_240_000 }
    }
}

/// A running Postfix. Dropping it stops it and removes its directory.
pub(crate) struct Postfix {
    folder: TempDir,
    port: u16,
}

impl Postfix {
    /// Starts one. `None` when Postfix cannot run here; then `OWABI_REQUIRE=postfix` makes it a failure instead.
    pub(crate) fn start(options: &Options) -> Option<Self> {
        if let Some(reason) = why_not() {
            let required = std::env::var("OWABI_REQUIRE").unwrap_or_default();
            assert!(
                !required.split(',').any(|name| name.trim() == "postfix"),
                "{reason}, and OWABI_REQUIRE names postfix"
            );
            // Not eprintln!: the test harness keeps that to itself when a test passes.
            std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
            return None;
        }
        // Another process may take the free port before Postfix does: then the next one is tried.
        (0..5).find_map(|_| Self::try_start(options)).or_else(|| panic!("Postfix did not start in five tries"))
    }

    fn try_start(options: &Options) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("owabi-postfix.").tempdir_in("/tmp").unwrap();
        let postfix = Self { port: free_port(), folder };
        postfix.write_configuration(options);
        let started = postfix.postfix("start");
        if started.status.success() && wait(Duration::from_secs(10), || postfix.answers()) {
            return Some(postfix);
        }
        eprintln!("Postfix on port {}: {started:?}\n{}", postfix.port, postfix.log());
        None
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The files of the delivered mails.
    pub(crate) fn delivered(&self) -> Vec<PathBuf> {
        let mut files = files_under(&self.path("mail/all/new"));
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
        queues.iter().map(|queue| files_under(&self.path("queue").join(queue)).len()).sum()
    }

    /// Everything it has logged.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("maillog")).unwrap_or_default()).into_owned()
    }

    /// Waits until it has logged this; false when it has not in time.
    pub(crate) fn wait_logged(&self, words: &str, timeout: Duration) -> bool {
        wait(timeout, || self.log().contains(words))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.log().contains("daemon started")
    }

    fn postfix(&self, verb: &str) -> Output {
        let config = self.path("etc");
        let mut command = Command::new("postfix");
        command.arg("-c").arg(config).arg(verb).env("LC_ALL", "C").env("PATH", SYSTEM_PATH);
        command.output().unwrap()
    }

    fn write_configuration(&self, options: &Options) {
        // Postfix and its delivery agent change their user: they must be able to walk down to here.
        open_to_all(self.folder.path());
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(self.path(name)).unwrap();
            open_to_all(&self.path(name));
        }
        let account = |name: &str| account(name).unwrap_or_else(|| panic!("there is no account {name}"));
        let (postfix, nobody) = (account("postfix"), account("nobody"));
        chown(self.path("data"), Some(postfix.0), Some(postfix.1)).unwrap();
        chown(self.path("mail"), Some(nobody.0), Some(nobody.1)).unwrap();
        fs::write(self.path("etc/main.cf"), self.main_cf(options, nobody)).unwrap();
        fs::write(self.path("etc/master.cf"), MASTER_CF.replace("PORT", &self.port.to_string())).unwrap();
        fs::write(self.path("etc/recipients"), REFUSED).unwrap();
        fs::write(self.path("etc/mailboxes"), "/./ all/\n").unwrap();
        fs::write(self.path("maillog"), "").unwrap();
    }

    fn main_cf(&self, options: &Options, (uid, gid): (u32, u32)) -> String {
        let hidden = [("chunking", options.chunking), ("pipelining", options.pipelining)];
        let hidden: Vec<_> = hidden.iter().filter(|(_, offered)| !offered).map(|(name, _)| *name).collect();
        MAIN_CF
            .replace("UID", &uid.to_string())
            .replace("GID", &gid.to_string())
            .replace("HIDDEN", &hidden.join(", "))
            .replace("SIZE", &options.message_size_limit.to_string())
            .replace("FOLDER", &self.folder.path().display().to_string())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _asked = self.postfix("stop");
        let stopped = wait(Duration::from_secs(5), || !self.postfix("status").status.success());
        if !stopped {
            let _forced = self.postfix("abort");
        }
    }
}

/// Looks again and again until `done`; false when it is not in time.
fn wait(timeout: Duration, done: impl Fn() -> bool) -> bool {
    const PAUSE: Duration = Duration::from_millis(20);
    (0..=timeout.as_millis() / PAUSE.as_millis()).any(|_| {
        let is_done = done();
        if !is_done {
            std::thread::sleep(PAUSE);
        }
        is_done
    })
}

/// Where Debian keeps what `postfix` calls, whatever the test's own PATH is.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

fn why_not() -> Option<&'static str> {
    if !Path::new("/usr/sbin/postfix").exists() {
        return Some("postfix is not installed (./x test installs it)");
    }
    match TcpListener::bind("127.0.0.1:0").map(|_| is_root()) {
        Ok(true) => None,
        Ok(false) => Some("a private Postfix needs root (run ./x test as root)"),
        Err(_) => Some("127.0.0.1 cannot be listened on"),
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

fn account(name: &str) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2);
    Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every file below `folder`. Files come and go while this looks; what has gone is left out.
fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(e) => panic!("{}: {e}", folder.display()),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let (folders, mut files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| files_under(folder)));
    files
}

const REFUSED: &str = r#"/^"?unknown/ 550 5.1.1 No such user here
/^"?greylist/ 450 4.7.1 Greylisted, try again later
/^"?full/ 452 4.2.2 Mailbox full
"#;

const MAIN_CF: &str = "compatibility_level = 3.6
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
smtpd_recipient_restrictions = check_recipient_access regexp:FOLDER/etc/recipients, permit_mynetworks, reject
smtpd_discard_ehlo_keywords = HIDDEN
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_hard_error_limit = 100000
smtpd_soft_error_limit = 100000
smtpd_junk_command_limit = 100000
strict_rfc821_envelopes = no
allow_percent_hack = no
swap_bangpath = no
resolve_dequoted_address = no
recipient_delimiter = +
message_size_limit = SIZE
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = static:all
virtual_mailbox_base = FOLDER/mail
virtual_mailbox_maps = regexp:FOLDER/etc/mailboxes
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_minimum_uid = 1
virtual_destination_concurrency_limit = 20
default_process_limit = 200
in_flow_delay = 0
default_transport = error:5.4.4 this test relay delivers nowhere else
relay_transport = error:5.4.4 this test relay delivers nowhere else
smtp_dns_support_level = disabled
";

const MASTER_CF: &str = "127.0.0.1:PORT inet n - n - - smtpd
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
