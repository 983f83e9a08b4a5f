//! People: who may do what, logins, two pairs of eyes, and what the ledger says of looks.

mod approvals;
mod logins;
mod looks;
mod passwords;
mod verbs;

use crate::support::postgres::{Database, Server};
use crate::support::program::{Program, roster};
use crate::support::world::{NOTICE, addresses};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Output, Stdio};

/// One installation with two members imported, and people to act on it.
struct Office {
    program: Program,
    database: Option<Database>,
}

/// The account that runs the tests.
pub(crate) fn account() -> String {
    let said = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn password(name: &str) -> String {
    format!("long enough for {name}")
}

impl Office {
    /// On SQLite, with so many approvals required; nobody is defined.
    fn new(approvals: u8) -> Self {
        Self::of(approvals, Program::new(1, ""))
    }

    /// The same of this installation.
    fn of(approvals: u8, program: Program) -> Self {
        let program = needing(approvals, program);
        program.json(&["status"]);
        Self { program, database: None }
    }

    /// The same on PostgreSQL.
    fn on_postgres(approvals: u8) -> Self {
        let database = Server::shared().database();
        let program = needing(approvals, Program::new(1, "")).on(&database);
        Self { program, database: Some(database) }
    }

    /// Imports two members and looks at every letter.
    fn filled(self) -> Self {
        self.program.import(&self.program.write("roster.csv", &roster(&addresses(2))));
        self.program.json(&["preflight", "--notice", NOTICE]);
        self
    }

    /// Defines a person with a password; the first one is an admin.
    fn person(&self, name: &str, role: &str) {
        let mut command = self.program.command(&["user", "add", name, "--role", role, "--password-stdin"]);
        if self.sql_text("SELECT COUNT(*) || '' FROM users") != "0" {
            command = self.command_as("admin", &["user", "add", name, "--role", role, "--password-stdin"]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{}", password(name)).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn command_as(&self, name: &str, arguments: &[&str]) -> Command {
        self.command_with(name, &password(name), arguments)
    }

    fn command_with(&self, name: &str, password: &str, arguments: &[&str]) -> Command {
        let path = self.program.path("password");
        let _ = std::fs::remove_file(&path);
        let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        writeln!(file, "{password}").unwrap();
        let mut command = self.program.command(&[&["--as", name], arguments].concat());
        command.env("OWABI_PASSWORD_FILE", path);
        command
    }

    /// Runs a verb as somebody who gives their password.
    fn run_as(&self, name: &str, arguments: &[&str]) -> Output {
        self.command_as(name, arguments).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.program.output(arguments)
    }

    /// What another process reads: one text.
    fn sql_text(&self, sql: &str) -> String {
        match &self.database {
            Some(database) => database.psql(sql),
            None => self.on_sqlite(sql, true),
        }
    }

    /// What another process does.
    fn sql(&self, sql: &str) {
        match &self.database {
            Some(database) => drop(database.psql(sql)),
            None => drop(self.on_sqlite(sql, false)),
        }
    }

    fn on_sqlite(&self, sql: &str, reads: bool) -> String {
        let url = self.program.url();
        let sql = AssertSqlSafe(sql.to_owned());
        let work = async move {
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            let text = if reads {
                sqlx::query(sql).fetch_one(&pool).await.unwrap().get(0)
            } else {
                sqlx::query(sql).execute(&pool).await.unwrap();
                String::new()
            };
            pool.close().await;
            text
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    /// The bodies of the ledger's entries of a kind, joined by newlines, each after its actor.
    fn entries(&self, kind: &str) -> Vec<(String, Value)> {
        let joined = if self.database.is_some() { "string_agg" } else { "group_concat" };
        let text = self.sql_text(&format!(
            "SELECT COALESCE({joined}(actor || '\t' || body, '\n'), '') FROM (SELECT actor, body FROM ledger WHERE kind = '{kind}' ORDER BY seq) l"
        ));
        let entry = |line: &str| {
            let (actor, body) = line.split_once('\t').unwrap();
            (actor.to_owned(), serde_json::from_str(body).unwrap())
        };
        text.lines().map(entry).collect()
    }
}

fn needing(approvals: u8, program: Program) -> Program {
    let file = program.path("notices/leak.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    program.write(
        "notices/leak.yaml",
        &text.replace("approvals_required: 0", &format!("approvals_required: {approvals}")),
    );
    program
}

/// Fails the test with what was said, unless the verb ended with `code` and said `words` on stderr.
#[track_caller]
fn ends(output: &Output, code: i32, words: &str) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.code() == Some(code) && stderr.contains(words), "not {code} {words:?}: {stdout}{stderr}");
}
