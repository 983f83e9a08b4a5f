//! The people whom mail cannot reach: the list for letters, the record of what was done instead, and the page for everybody.

use crate::support::postgres::Server;
use crate::support::program::{Program, roster};
use crate::support::site::{NOTICE, Site};
use crate::support::world::addresses;
use serde_json::{Value, json};

const NAMES: &str = "M90000,=1+1,なし\r\nM90001,＝山田,\r\nM90002,見本 花子,不明\r\n";

/// Three members without an address beside two with one.
fn program() -> Program {
    let program = Program::new(1, "");
    fill(&program);
    program
}

fn fill(program: &Program) {
    program.import(&program.write("roster.csv", &format!("{}{NAMES}", roster(&addresses(2)))));
}

/// Exit code, stdout and stderr.
fn said(program: &Program, arguments: &[&str]) -> (i32, String, String) {
    let output = program.output(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn numbers(list: &Value) -> Vec<&str> {
    list["rows"].as_array().unwrap().iter().map(|row| row["member_no"].as_str().unwrap()).collect()
}

#[test]
fn every_csv_opens_in_japanese_excel_and_runs_no_cell() {
    let program = program();
    let add = [
        "substitute",
        "add",
        "--notice",
        "leak",
        "--member",
        "M90000",
        "--kind",
        "letter",
        "--on",
        "2022-03-02",
        "--note",
        "=書留",
        "--yes",
    ];
    program.json(&add);
    for arguments in [
        &["unreachable", "--notice", "leak", "--csv"][..],
        &["log", "--notice", "leak", "--csv"],
        &["substitute", "list", "--notice", "leak", "--csv"],
    ] {
        let (code, text, _) = said(&program, arguments);
        assert_eq!(code, 0);
        assert!(text.starts_with('\u{feff}') && text.ends_with("\r\n"), "{text:?}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
        assert!(text.contains(",'=1+1,") && !text.contains(",=") && !text.contains(",＝"), "{text}");
    }
    let (_, list, _) = said(&program, &["unreachable", "--notice", "leak", "--csv"]);
    assert!(list.contains(",letter,false,letter 2022-03-02\r\n") && list.contains(",'＝山田,"), "{list}");
    let (_, done, _) = said(&program, &["substitute", "list", "--notice", "leak", "--csv"]);
    assert!(done.contains(",'=書留,"), "{done}");
}

fn a_file_of_letters_is_recorded_once(program: &Program) {
    let text = "会員番号,方法,日付,備考\r\nM90000,書面,2026/11/30,書留\r\nM9,書面,2022-03-02,\r\nM90001,鳩,2022-03-02,\r\n\
                M90001,電話,昨日,\r\nM90001,,令和4年3月2日,\r\nＭ９０００２,telephone,2022年3月2日,\"不在, 再度\"\r\nM90002,電話,2022-03-02,\r\n\
                M90000,書面,2999-01-01,\r\n";
    let file = program.write("letters.csv", text);
    let add = [
        "--json",
        "substitute",
        "add",
        "--notice",
        "leak",
        "--file",
        file.to_str().unwrap(),
        "--kind",
        "visit",
        "--yes",
    ];
    let today = "2026/11/30";
    let text = text.replace(today, "2022/3/1");
    program.write("letters.csv", &text);
    let (code, told, warned) = said(program, &add);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (code, &told["lines"], &told["added"], &told["already"]),
        (65, &json!(8), &json!(3), &json!(1)),
        "{told} {warned}"
    );
    let refused: Vec<_> = told["refused"].as_array().unwrap().iter().map(|one| one["line"].as_i64().unwrap()).collect();
    assert_eq!(refused, [3, 4, 5, 9], "{told}");
    assert!(warned.contains("line 3: there is no member \"M9\"") && warned.contains("line 9:"), "{warned}");
    let (_, told, _) = said(program, &add);
    let again: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&again["added"], &again["already"]), (&json!(0), &json!(4)), "the same file twice adds nothing");
}

#[test]
fn every_bad_line_of_a_file_comes_back_and_the_same_file_twice_adds_nothing() {
    a_file_of_letters_is_recorded_once(&program());
}

