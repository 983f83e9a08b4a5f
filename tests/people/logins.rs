//! Logins: who somebody is, and what happens with wrong passwords.

use super::{Office, account, ends, password};
use crate::support::world::NOTICE;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::time::Instant;

#[test]
fn nobody_defined_means_nobody_is_asked_and_check_says_so() {
    let office = Office::new(1).filled();
    assert_eq!(office.program.json(&["user", "list"]), json!({ "users": [] }));
    ends(&office.run(&["approve", NOTICE, "--as", "鈴木　花子"]), 0, "");
    ends(&office.run(&["--as", "管理者", "release", NOTICE, "--yes"]), 0, "");
    let released = &office.entries("release")[0];
    assert_eq!((released.0.as_str(), &released.1["approvers"]), ("管理者", &json!(["鈴木 花子"])));
    let checked = office.program.json(&["check"]);
    assert!(checked["problems"].as_array().unwrap().iter().any(|problem| problem["area"] == "users"));
}

#[test]
fn the_first_person_is_an_admin_who_can_come_back_and_the_last_admin_stays() {
    let office = Office::new(1);
    ends(
        &office.run(&["user", "add", "taro", "--role", "operator", "--os-user", &account()]),
        1,
        "first user must be an admin",
    );
    ends(
        &office.run(&["user", "add", "taro", "--role", "admin", "--os-user", "somebody-else"]),
        2,
        "nobody might get in",
    );
    ends(&office.run(&["user", "add", "taro", "--role", "admin"]), 2, "no terminal");
    ends(&office.run(&["user", "add", "taro", "--role", "king", "--os-user", "x"]), 2, "is no role");
    ends(&office.run(&["user", "add", "Taro", "--role", "admin", "--os-user", &account()]), 0, "");
    ends(&office.run(&["user", "disable", "Taro"]), 1, "last admin");
    ends(&office.run(&["user", "role", "Taro", "--role", "operator"]), 1, "last admin");
    ends(&office.run(&["user", "add", "ｔaro", "--role", "auditor", "--os-user", "x"]), 1, "already");
    ends(&office.run(&["user", "add", "jiro", "--role", "auditor", "--os-user", &account()]), 1, "another user's");
    ends(&office.run(&["user", "enable", "nobody"]), 1, "no user nobody");
    let listed = office.program.json(&["user", "list"]);
    let taro = json!({ "name": "Taro", "role": "admin", "os_user": account(), "password": false, "disabled": false });
    assert_eq!(listed, json!({ "users": [taro] }));
    assert_eq!(office.entries("user").len(), 1);
}

#[test]
fn a_person_is_found_by_the_account_or_by_name_and_password_and_else_is_told_what_to_do() {
    let office = Office::new(1).filled();
    office.person("admin", "admin");
    ends(&office.run(&["log"]), 1, "no user is defined for the account");
    ends(&office.run(&["--as", "admin", "log"]), 2, "OWABI_PASSWORD_FILE");
    ends(&office.run_as("admin", &["log"]), 0, "");
    let add = ["user", "add", "operator", "--role", "operator", "--os-user", &account()];
    ends(&office.run_as("admin", &add), 0, "");
    ends(&office.run(&["log"]), 0, "");
    ends(&office.run_as("admin", &["user", "disable", "operator"]), 0, "");
    ends(&office.run(&["log"]), 1, "is disabled");
    // Status and check show no member, and the service is nobody's.
    ends(&office.run(&["status"]), 0, "");
    let looks = office.entries("look");
    assert_eq!(looks.iter().map(|(actor, _)| actor.as_str()).collect::<Vec<_>>(), ["admin", "operator"]);
    assert_eq!(office.entries("login")[0], ("admin".into(), json!({ "account": account() })));
    let failed = office.entries("login_failed");
    assert_eq!(failed, [(account(), json!({ "why": "unknown_account" })), (account(), json!({ "why": "disabled" }))]);
}

