//! What the private servers of the tests have in common.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Where Debian keeps what servers call, whatever the test's own PATH is.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Whether this server can be started. When it cannot it says so, unless `OWABI_REQUIRE` names the server: then that is
/// a failure.
pub(crate) fn is_available(name: &str, why_not: Option<String>) -> bool {
    let Some(reason) = why_not else { return true };
    let required = std::env::var("OWABI_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|required| required.trim() == name), "{reason}, and OWABI_REQUIRE names {name}");
    // Not eprintln!: the test harness keeps that to itself when a test passes.
    std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
    false
}

/// Why a server that needs root and 127.0.0.1 cannot run here.
pub(crate) fn needs_root(name: &str) -> Option<String> {
    match TcpListener::bind("127.0.0.1:0").map(|_| is_root()) {
        Ok(true) => None,
        Ok(false) => Some(format!("a private {name} needs root (run ./x test as root)")),
        Err(_) => Some("127.0.0.1 cannot be listened on".into()),
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

/// Looks again and again until `done`; false when it is not in time.
pub(crate) fn wait(timeout: Duration, done: impl Fn() -> bool) -> bool {
    const PAUSE: Duration = Duration::from_millis(20);
    (0..=timeout.as_millis() / PAUSE.as_millis()).any(|_| {
        let is_done = done();
        if !is_done {
            std::thread::sleep(PAUSE);
        }
        is_done
    })
}

/// Starts a server until it answers. Another process may take its free port before it does: then the next one is tried.
pub(crate) fn insist<T>(
    name: &str,
    start: impl Fn() -> T,
    answers: impl Fn(&T) -> bool,
    said: impl Fn(&T) -> String,
) -> T {
    let started = (0..5).map(|_| start()).find(|server| {
        let is_up = wait(Duration::from_secs(20), || answers(server));
        if !is_up {
            eprintln!("{name} does not answer: {}", said(server));
        }
        is_up
    });
    started.unwrap_or_else(|| panic!("{name} did not start in five tries"))
}

/// A free port below those that the kernel gives to clients and below those of the private PostgreSQL. No two calls of
/// one process get the same.
pub(crate) fn free_port() -> u16 {
    static LAST: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    let next = |_| 10_000 + first.wrapping_mul(37).wrapping_add(LAST.fetch_add(1, Ordering::Relaxed)) % 10_000;
    (0..10_000).map(next).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// The user and group numbers of an account of this machine.
pub(crate) fn account(name: &str) -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name));
    let mut ids = line.unwrap_or_else(|| panic!("there is no account {name}")).split(':').skip(2);
    let mut id = || ids.next().unwrap().parse().unwrap();
    (id(), id())
}

/// A new folder of `/tmp` that the users of a server can walk into.
pub(crate) fn folder(name: &str) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix(&format!("owabi-{name}.")).tempdir_in("/tmp").unwrap();
    open_to_all(folder.path());
    folder
}

pub(crate) fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A file that may not be there yet.
pub(crate) fn text_of(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
}

/// Every file below `folder`. Files come and go while this looks; what has gone is left out.
pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
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

/// A Maildir: its three folders, owned by this user and group.
pub(crate) fn make_maildir(folder: &Path, (uid, gid): (u32, u32)) {
    for name in ["", "new", "cur", "tmp"] {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
    }
}

/// The first mail of a Maildir that holds all of `words`, once it has come; `None` when it does not come in time.
pub(crate) fn wait_mail(maildir: &Path, words: &[&str], timeout: Duration) -> Option<String> {
    let find = || {
        let mails = files_under(&maildir.join("new")).into_iter().map(|file| text_of(&file));
        mails.into_iter().find(|mail| words.iter().all(|word| mail.contains(word)))
    };
    wait(timeout, || find().is_some()).then(find).flatten()
}
