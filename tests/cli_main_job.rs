//! The command line from a roster to a released queue, without a relay.

use crate::people::account;
use crate::support::site::{NOTICE, Site, mode, owabi};
use serde_json::{Value, json};

const HEADER: &str = "会員番号,氏名,メールアドレス,支払内容,支払方法,支払日時\n";

fn line(no: &str, name: &str, email: &str) -> String {
    format!("{no},{name},{email},公認野球指導者資格 登録費,クレジットカード,2021-10-20\n")
}

#[test]
fn init_writes_a_site_that_checks_clean_and_a_key_that_nobody_else_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("site");
    let config = site.join("owabi.yaml");
    owabi(&["init", site.to_str().unwrap()]).exits(0);
    assert_eq!(mode(&site.join("owabi.key")), 0o600);
    let said = owabi(&["--config", config.to_str().unwrap(), "--json", "check"]).exits(0).json();
    let found = said["problems"].as_array().unwrap();
    let areas: Vec<&str> = found.iter().map(|problem| problem["area"].as_str().unwrap()).collect();
    assert_eq!(areas, ["configuration", "configuration", "users"], "{found:?}");
    assert!(found.iter().all(|problem| problem["warning"] == true), "{found:?}");
    let still = |n: usize, what: &str| found[n]["message"].as_str().unwrap().contains(what);
    assert!(still(0, "(host: smtp.example.jp)") && still(1, "(address: bounces@example.jp)"), "{found:?}");
}

#[test]
fn init_for_a_service_puts_keys_and_queue_apart_and_each_part_can_be_had_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (site, state) = (dir.path().join("etc"), dir.path().join("state"));
    let init = |only: &[&str]| {
        let all = [&["--json", "init", site.to_str().unwrap(), "--state", state.to_str().unwrap()], only].concat();
        owabi(&all).exits(0).json()["written"].clone()
    };
    assert_eq!(init(&["--only", "files"])[0], "owabi.yaml");
    assert!(!state.exists() && !site.join("owabi.key").exists());
    assert_eq!(init(&["--only", "keys"]), json!(["owabi.key", "ledger.key"]));
    assert_eq!((mode(&state), mode(&state.join("ledger.key"))), (0o700, 0o600));
    let (keys, written) = (std::fs::read(state.join("owabi.key")).unwrap(), init(&[]));
    assert_eq!((written, std::fs::read(state.join("owabi.key")).unwrap()), (json!([]), keys));
    let config = site.join("owabi.yaml");
    owabi(&["--config", config.to_str().unwrap(), "db", "migrate"]).exits(0);
    assert!(state.join("owabi.db").exists() && !site.join("owabi.db").exists());
}

#[test]
fn init_adds_what_is_missing_changes_nothing_and_keeps_out_of_other_folders() {
    let site = Site::new();
    site.edit("notices/metaps-2022.yaml", "canary: 50", "canary: 7");
    std::fs::remove_file(site.path("notices/generic-breach.yaml")).unwrap();
    let again = owabi(&["--json", "init", site.path("").to_str().unwrap()]).exits(0).json();
    assert_eq!(again["written"], json!(["notices/generic-breach.yaml"]));
    assert!(site.read("notices/metaps-2022.yaml").contains("canary: 7"));
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("thesis.txt"), "x").unwrap();
    owabi(&["init", other.path().to_str().unwrap()]).exits(1);
}