#[test]
fn nobody_is_asked_for_a_password_that_they_do_not_have_and_an_unknown_account_is_named() {
    let office = Office::new(1).filled();
    office.person("admin", "admin");
    let add = office.run_as("admin", &["user", "add", "hanako", "--role", "operator", "--os-user", "nobody-here"]);
    ends(&add, 0, "this machine knows no account nobody-here");
    ends(&office.run_as("admin", &["user", "add", "jiro", "--role", "operator", "--os-user", &account()]), 0, "");
    ends(
        &office.run(&["--as", "hanako", "log"]),
        1,
        "hanako has no password: run it from the own account, without --as",
    );
    assert_eq!(office.entries("login_failed"), [(account(), json!({ "user": "hanako", "why": "no_password" }))]);
}

#[test]
fn a_password_may_lie_in_the_folder_of_credentials_whatever_its_mode_is_there() {
    let office = Office::new(1).filled();
    office.person("admin", "admin");
    let (password, credentials) = (office.program.path("password"), office.program.path(""));
    let mut plain = office.command_as("admin", &["log"]);
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o440)).unwrap();
    ends(&plain.output().unwrap(), 1, "others can read it");
    ends(&plain.env("CREDENTIALS_DIRECTORY", credentials).output().unwrap(), 0, "");
}

#[test]
fn a_password_is_long_never_kept_as_it_is_and_its_file_is_ones_own() {
    let office = Office::new(1);
    office.person("admin", "admin");
    let mut exposed = office.command_as("admin", &["user", "list"]);
    std::process::Command::new("chmod").arg("644").arg(office.program.path("password")).status().unwrap();
    ends(&exposed.output().unwrap(), 1, "others can read it");
    let short = office.program.write("short.txt", "elevenchars\n");
    let mut change = office.command_as("admin", &["user", "password", "admin", "--stdin"]);
    ends(&change.stdin(std::fs::File::open(short).unwrap()).output().unwrap(), 2, "at least 12 characters");
    let long = office.program.write("long.txt", "twelve chars and more\n");
    office.person("taro", "auditor");
    let mut own = office.command_as("taro", &["user", "password", "taro", "--stdin"]);
    ends(&own.stdin(std::fs::File::open(&long).unwrap()).output().unwrap(), 0, "");
    ends(&office.run_as("taro", &["log"]), 1, "wrong");
    let mut other = office.command_with("taro", "twelve chars and more", &["user", "password", "admin", "--stdin"]);
    ends(&other.stdin(std::fs::File::open(&long).unwrap()).output().unwrap(), 1, "may not do this");
    let kept = office.sql_text("SELECT MIN(password) FROM users");
    assert!(kept.starts_with("$argon2id$"), "{kept}");
    assert_eq!(
        office.sql_text("SELECT COUNT(*) || '' FROM ledger WHERE body LIKE '%argon%' OR body LIKE '%long enough%' OR body LIKE '%twelve%'"),
        "0"
    );
}

#[test]
fn five_wrong_passwords_lock_an_account_and_all_refusals_are_alike() {
    let office = Office::new(1);
    office.person("admin", "admin");
    let tries = |name: &str, password: &str| {
        let begun = Instant::now();
        let output = office.command_with(name, password, &["user", "list"]).output().unwrap();
        (output, begun.elapsed())
    };
    let (unknown, took) = tries("nobody", "wrong wrong wrong");
    ends(&unknown, 1, "the name or the password is wrong");
    assert!(took >= Duration::from_secs(1));
    for _ in 0..5 {
        let (wrong, took) = tries("admin", "wrong wrong wrong");
        assert_eq!((wrong.status.code(), &wrong.stderr), (Some(1), &unknown.stderr));
        assert!(took >= Duration::from_secs(1));
    }
    let (locked, _) = tries("admin", &password("admin"));
    assert_eq!((locked.status.code(), &locked.stderr), (Some(1), &unknown.stderr), "not even the right one");
    office.sql("UPDATE users SET failed_at = failed_at - 61000");
    ends(&tries("admin", &password("admin")).0, 0, "");
    assert_eq!(office.sql_text("SELECT failures || '' FROM users"), "0");
    let failed: Vec<_> = office
        .entries("login_failed")
        .into_iter()
        .map(|(_, body)| (body["user"].clone(), body["why"].clone()))
        .collect();
    assert_eq!(failed[0], (json!(null), json!("unknown")), "what nobody is called may be a password");
    assert_eq!(failed[1..6], vec![(json!("admin"), json!("password")); 5]);
    assert_eq!(failed[6..], [(json!("admin"), json!("waiting"))]);
}
