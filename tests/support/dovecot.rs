//! A private Dovecot: one IMAP mailbox, which is a Maildir. Any user may read it, with the password `test`.
//!
//! Its certificate is that of an authority of its own, for `localhost` and 127.0.0.1. A login is taken without TLS too.

use super::keeper::Keeper;
use super::servers::{self, account, make_maildir, text_of};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What every user's password is.
pub(crate) const PASSWORD: &str = "test";

/// A running Dovecot. Dropping it stops it and removes its directory.
pub(crate) struct Dovecot {
    keeper: Keeper,
    port: u16,
    tls_port: u16,
    maildir: PathBuf,
}

impl Dovecot {
    /// Starts one with an empty mailbox. `None` when Dovecot cannot run here; then `OWABI_REQUIRE=dovecot` makes it a
    /// failure instead.
    pub(crate) fn start() -> Option<Self> {
        Self::start_on(None)
    }

    /// The same with a Maildir that is there, such as that of a [`super::relay::Relay`]. It must outlive this.
    pub(crate) fn start_over(maildir: &Path) -> Option<Self> {
        Self::start_on(Some(maildir))
    }

    fn start_on(maildir: Option<&Path>) -> Option<Self> {
        if !servers::is_available("dovecot", why_not()) {
            return None;
        }
        Some(servers::insist("Dovecot", || Self::try_start(maildir), Self::answers, Self::log))
    }

    fn try_start(maildir: Option<&Path>) -> Self {
        let (folder, port, tls_port) = (servers::folder("dovecot"), servers::free_port(), servers::free_port());
        let maildir = maildir.map_or_else(|| own_maildir(folder.path()), Path::to_owned);
        make_certificate(folder.path());
        fs::write(folder.path().join("dovecot.conf"), configuration(folder.path(), port, tls_port, &maildir)).unwrap();
        let keeper = Keeper::start(folder, Path::new(PROGRAM), r#""$2" -F -c "$1/dovecot.conf""#, "kill $server");
        Self { keeper, port, tls_port, maildir }
    }

    /// The port on 127.0.0.1 where a client may ask for TLS (STARTTLS).
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The port on 127.0.0.1 where everything is within TLS.
    pub(crate) fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The file of the authority's certificate, PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// The mailbox: a file in its `new` is a mail that has come.
    pub(crate) fn maildir(&self) -> &Path {
        &self.maildir
    }

    /// Everything it has logged, and whatever else it has said.
    pub(crate) fn log(&self) -> String {
        text_of(&self.path("log")) + &self.keeper.said()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.keeper.folder().join(name)
    }

    /// Its greeting names its folder: so it is this one that has answered.
    fn answers(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut greeting = String::new();
        let heard = BufReader::new(stream).read_line(&mut greeting).is_ok();
        heard && greeting.contains(&self.keeper.folder().display().to_string())
    }
}

fn own_maildir(folder: &Path) -> PathBuf {
    let maildir = folder.join("mail");
    make_maildir(&maildir, account("nobody"));
    maildir
}

const PROGRAM: &str = "/usr/sbin/dovecot";

fn why_not() -> Option<String> {
    if ![PROGRAM, "/usr/lib/dovecot/imap"].iter().all(|program| Path::new(program).exists()) {
        return Some("dovecot is not installed (./x test installs it)".into());
    }
    servers::needs_root("Dovecot")
}

fn make_certificate(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "private Dovecot's authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("authority.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    fs::write(folder.join("server.pem"), server.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

fn configuration(folder: &Path, port: u16, tls_port: u16, maildir: &Path) -> String {
    // Whoever delivers into the Maildir is the one who reads it. Nothing but mail is kept there.
    let owner = fs::metadata(maildir).unwrap();
    fs::create_dir(folder.join("home")).unwrap();
    chown(folder.join("home"), Some(owner.uid()), Some(owner.gid())).unwrap();
    CONFIGURATION
        .replace("TLS_PORT", &tls_port.to_string())
        .replace("PORT", &port.to_string())
        .replace("UID", &owner.uid().to_string())
        .replace("GID", &owner.gid().to_string())
        .replace("PASSWORD", PASSWORD)
        .replace("MAILDIR", &maildir.display().to_string())
        .replace("FOLDER", &folder.display().to_string())
}

const CONFIGURATION: &str = "base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = FOLDER/log
login_greeting = FOLDER
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <FOLDER/server.pem
ssl_key = <FOLDER/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:MAILDIR:INDEX=FOLDER/home/index:CONTROL=FOLDER/home/control
first_valid_uid = 1
first_valid_gid = 1
passdb {
  driver = static
  args = password=PASSWORD
}
userdb {
  driver = static
  args = uid=UID gid=GID home=FOLDER/home allow_all_users=yes
}
service imap-login {
  chroot =
  process_min_avail = 1
  inet_listener imap {
    port = PORT
  }
  inet_listener imaps {
    port = TLS_PORT
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
";