#[tokio::test]
async fn every_bad_line_of_a_file_comes_back_and_the_same_file_twice_adds_nothing_on_postgres() {
    let database = Server::shared().database();
    let program = Program::new(1, "").on(&database);
    fill(&program);
    a_file_of_letters_is_recorded_once(&program);
}

#[test]
fn the_list_shows_what_was_done_and_what_is_still_open_and_a_record_can_be_taken_back() {
    let program = program();
    let add = |more: &[&str]| program.json(&[&["substitute", "add", "--notice", "leak", "--yes"], more].concat());
    let letter = ["--member", "M90001", "--kind", "letter", "--on", "2022-03-02", "--note", "書留"];
    assert_eq!(add(&letter)["added"], 1);
    assert_eq!((&add(&letter)["added"], &add(&letter)["already"]), (&json!(0), &json!(1)));
    let published =
        ["--kind", "published", "--url", "https://example.jp/news/1", "--from", "2022-03-02", "--until", "2030-03-02"];
    assert_eq!(add(&published)["added"], 1);
    assert_eq!(add(&published)["already"], 1);
    let all = program.json(&["unreachable", "--notice", "leak"]);
    assert_eq!(numbers(&all), ["M90000", "M90001", "M90002"]);
    assert_eq!(
        (&all["rows"][1]["done"][0]["kind"], &all["rows"][1]["done"][0]["note"]),
        (&json!("letter"), &json!("書留"))
    );
    assert_eq!((&all["sum"]["done"], &all["published"][0]["url"]), (&json!(1), &json!("https://example.jp/news/1")));
    let open = program.json(&["unreachable", "--notice", "leak", "--open"]);
    assert_eq!(numbers(&open), ["M90000", "M90002"]);
    let one = program.json(&["member", "show", "M90001"]);
    assert_eq!(one["substitutes"][0]["on"], "2022-03-02");
    assert_eq!(one["member"]["next"], "told_otherwise", "as the list says");
    let (_, story, _) = said(&program, &["member", "show", "M90001"]);
    assert!(story.contains("instead") && story.contains("2022-03-02  letter  M90001"), "{story}");
    let number = all["rows"][1]["done"][0]["id"].to_string();
    let revoke = ["substitute", "revoke", &number, "--reason", "another member", "--yes"];
    assert_eq!(program.json(&revoke)["revoked"], true);
    assert_eq!(said(&program, &revoke).0, 1, "once only");
    assert_eq!(numbers(&program.json(&["unreachable", "--notice", "leak", "--open"])).len(), 3);
    let list = program.json(&["substitute", "list", "--notice", "leak"]);
    assert_eq!(
        (list["rows"].as_array().unwrap().len(), &list["rows"][0]["revoked_because"]),
        (2, &json!("another member"))
    );
}

#[test]
fn a_day_to_come_as_the_option_is_one_mistake_and_not_one_a_line() {
    let program = program();
    let file = program.write("letters.csv", "会員番号\nM90000\nM90001\n");
    let file = file.to_str().unwrap();
    let add = ["substitute", "add", "--notice", "leak", "--file", file, "--kind", "letter", "--on", "2999-01-01"];
    let (code, told, why) = said(&program, &add);
    assert_eq!((code, why.matches("2999-01-01").count()), (2, 1), "{told}{why}");
    assert!(!told.contains("lines"), "{told}");
}

#[test]
fn a_whole_roster_as_a_list_of_letters_is_seen_before_it_is_recorded() {
    let program = program();
    let file = program.write("letters.csv", "会員番号\nM00000\nM00001\nM00001\nM90001\n");
    let file = file.to_str().unwrap();
    let add = ["substitute", "add", "--notice", "leak", "--file", file, "--kind", "letter", "--on", "2022-03-02"];
    let (code, told, warned) = said(&program, &[&add[..], &["--dry-run"]].concat());
    assert_eq!(code, 0, "{told}{warned}");
    assert!(told.contains("these members are: 2 held, 1 unreachable"), "{told}");
    assert!(warned.contains("2 of them were sent a mail, or are going to be"), "{warned}");
    let by_status = program.json(&[&add[..], &["--dry-run"]].concat())["by_status"].clone();
    assert_eq!(by_status, json!({ "held": 2, "unreachable": 1 }));
    // Without a terminal it is said before confirmation is asked for.
    let (code, told, warned) = said(&program, &add);
    assert!(code == 2 && told.contains("2 held") && warned.contains("is it the whole roster?"), "{told}{warned}");
}

