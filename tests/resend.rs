//! Resends, corrections, decisions by hand and withdrawals of some: what people do after the first sending.

use crate::support::audit;
use crate::support::program::{Program, roster};
use crate::support::world::addresses;
use owabi_core::ids::{Keys, hex};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Point, Script, Then, When};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A relay that refuses these members of [`addresses`], each so often.
async fn refusing(members: &[usize], times: u32) -> CaptureRelay {
    let refuse = |script: Script, n: &usize| {
        let when = When::at(Point::Rcpt).recipient(format!("u{n}@example.jp"));
        (0..times).fold(script, |script, _| script.first(1, when.clone(), Then::reply(550, "5.1.1 no such user")))
    };
    let script = members.iter().fold(Script::new(), refuse);
    CaptureRelay::start(CaptureOptions { script, ..CaptureOptions::default() }).await.unwrap()
}

fn sent(program: &Program) {
    program.json(&["run", "--until-idle"]);
}

/// Exit code, stdout and stderr.
fn said(program: &Program, arguments: &[&str]) -> (i32, String, String) {
    let output = program.output(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

async fn sql(program: &Program, text: &'static str) {
    sqlx::raw_sql(text).execute(&mut audit::connect(&program.url()).await).await.unwrap();
}

async fn status(program: &Program, no: &str) -> (Status, bool) {
    let row = program.rows().await.into_iter().find(|row| row.member_no == no).unwrap();
    (row.status, row.possible_duplicate)
}

fn copies(relay: &CaptureRelay, address: &str) -> usize {
    relay.captured().iter().filter(|mail| mail.rcpt_to()[0] == address).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_members_get_exactly_one_mail_more_and_the_same_command_again_selects_nobody() {
    let relay = refusing(&[1, 3], 1).await;
    let program = Program::released(relay.addr().port(), "", &addresses(5));
    sent(&program);
    assert_eq!(relay.captured().len(), 3);
    let command = ["resend", "--notice", "leak", "--status", "failed,bounced", "--reason", "a week later", "--yes"];
    let dry = program.json(&[&command[..], &["--dry-run"]].concat());
    assert_eq!((&dry["selected"], &dry["excluded"]["told"], &dry["batch"]), (&json!(2), &json!(3), &Value::Null));
    let done = program.json(&command);
    assert_eq!((&done["selected"], &done["excluded"]), (&json!(2), &json!({ "told": 3 })));
    assert_eq!(program.json(&command)["selected"], 0, "they wait already");
    sent(&program);
    for address in addresses(5) {
        assert_eq!(copies(&relay, &address), 1, "{address}");
    }
    program.audit(&relay).await;
    let again = program.json(&command);
    assert_eq!((&again["selected"], &again["excluded"]["told"]), (&json!(0), &json!(5)));
    let one = program.json(&["member", "show", "M00001"]);
    assert_eq!(one["member"]["round"], 2);
    assert_eq!((&one["resends"][0]["batch"], &one["resends"][0]["status_before"]), (&done["batch"], &json!("failed")));
    let ids: Vec<&str> =
        one["attempts"].as_array().unwrap().iter().filter_map(|row| row["message_id"].as_str()).collect();
    let left = |id: &str| id.split('.').nth(1).unwrap().to_owned();
    assert_eq!(ids.last().map(|id| left(id)).as_deref(), Some("2"), "the round names the mail: {ids:?}");
    let (_, told, _) = said(&program, &["member", "show", "M00001"]);
    assert!(told.contains("resend, round 2 (was failed)") && told.contains("a week later"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fails_again_is_not_chosen_again_by_the_same_request_but_by_another_reason() {
    let relay = refusing(&[0], 9).await;
    let program = Program::released(relay.addr().port(), "", &addresses(1));
    sent(&program);
    let ask = |reason: &str| {
        let command = ["resend", "--notice", "leak", "--status", "failed", "--reason", reason, "--yes"];
        let done = program.json(&command);
        sent(&program);
        done
    };
    let first = ask("first");
    assert_eq!(first["selected"], 1);
    let same = ask("first");
    assert_eq!((&same["selected"], &same["excluded"]["already_resent"]), (&json!(0), &json!(1)));
    assert_eq!((&same["same_request"], &same["batch"]), (&json!([first["batch"]]), &Value::Null));
    assert_eq!(ask("second")["selected"], 1);
    assert_eq!(program.log().iter().filter(|row| row["outcome"] == "failed").count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_members_are_sent_to_again_only_by_name_and_with_their_number_typed() {
    let relay = refusing(&[], 0).await;
    let program = Program::released(relay.addr().port(), "", &addresses(3));
    sent(&program);
    let plain = ["resend", "--notice", "leak", "--member", "M00001", "--reason", "asked for", "--yes"];
    assert_eq!(program.json(&plain)["excluded"]["told"], 1);
    let by_name = [&plain[..], &["--include-delivered"]].concat();
    let (code, _, why) = said(&program, &by_name);
    assert!(code == 2 && why.contains("--count 1"), "{code} {why}");
    let (code, _, why) = said(&program, &[&by_name[..], &["--count", "2"]].concat());
    assert!(code == 1 && why.contains("--count says 2, but 1"), "{code} {why}");
    assert_eq!(program.json(&[&by_name[..], &["--count", "1"]].concat())["selected"], 1);
    sent(&program);
    assert_eq!((copies(&relay, "u0@example.jp"), copies(&relay, "u1@example.jp")), (1, 2));
    assert_eq!(status(&program, "M00001").await, (Status::Accepted, true), "flagged as asked for");
    program.audit(&relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_resent_of_a_notice_that_is_not_released_or_whose_text_was_changed() {
    let relay = refusing(&[0], 1).await;
    let program = Program::new(relay.addr().port(), "");
    program.import(&program.write("roster.csv", &roster(&addresses(2))));
    let refused = |words: &str| {
        let (code, _, why) =
            said(&program, &["resend", "--notice", "leak", "--status", "failed", "--reason", "x", "--yes"]);
        assert!(code == 1 && why.contains(words), "{code} {why}");
    };
    refused("is not released yet");
    program.release();
    sent(&program);
    program.json(&["pause", "leak"]);
    refused("is paused");
    program.json(&["resume", "leak"]);
    let body = std::fs::read_to_string(program.path("templates/leak/body.txt.hbs")).unwrap();
    program.write("templates/leak/body.txt.hbs", &format!("{body}\nP.S.\n"));
    refused("are not those that were released");
    program.write("templates/leak/body.txt.hbs", &body);
    let (code, _, _) = said(&program, &["resend", "--notice", "leak", "--reason", "x", "--yes"]);
    assert_eq!(code, 2, "to whom?");
    program.json(&["withdraw", "--notice", "leak", "--reason", "x", "--yes"]);
    refused("is withdrawn");
    assert_eq!(relay.captured().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_with_unknown_numbers_is_refused_and_read_when_they_are_to_be_skipped() {
    let relay = refusing(&[0, 1, 2], 1).await;
    let program = Program::released(relay.addr().port(), "", &addresses(3));
    sent(&program);
    let list = program.write("list.csv", "\u{feff}氏名,会員番号\r\n山田,M00000\r\n山田,Ｍ００００２\r\n山田,X9\r\n");
    let command = ["resend", "--notice", "leak", "--file", list.to_str().unwrap(), "--reason", "x", "--yes"];
    let (code, _, why) = said(&program, &command);
    assert!(code == 65 && why.contains("X9"), "{code} {why}");
    let done = program.json(&[&command[..], &["--skip-unknown"]].concat());
    assert_eq!((&done["selected"], &done["unknown"]), (&json!(2), &json!(["X9"])));
    sent(&program);
    assert_eq!(
        (copies(&relay, "u0@example.jp"), copies(&relay, "u1@example.jp"), copies(&relay, "u2@example.jp")),
        (1, 0, 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_member_whose_address_was_corrected_gets_the_mail_there() {
    let relay = refusing(&[], 0).await;
    let program = Program::new(relay.addr().port(), "");
    let text = format!("{}M90000,山田 花子,なし\r\n", roster(&addresses(1)));
    program.import(&program.write("roster.csv", &text));
    program.release();
    sent(&program);
    let resend = ["resend", "--notice", "leak", "--member", "M90000", "--reason", "corrected", "--yes"];
    assert_eq!(program.json(&resend)["excluded"]["no_address"], 1);
    let correct = |email: &str| {
        said(&program, &["member", "correct", "M90000", "--email", email, "--reason", "by telephone", "--yes"])
    };
    for bad in ["hanako", "hanako@localhost", "a@b@c"] {
        assert_eq!(correct(bad).0, 65, "{bad}");
    }
    let (code, _, warned) = correct("ｈａｎａｋｏ@gmial.com");
    assert!(code == 0 && warned.contains("gmail.com"), "{code} {warned}");
    let (code, told, _) = correct("hanako@example.jp");
    assert!(code == 0 && told.contains("hanako@gmial.com -> hanako@example.jp"), "{told}");
    assert_eq!(correct("hanako@example.jp").0, 1, "it is the same address");
    let list = program.json(&["unreachable", "--notice", "leak"]);
    assert_eq!((&list["rows"][0]["suggestion"], &list["rows"][0]["corrected"]), (&json!("resend"), &json!(true)));
    assert_eq!(program.json(&resend)["selected"], 1);
    sent(&program);
    assert_eq!(copies(&relay, "hanako@example.jp"), 1);
    assert_eq!(status(&program, "M90000").await, (Status::Accepted, false));
    let one = program.json(&["member", "show", "M90000"]);
    let corrections = one["corrections"].as_array().unwrap();
    assert_eq!((corrections.len(), &corrections[1]["old_email"]), (2, &json!("hanako@gmial.com")));
    program.audit(&relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_before_the_release_takes_the_preflight_back_and_one_after_it_is_sent_to() {
    let relay = refusing(&[], 0).await;
    let program = Program::new(relay.addr().port(), "");
    program.import(&program.write("roster.csv", &roster(&addresses(1))));
    program.json(&["preflight", "--notice", "leak"]);
    let correct =
        |email: &str| said(&program, &["member", "correct", "M00000", "--email", email, "--reason", "x", "--yes"]);
    let (code, told, _) = correct("a@example.jp");
    assert!(code == 0 && told.contains("preflight and approvals do not count any more"), "{told}");
    assert_eq!(said(&program, &["release", "leak", "--yes"]).0, 1);
    program.release();
    let (code, told, _) = correct("b@example.jp");
    assert!(code == 0 && told.contains("the next mail goes to this address"), "{told}");
    sent(&program);
    assert_eq!((relay.captured().len(), copies(&relay, "b@example.jp")), (1, 1));
    let (_, told, _) = correct("c@example.jp");
    assert!(told.contains("nothing is sent by itself"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_three_ways_about_a_doubt() {
    let relay = refusing(&[], 0).await;
    let program = Program::released(relay.addr().port(), "", &addresses(4));
    sent(&program);
    sql(&program, "UPDATE affected_members SET status = 'in_doubt', reason = 'in_doubt', due_at = NULL WHERE member_no <> 'M00003'").await;
    let decide = |no: &str, word: &str| {
        said(&program, &["--json", "resolve", no, "--as", word, "--reason", "a telephone call", "--yes"])
    };
    for (no, word, now) in
        [("M00000", "accepted", "accepted"), ("M00001", "resend", "queued"), ("M00002", "letter", "failed")]
    {
        let (code, told, why) = decide(no, word);
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{why}"));
        assert_eq!((code, &told["status"], &told["recorded"]), (0, &json!(now), &json!(true)), "{told}");
    }
    for (no, word) in [("M00000", "accepted"), ("M00003", "resend"), ("M00003", "letter")] {
        assert_eq!(decide(no, word).0, 1, "{no} {word}");
    }
    sent(&program);
    assert_eq!(status(&program, "M00001").await, (Status::Accepted, true));
    assert_eq!(copies(&relay, "u1@example.jp"), 2);
    let list = program.json(&["unreachable", "--notice", "leak"]);
    let rows = list["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["member_no"], &rows[0]["suggestion"]), (1, &json!("M00002"), &json!("letter")));
    let one = program.json(&["member", "show", "M00000"]);
    let receipt = &one["receipts"][0];
    assert_eq!(
        (&receipt["matched_by"], &receipt["says"], &receipt["detail"]),
        (&json!("person"), &json!("taken"), &json!("a telephone call"))
    );
    let (_, told, _) = said(&program, &["member", "show", "M00002"]);
    assert!(told.contains("decision  a letter: a telephone call (in_doubt → failed)"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_are_withdrawn_and_the_others_are_sent_to() {
    let relay = refusing(&[], 0).await;
    let program = Program::released(relay.addr().port(), "", &addresses(4));
    let list = program.write("list.txt", "M00001\nM00002\n");
    let withdraw = |more: &[&str]| {
        program.json(&[&["withdraw", "--notice", "leak", "--reason", "not affected", "--yes"], more].concat())
    };
    assert_eq!(withdraw(&["--file", list.to_str().unwrap(), "--dry-run"])["would_withdraw"], 2);
    let done = withdraw(&["--file", list.to_str().unwrap()]);
    assert_eq!((&done["withdrawn"], &done["state"]), (&json!(2), &json!("released")));
    sent(&program);
    assert_eq!(relay.captured().len(), 2);
    assert_eq!(withdraw(&["--member", "M00000"])["withdrawn"], 0, "whoever has the mail is not taken out");
    let resend = program.json(&["resend", "--notice", "leak", "--status", "failed", "--reason", "x", "--yes"]);
    assert_eq!(resend["excluded"]["withdrawn"], 2);
    let resend = program.json(&["resend", "--notice", "leak", "--status", "withdrawn", "--reason", "x", "--yes"]);
    assert_eq!(resend["selected"], 2);
    sent(&program);
    assert_eq!(relay.captured().len(), 4);
    program.audit(&relay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_sent_to_whom_no_release_let_go() {
    let relay = refusing(&[], 0).await;
    let program = Program::released(relay.addr().port(), "", &addresses(1));
    sent(&program);
    program.import(&program.write("more.csv", &roster(&addresses(2)[1..]).replace("M00000", "M90000")));
    let member = ["--notice", "leak", "--member", "M90000", "--reason", "x", "--yes"];
    assert_eq!(program.json(&[&["withdraw"], &member[..]].concat())["withdrawn"], 1);
    let resend = program.json(&[&["resend", "--status", "withdrawn"], &member[..]].concat());
    assert_eq!((&resend["selected"], &resend["excluded"]), (&json!(0), &json!({ "never_released": 1 })));
    let (_, told, _) = said(&program, &[&["resend", "--status", "withdrawn", "--dry-run"], &member[..]].concat());
    assert!(told.contains("left out 1: never released"), "{told}");
    sent(&program);
    assert_eq!(relay.captured().len(), 1);
    program.json(&["pause", "leak"]);
    let (_, told, _) = said(&program, &["pause", "leak"]);
    assert!(told.contains("leak is paused already"), "{told}");
    let (code, told, _) = said(&program, &[&["resend", "--status", "failed", "--dry-run"], &member[..]].concat());
    assert!(code == 0 && told.contains("leak is paused"), "{told}");
    let list = program.write("list.csv", "番号,氏名\n1,山田\n");
    let list = ["resend", "--notice", "leak", "--file", list.to_str().unwrap(), "--reason", "x", "--dry-run"];
    let (code, _, why) = said(&program, &list);
    assert!(code == 65 && why.contains("no column with member numbers"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_takes_in_the_moment_that_it_names_and_a_day_to_its_last() {
    let relay = refusing(&[0, 1, 2, 3], 1).await;
    let program = Program::released(relay.addr().port(), "", &addresses(4));
    sent(&program);
    // 09:00, the last millisecond of that day in Japan, the first of the next day, and a day later.
    sql(&program, "UPDATE affected_members SET updated_at = CASE member_no WHEN 'M00000' THEN 1646179200000 WHEN 'M00001' THEN 1646233199999 WHEN 'M00002' THEN 1646233200000 ELSE 1646319600000 END").await;
    for (until, selected) in [
        ("2022-03-02T08:59:59", 0),
        ("2022-03-02T09:00:00", 1),
        ("2022-03-02", 2),
        ("2022-03-03T00:00", 3),
        ("2022-03-03", 3),
        ("2022-03-04", 4),
    ] {
        let asked =
            ["resend", "--notice", "leak", "--status", "failed", "--until", until, "--reason", "x", "--dry-run"];
        assert_eq!(program.json(&asked)["selected"], selected, "{until}");
    }
    let window = ["--status", "failed", "--since", "2022-03-02T09:00", "--until", "2022-03-02"];
    let asked = [&["resend", "--notice", "leak", "--reason", "x", "--yes"][..], &window].concat();
    assert_eq!(program.json(&asked)["selected"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_sealed_as_a_keyed_hash_of_its_numbers_whatever_their_order_and_form() {
    let relay = refusing(&[0, 1], 1).await;
    let program = Program::released(relay.addr().port(), "", &addresses(3));
    sent(&program);
    let ask = |name: &str, text: &str, more: &[&str]| {
        let list = program.write(name, text);
        let asked = ["resend", "--notice", "leak", "--file", list.to_str().unwrap(), "--reason", "x"];
        program.json(&[&asked[..], more].concat())
    };
    let first = ask("one.txt", "M00001\nM00000\n", &["--dry-run"])["list"].clone();
    let other = ask("other.csv", "氏名,会員番号\r\n山田,Ｍ０００００\r\n山田,M00001\r\n山田,M00001\r\n", &["--yes"]);
    assert_eq!((&other["list"], &other["selected"]), (&first, &json!(2)));
    assert_eq!(ask("fewer.txt", "M00001\n", &["--dry-run"])["list"]["members"], 1);
    let hash = first["hash"].as_str().unwrap();
    assert!(first["members"] == 2 && owabi_core::ids::is_pseudonym(hash), "{first}");
    let sealed = program.json(&["ledger", "show", "--kind", "resend"])["entries"][0]["body"].clone();
    assert_eq!(sealed["selection"]["list"], first, "{sealed}");

    // Whoever has the ledger and guesses the numbers, but not the key, finds nothing to compare with.
    let plain = hex(&Sha256::digest(b"M00000\nM00001\n"));
    assert!(!sealed.to_string().contains(&plain) && !hash.contains(&plain));
    let secret = std::fs::read_to_string(program.path("owabi.key")).unwrap();
    let octets: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16).unwrap()).collect();
    assert_eq!(Keys::new(&octets).unwrap().pseudonyms("leak").of("M00000\nM00001"), hash);
    let none = program.json(&["resend", "--notice", "leak", "--member", "M00001", "--reason", "y", "--dry-run"]);
    assert_eq!(none["list"], Value::Null);
}
