//! `log` and `report` as an operator uses them.

use crate::support::site::{NOTICE, Site, owabi};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};

/// A site with samples imported and released.
fn site() -> Site {
    let site = Site::new();
    site.release_samples();
    site
}

/// What another program does to the queue.
fn change(site: &Site, sql: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&site.database()).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_log_of_what_is_not_there_is_a_mistake_and_not_an_empty_list() {
    let site = site();
    let said = site.run(&["log", "--notice", "nope"]).exits(2);
    assert!(said.stderr.contains("no notice \"nope\"") && said.stdout.is_empty(), "{}", said.stderr);
    assert!(site.run(&["log", "--batch", "nope"]).exits(2).stderr.contains("no import or resend \"nope\""));
    site.run(&["report", "--notice", "nope"]).exits(2);
    for wrong in [["--code", "5"], ["--enhanced", "5"], ["--outcome", "lost"], ["--status", "gone"], ["--until", "x"]] {
        site.run(&["log", wrong[0], wrong[1]]).exits(2);
    }
    site.run(&["--json", "log", "--jsonl"]).exits(2);
    site.run(&["log", "--csv", "--jsonl"]).exits(2);
    assert_eq!(site.json(&["log", "--member", "nobody"])["rows"], serde_json::json!([]));
}

#[test]
fn the_reports_of_all_released_notices_are_written_into_one_folder() {
    let site = site();
    let folder = site.path("reports");
    let said = site.run(&["--json", "report", "--released", folder.to_str().unwrap()]).exits(0).json();
    assert_eq!(said["reports"].as_array().unwrap().len(), 1);
    assert_eq!((&said["reports"][0]["notice"], &said["reports"][0]["adds_up"]), (&NOTICE.into(), &true.into()));
    let one = site.path("one.html");
    site.run(&["report", "--notice", NOTICE, "--html", one.to_str().unwrap()]).exits(0);
    let page = site.read("reports/metaps-2022.html");
    assert!(page.contains("<html") && page.lines().count() == site.read("one.html").lines().count());
    site.run(&["report"]).exits(2);
    site.run(&["report", "--notice", NOTICE, "--released", folder.to_str().unwrap()]).exits(2);
}

#[test]
fn the_log_says_the_same_in_every_format() {
    let site = site();
    let document = site.json(&["log"]);
    let rows = document["rows"].as_array().unwrap();
    let lines = site.run(&["log", "--jsonl"]).exits(0).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!rows.is_empty() && &lines == rows);
    let sheet = site.run(&["log", "--csv"]).exits(0).stdout;
    let head = sheet.lines().next().unwrap();
    for column in ["possible_duplicate", "relay", "reply", "tls", "queue_id", "duration_ms"] {
        assert!(head.contains(column) && rows[0].get(column).is_some(), "{column}");
    }
    assert_eq!(sheet.matches("\r\n").count(), rows.len() + 1);
    let text = site.run(&["log"]).exits(0).stdout;
    assert!(
        text.lines().count() == rows.len() + 1
            && rows.iter().all(|row| text.contains(row["member_no"].as_str().unwrap()))
    );
}

#[test]
fn a_batch_and_a_day_are_found_in_the_log() {
    let site = site();
    let batch = site.json(&["report", "--notice", NOTICE])["imports"][0]["batch"].as_str().unwrap().to_owned();
    let all = site.json(&["log"])["rows"].as_array().unwrap().len();
    let count = |more: &[&str]| site.json(&[&["log"], more].concat())["rows"].as_array().unwrap().len();
    assert_eq!(count(&["--batch", &batch]), all);
    assert_eq!(
        [count(&["--status", "queued,unreachable"]), count(&["--since", "1h"]), count(&["--until", "1h"])],
        [all, all, 0]
    );
    assert_eq!(count(&["--outcome", "none"]), all);
}

#[test]
fn the_report_adds_up_names_nobody_and_loads_nothing() {
    let site = site();
    let log = site.json(&["log"]);
    for lang in ["ja", "en"] {
        let file = site.path(&format!("{lang}.html"));
        let said = site.run(&["--lang", lang, "report", "--notice", NOTICE, "--html", file.to_str().unwrap()]).exits(0);
        let page = site.read(&format!("{lang}.html"));
        for loaded in ["<script", "src=", "href=", "url(", "@import", "<img", "<iframe"] {
            assert!(!page.contains(loaded), "{loaded}");
        }
        assert!(page.contains("size: A4") && page.contains(&format!("lang=\"{lang}\"")));
        for row in log["rows"].as_array().unwrap() {
            for personal in ["name", "email", "given_email"].iter().filter_map(|key| row[key].as_str()) {
                let found = personal.len() > 3 && (page.contains(personal) || said.stdout.contains(personal));
                assert!(!found, "{personal}");
            }
        }
    }
    let told = site.json(&["report", "--notice", NOTICE]);
    let notified = told["notified"].as_object().unwrap();
    let sum: i64 = notified.values().map(|n| n.as_i64().unwrap()).sum();
    assert!(told["adds_up"] == true && told["members"] == sum, "{told}");
    // Whatever seals, the head is the newest seal, or there is none.
    let head = &told["ledger_head"];
    assert!(head.is_null() || head["sha256"].as_str().is_some_and(|hash| hash.len() == 64), "{told}");
}