#[test]
fn what_cannot_have_been_done_is_not_recorded() {
    let program = program();
    for (more, code) in [
        (&["--member", "M90001", "--kind", "letter", "--on", "2999-01-01"][..], 2),
        (&["--member", "M90001", "--kind", "letter", "--on", "tomorrow"], 2),
        (&["--member", "M90001", "--kind", "letter"], 2),
        (&["--member", "M9", "--kind", "letter", "--on", "2022-03-02"], 1),
        (&["--member", "M90001", "--kind", "published", "--on", "2022-03-02"], 2),
        (&["--kind", "published", "--url", "example.jp", "--from", "2022-03-02", "--until", "2022-03-03"], 2),
        (&["--kind", "published", "--url", "https://example.jp/", "--from", "2022-03-02", "--until", "2022-03-01"], 2),
    ] {
        assert_eq!(said(&program, &[&["substitute", "add", "--notice", "leak"], more].concat()).0, code, "{more:?}");
    }
    let letter = ["substitute", "add", "--notice", "leak", "--member", "M90001", "--kind", "letter"];
    assert!(said(&program, &letter).2.contains("--on is missing"));
    let (code, _, why) = said(&program, &[&letter[..], &["--on", "2022-03-02"]].concat());
    assert!(code == 2 && why.contains("confirmation is needed") && why.contains("add --yes"), "{why}");
    assert_eq!(program.json(&["substitute", "list", "--notice", "leak"])["rows"], json!([]));
}

#[test]
fn the_page_for_the_site_makes_no_folder() {
    let site = Site::new();
    for name in ["nowhere/news.html", "nowhere/"] {
        let out = site.path(name);
        let said = site.run(&["render", "--web", "--notice", NOTICE, "--out", out.to_str().unwrap()]).exits(1);
        assert!(said.stderr.contains("nowhere") && said.stderr.contains("is its folder there"), "{}", said.stderr);
        assert!(!site.path("nowhere").exists());
    }
}

#[test]
fn the_page_for_the_site_has_every_fact_and_nobodys_data_and_is_refused_when_a_fact_is_missing() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let out = site.path("");
    let render = ["render", "--web", "--notice", NOTICE, "--out", out.to_str().unwrap()];
    let said = site.json(&render);
    let page = site.read("metaps-2022.html");
    assert_eq!(said["bytes"], page.len());
    for fact in [
        "0120-816-620",
        "2021年10月14日",
        "セキュリティコード",
        "メタップスペイメントの不正アクセスの件",
        "<html lang=\"ja\">",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    for member in ["会員番号", "見本", "10001", "{{"] {
        assert!(!page.contains(member), "{member}");
    }
    let template = site.read("templates/metaps-2022/web.html.hbs");
    site.write("templates/metaps-2022/web.html.hbs", &template.replace("{{facts.hotline.number}}", "0120-000-000"));
    assert!(site.run(&render).exits(65).stderr.contains("0120-816-620"));
    let problems = site.run(&["--json", "check"]).json()["problems"].to_string();
    assert!(problems.contains("web.html.hbs"), "{problems}");
    site.write("templates/metaps-2022/web.html.hbs", &format!("{template}{{{{member.name}}}}"));
    assert!(site.run(&render).exits(78).stderr.contains("knows no member"));
    site.write(
        "templates/metaps-2022/web.html.hbs",
        &template.replace("</main>", "<img src=\"https://example.jp/1.gif\"></main>"),
    );
    site.run(&render).exits(65);
    assert_eq!(site.read("metaps-2022.html"), page, "what is refused is not written");
}
