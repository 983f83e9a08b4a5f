//! Every verb of the command line, and every role.

use super::{Office, account};
use crate::receipts::letters::{drop_into, failure};
use crate::support::program::{Program, roster};
use crate::support::world::addresses;
use owabi_core::people::{Action, Role};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Point, Script, Then, When};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Output, Stdio};
use tokio::runtime::Runtime;

/// Who is asked before a verb does anything.
#[derive(Clone, Copy)]
enum Needs {
    /// A person who may do this.
    May(Action),
    /// Nobody: it shows no member, or is the service's own work, which no person starts.
    Nobody,
}
use Needs::{May, Nobody};

/// What a verb leaves in the ledger when it is truly run.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// Entries of exactly these kinds, for each verb that shows or changes anything of members. First the arguments that make it do its work
    /// (none: those of the table). A kind is the person's; behind `owabi:` it is the program's own, behind `account:` the
    /// account's that started it.
    Entries(&'static [&'static str], &'static [&'static str]),
    /// No entry, and why none is needed.
    Nothing(&'static str),
    /// It needs a server that stands elsewhere, and is the same work as this verb behind its own source.
    As(&'static str),
}
use Leaves::{As, Entries, Nothing};

const COUNTS: &str = "it shows counts alone";
const NO_MEMBERS: &str = "it shows and changes nothing of members";
const OUTSIDE: &str = "it reads a file that was handed to it, and no queue";
const SUBSTITUTE: &[&str] =
    &["substitute", "add", "--notice", "leak", "--member", "M00000", "--kind", "letter", "--on", "2022-03-02", "--yes"];

/// A verb, how the test of the roles calls it, what it needs, and what it leaves. Without arguments it asks for nothing and is
/// not run.
type Verb = (&'static str, &'static [&'static str], Needs, Leaves);

/// Every verb, in an order in which all of them have something to do. A new verb needs a line here: its
/// `session.person(…)`, `session.look(…)`, `session.export(…)` and its entries must agree. HOST and ARRIVAL stand for what
/// only the run itself knows.
const VERBS: &[Verb] = &[
    ("demo", &[], Nobody, Nothing("its queue is its own")),
    ("init", &[], Nobody, Nothing("there is no queue yet")),
    ("check", &["check"], Nobody, Nothing(NO_MEMBERS)),
    ("doctor", &["doctor"], Nobody, Nothing(NO_MEMBERS)),
    ("check --test-mail", &["check", "--connect", "--test-mail"], May(Action::TestSend), As("test-send")),
    (
        "import --dry-run",
        &["import", "roster.csv", "--notice", "leak", "--dry-run"],
        May(Action::Import),
        Entries(&[], &["look"]),
    ),
    ("import", &["import", "roster.csv", "--notice", "leak", "--yes"], May(Action::Import), Entries(&[], &["import"])),
    ("preview", &["preview", "--notice", "leak", "--member", "M00000"], May(Action::Preview), Entries(&[], &["look"])),
    ("preflight", &["preflight", "--notice", "leak"], May(Action::Preflight), Entries(&[], &["preflight"])),
    ("approve", &["approve", "leak"], May(Action::Approve), Entries(&[], &["approve"])),
    (
        "release",
        &["release", "leak", "--dry-run"],
        May(Action::Release),
        Entries(&["release", "leak", "--yes"], &["release"]),
    ),
    ("pause", &["pause", "leak"], May(Action::Pause), Entries(&[], &["paused"])),
    ("resume", &["resume", "leak"], May(Action::Resume), Entries(&[], &["released"])),
    (
        "withdraw --member",
        &["withdraw", "--notice", "leak", "--member", "M00005", "--reason", "test", "--dry-run"],
        May(Action::Withdraw),
        Entries(
            &["withdraw", "--notice", "leak", "--member", "M00005", "--reason", "test", "--yes"],
            &["look", "owabi:status", "withdraw_members"],
        ),
    ),
    ("run", &["run", "--until-idle"], Nobody, Entries(&[], &["account:configuration", "owabi:attempt"])),
    ("status", &["status"], Nobody, Nothing(COUNTS)),
    ("log", &["log"], May(Action::Look), Entries(&[], &["look"])),
    ("log --csv", &["log", "--csv"], May(Action::Export), Entries(&[], &["export"])),
    ("log --jsonl", &["log", "--jsonl"], May(Action::Export), Entries(&[], &["export"])),
    (
        "test-send",
        &["test-send", "--notice", "leak", "--to", "x@example.jp", "--member", "M00000"],
        May(Action::TestSend),
        Entries(&[], &["test_send"]),
    ),
    ("track maildir", &["track", "maildir", "bounces"], Nobody, Entries(&[], &["owabi:receipt", "owabi:status"])),
    ("track all", &["track", "all"], Nobody, As("track maildir")),
    ("track imap", &["track", "imap"], Nobody, As("track maildir")),
    ("track pipe", &["track", "pipe"], Nobody, Entries(&[], &["owabi:receipt", "owabi:status"])),
    ("track maillog", &["track", "maillog", "nowhere"], Nobody, As("track maildir")),
    ("track journal", &[], Nobody, As("track maildir")),
    (
        "track forget",
        &["track", "forget", "pipe", "--host", "HOST"],
        May(Action::Track),
        Entries(&[], &["forget_source"]),
    ),
    ("track review", &["track", "review"], May(Action::Look), Entries(&[], &["look"])),
    ("track review ID", &["track", "review", "ARRIVAL"], May(Action::Look), Entries(&[], &["look"])),
    (
        "track review --out",
        &["track", "review", "ARRIVAL", "--out", "out.eml"],
        May(Action::Export),
        Entries(&[], &["export"]),
    ),
    ("track review --again", &["track", "review", "--again"], May(Action::Track), Entries(&[], &["review_again"])),
    (
        "track review --dismiss",
        &["track", "review", "ARRIVAL", "--dismiss", "--reason", "test"],
        May(Action::Track),
        Entries(&[], &["dismiss"]),
    ),
    (
        "member correct",
        &["member", "correct", "M00002", "--email", "y@example.jp", "--reason", "test", "--dry-run"],
        May(Action::Correct),
        Entries(
            &["member", "correct", "M00002", "--email", "y@example.jp", "--reason", "test", "--yes"],
            &["correction", "look"],
        ),
    ),
    (
        "resend --member",
        &["resend", "--notice", "leak", "--member", "M00000", "--reason", "test", "--dry-run"],
        May(Action::Resend),
        Entries(&[], &["look"]),
    ),
    (
        "resend",
        &["resend", "--notice", "leak", "--status", "failed", "--reason", "test", "--dry-run"],
        May(Action::Resend),
        Entries(
            &["resend", "--notice", "leak", "--status", "failed", "--reason", "test", "--yes"],
            &["owabi:status", "resend", "resent"],
        ),
    ),
    (
        "resolve",
        &["resolve", "M00000", "--as", "letter", "--reason", "test", "--dry-run"],
        May(Action::Resolve),
        Entries(
            &["resolve", "M00000", "--as", "letter", "--reason", "test", "--yes"],
            &["look", "owabi:receipt", "resolve"],
        ),
    ),
    (
        "withdraw",
        &["withdraw", "--notice", "leak", "--reason", "test", "--dry-run"],
        May(Action::Withdraw),
        Entries(
            &["withdraw", "--notice", "leak", "--reason", "test", "--yes"],
            &["owabi:status", "withdraw_members", "withdrawn"],
        ),
    ),
    (
        "substitute add",
        &[
            "substitute",
            "add",
            "--notice",
            "leak",
            "--member",
            "M00000",
            "--kind",
            "letter",
            "--on",
            "2022-03-02",
            "--dry-run",
        ],
        May(Action::Substitute),
        Entries(SUBSTITUTE, &["look", "substitute"]),
    ),
    (
        "substitute add --file",
        &["substitute", "add", "--notice", "leak", "--file", "letters.csv", "--dry-run"],
        May(Action::Substitute),
        Entries(&[], &["look"]),
    ),
    ("substitute list", &["substitute", "list", "--notice", "leak"], May(Action::Look), Entries(&[], &["look"])),
    (
        "substitute list --csv",
        &["substitute", "list", "--notice", "leak", "--csv"],
        May(Action::Export),
        Entries(&[], &["export"]),
    ),
    (
        "substitute revoke",
        &["substitute", "revoke", "1", "--reason", "test"],
        May(Action::Substitute),
        Entries(&["substitute", "revoke", "1", "--reason", "test", "--yes"], &["look", "substitute"]),
    ),
    (
        "render",
        &["render", "--web", "--notice", "leak", "--out", "page.html"],
        Nobody,
        Nothing("its template cannot name a member"),
    ),
    ("ledger verify", &["ledger", "verify"], Nobody, Nothing("it names rows by their number alone")),
    ("ledger head", &["ledger", "head"], Nobody, Nothing(NO_MEMBERS)),
    ("ledger key", &["ledger", "key"], Nobody, Nothing(NO_MEMBERS)),
    ("ledger show", &["ledger", "show"], May(Action::Ledger), Entries(&[], &["look"])),
    ("member show", &["member", "show", "M00000"], May(Action::Look), Entries(&[], &["look"])),
    ("unreachable", &["unreachable", "--notice", "leak"], May(Action::Look), Entries(&[], &["look"])),
    (
        "unreachable --csv",
        &["unreachable", "--notice", "leak", "--csv"],
        May(Action::Export),
        Entries(&[], &["export"]),
    ),
    ("report", &["report", "--notice", "leak"], May(Action::Report), Nothing(COUNTS)),
    ("report --released", &["report", "--released", "reports"], May(Action::Report), Nothing(COUNTS)),
    ("bounce parse", &["bounce", "parse", "nowhere"], Nobody, Nothing(OUTSIDE)),
    (
        "evidence export",
        &["evidence", "export", "--notice", "leak", "--out", "evidence.zip", "--dry-run"],
        May(Action::Evidence),
        // The people of this office were written past owabi.
        Entries(&["evidence", "export", "--notice", "leak", "--out", "evidence.zip", "--even-if-damaged"], &["export"]),
    ),
    ("evidence verify", &["evidence", "verify", "nowhere.zip"], Nobody, Nothing(OUTSIDE)),
    ("evidence member", &["evidence", "member", "M00000"], May(Action::Evidence), Entries(&[], &["look"])),
    (
        "evidence asked",
        &["evidence", "asked", "--notice", "leak", "--email", "u0@example.jp"],
        May(Action::Evidence),
        Entries(&[], &["look"]),
    ),
    ("hold set", &["hold", "set", "leak", "--reason", "test"], May(Action::Hold), Entries(&[], &["hold_set"])),
    ("hold lift", &["hold", "lift", "leak", "--reason", "test"], May(Action::Hold), Entries(&[], &["hold_lifted"])),
    (
        "purge",
        &["purge", "--notice", "leak", "--dry-run"],
        May(Action::Purge),
        Entries(&["purge", "--notice", "leak", "--early", "--reason", "test", "--yes"], &["purge"]),
    ),
    (
        "user add",
        &["user", "add", "x", "--role", "auditor", "--os-user", "x"],
        May(Action::Users),
        Entries(&[], &["user"]),
    ),
    ("user list", &["user", "list"], May(Action::Users), Nothing(NO_MEMBERS)),
    ("user role", &["user", "role", "x", "--role", "operator"], May(Action::Users), Entries(&[], &["user"])),
    ("user password", &["user", "password", "x", "--stdin"], May(Action::Users), Entries(&[], &["user"])),
    ("user disable", &["user", "disable", "x"], May(Action::Users), Entries(&[], &["user"])),
    ("user enable", &["user", "enable", "x"], May(Action::Users), Entries(&[], &["user"])),
    ("db migrate --dry-run", &["db", "migrate", "--dry-run"], Nobody, Nothing(NO_MEMBERS)),
    ("db migrate", &["db", "migrate"], Nobody, Nothing("here the schema is the newest one")),
    ("db backup", &["db", "backup", "copy.db"], May(Action::Database), Entries(&[], &["export", "backup"])),
    ("db accept-restored", &["db", "accept-restored"], May(Action::Database), Nothing("here nothing was restored")),
    ("db check", &["db", "check"], Nobody, Nothing(NO_MEMBERS)),
    ("completions", &["completions", "bash"], Nobody, Nothing(NO_MEMBERS)),
    ("man", &["man"], Nobody, Nothing(NO_MEMBERS)),
    (
        "db copy",
        &["db", "copy", "--from", "sqlite:owabi.db", "--to", "sqlite:other.db"],
        May(Action::Database),
        Entries(&["db", "copy", "--from", "sqlite:owabi.db", "--to", "sqlite:other.db", "--yes"], &["export"]),
    ),
];

/// The names of all verbs that do something.
fn verbs(command: &clap::Command, before: &str) -> Vec<String> {
    let each = |verb: &clap::Command| {
        let name = format!("{before}{}", verb.get_name());
        if verb.has_subcommands() { verbs(verb, &format!("{name} ")) } else { vec![name] }
    };
    command.get_subcommands().flat_map(each).collect()
}

#[test]
fn every_verb_stands_in_the_table_of_who_may() {
    let missing: Vec<_> = verbs(&owabi::cli::command(), "")
        .into_iter()
        .filter(|verb| !VERBS.iter().any(|(name, ..)| name == verb))
        .collect();
    assert!(missing.is_empty(), "say in VERBS who may do this: {missing:?}");
}

#[test]
fn every_role_may_do_with_every_verb_exactly_what_the_table_says() {
    let office = Office::new(1).filled();
    let insert =
        "INSERT INTO users (name, role, os_user, created_at, updated_at) VALUES ('花子', 'admin', 'ACCOUNT', 1, 1)";
    office.sql(&insert.replace("ACCOUNT", &account()));
    let mut refusals = 0;
    for role in Role::ALL {
        office.sql(&format!("UPDATE users SET role = '{role}'"));
        for (verb, arguments, needs, _) in VERBS.iter().filter(|(_, arguments, ..)| !arguments.is_empty()) {
            let may = match needs {
                May(action) => role.may(*action),
                Nobody => true,
            };
            let output = office.run(arguments);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let refused = stderr.contains(&format!("花子 is {role} and may not do this"));
            assert_eq!(refused, !may, "{role}: {verb}: {output:?}");
            assert!(may || (output.status.code() == Some(1) && output.stdout.is_empty()), "{role}: {verb}: {output:?}");
            refusals += usize::from(refused);
        }
    }
    let entries = office.entries("refused");
    assert_eq!(entries.len(), refusals);
    assert!(entries.iter().all(|(actor, _)| actor == "花子"));
}

/// An installation on which every verb of the table has something to do, two people, and the relay.
struct Work {
    office: Office,
    relay: CaptureRelay,
    /// The relay's.
    _runtime: Runtime,
}

impl Work {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let refused = When::at(Point::Rcpt).recipient("u2@example.jp");
        let script = Script::new().always(refused, Then::reply(550, "5.1.1 no such user"));
        let options = CaptureOptions { script, ..CaptureOptions::default() };
        let relay = runtime.block_on(CaptureRelay::start(options)).unwrap();
        let program = Program::new(relay.addr().port(), "test_send: { allow: [x@example.jp] }\n");
        let office = Office::of(1, program);
        office.program.write("roster.csv", &roster(&addresses(6)));
        office.program.write("letters.csv", "会員番号,方法,日付\nM00000,書面,2022-03-02\n");
        for name in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(office.program.path("bounces").join(name)).unwrap();
        }
        let insert = "INSERT INTO users (name, role, created_at, updated_at) VALUES ('花子', 'admin', 1, 1), ('次郎', 'approver', 1, 1)";
        office.sql(insert);
        Self { office, relay, _runtime: runtime }
    }

    /// From now on the account is this person's.
    fn sits_down(&self, name: &str) {
        self.office.sql("UPDATE users SET os_user = NULL");
        self.office.sql(&format!("UPDATE users SET os_user = '{}' WHERE name = '{name}'", account()));
    }

    /// The failure of a member's mail, as the relay saw its envelope.
    fn failure(&self, recipient: &str) -> Vec<u8> {
        let captured = self.relay.captured();
        let mail = captured.iter().find(|mail| mail.rcpt_to() == [recipient]).unwrap();
        failure(mail.mail_from(), recipient, "", "")
    }

    /// What must be there before a verb, and what it reads on stdin.
    fn prepare(&self, verb: &str) -> Vec<u8> {
        match verb {
            "track maildir" => {
                let maildir = self.office.program.path("bounces");
                drop_into(&maildir, &self.failure("u0@example.jp"));
                let forged = failure("bounces+0000000000000000@example.jp", "u9@example.jp", "", "");
                drop_into(&maildir, &forged);
                Vec::new()
            }
            "track pipe" => self.failure("u1@example.jp"),
            "user password" => b"long enough for anybody\n".to_vec(),
            _ => Vec::new(),
        }
    }

    /// An argument, what it stands for known.
    fn known(&self, argument: &str) -> String {
        match argument {
            "HOST" => self.office.sql_text("SELECT host FROM sources WHERE name = 'pipe'"),
            "ARRIVAL" => self.office.sql_text("SELECT SUBSTR(sha256, 1, 12) FROM arrivals WHERE state = 'review'"),
            other => other.to_owned(),
        }
    }

    fn run(&self, arguments: &[&str], stdin: &[u8]) -> Output {
        let arguments: Vec<String> = arguments.iter().map(|argument| self.known(argument)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.office.program.command(&arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Who reads nothing of it may have gone.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap()
    }

    /// The newest entry's number.
    fn newest(&self) -> i64 {
        self.office.sql_text("SELECT COALESCE(MAX(seq), 0) || '' FROM ledger").parse().unwrap()
    }

    /// The kinds of the entries since, each with its actor.
    fn since(&self, seq: i64) -> BTreeSet<(String, String)> {
        let text = self.office.sql_text(&format!(
            "SELECT COALESCE(group_concat(actor || '\t' || kind, '\n'), '') FROM ledger WHERE seq > {seq}"
        ));
        text.lines().map(|line| line.split_once('\t').unwrap()).map(|(who, kind)| (who.into(), kind.into())).collect()
    }
}

/// Who an entry of the table must be of, and its kind.
fn expected(kind: &str, person: &str) -> (String, String) {
    match kind.split_once(':') {
        Some(("account", kind)) => (account(), kind.to_owned()),
        Some((who, kind)) => (who.to_owned(), kind.to_owned()),
        None => (person.to_owned(), kind.to_owned()),
    }
}

#[test]
fn every_verb_that_shows_or_changes_members_leaves_entries_of_the_right_kinds_and_actors() {
    let work = Work::new();
    for (verb, arguments, needs, leaves) in VERBS.iter().filter(|(_, arguments, ..)| !arguments.is_empty()) {
        let person = if matches!(needs, May(Action::Approve)) { "次郎" } else { "花子" };
        work.sits_down(person);
        let (stdin, before) = (work.prepare(verb), work.newest());
        match leaves {
            Entries(truly, kinds) => {
                let output = work.run(if truly.is_empty() { arguments } else { truly }, &stdin);
                assert!(output.status.success(), "{verb}: {output:?}");
                let wanted = kinds.iter().map(|kind| expected(kind, person)).collect();
                assert_eq!(work.since(before), wanted, "{verb}: {output:?}");
            }
            Nothing(why) => {
                let output = work.run(arguments, &stdin);
                assert_eq!(work.since(before), BTreeSet::new(), "{verb}, since {why}: {output:?}");
            }
            As(other) => assert!(VERBS.iter().any(|(name, ..)| name == other), "{verb}"),
        }
    }
}