#[test]
fn refused_lines_that_are_in_no_figure_stand_in_the_summary_and_in_the_status() {
    let site = site();
    let said = |verb: &[&str]| site.run(verb).exits(0).stdout;
    let page = site.path("report.html");
    let report = ["report", "--notice", NOTICE, "--html", page.to_str().unwrap()];
    assert!(!said(&report).contains("roster lines were refused") && !said(&["status"]).contains("refused"));
    let head = "会員番号,氏名,メールアドレス,支払内容,支払方法,支払日時\n";
    let lines = ",甲,a@example.jp,公認野球指導者資格 登録費,クレジットカード,2021-10-20\n".repeat(2);
    site.write("blank.csv", &format!("{head}{lines}"));
    for _ in 0..2 {
        site.import("blank.csv", &[]).exits(65);
    }
    let summary = "Besides, 2 roster lines were refused";
    assert!(said(&report).contains(summary) && site.read("report.html").contains(summary));
    assert!(said(&["status"]).contains("2 roster lines were refused"));
    assert_eq!(site.json(&["report", "--notice", NOTICE])["refused_lines"], 2);
    assert_eq!(site.json(&["status"])["notices"][0]["refused_lines"], 2);
}

#[test]
fn a_report_names_the_approvals_that_the_release_rests_on_and_no_others() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let look_and_approve = |who: &str| {
        site.run(&["preflight", "--notice", NOTICE]).exits(0);
        site.run(&["approve", NOTICE, "--as", who]).exits(0);
    };
    look_and_approve("taro");
    look_and_approve("jiro");
    site.edit("notices/metaps-2022.yaml", "canary: 50", "canary: 7");
    look_and_approve("jiro");
    site.run(&["release", NOTICE, "--yes"]).exits(0);
    let entries = site.run(&["ledger", "show", "--kind", "approve"]).exits(0).stdout;
    let report = site.json(&["report", "--notice", NOTICE]);
    let approvals = report["releases"][0]["approvals"].as_array().unwrap();
    assert_eq!((approvals.len(), &approvals[0]["actor"]), (1, &"jiro".into()), "{report}");
    let under_the_released_policy = entries.lines().last().unwrap();
    assert!(under_the_released_policy.contains(approvals[0]["at"].as_str().unwrap()), "{report} {entries}");
    let said = site.run(&["report", "--notice", NOTICE]).exits(0).stdout;
    assert!(said.contains("jiro") && !said.contains("taro"), "{said}");
}

#[test]
fn a_report_that_does_not_add_up_says_where_and_fails() {
    let site = site();
    change(&site, "UPDATE batches SET imported = imported + 1");
    let file = site.path("report.html");
    let said = site.run(&["report", "--notice", NOTICE, "--html", file.to_str().unwrap()]).exits(1);
    assert!(
        said.stdout.contains("are not the sum of their parts") && said.stdout.contains("and the queue has"),
        "{}",
        said.stdout
    );
    assert!(site.read("report.html").contains("class=\"alarm\""));
    let told = site.run(&["--json", "report", "--notice", NOTICE]).exits(1).json();
    assert!(told["adds_up"] == false && told["wrong"].as_array().unwrap().len() == 3, "{told}");
}

#[test]
fn rows_that_the_association_inserted_itself_have_a_line_of_their_own() {
    let site = site();
    change(&site, "INSERT INTO affected_members (notice_id, member_no, name) VALUES ('metaps-2022', 'own', 'x')");
    let told = site.json(&["report", "--notice", NOTICE]);
    assert!(told["own_rows"] == 1 && told["adds_up"] == true, "{told}");
    change(&site, "UPDATE affected_members SET status = 'accepted' WHERE member_no = 'own'");
    let said = site.run(&["report", "--notice", NOTICE]).exits(1).stdout;
    assert!(said.contains("of the 1 members told by mail, 0 have a mail on record"), "{said}");
}

#[test]
fn the_report_has_an_example() {
    let said = owabi(&["report", "--help"]).exits(0).stdout;
    assert!(said.contains("owabi report --notice metaps-2022 --html report.html"));
}
