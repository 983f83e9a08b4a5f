//! The built program in a private folder, run as an operator runs it.

use super::audit::{self, Row};
use super::postgres::Database;
use super::world;
use owabi_smtp::capture::CaptureRelay;
use rustix::process::{Pid, Signal, WaitOptions};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The shipped notice.
const METAPS: &str = "metaps-2022";

/// How often a test looks how far the program is.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One installation.
pub(crate) struct Program {
    folder: TempDir,
    notice: &'static str,
    /// Where the queue is when it is not in the folder.
    queue: Option<String>,
}

impl Program {
    /// An installation with the small association's notice and a relay at `port`; `more` as in [`world::write_files`].
    pub(crate) fn new(port: u16, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        world::write_files(folder.path(), port, more);
        Self { folder, notice: world::NOTICE, queue: None }
    }

    /// The same with the queue on PostgreSQL; the schema is made. The role is that of PGUSER.
    pub(crate) fn on(mut self, database: &Database) -> Self {
        let config = std::fs::read_to_string(self.path("owabi.yaml")).unwrap();
        self.write("owabi.yaml", &config.replace("sqlite:owabi.db", &database.url().replace("postgres@", "")));
        self.queue = Some(database.url().to_owned());
        assert!(self.output(&["db", "migrate"]).status.success());
        self
    }

    /// An installation with the shipped notice of 2022, released by one person and sent at any hour.
    pub(crate) fn metaps(port: u16, more: &str) -> Self {
        let program = Self { notice: METAPS, ..Self::new(port, more) };
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let notice = std::fs::read_to_string(shipped.join("config/notices/metaps-2022.yaml")).unwrap();
        let (notice, _policy) = notice.split_once("\npolicy:").unwrap();
        let policy = "policy: { approvals_required: 0, in_doubt: { resend_after: 300ms }, breaker: off }";
        program.write("notices/metaps-2022.yaml", &format!("{notice}\n{policy}\n"));
        std::fs::create_dir(program.path("templates/metaps-2022")).unwrap();
        for name in ["subject.txt.hbs", "body.txt.hbs", "body.html.hbs"] {
            let from = shipped.join("templates/notices/metaps-2022").join(name);
            std::fs::copy(from, program.path("templates/metaps-2022").join(name)).unwrap();
        }
        program
    }

    /// The same with these members released and due.
    pub(crate) fn released(port: u16, more: &str, addresses: &[String]) -> Self {
        let program = Self::new(port, more);
        program.import(&program.write("roster.csv", &roster(addresses)));
        program.release();
        program
    }

    /// The same with the queue in `database`; `keys` is what the configuration says about it.
    pub(crate) fn released_on(
        database: &Database,
        keys: &str,
        relay: &CaptureRelay,
        more: &str,
        members: usize,
    ) -> Self {
        let queue = Some(database.url().to_owned());
        let program = Self { queue, ..Self::new(relay.addr().port(), more) };
        program.configure("url: \"sqlite:owabi.db\"", keys);
        program.import(&program.write("roster.csv", &roster(&world::addresses(members))));
        program.release();
        program
    }

    /// The same program, whose queue has moved to another server.
    pub(crate) fn moved_to(self, queue: String) -> Self {
        Self { queue: Some(queue), ..self }
    }

