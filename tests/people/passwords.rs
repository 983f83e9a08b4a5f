//! Passwords that are typed: asked for on a terminal without showing, or one line of stdin.

use super::{Office, account, ends};
use serde_json::json;
use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

/// Runs a verb on a terminal of its own (util-linux's script(1)), and types each answer when its question stands there. Gives
/// the exit code and everything that the terminal showed.
fn on_terminal(office: &Office, arguments: &[&str], typed: &[(&str, &str)]) -> (Option<i32>, String) {
    let command = office.program.command(arguments);
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let line: Vec<String> = [command.get_program()].into_iter().chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("/usr/bin/script");
    script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]).env_clear().env("SHELL", "/bin/sh");
    script.current_dir(office.program.path("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = script.spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = String::new();
    for (question, answer) in typed {
        let before = shown.len();
        while !shown[before..].contains(question) {
            let mut octets = [0; 1024];
            let read = screen.read(&mut octets).unwrap();
            assert!(read > 0, "{question:?} was not asked: {shown}");
            shown.push_str(std::str::from_utf8(&octets[..read]).unwrap());
        }
        writeln!(keyboard, "{answer}").unwrap();
    }
    screen.read_to_string(&mut shown).unwrap();
    (child.wait().unwrap().code(), shown)
}

fn on_stdin(office: &Office, arguments: &[&str], line: &str) -> Output {
    let mut command = office.program.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

const FIRST: &str = "correct horse battery";
const SECOND: &str = "another long password";

#[test]
fn a_password_is_asked_for_twice_on_a_terminal_and_never_shows_there() {
    let office = Office::new(1).filled();
    let add = ["user", "add", "hanako", "--role", "admin"];
    let (code, shown) = on_terminal(&office, &add, &[("new password: ", FIRST), ("once more: ", "something else")]);
    assert!(code == Some(1) && shown.contains("the two passwords differ; nothing was changed"), "{code:?} {shown}");
    let (code, shown) = on_terminal(&office, &add, &[("new password: ", "short"), ("once more: ", "short")]);
    assert!(code == Some(2) && shown.contains("at least 12 characters"), "{code:?} {shown}");
    assert_eq!(office.program.json(&["user", "list"]), json!({ "users": [] }));

    let (code, shown) = on_terminal(&office, &add, &[("new password: ", FIRST), ("once more: ", FIRST)]);
    assert!(code == Some(0) && !shown.contains(FIRST), "{code:?} {shown}");
    let log = ["--as", "hanako", "log"];
    let (code, shown) = on_terminal(&office, &log, &[("password of hanako: ", "a wrong password")]);
    assert!(code == Some(1) && !shown.contains("M00000"), "{code:?} {shown}");
    let (code, shown) = on_terminal(&office, &log, &[("password of hanako: ", FIRST)]);
    assert!(code == Some(0) && shown.contains("M00000") && !shown.contains(FIRST), "{code:?} {shown}");
}

#[test]
fn a_password_is_changed_by_one_line_of_stdin_or_by_hand_and_then_the_old_one_is_worth_nothing() {
    let office = Office::new(1).filled();
    let add = ["user", "add", "hanako", "--role", "admin", "--os-user", &account(), "--password-stdin"];
    ends(&on_stdin(&office, &add, "too short\n"), 2, "at least 12 characters");
    ends(&on_stdin(&office, &add, &format!("{FIRST}\r\nand more\n")), 0, "");
    ends(&office.command_with("hanako", FIRST, &["log"]).output().unwrap(), 0, "");
    ends(&office.run(&["user", "password", "hanako"]), 2, "add --stdin");
    ends(&on_stdin(&office, &["user", "password", "hanako", "--stdin"], SECOND), 0, "");
    ends(&office.command_with("hanako", FIRST, &["log"]).output().unwrap(), 1, "");
    ends(&office.command_with("hanako", SECOND, &["log"]).output().unwrap(), 0, "");
    let change = [("new password: ", FIRST), ("once more: ", FIRST)];
    assert_eq!(on_terminal(&office, &["user", "password", "hanako"], &change).0, Some(0));
    ends(&office.command_with("hanako", FIRST, &["log"]).output().unwrap(), 0, "");
    let kept = office.sql_text("SELECT password FROM users WHERE name = 'hanako'");
    assert!(kept.starts_with("$argon2id$") && !kept.contains(FIRST), "{kept}");
}
