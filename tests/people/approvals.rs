//! Nothing leaves that two pairs of eyes did not see as it is.

use super::{Office, ends};
use crate::support::program::roster;
use crate::support::world::{NOTICE, addresses};
use serde_json::json;

#[test]
fn two_different_persons_approve_and_neither_is_the_importer() {
    let office = Office::new(2);
    office.person("admin", "admin");
    for (name, role) in [("operator", "operator"), ("hanako", "approver"), ("taro", "approver")] {
        office.person(name, role);
    }
    let file = office.program.write("roster.csv", &roster(&addresses(2)));
    let import = ["import", file.to_str().unwrap(), "--notice", NOTICE, "--yes"];
    ends(&office.run_as("operator", &import), 0, "");
    assert_eq!(office.sql_text("SELECT actor FROM batches"), "operator");
    ends(&office.run_as("operator", &["preflight", "--notice", NOTICE]), 0, "");
    // An operator becomes an approver, and has still brought the roster.
    ends(&office.run_as("admin", &["user", "role", "operator", "--role", "approver"]), 0, "");
    ends(&office.run_as("operator", &["approve", NOTICE]), 1, "imported this roster");
    for _ in 0..2 {
        ends(&office.run_as("hanako", &["approve", NOTICE]), 0, "");
        ends(&office.run_as("admin", &["release", NOTICE, "--yes"]), 1, "1 of 2 approvals (hanako)");
    }
    ends(&office.run_as("taro", &["approve", NOTICE]), 0, "");
    ends(&office.run_as("admin", &["release", NOTICE, "--yes"]), 0, "");
    let released = &office.entries("release")[0];
    assert_eq!((released.0.as_str(), &released.1["approvers"]), ("admin", &json!(["hanako", "taro"])));
}

#[test]
fn without_users_one_person_can_do_the_whole_job_but_two_approvals_take_two_others() {
    let alone = Office::new(1).filled();
    ends(&alone.run(&["approve", NOTICE]), 0, "");
    ends(&alone.run(&["release", NOTICE, "--yes"]), 0, "");
    let two = Office::new(2).filled();
    ends(&two.run(&["approve", NOTICE]), 1, "imported this roster");
    ends(&two.run(&["approve", NOTICE, "--as", "hanako"]), 0, "");
    ends(&two.run(&["approve", NOTICE, "--as", "ｈａｎａｋｏ"]), 0, "");
    ends(&two.run(&["release", NOTICE, "--yes"]), 1, "1 of 2 approvals");
    ends(&two.run(&["approve", NOTICE, "--as", "taro"]), 0, "");
    ends(&two.run(&["release", NOTICE, "--yes"]), 0, "");
}

/// Both databases, each with a notice that one person has approved.
fn approved() -> [Office; 2] {
    [Office::new(1).filled(), Office::on_postgres(1).filled()].map(|office| {
        ends(&office.run(&["approve", NOTICE, "--as", "hanako"]), 0, "");
        office
    })
}

#[test]
fn one_byte_of_template_fact_or_roster_un_approves_and_is_named_on_both_databases() {
    for office in approved() {
        let release = || office.run(&["release", NOTICE, "--yes"]);
        for (file, from, to, what) in [
            ("templates/leak/body.txt.hbs", "。\n窓口", "、\n窓口", "the template"),
            ("templates/leak/body.html.hbs", "<p>窓口", "<p> 窓口", "the template"),
            ("templates/leak/subject.txt.hbs", "お詫び", "お詑び", "the template"),
            (
                "notices/leak.yaml",
                "facts: { hotline: \"0120-000-000\"",
                "facts: { hotline: \"0120-000-001\"",
                "the notice's facts",
            ),
        ] {
            let before = std::fs::read_to_string(office.program.path(file)).unwrap();
            assert!(before.contains(from), "{before}");
            office.program.write(file, &before.replace(from, to));
            ends(&release(), 1, &format!("changed since the preflight: {what}\n"));
            ends(&office.run(&["approve", NOTICE, "--as", "taro"]), 1, "changed since the preflight");
            office.program.write(file, &before);
        }
        office.sql("UPDATE affected_members SET name = '山田 太郎O' WHERE member_no = 'M00000'");
        ends(&release(), 1, "changed since the preflight: the roster\n");
        // Looked at again, the change still has nobody's approval.
        ends(&office.run(&["preflight", "--notice", NOTICE]), 0, "");
        let void = "0 of 1 approvals; earlier approvals (hanako) do not count, since this changed: the roster\n";
        ends(&release(), 1, void);
        office.sql("UPDATE affected_members SET name = '山田 太郎0' WHERE member_no = 'M00000'");
        ends(&release(), 1, "changed since the preflight: the roster\n");
        ends(&office.run(&["preflight", "--notice", NOTICE]), 0, "");
        ends(&release(), 0, "");
    }
}