#[test]
fn a_roster_goes_from_the_file_to_a_released_queue_and_every_member_is_in_the_log() {
    let site = Site::new();
    let said = site.import("samples/payments.csv", &[]).exits(0).json();
    let counts: Vec<_> = ["lines", "imported", "merged", "unreachable", "not_affected", "already_present", "refused"]
        .map(|k| said[k].as_i64().unwrap())
        .into();
    assert_eq!(counts, [11, 5, 1, 2, 3, 0, 0]);
    let seen = site.json(&["preflight", "--notice", NOTICE]);
    assert_eq!((&seen["rows"], &seen["problems"]), (&json!(5), &json!([])));
    site.run(&["release", NOTICE, "--yes"]).exits(1);
    assert_eq!(site.json(&["approve", NOTICE])["approvals"], 1);
    assert_eq!(site.json(&["release", NOTICE, "--yes", "--dry-run"])["would_queue"], 5);
    assert_eq!(site.count("queued"), 0);
    let released = site.json(&["release", NOTICE, "--yes"]);
    assert_eq!((&released["state"], &released["queued"]), (&json!("released"), &json!(5)));
    assert_eq!(site.json(&["release", NOTICE, "--yes"])["queued"], 0, "a second release finds nobody");
    assert_eq!((site.count("queued"), site.count("unreachable")), (5, 2));
    let log = site.json(&["log"]);
    let rows = log["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    assert!(rows[0]["at"].as_str().unwrap().ends_with("+09:00"));
    for key in [
        "member_no",
        "email",
        "status",
        "attempt",
        "relay",
        "code",
        "enhanced",
        "reply",
        "outcome",
        "possible_duplicate",
        "message_id",
        "queue_id",
    ] {
        assert!(rows[0].get(key).is_some(), "{key}");
    }
}

#[test]
fn the_same_file_twice_changes_nothing_and_names_the_first_batch() {
    let site = Site::new();
    let first = site.import("samples/payments.csv", &[]).exits(0).json();
    let second = site.import("samples/payments.csv", &[]).exits(0).json();
    assert_eq!(second["batch"], first["batch"]);
    assert_eq!(
        (&second["same_file"], &second["imported"], &second["already_present"]),
        (&json!(true), &json!(0), &json!(8))
    );
    assert_eq!(site.count("held"), 5);
}

#[test]
fn a_dry_run_counts_exactly_and_changes_nothing() {
    let site = Site::new();
    let dry = site.import("samples/payments.csv", &["--dry-run"]).exits(0).json();
    assert_eq!((&dry["dry_run"], &dry["batch"], &dry["imported"]), (&json!(true), &json!(null), &json!(5)));
    assert_eq!(site.json(&["status"])["notices"], json!([]), "not even the notice is known");
    let wet = site.import("samples/payments.csv", &[]).exits(0).json();
    for key in ["lines", "imported", "merged", "unreachable", "not_affected", "already_present", "refused"] {
        assert_eq!(dry[key], wet[key], "{key}");
    }
}

#[test]
fn refused_lines_come_back_with_number_and_reason_and_the_rest_is_in() {
    let site = Site::new();
    let text = [
        HEADER,
        &line("1", "見本 太郎", "a@example.jp"),
        &line("2", "", "b@example.jp"),
        "3,\"=cmd\",c@example.jp,x\n",
    ];
    site.write("roster.csv", &text.concat());
    let out = site.path("refused.csv");
    let said = site.import("roster.csv", &["--refused", out.to_str().unwrap()]).exits(65).json();
    assert_eq!((&said["imported"], &said["refused"]), (&json!(1), &json!(2)));
    let refused = site.read("refused.csv");
    assert!(refused.starts_with('\u{feff}') && refused.contains("\r\n3,") && refused.contains("'=cmd"), "{refused}");
    assert_eq!(said["findings"][0]["line"], 3);
}

#[test]
fn a_corrected_file_of_refused_lines_is_a_roster_and_is_not_written_over() {
    let site = Site::new();
    site.write("roster.csv", &[HEADER, &line("-1", "", "b@example.jp"), &line("2", "", "c@example.jp")].concat());
    let refused = site.path("refused.csv");
    let refused = refused.to_str().unwrap();
    site.import("roster.csv", &["--refused", refused, "--dry-run"]).exits(65);
    assert!(!site.path("refused.csv").exists(), "a dry run writes nothing");
    site.import("roster.csv", &["--refused", refused]).exits(65);
    site.edit("refused.csv", "'-1,,", "'-1,見本 太郎,");
    let corrected = site.read("refused.csv");
    for dry in [&["--dry-run"][..], &[]] {
        let said = site.import("refused.csv", &[&["--refused", refused], dry].concat()).exits(2);
        assert!(said.stderr.contains("the very file"), "{}", said.stderr);
    }
    assert_eq!(site.read("refused.csv"), corrected);
    let still = site.path("still.csv");
    let said = site.import("refused.csv", &["--refused", still.to_str().unwrap()]).exits(65).json();
    assert_eq!((&said["imported"], &said["refused"]), (&json!(1), &json!(1)));
    assert_eq!(site.json(&["log"])["rows"][0]["member_no"], "-1");
    assert!(site.read("still.csv").contains("reason,会員番号,"), "{}", site.read("still.csv"));
    let left = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".part");
    assert!(!std::fs::read_dir(site.path("")).unwrap().any(|entry| left(&entry.unwrap().file_name())));
}

