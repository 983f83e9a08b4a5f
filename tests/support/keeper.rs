//! Servers that end with the test: a small shell is their parent. It has a pipe from this process as its standard input,
//! and when that ends, however this process ended, it ends the server and removes its folder.
//!
//! A server that is not installed but unpacked (`./x test` does that) gets a world of its own besides: namespaces of
//! mounts, processes and the host's name, in which other files lie at the places that are built into it.

use super::servers::{SYSTEM_PATH, needs_root, text_of};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A shell that keeps a server, and the server's folder.
pub(crate) struct Keeper {
    folder: PathBuf,
    shell: Child,
}

impl Keeper {
    /// Runs the shell command `server`, which stays in the foreground, until the command `stop` has told it to end. In
    /// both `$1` is the folder, `$2` the program and `$server` the number of the server's process.
    pub(crate) fn start(folder: TempDir, program: &Path, server: &str, stop: &str) -> Self {
        let end = format!("until {stop} || ! kill -s 0 $server; do sleep 0.1; done; wait");
        Self::launch(Command::new("sh"), folder, program, &format!("{server} &\nserver=$!\n{UNTIL_TOLD}{end}{REMOVE}"))
    }

    /// The same in a world of its own: its host has this name, its `/etc` and `/var` are those of the folder, and these
    /// accounts are there besides the machine's. With the shell all of it ends, without being asked.
    pub(crate) fn start_apart(
        folder: TempDir,
        host: &str,
        accounts: &[(&str, u32)],
        program: &Path,
        server: &str,
    ) -> Self {
        write_etc(&folder.path().join("etc"), accounts);
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--uts", "--kill-child", "sh"]);
        // The first process of its world means all of that, and nothing else, by -1.
        let end = "[ $$ = 1 ] && kill -s KILL -- -1; wait";
        let script = format!("hostname {host} &&\n{MOUNTS}{server} &\n{UNTIL_TOLD}{end}{REMOVE}");
        Self::launch(unshare, folder, program, &script)
    }

    fn launch(mut command: Command, folder: TempDir, program: &Path, script: &str) -> Self {
        let folder = folder.keep();
        let script = format!("exec >\"$1/out\" 2>&1\n{script}");
        command.args(["-c", &script, "sh"]).arg(&folder).arg(program);
        command.env_clear().env("PATH", SYSTEM_PATH).env("LC_ALL", "C").current_dir("/").stdin(Stdio::piped());
        // Ctrl-C is for the tests; the shell notices that they have ended.
        let shell = command.process_group(0).spawn().unwrap();
        Self { folder, shell }
    }

    /// The directory that holds all of it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the server and the shell have said, apart from the server's log.
    pub(crate) fn said(&self) -> String {
        text_of(&self.folder.join("out"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

// Not /etc/passwd alone: when the machine gets a new account, that file is replaced, and what lies on it goes away.
const MOUNTS: &str = r#"mount --bind "$1/etc" /etc &&
mount --bind "$1/var" /var &&
"#;

const UNTIL_TOLD: &str = "cat\n";

/// What is still ending may still write.
const REMOVE: &str = r#"
for _ in 1 2 3 4 5 6 7 8 9; do
    rm -rf "$1" && break
    sleep 0.1
done
"#;

/// The little that servers look for in `/etc`: the accounts, each with a group of the same name and number, and where to
/// look up names. No name is asked of the network.
fn write_etc(etc: &Path, accounts: &[(&str, u32)]) {
    let all = |file: &str| fs::read_to_string(Path::new("/etc").join(file)).unwrap();
    let users: Vec<_> = accounts.iter().map(|(name, id)| format!("{name}:x:{id}:{id}::/var:/bin/sh\n")).collect();
    let groups: Vec<_> = accounts.iter().map(|(name, id)| format!("{name}:x:{id}:\n")).collect();
    let (passwd, group) = (all("passwd") + &users.concat(), all("group") + &groups.concat());
    let hosts = "127.0.0.1 localhost\n";
    let sources = "passwd: files\ngroup: files\nhosts: files\n";
    fs::create_dir_all(etc).unwrap();
    for (file, text) in [("passwd", passwd.as_str()), ("group", &group), ("hosts", hosts), ("nsswitch.conf", sources)] {
        fs::write(etc.join(file), text).unwrap();
    }
}

/// Where `./x test` has unpacked this file of a package.
pub(crate) fn unpacked(package: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("servers").join(package).join(file)
}

/// Why a server that is to be unpacked cannot run here.
pub(crate) fn why_not(name: &str, program: &Path) -> Option<String> {
    if !program.exists() {
        return Some(format!("{name} is not there (./x test unpacks it)"));
    }
    needs_root(name).or_else(|| {
        (!can_be_apart()).then(|| format!("a private {name} needs namespaces of its own, which are not allowed here"))
    })
}

fn can_be_apart() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let mut unshare = Command::new("unshare");
        let tried = unshare.args(["--mount", "--pid", "--uts", "--fork", "true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}
