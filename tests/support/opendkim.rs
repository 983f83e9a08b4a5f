//! A private OpenDKIM: unpacked, not installed, in a world of its own, with the files of the guide `docs/dkim.md`.

use super::keeper::{self, Keeper};
use super::servers;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A number that is nobody's on a fresh Debian.
const OPENDKIM: u32 = 64_998;

/// A running one.
pub(crate) struct OpenDkim {
    keeper: Keeper,
    port: u16,
    record: String,
}

impl OpenDkim {
    /// Starts one. Each file has its path, as `/etc/opendkim.conf`, and its text, in which the port 8891 is changed; the key of
    /// `selector` and `domain` is made as the guide says. `None` when it cannot run here; then `OWABI_REQUIRE=opendkim` makes it
    /// a failure instead.
    pub(crate) fn start(files: &[(&str, &str)], domain: &str, selector: &str) -> Option<Self> {
        servers::is_available("opendkim", keeper::why_not("OpenDKIM", &program())).then(|| {
            let start = || Self::try_start(files, domain, selector);
            let answers = |server: &Self| TcpStream::connect(("127.0.0.1", server.port)).is_ok();
            servers::insist("OpenDKIM", start, answers, |server| server.keeper.said())
        })
    }

    fn try_start(files: &[(&str, &str)], domain: &str, selector: &str) -> Self {
        let (folder, port) = (servers::folder("opendkim"), servers::free_port());
        fs::create_dir(folder.path().join("var")).unwrap();
        for (path, text) in files {
            let file = folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            // /run is the machine's own.
            let text = text.replace("8891", &port.to_string()).replace("/run/opendkim/", "/var/");
            fs::write(file, text).unwrap();
        }
        let record = make_key(folder.path(), domain, selector);
        chown(folder.path().join("var"), Some(OPENDKIM), Some(OPENDKIM)).unwrap();
        let server = r#""$2" -f -x /etc/opendkim.conf"#;
        let keeper = Keeper::start_apart(folder, "relay.test", &[("opendkim", OPENDKIM)], &program(), server);
        Self { keeper, port, record }
    }

    /// The port of its milter on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The TXT record that it wants to have published.
    pub(crate) fn record(&self) -> &str {
        &self.record
    }
}

/// As the guide's step does it; gives the record's text.
fn make_key(folder: &Path, domain: &str, selector: &str) -> String {
    let keys = folder.join("etc/opendkim/keys").join(domain);
    fs::create_dir_all(&keys).unwrap();
    let mut make = Command::new(keeper::unpacked("opendkim-tools", "usr/sbin/opendkim-genkey"));
    make.args(["-b", "2048", "-d", domain, "-s", selector, "-D"]).arg(&keys);
    let made = make.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = keys.join(format!("{selector}.private"));
    for (path, mode) in [(folder.join("etc/opendkim/keys"), 0o700), (keys.clone(), 0o700), (key, 0o600)] {
        chown(&path, Some(OPENDKIM), Some(OPENDKIM)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let zone = fs::read_to_string(keys.join(format!("{selector}.txt"))).unwrap();
    zone.split('"').skip(1).step_by(2).collect()
}

fn program() -> PathBuf {
    keeper::unpacked("opendkim", "usr/sbin/opendkim")
}