    /// Replaces a piece of the configuration, which must be there.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("owabi.yaml")).unwrap();
        assert!(text.contains(from), "{text}");
        self.write("owabi.yaml", &text.replace(from, to));
    }

    /// The names of what a stop without database has left.
    pub(crate) fn spooled(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("owabi.spool.")).collect()
    }

    /// The one spool file.
    pub(crate) fn spool(&self) -> PathBuf {
        let names = self.spooled();
        assert!(names.len() == 1, "{names:?}");
        self.path(&names[0])
    }

    /// What the verbs in the background have said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.path("stderr.log")).unwrap_or_default()
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command line, with nothing of this process's environment. On PostgreSQL it is the superuser's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_owabi"));
        command.env_clear().current_dir(self.folder.path());
        command.arg("--config").arg(self.path("owabi.yaml")).args(["--lang", "en"]).args(arguments);
        command.env("PGUSER", "postgres").stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a verb that must succeed, and gives its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Imports a roster.
    pub(crate) fn import(&self, file: &Path) -> Value {
        self.json(&["import", file.to_str().unwrap(), "--notice", self.notice, "--yes"])
    }

    /// Looks at every letter and releases the notice.
    pub(crate) fn release(&self) {
        self.json(&["preflight", "--notice", self.notice]);
        self.json(&["release", self.notice, "--yes"]);
    }

    /// Starts a verb in the background; what it says on stderr goes to `stderr.log`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.spawn(self.command(arguments))
    }

    /// The same with a command of [`Self::command`] that a test has changed.
    pub(crate) fn spawn(&self, mut command: Command) -> Running {
        let log = File::options().create(true).append(true).open(self.path("stderr.log")).unwrap();
        Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Sends until every member is in a final state.
    pub(crate) async fn finish(&self) {
        let running = self.start(&["run"]);
        let mut connection = audit::connect(&self.url()).await;
        let (mut open, mut waited) = (audit::open_members(&mut connection).await, Duration::ZERO);
        while open > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
            let before = std::mem::replace(&mut open, audit::open_members(&mut connection).await);
            waited = if open == before { waited + LOOK_AGAIN } else { Duration::ZERO };
            assert!(waited < world::PATIENCE, "they do not come to an end: {:#?}", self.open().await);
        }
        assert!(running.terminate().success());
    }

    async fn open(&self) -> Vec<Row> {
        self.rows().await.into_iter().filter(|row| !row.status.is_final()).collect()
    }

    /// The database as an URL.
    pub(crate) fn url(&self) -> String {
        self.queue.clone().unwrap_or_else(|| format!("sqlite:{}", self.path("owabi.db").display()))
    }

    /// The queue table.
    pub(crate) async fn rows(&self) -> Vec<Row> {
        audit::rows(&self.url()).await
    }

    /// The rows of `log --json`.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.json(&["log"])["rows"].as_array().unwrap().clone()
    }

    /// See [`audit::audit`].
    pub(crate) async fn audit(&self, relay: &CaptureRelay) {
        audit::audit(&self.rows().await, &self.log(), &relay.captured());
    }
}

/// A verb at work. Dropping it kills it.
pub(crate) struct Running(Child);

/// SIGTERM.
pub(crate) fn ask_to_stop(program: &Child) {
    rustix::process::kill_process(id(program), Signal::TERM).unwrap();
}

fn id(program: &Child) -> Pid {
    Pid::from_raw(i32::try_from(program.id()).unwrap()).unwrap()
}

impl Running {
    /// The process's number.
    pub(crate) fn number(&self) -> u32 {
        self.0.id()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM; its end is not waited for.
    pub(crate) fn ask_to_stop(&self) {
        ask_to_stop(&self.0);
    }

    /// Any signal.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(id(&self.0), signal).unwrap();
    }

    /// SIGSTOP; returns when the program stands still.
    pub(crate) fn freeze(&self) {
        let id = id(&self.0);
        rustix::process::kill_process(id, Signal::STOP).unwrap();
        let (_, status) = rustix::process::waitpid(Some(id), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "it ended: {status:?}");
    }

    /// The same at a moment at which it holds no lock of its `SQLite` database.
    pub(crate) async fn freeze_without_lock(&self, url: &str) {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query("PRAGMA busy_timeout = 50").execute(&mut connection).await.unwrap();
        loop {
            self.freeze();
            if sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.is_ok() {
                sqlx::query("ROLLBACK").execute(&mut connection).await.unwrap();
                return;
            }
            self.thaw();
        }
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        rustix::process::kill_process(id(&self.0), Signal::CONT).unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.ask_to_stop();
        self.wait()
    }

    /// How it ended.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.wait_here()
    }

    /// How it ended, for one who still needs what is around it.
    pub(crate) fn wait_here(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A roster of members with these addresses.
pub(crate) fn roster(addresses: &[String]) -> String {
    let line = |(n, address): (usize, &String)| format!("M{n:05},山田 太郎{n},{address}\r\n");
    let lines: String = addresses.iter().enumerate().map(line).collect();
    format!("会員番号,氏名,メールアドレス\r\n{lines}")
}
