//! A folder made by `owabi init`, and the built program to use on it.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The notice that the tests import for.
pub(crate) const NOTICE: &str = "metaps-2022";

/// A fresh installation.
pub(crate) struct Site {
    dir: tempfile::TempDir,
}

/// What one command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Fails the test with everything that was said, unless the command ended with `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }
}

/// Runs the program in an empty environment.
pub(crate) fn owabi(arguments: &[&str]) -> Said {
    Said::of(command(arguments).output().unwrap())
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_owabi"));
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("OWABI_LANG", "en").stdin(Stdio::null());
    command
}

impl Site {
    /// `owabi init`, with a relay that nobody answers for.
    pub(crate) fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        owabi(&["init", site.path("").to_str().unwrap()]).exits(0);
        site.configure(1);
        // Tests run at any hour.
        site.edit("notices/metaps-2022.yaml", "  window: \"09:00-21:00\"\n", "");
        site
    }

    /// A small configuration with a relay at this port.
    pub(crate) fn configure(&self, port: u16) {
        let text = format!(
            "database: {{ url: \"sqlite:owabi.db\" }}\n\
             smtp:\n  relays: [{{ name: main, host: 127.0.0.1, port: {port}, tls: none }}]\n  \
             bounce: {{ address: bounces@example.jp }}\n\
             dispatch: {{ backoff_first: 100ms, backoff_max: 200ms, poll: 50ms }}\n\
             retry: {{ first: 1s, max: 2s }}\nlog: {{ level: error }}\n"
        );
        self.write("owabi.yaml", &text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Replaces a text that must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no {from:?}");
        self.write(name, &text.replace(from, to));
    }

    /// Runs the program on this site.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// The program on this site, to be started by the caller.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let config = self.path("owabi.yaml");
        let mut all = vec!["--config", config.to_str().unwrap()];
        all.extend(arguments);
        command(&all)
    }

    /// The same with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        self.run(&all).json()
    }

    /// `owabi import` of a file of this site.
    pub(crate) fn import(&self, name: &str, more: &[&str]) -> Said {
        let file = self.path(name);
        let mut all = vec!["--json", "import", file.to_str().unwrap(), "--notice", NOTICE, "--yes"];
        all.extend(more);
        self.run(&all)
    }

    /// The sample roster imported, looked at, approved and released.
    pub(crate) fn release_samples(&self) {
        self.import("samples/payments.csv", &[]).exits(0);
        self.run(&["preflight", "--notice", NOTICE]).exits(0);
        self.run(&["approve", NOTICE]).exits(0);
        self.run(&["release", NOTICE, "--yes"]).exits(0);
    }

    /// How many members have this status.
    pub(crate) fn count(&self, status: &str) -> i64 {
        let said = self.json(&["status", NOTICE]);
        said["notices"][0]["counts"][status].as_i64().unwrap_or(0)
    }

    pub(crate) fn database(&self) -> String {
        format!("sqlite:{}", self.path("owabi.db").display())
    }
}

/// A file's permission bits.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
