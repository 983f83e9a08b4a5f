//! What people see of receipts: `member show`, `status`, `unreachable`, `log`.

use crate::support::audit;
use crate::support::postgres::Server;
use crate::support::program::Program;
use crate::support::site::{NOTICE, Site};
use serde_json::{Value, json};
use std::process::Command;

/// 2022-03-02 09:00 in Japan, and a day.
const NINE: i64 = 1_646_179_200_000;
const DAY: i64 = 86_400_000;

/// `:N` is `NINE`, `:D` a day.
fn dated(text: &str) -> String {
    text.replace(":N", &NINE.to_string()).replace(":D", &DAY.to_string())
}

/// Does several statements past the program; see `dated`.
async fn sql(site: &Site, text: &str) {
    let mut connection = audit::connect(&site.database()).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(dated(text))).execute(&mut connection).await.unwrap();
}

/// The sample roster, released and accepted by the relay at nine o'clock.
async fn accepted() -> Site {
    let site = Site::new();
    site.release_samples();
    let text = "
        INSERT INTO intents SELECT id, 1, 1, :N - 40, 'main', email, 'm' || member_no || '@example.jp', 'e1', 'ab', 9, FALSE
        FROM affected_members WHERE status = 'queued';
        INSERT INTO attempts (member_id, number, at, outcome, spent, phase, code, enhanced, reply, queue_id)
        SELECT id, 1, :N, 'accepted', TRUE, 'dot', 250, '2.0.0', 'Ok: queued as 4F1Bxy', '4F1Bxy'
        FROM affected_members WHERE status = 'queued';
        UPDATE affected_members SET status = 'accepted', due_at = NULL, attempts = 1, tries = 1, fence = 1, updated_at = :N
        WHERE status = 'queued';";
    sql(&site, text).await;
    site
}

/// A receipt makes a member bounced two hours later.
async fn bounce(site: &Site, member_no: &str, reason: &str, detail: &str) {
    let text = format!(
        "INSERT INTO receipts (member_id, round, number, at, reported_at, source, evidence, part, matched_by, says, recipient, status,
                               reason, detail, queue_id, status_before, status_after)
         SELECT id, 1, 1, :N + :D / 12, :N + :D / 24, 'maildir:/b', 'h' || member_no, 0, 'token', 'failed', email, '5.2.0',
                '{reason}', '{detail}', '4F1Bxy', 'accepted', 'bounced'
         FROM affected_members WHERE member_no = '{member_no}';
         UPDATE affected_members SET status = 'bounced', reason = '{reason}', updated_at = :N + :D / 12 WHERE member_no = '{member_no}';"
    );
    sql(site, &text).await;
}

/// A daemon looked into the bounce mailbox so many days after the acceptance.
async fn looked(site: &Site, days: i64) {
    let text = format!(
        "INSERT INTO sources (host, name, bounces, followed, since, looked_at)
         VALUES ('mail1', 'maildir:/b', TRUE, TRUE, :N, :N + {days} * :D)"
    );
    sql(site, &text).await;
}