#[test]
fn an_import_that_fails_leaves_an_earlier_file_of_refused_lines_as_it_was() {
    let site = Site::new();
    site.write("refused.csv", "kept");
    site.write("roster.csv", &[HEADER, "1,\"見本 太郎"].concat());
    let refused = site.path("refused.csv");
    site.import("roster.csv", &["--refused", refused.to_str().unwrap()]).exits(65);
    assert_eq!(site.read("refused.csv"), "kept");
}

#[test]
fn further_lines_of_a_member_merge_also_when_the_first_one_had_no_address() {
    let site = Site::new();
    let text = [
        HEADER,
        &line("1", "見本 太郎", ""),
        &line("1", "見本 太郎", "a@example.jp"),
        &line("1", "見本 太郎", "b@example.jp"),
        &line("1", "見本 次郎", "a@example.jp"),
    ];
    site.write("roster.csv", &text.concat());
    let said = site.import("roster.csv", &[]).exits(0).json();
    assert_eq!(
        (&said["lines"], &said["imported"], &said["merged"], &said["unreachable"]),
        (&json!(4), &json!(1), &json!(3), &json!(0))
    );
    let kinds = &said["findings_by_kind"];
    assert_eq!(kinds, &json!({ "address_taken": 1, "name_differs": 1, "address_differs": 1 }));
    assert_eq!(site.count("held"), 1);
}

#[test]
fn two_people_under_one_number_are_never_one_member() {
    let site = Site::new();
    let taro = line("41", "甲野 太郎", "taro@example.jp");
    let hanako = line("41", "乙野 花子", "hanako@example.jp");
    site.write("roster.csv", &[HEADER, &taro, &hanako, "42\n", &taro].concat());
    let refused = site.path("refused.csv");
    let said = site.import("roster.csv", &["--refused", refused.to_str().unwrap()]).exits(65).json();
    let sum = |said: &Value| ["lines", "imported", "merged", "already_present", "refused"].map(|key| said[key].clone());
    assert_eq!(sum(&said), [4, 1, 1, 0, 2].map(Value::from));
    let kept = site.read("refused.csv");
    let lines: Vec<&str> = kept.lines().collect();
    assert!(
        lines[1].starts_with("3,")
            && lines[1].contains("correct the number or the name")
            && lines[1].contains("乙野 花子")
    );
    assert!(lines[2].starts_with("4,"), "{kept}");

    // The same against the queue; and corrected, the line is in.
    site.write("second.csv", &[HEADER, &hanako].concat());
    let said = site.import("second.csv", &[]).exits(65).json();
    assert_eq!(sum(&said), [1, 0, 0, 0, 1].map(Value::from));
    site.write("corrected.csv", &format!("{}\n{}\n", lines[0], lines[1].replace("41", "43")));
    let said = site.import("corrected.csv", &[]).exits(0).json();
    assert_eq!(sum(&said), [1, 1, 0, 0, 0].map(Value::from));
}

#[test]
fn a_member_whose_lines_are_far_apart_is_still_one_member() {
    let site = Site::new();
    let mut text = HEADER.to_owned();
    for n in (0..4_500).map(|n| n % 2_300) {
        text.push_str(&line(&n.to_string(), "見本 太郎", &format!("u{n}@example.jp")));
    }
    site.write("roster.csv", &text);
    let said = site.import("roster.csv", &[]).exits(0).json();
    assert_eq!((&said["lines"], &said["imported"], &said["merged"]), (&json!(4_500), &json!(2_300), &json!(2_200)));
}

