//! Every verb of the command line, and every role.

use super::{Office, account};
use owabi_core::people::{Action, Role};

/// Who is asked before a verb does anything.
#[derive(Clone, Copy)]
enum Needs {
    /// A person who may do this.
    May(Action),
    /// Nobody: it shows no member, or is the service's own work, which no person starts.
    Nobody,
}
use Needs::{May, Nobody};

/// Every verb, how the test calls it, and what it needs. A new verb needs a line here: its `session.person(…)`,
/// `session.look(…)` or `session.export(…)` must agree. No arguments: the verb asks for nothing and is not run here.
const VERBS: &[(&str, &[&str], Needs)] = &[
    ("demo", &[], Nobody),
    ("init", &[], Nobody),
    ("check", &["check"], Nobody),
    ("import", &["import", "roster.csv", "--notice", "leak", "--yes"], May(Action::Import)),
    ("preview", &["preview", "--notice", "leak", "--member", "M00000"], May(Action::Preview)),
    ("preflight", &["preflight", "--notice", "leak"], May(Action::Preflight)),
    ("approve", &["approve", "leak"], May(Action::Approve)),
    ("release", &["release", "leak", "--dry-run"], May(Action::Release)),
    ("pause", &["pause", "leak"], May(Action::Pause)),
    ("resume", &["resume", "leak"], May(Action::Resume)),
    ("withdraw", &["withdraw", "--notice", "leak", "--reason", "test", "--dry-run"], May(Action::Withdraw)),
    ("run", &["run", "--until-idle"], Nobody),
    ("status", &["status"], Nobody),
    ("log", &["log"], May(Action::Look)),
    ("log --csv", &["log", "--csv"], May(Action::Export)),
    ("log --jsonl", &["log", "--jsonl"], May(Action::Export)),
    ("track maildir", &["track", "maildir", "nowhere"], Nobody),
    ("track imap", &["track", "imap"], Nobody),
    ("track pipe", &["track", "pipe"], Nobody),
    ("track maillog", &["track", "maillog", "nowhere"], Nobody),
    ("track journal", &[], Nobody),
    ("track forget", &["track", "forget", "pipe", "--host", "nowhere"], May(Action::Track)),
    ("track review", &["track", "review"], May(Action::Look)),
    ("track review --out", &["track", "review", "ab", "--out", "out.eml"], May(Action::Export)),
    ("track review --dismiss", &["track", "review", "ab", "--dismiss", "--reason", "test"], May(Action::Track)),
    ("track review --again", &["track", "review", "--again"], May(Action::Track)),
    (
        "member correct",
        &["member", "correct", "M00000", "--email", "y@example.jp", "--reason", "test", "--dry-run"],
        May(Action::Correct),
    ),
    (
        "resend",
        &["resend", "--notice", "leak", "--status", "failed", "--reason", "test", "--dry-run"],
        May(Action::Resend),
    ),
    ("resolve", &["resolve", "M00000", "--as", "letter", "--reason", "test", "--dry-run"], May(Action::Resolve)),
    (
        "withdraw --member",
        &["withdraw", "--notice", "leak", "--member", "M00000", "--reason", "test", "--dry-run"],
        May(Action::Withdraw),
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
            "2026-11-30",
            "--dry-run",
        ],
        May(Action::Substitute),
    ),
    ("substitute list", &["substitute", "list", "--notice", "leak"], May(Action::Look)),
    ("substitute list --csv", &["substitute", "list", "--notice", "leak", "--csv"], May(Action::Export)),
    ("substitute revoke", &["substitute", "revoke", "1", "--reason", "test"], May(Action::Substitute)),
    ("render", &["render", "--web", "--notice", "leak", "--out", "page.html"], Nobody),
    ("ledger verify", &["ledger", "verify"], Nobody),
    ("ledger head", &["ledger", "head"], Nobody),
    ("ledger key", &["ledger", "key"], Nobody),
    ("ledger show", &["ledger", "show"], May(Action::Ledger)),
    ("member show", &["member", "show", "M00000"], May(Action::Look)),
    ("unreachable", &["unreachable", "--notice", "leak"], May(Action::Look)),
    ("unreachable --csv", &["unreachable", "--notice", "leak", "--csv"], May(Action::Export)),
    ("report", &["report", "--notice", "leak"], May(Action::Report)),
    ("test-send", &["test-send", "--notice", "leak", "--to", "x@example.jp"], May(Action::TestSend)),
    ("bounce parse", &["bounce", "parse", "nowhere"], Nobody),
    (
        "evidence export",
        &["evidence", "export", "--notice", "leak", "--out", "evidence.zip", "--dry-run"],
        May(Action::Evidence),
    ),
    ("evidence verify", &["evidence", "verify", "nowhere.zip"], Nobody),
    ("evidence member", &["evidence", "member", "M00000"], May(Action::Evidence)),
    ("evidence asked", &["evidence", "asked", "--notice", "leak", "--email", "x@example.jp"], May(Action::Evidence)),
    ("hold set", &["hold", "set", "leak", "--reason", "test"], May(Action::Hold)),
    ("hold lift", &["hold", "lift", "leak", "--reason", "test"], May(Action::Hold)),
    ("purge", &["purge", "--notice", "leak", "--dry-run"], May(Action::Purge)),
    ("user add", &["user", "add", "x", "--role", "auditor", "--os-user", "x"], May(Action::Users)),
    ("user list", &["user", "list"], May(Action::Users)),
    ("user role", &["user", "role", "nobody", "--role", "auditor"], May(Action::Users)),
    ("user password", &["user", "password", "nobody", "--stdin"], May(Action::Users)),
    ("user disable", &["user", "disable", "nobody"], May(Action::Users)),
    ("user enable", &["user", "enable", "nobody"], May(Action::Users)),
    ("db migrate", &["db", "migrate"], Nobody),
    ("db backup", &["db", "backup", "copy.db"], May(Action::Database)),
    ("db check", &["db", "check"], Nobody),
    ("db copy", &["db", "copy", "--from", "sqlite:owabi.db", "--to", "sqlite:other.db"], May(Action::Database)),
    ("completions", &["completions", "bash"], Nobody),
    ("man", &["man"], Nobody),
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
        .filter(|verb| !VERBS.iter().any(|(name, _, _)| name == verb))
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
        for (verb, arguments, needs) in VERBS.iter().filter(|(_, arguments, _)| !arguments.is_empty()) {
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