fn lines(site: &Site, arguments: &[&str]) -> Vec<String> {
    site.run(arguments).exits(0).stdout.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn one_person_is_shown_with_attempts_and_receipts_in_one_time_line() {
    let site = accepted().await;
    bounce(&site, "10001", "mailbox_full", "452 \u{1b}[2J over quota").await;
    let said = lines(&site, &["member", "show", "10001"]);
    assert_eq!(said[0], "10001  髙橋 一郎  ichiro.takahashi@members.test");
    assert!(said[1].starts_with("  notice: metaps-2022  ") && said[1].ends_with("  [released]"), "{}", said[1]);
    let wanted = [
        "  status: bounced, since 2022-03-02 11:00:00: the mailbox is full [mailbox_full]",
        "  next: send again later",
        "  Message-ID: <m10001@example.jp>",
        "2022-03-02 09:00:00  attempt 1  main  accepted  250  2.0.0  Ok: queued as 4F1Bxy",
        "2022-03-02 11:00:00  receipt  maildir:/b  failed  5.2.0  mailbox_full  452  [2J over quota (accepted → bounced) \
         [by token, dated 2022-03-02 10:00:00]",
    ];
    assert_eq!(said[2..], wanted);

    let whole = site.json(&["member", "show", "10001", "--notice", NOTICE]);
    let member = &whole["member"];
    let told = ["status", "reason", "since", "message_id", "next", "no_bounce_by"].map(|key| member[key].clone());
    let wanted =
        json!(["bounced", "mailbox_full", "2022-03-02T11:00:00.000+09:00", "m10001@example.jp", "later", null]);
    assert_eq!(json!(told), wanted);
    assert_eq!((&whole["attempts"][0]["attempt"], &whole["attempts"][0]["queue_id"]), (&json!(1), &json!("4F1Bxy")));
    let receipt = &whole["receipts"][0];
    assert_eq!(
        (&receipt["says"], &receipt["matched_by"], &receipt["attempt"]),
        (&json!("failed"), &json!("token"), &json!(1))
    );
    assert_eq!(receipt["reported_at"], "2022-03-02T10:00:00.000+09:00");
}

#[tokio::test]
async fn somebody_without_an_address_is_shown_with_what_the_roster_says_and_a_letter() {
    let site = accepted().await;
    sql(&site, "UPDATE affected_members SET given_email = '不明' WHERE member_no = '10007'").await;
    let said = lines(&site, &["member", "show", "10007"]);
    assert!(said[0].ends_with("no usable address  (the roster says: 不明)"), "{said:?}");
    assert!(said[3].ends_with("next: a letter"), "{said:?}");
    let whole = site.json(&["member", "show", "10007"]);
    assert_eq!((&whole["attempts"], &whole["receipts"]), (&json!([]), &json!([])));
    assert_eq!((&whole["member"]["next"], &whole["member"]["message_id"]), (&json!("letter"), &Value::Null));
}

#[tokio::test]
async fn a_number_in_two_notices_is_shown_in_both_and_an_unknown_one_is_said() {
    let site = accepted().await;
    let other = "INSERT INTO notices (id, title, updated_at) VALUES ('second', '続報', 1);
                 INSERT INTO affected_members (notice_id, member_no, name, email) VALUES ('second', '10001', '髙橋 一郎', 'x@example.jp')";
    sql(&site, other).await;
    let both = site.json(&["member", "show", "10001"]);
    let members = both["members"].as_array().unwrap();
    let notices: Vec<_> = members.iter().map(|one| one["member"]["notice"].as_str().unwrap()).collect();
    assert_eq!((notices, &both["member"]), (vec![NOTICE, "second"], &Value::Null));
    let one = site.json(&["member", "show", "10001", "--notice", "second"]);
    assert_eq!((&one["member"]["status"], &one["member"]["next"]), (&json!("held"), &json!("release")));
    assert_eq!(one["member"]["since"], Value::Null, "another system wrote that row");
    assert_eq!(lines(&site, &["member", "show", "10001"]).iter().filter(|line| line.contains("notice: ")).count(), 2);
    let nobody = site.run(&["member", "show", "99999"]).exits(1);
    assert!(nobody.stderr.contains("owabi log") && nobody.stderr.contains("owabi status"), "{}", nobody.stderr);
    site.run(&["member", "show", "10001", "--notice", "third"]).exits(2);
}

#[tokio::test]
async fn a_long_row_of_attempts_is_shown_whole_and_nobody_elses() {
    let site = accepted().await;
    let more = "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 150)
                INSERT INTO attempts (member_id, number, at, outcome, spent)
                SELECT m.id, n, :N + n, 'deferred', TRUE FROM affected_members m, n WHERE m.member_no = '10002'";
    sql(&site, more).await;
    let attempts = site.json(&["member", "show", "10002"])["attempts"].clone();
    let numbers: Vec<_> = attempts.as_array().unwrap().iter().map(|row| row["attempt"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=150).collect::<Vec<_>>());
    assert!(attempts.as_array().unwrap().iter().all(|row| row["member_no"] == "10002"));
}

#[tokio::test]
async fn an_accepted_mail_of_which_nothing_came_back_is_never_called_delivered() {
    let site = accepted().await;
    let status = |site: &Site| site.json(&["status"])["notices"][0]["no_bounce"].clone();
    assert_eq!(status(&site), Value::Null, "nobody looked");
    looked(&site, 4).await;
    assert_eq!(status(&site), json!({ "count": 0, "by": "2022-03-06" }));
    assert!(lines(&site, &["member", "show", "10001"])[2].contains("status: accepted, since"));
    sql(&site, "UPDATE sources SET looked_at = :N + 5 * :D").await;
    bounce(&site, "10002", "bad_address", "no such user").await;
    assert_eq!(status(&site), json!({ "count": 4, "by": "2022-03-07" }));
    let said = lines(&site, &["status"]);
    assert!(said.iter().any(|line| line.trim() == "4    of them, no bounce by 2022-03-07"), "{said:?}");
    let shown = lines(&site, &["member", "show", "10001"]);
    assert_eq!(shown[2], "  status: accepted, no bounce by 2022-03-07, since 2022-03-02 09:00:00");
    assert!(!shown.concat().contains("delivered"), "{shown:?}");
    let in_japanese = lines(&site, &["--lang", "ja", "member", "show", "10001"]);
    assert!(in_japanese[2].contains("受付済み・2022-03-07までに不達の知らせなし"), "{in_japanese:?}");
    let member = &site.json(&["member", "show", "10001"])["member"];
    assert_eq!((&member["status"], &member["no_bounce_by"]), (&json!("accepted"), &json!("2022-03-07")));
}

#[tokio::test]
async fn a_mailbox_that_was_read_by_hand_counts_for_the_silence_until_it_is_forgotten() {
    let site = accepted().await;
    looked(&site, 6).await;
    let by_hand = "INSERT INTO sources (host, name, bounces, followed, since, looked_at)
                   VALUES ('mail1', 'maildir:/old', TRUE, FALSE, :N, :N + :D), ('mail1', 'maildir:/never', TRUE, FALSE, :N, NULL)";
    sql(&site, by_hand).await;
    let by = |site: &Site| site.json(&["status"])["notices"][0]["no_bounce"]["by"].clone();
    assert_eq!(by(&site), "2022-03-03");
    let forget = ["track", "forget", "maildir:/old", "--host", "mail1"];
    site.run(&forget).exits(0);
    assert_eq!(by(&site), "2022-03-08");
    site.run(&forget).exits(1);
}

#[tokio::test]
async fn what_happens_with_a_mail_in_doubt_is_said() {
    let site = accepted().await;
    let doubt = "UPDATE affected_members SET status = 'in_doubt', reason = 'in_doubt', due_at = :N + 3600000, possible_duplicate = TRUE
                 WHERE member_no = '10001';
                 UPDATE affected_members SET status = 'in_doubt', reason = 'lease_ended' WHERE member_no = '10002'";
    sql(&site, doubt).await;
    let said = lines(&site, &["member", "show", "10001"]);
    let next = "  next: evidence is waited for until 2022-03-02 10:00:00; without any it is then sent again, flagged as a possible duplicate";
    assert!(said.contains(&next.to_owned()) && said[3].contains("possible duplicate"), "{said:?}");
    let member = &site.json(&["member", "show", "10001"])["member"];
    assert_eq!((&member["next"], &member["possible_duplicate"]), (&json!("evidence"), &json!(true)));
    assert_eq!(member["due_at"], "2022-03-02T10:00:00.000+09:00");
    let said = lines(&site, &["member", "show", "10002"]);
    assert!(said[3].contains("a person decides"), "{said:?}");
    assert_eq!(site.json(&["member", "show", "10002"])["member"]["next"], "decide");
}

/// A program of that name, written by another process: one that this process still writes could not be started.
fn fake(site: &Site, name: &str, says: &str) {
    let script = format!("printf '#!/bin/sh\\necho \"%s\"\\n' '{says}' > \"$0\" && chmod +x \"$0\"");
    std::fs::create_dir_all(site.path("bin")).unwrap();
    let path = site.path("bin").join(name);
    assert!(Command::new("/bin/sh").arg("-c").arg(script).arg(path).status().unwrap().success());
}

#[test]
fn behind_a_postfix_with_a_smarthost_check_says_that_its_log_proves_no_delivery() {
    let site = Site::new();
    site.write("mail.log", "");
    let config = site.read("owabi.yaml");
    let warned = |receipts: &str, relayhost: &str, lang: &str| {
        site.write("owabi.yaml", &format!("{config}receipts: {{ {receipts} }}\n"));
        fake(&site, "postconf", relayhost);
        let path = format!("{}:/usr/bin:/bin", site.path("bin").display());
        let output = site.command(&["--lang", lang, "check"]).env("PATH", path).output().unwrap();
        assert!(output.status.success(), "a warning is no failure: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().find(|line| line.contains("relayed_is_delivered")).map(str::to_owned)
    };
    let provider = "[smtp.provider.example]:587";
    for receipts in ["maillog: mail.log", "journal: true"] {
        let line = warned(receipts, provider, "en").unwrap();
        assert!(line.contains(provider) && line.contains("set relayed_is_delivered: false"), "{line}");
    }
    let line = warned("journal: true", provider, "ja").unwrap();
    assert!(line.contains(provider) && line.contains("relayed_is_delivered: false にしてください"), "{line}");
    for (receipts, relayhost) in
        [("journal: true", ""), ("journal: true, relayed_is_delivered: false", provider), ("poll: 30s", provider)]
    {
        assert_eq!(warned(receipts, relayhost, "en"), None, "{receipts}, {relayhost}");
    }
}

/// Somebody of each kind that mail did not reach.
async fn unreached() -> Site {
    let site = accepted().await;
    bounce(&site, "10001", "mailbox_full", "=over quota").await;
    bounce(&site, "10002", "policy", "550 5.7.1 spam").await;
    let more = "UPDATE affected_members SET status = 'failed', reason = 'bad_address', name = '@SUM(1)', tries = 2 WHERE member_no = '10003';
                INSERT INTO attempts (member_id, number, at, outcome, spent, code, enhanced, reply)
                SELECT id, 2, :N, 'failed', TRUE, 550, '5.1.1', 'user unknown' FROM affected_members WHERE member_no = '10003';
                UPDATE affected_members SET status = 'in_doubt', reason = 'in_doubt' WHERE member_no = '10009'";
    sql(&site, more).await;
    site
}

#[tokio::test]
async fn whom_mail_did_not_reach_is_listed_with_why_and_what_to_do() {
    let site = unreached().await;
    let list = site.json(&["unreachable", "--notice", NOTICE]);
    let rows = list["rows"].as_array().unwrap();
    let told: Vec<_> =
        rows.iter().map(|row| json!([row["member_no"], row["status"], row["reason"], row["suggestion"]])).collect();
    let wanted = json!([
        ["10001", "bounced", "mailbox_full", "later"],
        ["10002", "bounced", "policy", "look"],
        ["10003", "failed", "bad_address", "letter"],
        ["10004", "unreachable", "dots", "letter"],
        ["10007", "unreachable", "blank", "letter"],
    ]);
    assert_eq!(json!(told), wanted);
    assert_eq!(
        (&rows[0]["detail"], &rows[0]["code"], &rows[0]["enhanced"]),
        (&json!("=over quota"), &Value::Null, &json!("5.2.0"))
    );
    assert_eq!((&rows[2]["detail"], &rows[2]["code"]), (&json!("user unknown"), &json!(550)), "the last attempt's");
    assert_eq!((&rows[3]["email"], &rows[3]["given_email"]), (&Value::Null, &json!("misaki..sato@mobile.example.jp")));
    assert_eq!(rows[0]["since"], "2022-03-02T11:00:00.000+09:00");
    assert_eq!(list["to_decide"][0]["member_no"], "10009");
    let sum =
        json!({ "people": 5, "letter": 3, "later": 1, "look": 1, "resend": 0, "done": 0, "decide": 1, "under_way": 0 });
    assert_eq!(list["sum"], sum);

    let said = lines(&site, &["unreachable", "--notice", NOTICE]);
    assert!(said[1].contains("the mailbox is full -> send again later  [5.2.0 =over quota]"), "{said:?}");
    assert!(
        said[2].contains("look at the sender first") && said[5].ends_with("no mail address is given -> a letter"),
        "{said:?}"
    );
    assert!(said[6].starts_with("to be decided") && said[7].contains("10009"), "{said:?}");
    assert_eq!(said[8..], ["5 people: a letter 3, later 1, look 1", "besides, 1 to be decided"]);
    let in_japanese = lines(&site, &["--lang", "ja", "unreachable", "--notice", NOTICE]);
    assert_eq!(in_japanese[8], "5 人: 書面 3、後日再送 1、要確認 1");
    site.run(&["unreachable", "--notice", "nowhere"]).exits(2);
    site.run(&["--json", "unreachable", "--notice", NOTICE, "--csv"]).exits(2);
}

#[tokio::test]
async fn the_list_for_letters_opens_in_a_spreadsheet_and_runs_nothing_there() {
    let site = unreached().await;
    let text = site.run(&["unreachable", "--notice", NOTICE, "--csv"]).exits(0).stdout;
    let lines: Vec<_> = text.split("\r\n").collect();
    let head =
        "\u{feff}member_no,name,email,given_email,status,reason,since,code,enhanced,detail,suggestion,corrected,done";
    assert_eq!((lines[0], lines.len()), (head, 8), "{text}");
    assert!(
        lines[1].ends_with(",5.2.0,'=over quota,later,false,") && lines[3].starts_with("10003,'@SUM(1),"),
        "{text}"
    );
    assert!(lines[6].starts_with("10009,") && lines[6].ends_with(",decide,false,") && lines[7].is_empty(), "{text}");
}

#[tokio::test]
async fn a_list_longer_than_a_page_is_whole_and_in_order() {
    let site = Site::new();
    let many = "INSERT INTO notices (id, title, updated_at) VALUES ('large', 't', 1);
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4500)
                INSERT INTO affected_members (notice_id, member_no, name, status, reason)
                SELECT 'large', 'M' || n, 'x', CASE n % 2 WHEN 0 THEN 'unreachable' ELSE 'held' END, 'blank' FROM n";
    site.run(&["status"]).exits(0);
    sql(&site, many).await;
    let list = site.json(&["unreachable", "--notice", "large"]);
    let numbers = list["rows"].as_array().unwrap().iter().map(|row| row["member_no"].as_str().unwrap().to_owned());
    let wanted: Vec<_> = (1..=2250).map(|n| format!("M{}", 2 * n)).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), wanted);
    assert_eq!((&list["sum"]["letter"], &list["sum"]["under_way"]), (&json!(2250), &json!(2250)));
}