#[tokio::test]
async fn an_address_that_a_later_import_brings_is_kept_as_it_was_given() {
    let site = Site::new();
    for (file, email) in [("first.csv", ""), ("second.csv", "Ａ@example.jp")] {
        site.write(file, &[HEADER, &line("1", "見本 太郎", email)].concat());
        site.import(file, &[]).exits(0);
    }
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    let kept: (String, String) =
        sqlx::query_as("SELECT email, given_email FROM affected_members").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, ("A@example.jp".to_owned(), "Ａ@example.jp".to_owned()));
}

#[test]
fn typos_and_shared_addresses_are_reported_and_imported_all_the_same() {
    let site = Site::new();
    let text = [HEADER, &line("1", "見本 太郎", "a@gmial.com"), &line("2", "見本 花子", "a@gmial.com")];
    site.write("roster.csv", &text.concat());
    let said = site.import("roster.csv", &[]).exits(0).json();
    assert_eq!((&said["imported"], &said["shared_addresses"]), (&json!(2), &json!(1)));
    assert_eq!(said["findings_by_kind"]["likely_typo"], 2);
}

#[test]
fn a_template_changed_after_the_preflight_refuses_the_release_and_is_named() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    site.run(&["approve", NOTICE]).exits(0);
    let subject = site.read("templates/metaps-2022/subject.txt.hbs");
    site.write("templates/metaps-2022/subject.txt.hbs", &format!("重要 {subject}"));
    let said = site.run(&["release", NOTICE, "--yes"]).exits(1);
    assert!(said.stderr.contains("the template") && said.stderr.contains("preflight"), "{}", said.stderr);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    let said = site.run(&["release", NOTICE, "--yes"]).exits(1);
    assert!(said.stderr.contains("0 of 1 approvals"), "an approval is of one text: {}", said.stderr);
    site.run(&["approve", NOTICE]).exits(0);
    site.run(&["release", NOTICE, "--yes"]).exits(0);
}

#[test]
fn another_text_is_not_released_to_members_who_wait_for_the_first() {
    let site = Site::new();
    site.release_samples();
    let subject = site.read("templates/metaps-2022/subject.txt.hbs");
    site.write("templates/metaps-2022/subject.txt.hbs", &format!("重要 {subject}"));
    site.write("more.csv", &[HEADER, &line("90001", "見本 太郎", "a@example.jp")].concat());
    site.import("more.csv", &[]).exits(0);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    site.run(&["approve", NOTICE]).exits(0);
    let said = site.run(&["release", NOTICE, "--yes"]).exits(1);
    assert!(said.stderr.contains("not approved for them"), "{}", said.stderr);
    assert_eq!((site.count("held"), site.count("queued")), (1, 5));
}

#[test]
fn a_fact_or_a_roster_changed_after_the_preflight_refuses_approval_and_release() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    site.run(&["approve", NOTICE]).exits(0);
    site.write("more.csv", &[HEADER, &line("1", "見本 太郎", "a@example.jp")].concat());
    site.import("more.csv", &[]).exits(0);
    assert!(site.run(&["release", NOTICE, "--yes"]).exits(1).stderr.contains("the roster"));
    site.edit("notices/metaps-2022.yaml", "0120-816-620", "0120-816-621");
    let said = site.run(&["approve", NOTICE]).exits(1);
    assert!(said.stderr.contains("facts"), "{}", said.stderr);
}

#[test]
fn two_approvals_are_two_people() {
    let site = Site::new();
    site.edit("notices/metaps-2022.yaml", "approvals_required: 1", "approvals_required: 2");
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    for name in ["Sato", "Sato", " Sato　", "Ｓａｔｏ"] {
        site.run(&["approve", NOTICE, "--as", name]).exits(0);
    }
    site.run(&["approve", NOTICE, "--as", "　"]).exits(2);
    site.run(&["release", NOTICE, "--yes"]).exits(1);
    site.run(&["approve", NOTICE, "--as", "Ito"]).exits(0);
    site.run(&["release", NOTICE, "--yes"]).exits(0);
}