#[test]
fn each_key_of_the_policy_edited_after_the_approval_refuses_the_release_and_is_named_on_both_databases() {
    const FILE: &str = "notices/leak.yaml";
    for office in approved() {
        let release = || office.run(&["release", NOTICE, "--yes"]);
        let before = std::fs::read_to_string(office.program.path(FILE)).unwrap();
        for (from, to) in [
            ("approvals_required: 1", "approvals_required: 0"),
            ("breaker: off", "breaker: { failure_share: 0.9, after: 50 }"),
            ("breaker: off", "breaker: off, canary: 5"),
            ("breaker: off", "breaker: off, window: \"00:00-24:00\""),
            ("breaker: off", "breaker: off, notify_success: true"),
            ("in_doubt: { resend_after: 300ms }", "in_doubt: hold"),
        ] {
            assert!(before.contains(from), "{before}");
            office.program.write(FILE, &before.replace(from, to));
            ends(&release(), 1, "changed since the preflight: the sending policy\n");
            ends(&office.run(&["approve", NOTICE, "--as", "taro"]), 1, "the sending policy\n");
        }
        // Looked at again, another policy still has nobody's approval, and may have it from the same person.
        office.program.write(FILE, &before.replace("breaker: off", "breaker: off, canary: 5"));
        ends(&office.run(&["preflight", "--notice", NOTICE]), 0, "");
        let void =
            "0 of 1 approvals; earlier approvals (hanako) do not count, since this changed: the sending policy\n";
        ends(&release(), 1, void);
        ends(&office.run(&["approve", NOTICE, "--as", "hanako"]), 0, "");
        ends(&release(), 0, "");
        let body = &office.entries("release")[0].1;
        assert_eq!((&body["approvals_required"], &body["policy"]["canary"]), (&json!(1), &json!(5)));
        assert_eq!(body["approvers"], json!(["hanako"]));
    }
}

#[test]
fn a_preflight_that_noted_no_policy_does_not_count_on_both_databases() {
    for office in approved() {
        office.sql("UPDATE meta SET value = REPLACE(value, '\"policy\"', '\"unknown\"') WHERE key = 'preflight:leak'");
        ends(&office.run(&["release", NOTICE, "--yes"]), 1, "changed since the preflight: the sending policy\n");
        ends(&office.run(&["preflight", "--notice", NOTICE]), 0, "");
        ends(&office.run(&["release", NOTICE, "--yes"]), 0, "");
    }
}

#[test]
fn a_policy_edited_after_the_release_is_in_the_ledger_when_it_takes_effect() {
    let office = Office::new(0).filled();
    ends(&office.run(&["release", NOTICE, "--yes"]), 0, "");
    let file = office.program.path("notices/leak.yaml");
    let before = std::fs::read_to_string(&file).unwrap();
    // No relay is there.
    ends(&office.run(&["run", "--until-idle"]), 69, "");
    office.program.write("notices/leak.yaml", &before.replace("breaker: off", "breaker: off, canary: 1"));
    ends(&office.run(&["run", "--until-idle"]), 69, "");
    let noted = office.entries("configuration");
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert_eq!(noted[1].1["changed"], json!(["notices.leak.policy"]));
}

#[test]
fn a_member_that_comes_by_sql_after_the_approval_un_approves_and_an_approval_by_sql_counts_for_nothing() {
    for office in approved() {
        office.sql(&format!(
            "INSERT INTO affected_members (notice_id, member_no, name, email) VALUES ('{NOTICE}', 'X1', '田中', 'x1@example.jp')"
        ));
        ends(&office.run(&["release", NOTICE, "--yes"]), 1, "changed since the preflight: the roster\n");
        ends(&office.run(&["preflight", "--notice", NOTICE]), 0, "");
        office.sql(
            "INSERT INTO approvals (notice_id, at, actor, fingerprint, roster_hash)
             SELECT notice_id, at, 'hanako', fingerprint, roster_hash FROM preflights ORDER BY at DESC LIMIT 1",
        );
        ends(&office.run(&["release", NOTICE, "--yes"]), 1, "0 of 1 approvals");
        assert_eq!(office.sql_text("SELECT COUNT(*) || '' FROM affected_members WHERE status <> 'held'"), "0");
    }
}

#[test]
fn an_approval_counts_while_whoever_gave_it_is_an_approver() {
    for office in approved() {
        office.person("admin", "admin");
        let release = |more: &[&str]| office.run_as("admin", &[&["release", NOTICE], more].concat());
        let user = |arguments: &[&str]| ends(&office.run_as("admin", &[&["user"], arguments].concat()), 0, "");
        ends(&release(&["--yes"]), 1, "0 of 1 approvals");
        office.person("hanako", "approver");
        ends(&release(&["--dry-run"]), 0, "");
        user(&["role", "hanako", "--role", "auditor"]);
        ends(&release(&["--yes"]), 1, "0 of 1 approvals");
        user(&["role", "hanako", "--role", "approver"]);
        user(&["disable", "hanako"]);
        ends(&release(&["--yes"]), 1, "0 of 1 approvals");
        user(&["enable", "hanako"]);
        let again = office.run_as("hanako", &["approve", NOTICE]);
        assert!(String::from_utf8_lossy(&again.stdout).contains("approved this already"), "{again:?}");
        ends(&release(&["--yes"]), 0, "");
        let owabi = office.run_as("admin", &["user", "add", "Owabi", "--role", "auditor", "--os-user", "x"]);
        ends(&owabi, 2, "nobody may be called owabi");
    }
}