#[tokio::test]
async fn status_says_how_far_receipts_were_read_and_what_of_them_waits_for_a_person() {
    let site = accepted().await;
    let quiet = lines(&site, &["status"]);
    assert!(!quiet.concat().contains("receipts") && !quiet.concat().contains("no bounce"), "{quiet:?}");
    let none = site.json(&["status"]);
    assert_eq!((&none["sources"], &none["arrivals"]["review"]), (&json!([]), &json!(0)));
    looked(&site, 1).await;
    let more = "INSERT INTO sources (host, name, bounces, followed, since, trouble, trouble_at)
                VALUES ('mail2', 'maillog:/var/log/mail.log', FALSE, TRUE, :N, 'permission denied', :N);
                INSERT INTO arrivals (sha256, at, source, kind, state, why, size, updated_at)
                VALUES ('a', 1, 'maildir:/b', 'bounce', 'review', 'unmatched', 1, 1), ('b', 1, 'maildir:/b', 'bounce', 'parked', 'sending', 1, 1),
                       ('c', 1, 'maildir:/b', 'bounce', 'ignored', 'forged', 1, 1), ('d', 1, 'maildir:/b', 'auto_reply', 'ignored', 'auto_reply', 1, 1)";
    sql(&site, more).await;
    let said = lines(&site, &["status"]);
    let wanted = [
        "receipts mail1 maildir:/b: read up to 2022-03-03 09:00:00",
        "receipts mail2 maillog:/var/log/mail.log: cannot be read since 2022-03-02 09:00:00 (permission denied); not read yet; mails in doubt wait for it, for receipts.patience at most",
        "receipts that wait for the outcome of their mail: 1",
        "mails that came back and wait for a person: 1 (`owabi track review`)",
        "forged bounces, ignored: 1",
        "automatic replies, ignored: 1",
    ];
    assert_eq!(said[said.len() - 6..], wanted);
    let status = site.json(&["status"]);
    let keys = json!({ "host": "mail2", "name": "maillog:/var/log/mail.log", "bounces": false, "followed": true, "looked_at": null,
                       "trouble": "permission denied", "trouble_since": "2022-03-02T09:00:00.000+09:00" });
    assert_eq!(status["sources"][1], keys);
    let counts =
        json!({ "matched": 0, "parked": 1, "review": 1, "forged": 1, "auto_reply": 1, "ignored": 0, "dismissed": 0 });
    assert_eq!(status["arrivals"], counts);
}