#[test]
fn an_import_says_for_which_reason_lines_are_not_affected() {
    let site = Site::new();
    let told = site.json(&["import", site.path("samples/payments.csv").to_str().unwrap(), "--notice", NOTICE, "--yes"]);
    let reasons = told["not_affected_by"].as_object().unwrap();
    let sum: i64 = reasons.values().filter_map(Value::as_i64).sum();
    assert!(sum > 0 && told["not_affected"] == sum && reasons.contains_key("purpose"), "{told}");
}

#[test]
fn lines_that_are_not_affected_are_named_by_what_they_say_and_come_back_to_be_corrected() {
    let site = Site::new();
    let odd = line("3", "見本 三郎", "c@example.jp").replace("クレジットカード", "クレジット カード");
    site.write(
        "roster.csv",
        &[HEADER, &line("1", "見本 太郎", "a@example.jp"), &odd, &odd.replace("3,", "4,")].concat(),
    );
    let others = site.path("others.csv");
    let to = ["--not-affected", others.to_str().unwrap()];
    let told = site.import("roster.csv", &to).exits(0).json();
    assert_eq!(told["not_affected_values"], json!({ "method": { "クレジット カード": 2 } }), "{told}");
    assert_eq!((&told["not_affected_others"], mode(&others)), (&json!({ "method": 0 }), 0o600));
    let text = site.read("others.csv");
    assert!(text.contains("3,the payment method is not affected,3,見本 三郎,c@example.jp"), "{text}");
    site.write("corrected.csv", &text.replace("クレジット カード", "クレジットカード"));
    assert_eq!(site.import("corrected.csv", &[]).exits(0).json()["imported"], 2);
    let file = site.path("roster.csv");
    let import =
        |more: &[&str]| site.run(&[&["import", file.to_str().unwrap(), "--notice", NOTICE, "--yes"], more].concat());
    let said = import(&[]).exits(0).stdout;
    assert!(said.contains("\"クレジット カード\": 2") && said.contains("look at these values"), "{said}");
    import(&["--not-affected", file.to_str().unwrap()]).exits(2);
    import(&["--refused", to[1], "--not-affected", to[1]]).exits(2);
    assert_eq!(site.read("others.csv"), text);
}

#[test]
fn who_was_taken_out_before_the_release_is_named_by_a_further_import_and_can_be_taken_in_by_it() {
    let site = Site::new();
    let right = [line("1", "見本 太郎", "a@example.jp"), line("2", "見本 次郎", "b@example.jp")].concat();
    site.write("wrong.csv", &[HEADER, &right.replace("b@", "wrong@")].concat());
    site.write("right.csv", &[HEADER, &right].concat());
    site.import("wrong.csv", &[]).exits(0);
    let withdraw = ["withdraw", "--notice", NOTICE, "--member", "2", "--reason", "wrong roster", "--yes"];
    site.run(&withdraw).exits(0);
    let told = site.import("right.csv", &[]).exits(0).json();
    assert_eq!([&told["withdrawn"], &told["withdrawn_never_released"], &told["taken_in"]], [1, 1, 0], "{told}");
    let file = site.path("right.csv");
    let said = site.run(&["import", file.to_str().unwrap(), "--notice", NOTICE, "--yes"]).exits(0).stdout;
    assert!(said.contains("who stay so and are not sent to: 2") && said.contains("--take-in-withdrawn"), "{said}");
    assert_eq!((site.count("withdrawn"), site.count("held")), (1, 1));
    let told = site.import("right.csv", &["--take-in-withdrawn"]).exits(0).json();
    assert_eq!([&told["taken_in"], &told["merged"], &told["withdrawn"]], [1, 1, 0], "{told}");
    assert_eq!((site.count("withdrawn"), site.count("held")), (0, 2));
    let log = site.json(&["log", "--member", "2"]);
    assert_eq!(log["rows"][0]["email"], "b@example.jp", "as the further roster has it: {log}");
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    site.run(&["approve", NOTICE]).exits(0);
    assert_eq!(site.json(&["release", NOTICE, "--yes"])["queued"], 2);
    site.run(&["ledger", "verify"]).exits(0);
    site.run(&withdraw).exits(0);
    let told = site.import("right.csv", &["--take-in-withdrawn"]).exits(0).json();
    assert_eq!([&told["withdrawn"], &told["withdrawn_never_released"], &told["taken_in"]], [1, 0, 0], "{told}");
    assert_eq!(site.count("withdrawn"), 1, "a release has chosen: what comes after it is a resend");
    assert_eq!(site.json(&["report", "--notice", NOTICE])["adds_up"], true);
}

