//! The whole report as people read it, kept beside the code in both languages. After a wanted change:
//! `OWABI_WRITE_SAMPLES=1 cargo test -p owabi --lib report`, and read what has changed.

use super::{Figures, Made, Report, html, text};
use crate::japan;
use owabi_core::address::Lang;
use owabi_core::lifecycle::Status;
use owabi_store::{
    ApprovedRow, BatchRow, EventRow, MembersRow, NoticeRow, PublicationRow, ReleasedRow, ReportRows, ResentRow,
    RestsOn, SealHead, SubstitutesRow, ToldRow, Totals,
};
use std::path::Path;

fn at(text: &str) -> i64 {
    japan::parse(text, 0).unwrap()
}

fn members(batch: Option<&str>, status: Status, reason: Option<&str>, count: i64) -> MembersRow {
    MembersRow {
        batch_id: batch.map(str::to_owned),
        status,
        reason: reason.map(str::to_owned),
        possible_duplicate: false,
        quiet: false,
        count,
    }
}

/// An import and a resend.
fn sample_batches() -> Vec<BatchRow> {
    vec![
        BatchRow {
            id: "0195-a".into(),
            kind: "import".into(),
            actor: "鈴木 花子".into(),
            file_name: Some("決済 <2021>.csv".into()),
            totals: Totals {
                lines: 1_500,
                imported: 1_180,
                merged: 200,
                unreachable: 20,
                not_affected: 97,
                already_present: 0,
                refused: 3,
            },
            at: at("2022-03-01T18:00"),
            ..BatchRow::default()
        },
        BatchRow {
            id: "0195-r".into(),
            kind: "resend".into(),
            actor: "鈴木 花子".into(),
            reason: Some("受信箱がいっぱいだった方に送り直す".into()),
            selection: Some(r#"{"status":["bounced"],"reason_code":"mailbox_full"}"#.into()),
            at: at("2022-03-07T09:00"),
            ..BatchRow::default()
        },
    ]
}

/// A canary, a pause of each sort, and withdrawals of one and of some.
fn sample_events() -> Vec<EventRow> {
    let event = |when: &str, actor: &str, kind: &str, body: &str| EventRow {
        at: at(when),
        actor: actor.into(),
        kind: kind.into(),
        body: body.into(),
    };
    let tripped = r#"{"good":88,"failed":12,"waiting":3,"reason":"breaker_tripped failed=12 known=100"}"#;
    vec![
        event("2022-03-02T09:00:30", "owabi", "canary_passed", r#"{"good":19,"failed":1,"waiting":0}"#),
        event("2022-03-02T09:01", "owabi", "paused", tripped),
        event("2022-03-02T11:29", "鈴木 花子", "released", r#"{"reason":null}"#),
        event(
            "2022-03-03T10:00",
            "佐藤 次郎",
            "withdraw_members",
            r##"{"reason":"山田様のご希望","members":1,"selection":{"member":"#7"}}"##,
        ),
        event(
            "2022-03-04T10:00",
            "佐藤 次郎",
            "withdraw_members",
            r#"{"reason":"対象者ではなかった","members":2,"selection":{"status":["queued"]}}"#,
        ),
        event("2022-03-07T12:00", "鈴木 花子", "paused", r#"{"reason":"電話番号の確認 & 訂正"}"#),
    ]
}

/// A notice that had a bit of everything.
fn sample() -> ReportRows {
    let batch = Some("0195-a");
    let batches = sample_batches();
    let quiet = MembersRow { quiet: true, ..members(batch, Status::Accepted, None, 600) };
    let twice = MembersRow { possible_duplicate: true, ..members(batch, Status::Accepted, None, 2) };
    ReportRows {
        notice: NoticeRow {
            id: "metaps-2022".into(),
            title: "クレジットカード情報の流出に関するお詫びとお知らせ".into(),
            state: "paused".into(),
            state_reason: Some("電話番号の確認 & 訂正".into()),
            fingerprint: None,
            roster_hash: None,
            released_at: None,
            watched_from: None,
            canary_passed_at: None,
        },
        batches,
        members: vec![
            quiet,
            twice,
            members(batch, Status::Delivered, None, 528),
            members(batch, Status::Failed, Some("bad_address"), 12),
            members(batch, Status::Bounced, Some("mailbox_full"), 9),
            members(batch, Status::Bounced, Some("bad_address"), 20),
            members(batch, Status::Unreachable, Some("blank"), 20),
            members(batch, Status::Queued, None, 6),
            members(batch, Status::Withdrawn, Some("山田様のご希望"), 3),
            members(None, Status::Held, None, 5),
        ],
        told: vec![
            ToldRow {
                minute: Some(at("2022-03-02T09:00") / 60_000),
                count: 700,
                first: Some(at("2022-03-02T09:00:05")),
                last: Some(at("2022-03-02T09:00:59")),
            },
            ToldRow {
                minute: Some(at("2022-03-02T11:30") / 60_000),
                count: 430,
                first: Some(at("2022-03-02T11:30:00")),
                last: Some(at("2022-03-02T11:30:40")),
            },
        ],
        releases: vec![ReleasedRow {
            at: at("2022-03-02T08:55"),
            actor: "鈴木 花子".into(),
            fingerprint: "f1".repeat(32),
            roster_hash: "a1".repeat(32),
            members: 1_180,
            rests_on: Some(RestsOn { approvers: vec!["佐藤 次郎".into()], policy_hash: "aa".into() }),
        }],
        approvals: vec![
            ApprovedRow {
                at: at("2022-03-02T08:30"),
                actor: "佐藤 次郎".into(),
                fingerprint: "f1".repeat(32),
                roster_hash: "a1".repeat(32),
                policy_hash: Some("aa".into()),
            },
            ApprovedRow {
                at: at("2022-03-01T08:30"),
                actor: "高橋 三郎".into(),
                fingerprint: "00".repeat(32),
                roster_hash: "a1".repeat(32),
                policy_hash: Some("aa".into()),
            },
        ],
        substitutes: vec![
            SubstitutesRow { status: Status::Unreachable, kind: "letter".into(), count: 15 },
            SubstitutesRow { status: Status::Unreachable, kind: "telephone".into(), count: 2 },
            SubstitutesRow { status: Status::Unreachable, kind: String::new(), count: 16 },
            SubstitutesRow { status: Status::Accepted, kind: String::new(), count: 1 },
            SubstitutesRow { status: Status::Withdrawn, kind: "visit".into(), count: 1 },
            SubstitutesRow { status: Status::Withdrawn, kind: String::new(), count: 1 },
        ],
        publications: vec![PublicationRow {
            url: Some("https://example.jp/news?a=1&b=2".into()),
            on_day: "2022-03-02".into(),
            until_day: None,
            actor: "鈴木 花子".into(),
            at: 0,
        }],
        resent: vec![
            ResentRow { batch_id: "0195-r".into(), status: Some(Status::Accepted), count: 30 },
            ResentRow { batch_id: "0195-r".into(), status: None, count: 2 },
        ],
        events: sample_events(),
        seal: Some(SealHead { number: 3, at: at("2022-03-08"), text: "owabi seal 1\n".into() }),
    }
}

fn report(rows: ReportRows) -> Report {
    let figures = Figures::of(&rows);
    let issuer = "一般財団法人全日本野球協会".to_owned();
    let made = Some(Made { at: at("2022-03-08T12:00"), by: "鈴木 花子".into() });
    Report { rows, figures, issuer, watched_until: Some("2022-03-08".into()), made }
}

/// A notice of which nothing is known but its title.
fn nothing() -> ReportRows {
    let ReportRows { notice, .. } = sample();
    ReportRows {
        notice: NoticeRow { state: "draft".into(), state_reason: None, ..notice },
        batches: vec![],
        members: vec![],
        told: vec![],
        releases: vec![],
        approvals: vec![],
        substitutes: vec![],
        publications: vec![],
        resent: vec![],
        events: vec![],
        seal: None,
    }
}

/// Compares with the file of that name, or writes it.
fn is_as_kept(name: &str, page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/samples").join(name);
    let page = page.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    if std::env::var_os("OWABI_WRITE_SAMPLES").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept == page, "{name} is not as it was kept:\n{page}");
}

#[test]
fn the_report_reads_as_it_was_kept_in_both_languages() {
    let report = report(sample());
    for (lang, tag) in [(Lang::Ja, "ja"), (Lang::En, "en")] {
        is_as_kept(&format!("report-{tag}.txt"), &text::page(&report, lang, false));
        is_as_kept(&format!("report-{tag}.html"), &html::page(&report, lang));
    }
    assert_eq!(report.figures.wrong, vec![]);
}

#[test]
fn a_notice_without_anybody_has_a_report_too() {
    let report = report(nothing());
    for (lang, tag) in [(Lang::Ja, "ja"), (Lang::En, "en")] {
        is_as_kept(&format!("empty-{tag}.txt"), &text::page(&report, lang, false));
        assert!(!html::page(&report, lang).contains("<svg"));
    }
}

#[test]
fn both_languages_say_the_same_numbers() {
    let report = report(sample());
    let digits = |lang| {
        let page = text::page(&report, lang, false);
        let mut numbers: Vec<String> = page
            .split(|c: char| !c.is_ascii_digit() && c != ',' && c != '.')
            .filter(|part| part.contains(|c: char| c.is_ascii_digit()))
            .map(|part| part.trim_matches([',', '.']).to_owned())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(digits(Lang::Ja), digits(Lang::En));
}

#[test]
fn what_comes_from_data_cannot_leave_its_place() {
    let mut rows = sample();
    let evil = "\"><script>alert(1)</script><img src=x>\u{1b}[2J";
    rows.notice.title = evil.into();
    rows.notice.state_reason = Some(evil.into());
    rows.batches[0].file_name = Some(evil.into());
    rows.batches[1].reason = Some(evil.into());
    rows.batches[1].selection = Some(serde_json::json!({ "domain": evil }).to_string());
    rows.releases[0].actor = evil.into();
    rows.approvals[0].actor = evil.into();
    rows.publications[0].url = Some(evil.into());
    for event in &mut rows.events {
        event.actor = evil.into();
        event.body = serde_json::json!({ "reason": evil, "members": 1 }).to_string();
    }
    rows.members.push(members(Some("0195-a"), Status::Failed, Some(evil), 0));
    let report = Report { issuer: evil.into(), made: Some(Made { at: 0, by: evil.into() }), ..report(rows) };
    let page = html::page(&report, Lang::Ja);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}'));
    assert!(!text::page(&report, Lang::Ja, false).contains('\u{1b}'));
}

#[test]
fn what_does_not_add_up_is_said_in_red() {
    let mut rows = sample();
    rows.batches[0].totals.imported += 1;
    rows.members.push(members(Some("lost"), Status::Accepted, None, 4));
    let report = report(rows);
    let said: Vec<_> = report.figures.wrong.iter().map(|wrong| wrong.en.as_str()).collect();
    assert_eq!(
        said,
        [
            "the 1500 lines of import 0195-a are not the sum of their parts",
            "import 0195-a brought 1201 members, and the queue has 1200 of it",
            "1201 members of the imports and 5 rows of another system are not the 1209 members",
            "of the 1134 members told by mail, 1130 have a mail on record",
        ]
    );
    assert!(text::page(&report, Lang::En, true).contains("\u{1b}[1;31m!! Does not add up: the 1500 lines"));
    assert!(html::page(&report, Lang::Ja).contains("<p class=\"alarm\" role=\"alert\">合計の不一致: "));
}

#[test]
fn the_report_of_a_bundle_tells_neither_of_its_making_nor_of_the_seal_that_seals_it() {
    let report = Report { made: None, ..report(sample()) };
    for (lang, words) in [
        (Lang::Ja, ["証拠一式の書き出しまで", "記録の封印"]),
        (Lang::En, ["to the export of the bundle", "Ledger head"]),
    ] {
        let page = html::page(&report, lang);
        assert!(page.contains(words[0]) && !page.contains(words[1]) && !page.contains("2022-03-08 12:00"), "{page}");
    }
    let document = report.document();
    assert!(["made_at", "made_by", "ledger_head"].iter().all(|key| document[key].is_null()), "{document}");
}

#[test]
fn each_pause_is_in_the_report_with_who_or_what_stopped_it_and_what_ended_it() {
    let mut rows = sample();
    let document = report(rows.clone()).document();
    let pauses = document["pauses"].as_array().unwrap();
    let said = |pause: &serde_json::Value| {
        ["cause", "actor", "became", "ended_by"].map(|key| pause[key].as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(said(&pauses[0]), ["breaker", "owabi", "released", "鈴木 花子"]);
    assert_eq!(said(&pauses[1]), ["person", "鈴木 花子", "paused", "-"]);
    assert_eq!((pauses.len(), &pauses[1]["until"]), (2, &serde_json::Value::Null));
    assert!(document["withdrawals"][0]["reason"].is_null(), "what was written about a person is not repeated");
    assert_eq!(
        (&document["withdrawals"][1]["members"], &document["canaries_passed"][0]["accepted"]),
        (&2.into(), &19.into())
    );

    let withdrawn = EventRow { kind: "withdrawn".into(), actor: "佐藤 次郎".into(), ..rows.events[2].clone() };
    rows.events.push(withdrawn);
    let page = text::page(&report(rows), Lang::Ja, false);
    assert!(page.contains("佐藤 次郎が取り下げ") && !page.contains("停止中  "), "{page}");
}