#[tokio::test]
async fn the_log_finds_the_bounced_and_the_delivered_and_says_why() {
    let site = accepted().await;
    bounce(&site, "10001", "mailbox_full", "over quota").await;
    sql(&site, "UPDATE affected_members SET status = 'delivered', reason = NULL WHERE member_no = '10002'").await;
    let bounced = site.json(&["log", "--status", "bounced"])["rows"].clone();
    assert_eq!((&bounced[0]["member_no"], &bounced[0]["status_reason"]), (&json!("10001"), &json!("mailbox_full")));
    assert_eq!(bounced[0]["outcome"], "accepted", "the attempt stays what it was");
    let delivered = site.json(&["log", "--status", "delivered"])["rows"].clone();
    assert_eq!((delivered.as_array().unwrap().len(), &delivered[0]["member_no"]), (1, &json!("10002")));
}

#[test]
fn on_postgresql_the_same_is_seen() {
    let database = Server::shared().database();
    let program = Program::new(1, "").on(&database);
    let rows = "
        INSERT INTO notices (id, title, state, updated_at) VALUES ('n', 't', 'released', 1);
        INSERT INTO affected_members (notice_id, member_no, name, email, status, reason, tries, updated_at) VALUES
            ('n', '1', 'a', 'a@example.jp', 'bounced', 'policy', 1, :N), ('n', '2', 'b', 'b@example.jp', 'accepted', NULL, 1, :N);
        INSERT INTO intents SELECT id, 1, 1, :N, 'main', email, 'm' || member_no, 'e', 'ab', 9, FALSE FROM affected_members;
        INSERT INTO attempts (member_id, number, at, outcome, spent, code) SELECT id, 1, :N, 'accepted', TRUE, 250 FROM affected_members;
        INSERT INTO receipts (member_id, round, number, at, source, evidence, part, matched_by, says, detail, status_before, status_after)
        SELECT id, 1, 1, :N, 'maildir:/b', 'h', 0, 'token', 'failed', 'spam', 'accepted', 'bounced' FROM affected_members WHERE member_no = '1';
        INSERT INTO sources (host, name, bounces, followed, since, looked_at) VALUES ('h', 'maildir:/b', TRUE, TRUE, 1, :N + 5 * :D)";
    database.psql(&dated(rows));
    let status = program.json(&["status"]);
    assert_eq!(status["notices"][0]["no_bounce"], json!({ "count": 1, "by": "2022-03-07" }));
    let list = program.json(&["unreachable", "--notice", "n"]);
    let row = &list["rows"][0];
    assert_eq!((&row["member_no"], &row["detail"], &row["suggestion"]), (&json!("1"), &json!("spam"), &json!("look")));
    assert_eq!(list["sum"]["people"], 1);
    let shown = program.json(&["member", "show", "1"]);
    assert_eq!((&shown["attempts"][0]["code"], &shown["receipts"][0]["detail"]), (&json!(250), &json!("spam")));
    assert_eq!(program.json(&["member", "show", "2"])["member"]["no_bounce_by"], "2022-03-07");
}