#[test]
fn whoever_asks_by_a_second_address_that_the_roster_gave_is_found() {
    let site = Site::new();
    let lines = [line("1", "見本 太郎", "a@example.jp"), line("1", "見本 太郎", "b@example.jp")].concat();
    site.write("roster.csv", &[HEADER, &lines].concat());
    let told = site.import("roster.csv", &[]).exits(0).json();
    assert_eq!(told["findings_by_kind"]["address_differs"], 1, "{told}");
    for (address, known) in [("a@example.jp", true), ("B@example.jp", true), ("c@example.jp", false)] {
        let asked = site.json(&["evidence", "asked", "--notice", NOTICE, "--email", address]);
        assert_eq!(asked["known"], known, "{address}: {asked}");
    }
}

#[test]
fn what_comes_next_of_a_member_keeps_to_the_hours_of_the_notice() {
    let site = Site::new();
    site.release_samples();
    let next = || site.run(&["member", "show", "10001"]).exits(0).stdout;
    // One minute of the day, which is over or still to come: then is when it is sent, whatever the time is now.
    let minute = |policy: &str| {
        let text = site.read("notices/metaps-2022.yaml");
        site.write(
            "notices/metaps-2022.yaml",
            &text.replacen("policy:\n", &format!("policy:\n  window: \"{policy}\"\n"), 1),
        );
        let said = next();
        site.write("notices/metaps-2022.yaml", &text);
        said
    };
    let (one, other) = (minute("03:00-03:01"), minute("15:00-15:01"));
    assert!(one.contains(" 03:00:00") || other.contains(" 15:00:00"), "{one}{other}");
}

#[test]
fn a_notice_without_an_import_and_a_slip_in_its_id_are_told_apart() {
    let site = Site::new();
    site.run(&["db", "migrate"]).exits(0);
    for verb in
        [&["unreachable", "--notice"][..], &["pause"], &["status"], &["report", "--notice"], &["log", "--notice"]]
    {
        let said = site.run(&[verb, &[NOTICE]].concat()).exits(2).stderr;
        assert!(said.contains("has no import yet") && said.contains("owabi import"), "{verb:?}: {said}");
        let said = site.run(&[verb, &["metaps-202"]].concat()).exits(2).stderr;
        assert!(said.contains("there is no notice") && said.contains("perhaps metaps-2022?"), "{verb:?}: {said}");
    }
}

#[test]
fn a_noted_head_that_is_no_text_is_bad_data_and_nothing_against_the_ledger() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    std::fs::write(site.path("head.txt"), [0x8b, 0xff, 0x00]).unwrap();
    let head = site.path("head.txt");
    let said = site.run(&["ledger", "verify", "--head", head.to_str().unwrap()]).exits(65).stderr;
    assert!(said.contains("head.txt") && said.contains("owabi-head"), "{said}");
}

#[test]
fn an_unpacked_bundle_is_told_how_it_can_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let said = owabi(&["evidence", "verify", folder.path().to_str().unwrap()]).exits(65).stderr;
    assert!(said.contains("is a folder") && said.contains("sh check.sh"), "{said}");
}

