//! The whole main job through a real relay: a roster goes in, mails come out of Postfix's Maildir, and all of it adds up.

use crate::support::audit::Row;
use crate::support::postfix::{Options, Postfix};
use crate::support::program::Program;
use crate::support::received::Received;
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

const CONFIG: &str = "smtp:\n  relays:\n    - { name: postfix, host: 127.0.0.1, port: PORT, tls: none, max_connections: 8, in_flight: 4 }\n  bounce: { address: bounces@example.jp }\npacing: { presets: none }\n";

/// What becomes of a member, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Told,
    Unknown,
    Greylisted,
    Full,
    NoAddress,
    NotAffected,
}

struct Member {
    no: usize,
    fate: Fate,
    email: String,
    name: String,
    course: bool,
    day: usize,
}

fn member(no: usize) -> Member {
    let (fate, email) = match no % 40 {
        3 => (Fate::Unknown, format!("unknown{no}@example.jp")),
        7 => (Fate::Greylisted, format!("greylist{no}@example.jp")),
        11 => (Fate::Full, format!("full{no}@example.jp")),
        13 => (Fate::Told, format!("a..b.{no}@docomo.ne.jp")),
        17 => (Fate::Told, format!("c{no}.@ezweb.ne.jp")),
        19 => (Fate::NoAddress, if no % 80 == 19 { String::new() } else { "なし".to_owned() }),
        23 => (Fate::NotAffected, format!("transfer{no}@example.jp")),
        _ => (Fate::Told, format!("u{no}@{}", ["example.jp", "softbank.ne.jp", "日本.example"][no % 3])),
    };
    let name =
        format!("{} {}", ["髙橋", "山﨑", "渡邉", "Baker"][no % 4], ["一郎", "さくら", "蓮", "𠮷美"][no / 4 % 4]);
    Member { no: 10_000 + no, fate, email, name, course: no.is_multiple_of(2), day: 1 + no % 28 }
}

impl Member {
    fn line(&self) -> String {
        let purpose =
            if self.course { "野球指導者講習会 受講料" } else { "公認野球指導者資格 登録費" };
        let method = if self.fate == Fate::NotAffected { "銀行振込" } else { "クレジットカード" };
        let Self { no, name, email, day, .. } = self;
        format!("{no},{name},{email},{purpose},{method},2021-11-{day:02} 12:00:00\r\n")
    }

    fn status(&self) -> Option<(Status, Option<&'static str>)> {
        match self.fate {
            Fate::Told => Some((Status::Accepted, None)),
            Fate::Unknown => Some((Status::Failed, Some("bad_address"))),
            Fate::Greylisted | Fate::Full => Some((Status::Failed, Some("attempts_spent"))),
            Fate::NoAddress => Some((Status::Unreachable, None)),
            Fate::NotAffected => None,
        }
    }
}

fn roster(members: &[Member]) -> String {
    let lines: String = members.iter().map(Member::line).collect();
    format!("会員番号,氏名,メールアドレス,支払内容,支払方法,支払日時\r\n{lines}")
}

fn count(members: &[Member], fates: &[Fate]) -> u64 {
    members.iter().filter(|member| fates.contains(&member.fate)).count() as u64
}

