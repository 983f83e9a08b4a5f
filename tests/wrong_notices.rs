//! A notice, a template or a row that is wrong: what the screens say of it, in the language of whoever reads.

use crate::support::english::is_english;
use crate::support::site::{NOTICE, Site};

/// `owabi --lang ja …`, with this exit code: all that is on the screen.
#[track_caller]
fn in_japanese(site: &Site, verb: &[&str], code: i32) -> String {
    let said = site.run(&[&["--lang", "ja"], verb].concat()).exits(code);
    let screen = format!("{}{}", said.stdout, said.stderr).replace(site.path("").to_str().unwrap(), "");
    assert!(!screen.lines().any(is_english), "{screen}");
    screen
}

#[test]
fn check_says_in_japanese_what_is_wrong_with_notices_and_templates_and_where() {
    let site = Site::new();
    let file = "notices/metaps-2022.yaml";
    let whole = site.read(file);
    let template = "templates/metaps-2022/body.txt.hbs";
    for (name, text, said) in [
        (
            file,
            whole.replace("language: ja", "language: fr"),
            "× notices/metaps-2022.yaml:6:11: language: fr は指定できません。指定できるもの: ja、en",
        ),
        (
            file,
            whole.replace("id: metaps-2022", "id: metaps"),
            "× notices/metaps-2022.yaml: id: ここでは「metaps」、ファイルの名前は「metaps-2022」です。同じにしてください。",
        ),
        (
            file,
            whole.replace("notice_date: 2022-03-02", "notice_date: 2022-02-30"),
            "× notices/metaps-2022.yaml: facts.notice_date: 「2022-02-30」という日付はありません。暦にある日を書いてください。",
        ),
        (
            file,
            whole.replace("{{name}}様が", "{{nam}}様が"),
            "× notices/metaps-2022.yaml: cohorts.registration.paragraph:1:1: 「nam」という値はありません。名前を直すか、お知らせか名簿に加えてください。",
        ),
        (
            template,
            site.read(template).replace("{{member.no}}", "{{member.number}}"),
            "× templates/metaps-2022/body.txt.hbs:2:7: 「member.number」という値はありません。名前を直すか、お知らせか名簿に加えてください。",
        ),
        (
            template,
            site.read(template).replace("0120", "").replace("{{facts.hotline.number}}", ""),
            "× metaps-2022: テキスト本文に、欠かせない文言「0120-816-620」がありません。",
        ),
    ] {
        let before = site.read(name);
        site.write(name, &text);
        let screen = in_japanese(&site, &["check"], 78);
        assert!(screen.lines().any(|line| line == said), "{said}\n{screen}");
        site.write(name, &before);
    }
    std::fs::remove_file(site.path(template)).unwrap();
    let screen = in_japanese(&site, &["check"], 78);
    let said = "× templates/metaps-2022/body.txt.hbs: 読めません(ファイルまたはフォルダーがありません)。";
    assert!(screen.lines().any(|line| line == said), "{screen}");
    for verb in [&["preflight", "--notice", NOTICE][..], &["preview", "--notice", NOTICE], &["approve", NOTICE]] {
        let screen = in_japanese(&site, verb, 78);
        assert!(
            screen.contains(said.trim_start_matches("× ")) && screen.contains("お知らせ「metaps-2022」を使えません。"),
            "{screen}"
        );
    }
}

#[test]
fn a_notice_whose_templates_have_another_name_is_called_wrong_and_not_missing() {
    let site = Site::new();
    site.write(
        "notices/second.yaml",
        &site.read("notices/metaps-2022.yaml").replace("id: metaps-2022", "id: second\ntemplate: metaps-2022"),
    );
    site.run(&["preview", "--notice", "second"]).exits(0);
    site.write("templates/metaps-2022/subject.txt.hbs", "{{facts.nope}}");
    let said = site.run(&["preview", "--notice", "second"]).exits(78).stderr;
    assert!(said.contains("subject.txt.hbs:1:1: there is no `facts.nope`"), "{said}");
}

#[tokio::test]
async fn preflight_says_in_japanese_why_rows_cannot_be_sent_and_in_json_what_it_said_before() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    let spoil = async |no: &str, change: &str| {
        let sql = format!("UPDATE affected_members SET {change} WHERE member_no = '{no}'");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    };
    spoil("10001", "payments = 'oops'").await;
    spoil("10002", "name = ''").await;
    spoil("10003", "cohorts = '[\"nobody\"]'").await;
    let screen = in_japanese(&site, &["preflight", "--notice", NOTICE], 65);
    let id: i64 =
        sqlx::query_scalar("SELECT id FROM affected_members WHERE member_no = '10001'").fetch_one(&pool).await.unwrap();
    for said in [
        &format!(
            "  会員 10001: affected_members の id {id} の行を読めません(payments 列の JSON が正しい形ではありません)。"
        ),
        "  会員 10002: 会員の氏名がありません。",
        "  会員 10003: 「nobody」というグループ(cohorts)はお知らせにありません。",
        "名簿、お知らせ、テンプレートのどれかを直してから、もう一度 `owabi preflight --notice metaps-2022` を実行してください。",
    ] {
        assert!(screen.lines().any(|line| line == said), "{said}\n{screen}");
    }
    let problems = site.run(&["--json", "--lang", "ja", "preflight", "--notice", NOTICE]).exits(65).json();
    let reason = |no: &str| {
        let rows = problems["problems"].as_array().unwrap();
        rows.iter().find(|row| row["member_no"] == no).unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("10001"), format!("row {id} of affected_members cannot be read: column payments cannot be read"));
    assert_eq!(reason("10002"), "the member has no name");
    let screen = in_japanese(&site, &["preview", "--notice", NOTICE, "--member", "10002"], 65);
    assert!(screen.contains("この文面は送れません: 会員の氏名がありません。"), "{screen}");
}

#[test]
fn a_preflight_of_nobody_says_that_nothing_was_looked_at_and_what_comes_first() {
    let site = Site::new();
    let said = site.run(&["preflight", "--notice", NOTICE]).exits(0).stdout;
    assert!(said.contains("nothing to look at") && said.contains("owabi import FILE --notice metaps-2022"), "{said}");
    assert!(!said.contains("0 with problems"), "{said}");
    let screen = in_japanese(&site, &["preflight", "--notice", NOTICE], 0);
    assert!(screen.contains("点検する行がありません。") && screen.contains("owabi import 名簿"), "{screen}");
    assert_eq!(site.json(&["preflight", "--notice", NOTICE])["rows"], 0);
}