#[test]
fn the_proof_of_a_second_member_into_the_same_folder_is_refused_with_its_name() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let out = site.path("proof");
    let proof = |no: &str| site.run(&["evidence", "member", no, "--out", out.to_str().unwrap()]);
    proof("10001").exits(0);
    let said = proof("10002").exits(1).stderr;
    assert!(said.contains("/proof cannot be written") && said.contains("one a member"), "{said}");
}

#[test]
fn kinds_of_entries_that_belong_to_no_notice_are_not_shown_as_none_of_it() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["user", "add", "hanako", "--role", "admin", "--os-user", &account()]).exits(0);
    let show = |more: &[&str]| site.run(&[&["ledger", "show", "--kind", "user"], more].concat()).exits(0);
    assert!(show(&[]).stdout.contains("user"));
    let of_the_notice = show(&["--notice", NOTICE]);
    assert!(of_the_notice.stderr.contains("belong to no notice"), "{}{}", of_the_notice.stdout, of_the_notice.stderr);
}

#[test]
fn the_list_of_the_withdrawn_is_a_roster_for_the_corrected_notice() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["withdraw", "--notice", NOTICE, "--reason", "wrong number", "--yes"]).exits(0);
    let list = site.run(&["log", "--status", "withdrawn", "--csv"]).exits(0).stdout;
    site.write("withdrawn.csv", &list);
    let list = site.path("withdrawn.csv");
    let told = site
        .run(&["--json", "import", list.to_str().unwrap(), "--notice", "generic-breach-ja", "--yes"])
        .exits(0)
        .json();
    assert!(told["imported"].as_i64().unwrap() > 0 && told["imported"] == told["lines"], "{told}");
}

#[test]
fn a_notice_without_approvals_is_released_after_a_clean_preflight_and_not_before() {
    let site = Site::new();
    site.edit("notices/metaps-2022.yaml", "approvals_required: 1", "approvals_required: 0");
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["release", NOTICE, "--yes"]).exits(1);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    for how in ["--dry-run", "--yes"] {
        let said = site.run(&["release", NOTICE, how]).exits(0);
        assert!(said.stdout.contains("nobody's approval is required"), "{how}: {}", said.stdout);
    }
}

#[test]
fn check_warns_of_a_notice_that_is_released_without_approval() {
    let site = Site::new();
    let words = "metaps-2022 can be released without anybody's approval";
    assert!(!site.run(&["check"]).exits(0).stdout.contains(words));
    site.edit("notices/metaps-2022.yaml", "approvals_required: 1", "approvals_required: 0");
    let said = site.run(&["check"]).exits(0);
    assert!(said.stdout.contains(&format!("! {words}")), "{}", said.stdout);
}

#[test]
fn nothing_is_in_brackets_where_nobody_has_approved() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    site.run(&["preflight", "--notice", NOTICE]).exits(0);
    for (lang, words) in [("en", "0 of 1 approvals\n"), ("ja", "承認が足りません: 0 人 / 必要 1 人。\n")] {
        let said = site.run(&["--lang", lang, "release", NOTICE, "--yes"]).exits(1);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}

#[test]
fn pause_with_a_broken_configuration_has_no_empty_line() {
    let site = Site::new();
    site.write("owabi.yaml", "colour: red\n");
    let said = site.run(&["pause", NOTICE]).exits(78);
    assert!(said.stderr.contains("\n  → nothing is stopped yet"), "{}", said.stderr);
}

#[test]
fn pause_resume_and_withdraw_say_the_state_and_a_withdrawn_notice_stays_so() {
    let site = Site::new();
    site.release_samples();
    assert_eq!(site.json(&["pause", NOTICE, "--reason", "test"])["state"], "paused");
    site.run(&["release", NOTICE, "--yes"]).exits(1);
    assert_eq!(site.json(&["resume", NOTICE])["state"], "released");
    let withdraw = ["withdraw", "--notice", NOTICE, "--reason", "wrong roster"];
    site.run(&withdraw).exits(2);
    let with = |more: &str| site.json(&[&withdraw[..], &[more]].concat());
    assert_eq!(with("--dry-run")["would_withdraw"], 5);
    assert_eq!(site.count("withdrawn"), 0);
    let done = with("--yes");
    assert_eq!((&done["state"], &done["withdrawn"]), (&json!("withdrawn"), &json!(5)));
    site.run(&["resume", NOTICE]).exits(1);
    site.import("samples/payments.csv", &[]).exits(1);
}