/// Imports, releases and sends to so many members, and checks that every number adds up.
async fn sent(postfix: &Postfix, members: &[Member]) -> Program {
    let program = Program::metaps(postfix.port(), CONFIG);
    let report = program.import(&program.write("roster.csv", &roster(members)));
    let mailed = [Fate::Told, Fate::Unknown, Fate::Greylisted, Fate::Full];
    for (key, wanted) in [
        ("lines", members.len() as u64),
        ("imported", count(members, &mailed)),
        ("unreachable", count(members, &[Fate::NoAddress])),
        ("not_affected", count(members, &[Fate::NotAffected])),
        ("merged", 0),
        ("already_present", 0),
        ("refused", 0),
    ] {
        assert_eq!(report[key].as_u64(), Some(wanted), "{key}: {report}");
    }
    program.release();
    program.finish().await;
    let told = usize::try_from(count(members, &[Fate::Told])).unwrap();
    assert!(postfix.wait_delivered(told, Duration::from_mins(1)), "{} of {told}", postfix.delivered().len());
    assert!(eventually(&async || postfix.queue_len() == 0).await);
    assert_eq!(postfix.delivered().len(), told);
    let rows: HashMap<String, Row> = program.rows().await.into_iter().map(|row| (row.member_no.clone(), row)).collect();
    for member in members {
        let row = rows.get(&member.no.to_string());
        let stands = row.map(|row| (row.status, row.reason.as_deref()));
        let right = match (member.status(), stands) {
            (Some((Status::Unreachable, _)), Some((status, _))) => status == Status::Unreachable,
            (wanted, stands) => wanted == stands,
        };
        assert!(right && row.is_none_or(|row| !row.possible_duplicate), "{:?} {row:?}", member.fate);
    }
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mail_that_comes_out_of_postfix_is_the_members_own() {
    let Some(postfix) = Postfix::start(&Options::default()) else { return };
    let members: Vec<Member> = (0..400).map(member).collect();
    let program = sent(&postfix, &members).await;
    let log: BTreeMap<String, Value> =
        program.log().into_iter().map(|entry| (entry["member_no"].as_str().unwrap().to_owned(), entry)).collect();
    let by_no: HashMap<String, &Member> = members.iter().map(|member| (member.no.to_string(), member)).collect();
    let mut seen = Vec::new();
    for file in postfix.delivered() {
        let mail = Received::read(&file);
        let text = mail.text();
        let no = text.split("会員番号：").nth(1).unwrap().split('）').next().unwrap().to_owned();
        is_the_members_own(&mail, by_no[&no], &log[&no]);
        seen.push(no);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), postfix.delivered().len(), "somebody got another's mail");
}

fn is_the_members_own(mail: &Received, member: &Member, entry: &Value) {
    let (local, domain) = member.email.rsplit_once('@').unwrap();
    let domain = domain.replace("日本.example", "xn--wgv71a.example");
    let legacy = local.contains("..") || local.ends_with('.');
    let written = if legacy { format!("\"{local}\"@{domain}") } else { format!("{local}@{domain}") };
    assert_eq!(mail.header("To"), format!("{} <{written}>", member.name));
    assert_eq!(mail.header("Delivered-To").replace('"', ""), format!("{local}@{domain}"));
    assert!(mail.header("Return-Path").starts_with("<bounces+"), "{}", mail.header("Return-Path"));
    assert_eq!(mail.header("From"), "一般財団法人全日本野球協会 <notice@example.jp>");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("Message-ID"), format!("<{}>", entry["message_id"].as_str().unwrap()));
    assert_eq!(
        (Some(mail.sha256.as_str()), entry["rcpt_to"].as_str()),
        (entry["mail_sha256"].as_str(), Some(written.as_str()))
    );
    assert!(entry["queue_id"].is_string() && entry["outcome"] == "accepted", "{entry}");
    let paid =
        if member.course { "野球指導者講習会の受講料" } else { "公認野球指導者資格の登録費" };
    let text = mail.text();
    let squeezed: String = member.name.split(' ').collect();
    for phrase in
        [format!("{squeezed}様"), format!("2021年11月{}日", member.day), paid.to_owned(), "0120-816-620".to_owned()]
    {
        assert!(text.contains(&phrase), "{phrase} is not in {text}");
    }
    assert!(mail.html().contains(&member.name) && mail.html().contains("0120-816-620"), "{}", mail.html());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roster_of_ten_thousand_goes_through_a_private_postfix_with_counts_that_add_up() {
    let Some(postfix) = Postfix::start(&Options::default()) else { return };
    let members: Vec<Member> = (0..10_000).map(member).collect();
    let program = sent(&postfix, &members).await;
    let counts = &program.json(&["status"])["notices"][0]["counts"];
    let total: u64 = counts.as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(total, 10_000 - count(&members, &[Fate::NotAffected]), "{counts}");
}