#[tokio::test]
async fn after_a_kill_and_a_withdrawal_the_next_run_leaves_nobody_being_sent() {
    let site = Site::new();
    site.release_samples();
    let rows = "UPDATE affected_members SET status = 'sending', due_at = 9e15 WHERE status = 'queued' AND id <= 4";
    let intent = "INSERT INTO intents SELECT id, 1, fence, 1, 'main', email, 'm', 'e', 'ab', 1, FALSE \
                  FROM affected_members WHERE status = 'sending' LIMIT 1";
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    for text in [rows, intent] {
        sqlx::query(text).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let (sending, queued) = (site.count("sending"), site.count("queued"));
    assert!(sending > 1 && queued > 0, "{sending} {queued}");
    let withdraw = ["withdraw", "--notice", NOTICE, "--reason", "wrong roster", "--yes"];
    let said = site.json(&withdraw);
    assert_eq!((&said["withdrawn"], &said["sending"]), (&json!(queued), &json!(sending)));
    site.run(&["run", "--until-idle"]).exits(0);
    assert_eq!((site.count("sending"), site.count("queued")), (0, 0));
    assert_eq!((site.count("in_doubt"), site.count("withdrawn")), (1, sending + queued - 1));
    assert_eq!(site.json(&withdraw)["in_doubt"], 1);
}

#[test]
fn a_preview_is_the_mail_in_three_files() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let out = site.path("preview");
    let said = site.json(&["preview", "--notice", NOTICE, "--member", "10003", "--out", out.to_str().unwrap()]);
    assert!(said["text"].as_str().unwrap().contains("渡邉 健"));
    for end in ["eml", "txt", "html"] {
        assert!(out.join(format!("10003.{end}")).exists(), "{end}");
    }
    assert!(site.read("preview/10003.eml").contains("To: "));
    let made_up = site.run(&["preview", "--notice", NOTICE]).exits(0);
    assert!(!made_up.stderr.contains("no usable address"), "{}", made_up.stderr);
    site.run(&["preview", "--notice", NOTICE, "--member", "0"]).exits(1);
}

#[test]
fn a_preview_says_of_whom_there_is_no_address_that_the_one_shown_is_an_example() {
    let site = Site::new();
    let text = [HEADER, &line("1", "見本 太郎", ""), &line("2", "見本 次郎", "a@example.jp")].concat();
    site.write("roster.csv", &text);
    site.import("roster.csv", &[]).exits(0);
    for (no, without) in [("1", true), ("2", false)] {
        let said = site.run(&["--json", "preview", "--notice", NOTICE, "--member", no]).exits(0);
        assert_eq!(said.stderr.contains("member 1 has no usable address and gets no mail, but a letter"), without);
        assert_eq!(said.json()["reachable"], !without);
    }
}

#[test]
fn the_log_as_csv_opens_in_a_spreadsheet_and_runs_no_formula() {
    let site = Site::new();
    site.write("roster.csv", &[HEADER, &line("-1", "見本 太郎", "a@example.jp")].concat());
    site.import("roster.csv", &[]).exits(0);
    let said = site.run(&["log", "--csv"]).exits(0).stdout;
    assert!(
        said.starts_with('\u{feff}') && said.contains("metaps-2022,'-1,a@example.jp,held") && said.ends_with("\r\n"),
        "{said}"
    );
    assert_eq!(site.json(&["log", "--status", "failed"])["rows"], json!([]));
    assert_eq!(site.json(&["log", "--since", "1h"])["rows"].as_array().unwrap().len(), 1);
    site.run(&["log", "--since", "someday"]).exits(2);
}
