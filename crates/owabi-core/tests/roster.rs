//! What becomes of the lines of a roster.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use owabi_core::address::{AddressProblem, Change, Lang, Warning};
use owabi_core::roster::{
    CohortRule, Column, Delimiter, Encoding, Entry, Kind, Line, NotAffected, PaidAt, Refusal, RefusedWriter,
    RosterCohort, RosterError, RosterOptions, RosterReader, RowChange, Sample, Verdict, Why, defuse, detect, encode,
};

fn options() -> RosterOptions {
    let day = |text: &str| Some(text.parse().unwrap());
    let rule = |purpose: &str| CohortRule {
        purpose: vec![purpose.into()],
        method: vec!["クレジットカード".into()],
        paid_from: day("2021-10-14"),
        paid_to: day("2022-01-25"),
    };
    let cohort = |id: &str, title: &str, purpose: &str| RosterCohort {
        id: id.into(),
        title: title.into(),
        rule: Some(rule(purpose)),
    };
    let registration = cohort("registration", "登録費", "公認野球指導者資格 登録費");
    RosterOptions {
        cohorts: vec![registration, cohort("course", "受講料", "野球指導者講習会 受講料")],
        ..RosterOptions::default()
    }
}

fn read_with(bytes: &[u8], options: &RosterOptions) -> Vec<Line> {
    RosterReader::new(bytes, options).unwrap().map(Result::unwrap).collect()
}

fn read(text: &str) -> Vec<Line> {
    read_with(text.as_bytes(), &options())
}

fn entry(line: &Line) -> &Entry {
    match &line.verdict {
        Verdict::Affected(entry) => entry,
        other => panic!("line {}: {other:?}", line.number),
    }
}

fn refusal(line: &Line) -> &Refusal {
    match &line.verdict {
        Verdict::Refused { reason, .. } => reason,
        other => panic!("line {}: {other:?}", line.number),
    }
}

fn one(row: &str) -> Line {
    let mut lines = read(&format!("会員番号,氏名,メールアドレス\n{row}\n"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn paid(purpose: &str, method: &str, at: &str) -> Verdict {
    let text = format!(
        "会員番号,氏名,メールアドレス,支払内容,支払方法,支払日時\nM1,田中,a@example.jp,{purpose},{method},{at}\n"
    );
    read(&text).remove(0).verdict
}

const NAMES: &str = "髙﨑①㈱〜ｱｲｳ―纊";

#[test]
fn every_encoding_gives_the_same_names_and_is_recognised() {
    let text = format!("会員番号,氏名,メールアドレス\r\nM1,{NAMES},a@example.jp\r\nM2,山田 太郎,b@example.jp\r\n")
        .replace('〜', "～");
    let name = NAMES.replace('〜', "～");
    for encoding in [Encoding::Utf8, Encoding::Utf8Bom, Encoding::Cp932, Encoding::Utf16Le, Encoding::Utf16Be] {
        let bytes = encode(&text, encoding).unwrap();
        let detected = detect(&bytes);
        assert_eq!((detected.encoding, detected.confident), (encoding, true), "{detected:?}");
        assert_eq!(entry(&read_with(&bytes, &options())[0]).member.name, name, "{encoding:?}");
    }
}

#[test]
fn old_unix_and_mail_encodings_are_recognised_too() {
    let text = "会員番号,氏名,メールアドレス\nM1,山田 太郎,a@example.jp\nM2,鈴木 花子,b@example.jp\n";
    for encoding in [Encoding::EucJp, Encoding::Iso2022Jp] {
        let bytes = encode(text, encoding).unwrap();
        assert_eq!(detect(&bytes).encoding, encoding);
        assert_eq!(entry(&read_with(&bytes, &options())[1]).member.name, "鈴木 花子");
    }
}

#[test]
fn utf_16_with_a_mark_is_read_without_it() {
    let text = "\u{feff}会員番号\t氏名\tメールアドレス\r\nM1\t田中\ta@example.jp\r\n";
    for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
        let bytes = encode(text, encoding).unwrap();
        assert_eq!(detect(&bytes).why, Why::ByteOrderMark);
        assert_eq!(entry(&read_with(&bytes, &options())[0]).member.member_no, "M1");
    }
}

#[test]
fn the_byte_order_mark_stays_out_of_the_first_header() {
    let reader = RosterReader::new("\u{feff}会員番号,氏名,メールアドレス\n".as_bytes(), &options()).unwrap();
    assert_eq!(reader.headers()[0], "会員番号");
}

#[test]
fn a_row_with_undecodable_bytes_is_refused_and_names_its_column() {
    let mut bytes = encode("会員番号,氏名,メールアドレス\r\nM1,田", Encoding::Cp932).unwrap();
    bytes.extend(b"\xfd,a@example.jp\r\nM2,x,b@example.jp\r\n");
    let forced = RosterOptions { encoding: Some(Encoding::Cp932), ..options() };
    let lines = read_with(&bytes, &forced);
    assert_eq!(refusal(&lines[0]), &Refusal::Undecodable { column: "氏名".into() });
    assert_eq!((lines[0].number, entry(&lines[1]).member.member_no.as_str()), (2, "M2"));
    let Verdict::Refused { raw, .. } = &lines[0].verdict else { unreachable!() };
    assert_eq!(raw[1], "田\u{fffd}");
}

#[test]
fn a_wrong_forced_encoding_is_an_error_or_shows_in_the_sample() {
    let bytes = encode("会員番号,氏名,メールアドレス\nM1,田中,a@example.jp\n", Encoding::Cp932).unwrap();
    let forced = RosterOptions { encoding: Some(Encoding::Utf8), ..options() };
    assert!(matches!(RosterReader::new(&bytes[..], &forced), Err(RosterError::UnreadableHeader)));
    let sample = Sample::read(&bytes[..], &options(), 5).unwrap();
    assert_eq!((sample.encoding.encoding, sample.names), (Encoding::Cp932, vec!["田中".to_owned()]));
}

#[test]
fn gaiji_refuse_the_row_unless_replacing_was_asked_for_and_is_reported() {
    let mut bytes = encode("会員番号,氏名,メールアドレス\r\nM1,渡", Encoding::Cp932).unwrap();
    bytes.extend(b"\xf0\x40,a@example.jp\r\n");
    let forced = RosterOptions { encoding: Some(Encoding::Cp932), ..options() };
    assert_eq!(refusal(&read_with(&bytes, &forced)[0]), &Refusal::Gaiji { column: "氏名".into() });
    let replacing = RosterOptions { replace_gaiji: true, ..forced };
    let lines = read_with(&bytes, &replacing);
    assert_eq!(entry(&lines[0]).member.name, "渡〓");
    assert_eq!(entry(&lines[0]).changes, [RowChange::Gaiji { column: "氏名".into() }]);
}

#[test]
fn quotes_commas_and_line_breaks_inside_a_field_are_kept() {
    let lines = read(
        "member_no,name,email,note\r\nM1,\"田中, \"\"太郎\"\"\",a@example.jp,\"一\r\n二\"\r\nM2,b,b@example.jp,\r\n",
    );
    assert_eq!(entry(&lines[0]).member.name, "田中, \"太郎\"");
    assert_eq!(entry(&lines[0]).member.fields["note"], "一\r\n二");
    assert_eq!((lines[0].number, lines[1].number), (2, 4));
}

#[test]
fn lone_carriage_returns_end_lines_and_are_counted() {
    let lines = read("member_no,name,email\rM1,a,a@example.jp\rM2,b,b@example.jp");
    assert_eq!(
        lines.iter().map(|l| (l.number, entry(l).member.member_no.as_str())).collect::<Vec<_>>(),
        [(2, "M1"), (3, "M2")]
    );
}

#[test]
fn blank_lines_are_no_roster_lines_but_count_as_physical_ones() {
    let lines = read("\n\nmember_no,name,email\n\n  \nM1,a,a@example.jp\n\n");
    assert_eq!(lines.iter().map(|l| l.number).collect::<Vec<_>>(), [6]);
}

#[test]
fn ragged_rows_are_refused_with_both_counts() {
    assert_eq!(refusal(&one("M1,田中")), &Refusal::Ragged { expected: 3, found: 2 });
    assert_eq!(refusal(&one("M1,田中,a@example.jp,x")), &Refusal::Ragged { expected: 3, found: 4 });
}

#[test]
fn a_nul_is_refused_with_its_column() {
    assert_eq!(refusal(&one("M1,田\0中,a@example.jp")), &Refusal::Nul { column: "氏名".into() });
}

#[test]
fn a_field_of_ten_megabytes_is_refused_and_reading_goes_on() {
    let text = format!("member_no,name,email\nM1,{},a@example.jp\nM2,b,b@example.jp\n", "x".repeat(10 << 20));
    let lines = read(&text);
    assert_eq!(refusal(&lines[0]), &Refusal::TooLong { column: "name".into() });
    assert_eq!((lines.len(), entry(&lines[1]).member.member_no.as_str(), lines[1].number), (2, "M2", 3));
}

#[test]
fn a_row_of_a_million_fields_is_refused_and_reading_goes_on() {
    let lines = read(&format!("member_no,name,email\n{}\nM2,b,b@example.jp\n", ",".repeat(1_000_000)));
    assert!(matches!(refusal(&lines[0]), Refusal::TooLong { .. }));
    assert_eq!(entry(&lines[1]).member.member_no, "M2");
}

#[test]
fn an_unclosed_quote_is_an_error_that_names_its_line_and_no_silent_loss() {
    let text = format!(
        "member_no,name,email\nM1,a,a@example.jp\nM2,\"b,b@example.jp\n{}",
        "M3,c,c@example.jp\n".repeat(10_000)
    );
    let results: Vec<_> = RosterReader::new(text.as_bytes(), &options()).unwrap().collect();
    assert_eq!(results.len(), 2);
    assert!(matches!(results[1], Err(RosterError::UnclosedQuote { line: 3 })));
}

#[test]
fn text_after_a_closing_quote_refuses_the_row() {
    assert_eq!(refusal(&one("M1,\"田中\"太郎,a@example.jp")), &Refusal::StrayQuote { column: "氏名".into() });
}

#[test]
fn headers_are_found_in_japanese_english_full_width_and_any_order() {
    let lines = read("ＥＭＡＩＬ ,Name,備考,会員番号\na@example.jp,田中,x,１２３\n");
    let entry = entry(&lines[0]);
    assert_eq!((entry.member.member_no.as_str(), entry.member.fields["備考"].as_str()), ("123", "x"));
    assert_eq!(entry.changes, [RowChange::MemberNo]);
}

#[test]
fn missing_and_duplicate_columns_are_errors_that_name_them() {
    let error = |text: &str| RosterReader::new(text.as_bytes(), &options()).err().unwrap();
    let RosterError::MissingColumns { missing, found } = error("会員番号,名字\n") else { panic!() };
    assert_eq!((missing, found), (vec![Column::Name, Column::Email], vec!["会員番号".to_owned(), "名字".to_owned()]));
    assert!(matches!(
        error("会員番号,氏名,email,メール\n"),
        RosterError::DuplicateColumn { column: Column::Email, .. }
    ));
    let RosterError::MissingColumns { missing, .. } = error("会員番号,氏名,email,支払内容\n") else {
        panic!()
    };
    assert_eq!(missing, [Column::Method, Column::PaidAt]);
    assert!(error("会員番号,名字\n").text(Lang::Ja).contains("メールアドレス"));
    assert!(matches!(error(""), RosterError::Empty));
}

#[test]
fn the_notices_own_header_names_go_before_the_built_in_ones() {
    let mut own = options();
    own.columns.email = vec!["連絡先".into()];
    let lines = read_with("会員番号,氏名,メール,連絡先\nM1,田中,old@example.jp,new@example.jp\n".as_bytes(), &own);
    assert_eq!(entry(&lines[0]).member.email.as_deref(), Some("new@example.jp"));
    assert_eq!(entry(&lines[0]).member.fields["メール"], "old@example.jp");
}

#[test]
fn tabs_and_semicolons_are_detected_from_the_header() {
    for (mark, delimiter) in [("\t", Delimiter::Tab), (";", Delimiter::Semicolon), (",", Delimiter::Comma)] {
        let text = ["member_no", "name", "email\nM1", "a", "a@example.jp\n"].join(mark);
        let reader = RosterReader::new(text.as_bytes(), &options()).unwrap();
        assert_eq!((reader.delimiter(), reader.kind()), (delimiter, Kind::PlainList));
    }
}

#[test]
fn blank_and_invalid_addresses_are_unreachable_and_not_dropped() {
    let blank = one("M1,田中,なし");
    assert_eq!(entry(&blank).unreachable, Some(AddressProblem::Blank));
    let invalid = one("M1,田中,tanaka.example.jp");
    assert!(matches!(entry(&invalid).unreachable, Some(AddressProblem::Invalid { .. })));
    assert_eq!((entry(&invalid).given_email.as_str(), &entry(&invalid).member.email), ("tanaka.example.jp", &None));
}

#[test]
fn repairs_and_warnings_of_an_address_come_with_the_entry() {
    let line = one("M1,田中,ｔａｎａｋａ＠gmial.com");
    assert_eq!(entry(&line).changes, [RowChange::Address { repair: Change::Width }]);
    assert_eq!(entry(&line).warnings, [Warning::LikelyTypo { suggestion: "gmail.com".into() }]);
}

#[test]
fn a_line_break_in_a_name_refuses_the_row() {
    assert_eq!(refusal(&one("M1,\"田中\nBcc: x@example.jp\",a@example.jp")), &Refusal::NameControl);
    assert_eq!(refusal(&one("M1,\"田中\r\",a@example.jp")), &Refusal::NameControl);
}

#[test]
fn bidi_controls_are_stripped_from_names_and_reported() {
    let line = one("M1,田中\u{202e}太郎,a@example.jp");
    assert_eq!(
        (entry(&line).member.name.as_str(), &entry(&line).changes[..]),
        ("田中太郎", &[RowChange::NameBidi][..])
    );
}

#[test]
fn emoji_variation_selectors_and_combining_marks_stay_in_names() {
    for name in ["葛\u{e0100}城", "👩🏿‍🎓", "か\u{3099}", "ﾀﾅｶ", "Ｔａｎａｋａ"] {
        assert_eq!(entry(&one(&format!("M1,\u{3000}{name} ,a@example.jp"))).member.name, name);
    }
}

#[test]
fn names_and_numbers_that_identify_nobody_are_refused() {
    assert_eq!(refusal(&one(",田中,a@example.jp")), &Refusal::BlankMemberNo);
    assert_eq!(refusal(&one("M1,\u{3000},a@example.jp")), &Refusal::BlankName);
    assert_eq!(refusal(&one(&format!("M1,{},a@example.jp", "田".repeat(201)))), &Refusal::NameTooLong);
    assert_eq!(entry(&one(&format!("M1,{},a@example.jp", "田".repeat(200)))).member.member_no, "M1");
}

#[test]
fn the_cohort_column_takes_ids_or_titles_and_refuses_others() {
    let cohorts = |cell: &str| read(&format!("会員番号,氏名,メール,区分\nM1,田中,a@example.jp,{cell}\n")).remove(0);
    assert_eq!(entry(&cohorts("受講料")).member.cohorts, ["course"]);
    assert_eq!(entry(&cohorts("course; registration")).member.cohorts, ["registration", "course"]);
    assert_eq!(refusal(&cohorts("その他")), &Refusal::UnknownCohort { given: "その他".into() });
}

#[test]
fn a_payment_inside_the_rule_makes_its_payer_affected() {
    let Verdict::Affected(entry) = paid("野球指導者講習会\u{3000}受講料 ", "ｸﾚｼﾞｯﾄｶｰﾄﾞ", "2021/10/14 9:30")
    else {
        panic!()
    };
    assert_eq!(entry.member.cohorts, ["course"]);
    let payment = &entry.member.payments[0];
    assert_eq!((payment.paid_at.as_str(), payment.cohort.as_str()), ("2021-10-14T09:30:00", "course"));
    assert_eq!(payment.purpose, "野球指導者講習会\u{3000}受講料");
}

fn not_affected(verdict: &Verdict) -> (NotAffected, &str) {
    let Verdict::NotAffected { why, value, raw } = verdict else { panic!("{verdict:?}") };
    assert!(raw.len() > 5, "the line is given back whole: {raw:?}");
    (*why, value)
}

#[test]
fn the_last_second_of_the_period_is_inside_and_the_next_is_not() {
    let at = |at: &str| paid("公認野球指導者資格 登録費", "クレジットカード", at);
    for inside in ["2021-10-14 00:00:00", "2022-01-25 23:59:59", "2022-01-25", "2022-01-25T14:59:59Z"] {
        assert!(matches!(at(inside), Verdict::Affected(_)), "{inside}");
    }
    for outside in ["2021-10-13 23:59:59", "2022-01-26 00:00:00", "2022-01-25T15:00:00Z"] {
        let wanted = if outside.starts_with("2021") { "2021-10-13" } else { "2022-01-26" };
        assert_eq!(not_affected(&at(outside)), (NotAffected::Day, wanted), "{outside}");
    }
}

#[test]
fn other_purposes_and_methods_are_not_affected_and_an_unreadable_date_is_refused() {
    let fee = paid("年会費", "クレジットカード", "2021-11-01");
    assert_eq!(not_affected(&fee), (NotAffected::Purpose, "年会費"));
    let bank = paid("公認野球指導者資格 登録費", "銀行振込", "2021-11-01");
    assert_eq!(not_affected(&bank), (NotAffected::Method, "銀行振込"));
    for date in ["", "2021-13-01", "10/14/2021", "昨日", "2021-10-14 25:00", "44483"] {
        let Verdict::Refused { reason, .. } = paid("公認野球指導者資格 登録費", "クレジットカード", date)
        else {
            panic!("{date}")
        };
        assert_eq!(reason, Refusal::UnreadableDate { given: date.into() });
    }
}

#[test]
fn what_a_reader_cannot_see_in_a_purpose_never_makes_a_payment_unaffected() {
    let seen = paid("公認野球指導者資格\u{200b} 登録費\u{feff}", "クレジットカード", "2021-11-01");
    assert!(matches!(seen, Verdict::Affected(_)));
    let Verdict::Refused { reason, .. } = paid("公認野球指導者資\u{e000} 登録費", "クレジットカード", "2021-11-01")
    else {
        panic!()
    };
    assert_eq!(reason, Refusal::Gaiji { column: "支払内容".into() });
}

#[test]
fn a_payment_export_for_a_notice_without_rules_is_an_error() {
    let text = "会員番号,氏名,メール,支払内容,支払方法,支払日時\n";
    assert!(matches!(RosterReader::new(text.as_bytes(), &RosterOptions::default()), Err(RosterError::NoRules)));
}

#[test]
fn the_moment_of_a_payment_is_read_in_the_ways_that_exports_write_it() {
    let cases = [
        ("2021-10-14 09:30:00", "2021-10-14T09:30:00"),
        ("2021-10-14T09:30:00+09:00", "2021-10-14T09:30:00"),
        ("2021-10-14T00:30:00Z", "2021-10-14T09:30:00"),
        ("2021-10-14 09:30:00.123", "2021-10-14T09:30:00"),
        ("2021/10/14 9:30", "2021-10-14T09:30:00"),
        ("2021-10-14", "2021-10-14"),
        ("2021/1/5", "2021-01-05"),
        ("2021年10月14日", "2021-10-14"),
        ("2021年10月14日(木) 9時30分", "2021-10-14T09:30:00"),
        ("2021年10月14日9時30分15秒", "2021-10-14T09:30:15"),
        ("20211014", "2021-10-14"),
        ("20211014093000", "2021-10-14T09:30:00"),
        ("２０２１／１０／１４　９：３０", "2021-10-14T09:30:00"),
        ("令和3年10月14日", "2021-10-14"),
        ("令和元年5月1日", "2019-05-01"),
        ("R3.10.14", "2021-10-14"),
        ("H31/4/30", "2019-04-30"),
    ];
    for (text, read) in cases {
        assert_eq!(PaidAt::parse(text).map(|at| at.to_string()).as_deref(), Some(read), "{text}");
    }
    for text in
        ["2021-10-14x", "2021-10/14", "2021-10-14 9", "2021-2-30", "2021年10月14", "R3", "2021-10-14 09:30 +99:00"]
    {
        assert_eq!(PaidAt::parse(text), None, "{text}");
    }
}

#[test]
fn a_cohort_rule_is_read_from_a_notice_file_and_an_unknown_key_is_an_error() {
    let yaml = "purpose: [受講料]\nmethod: [クレジットカード]\npaid_from: 2021-10-14\npaid_to: 2022-01-25\n";
    let rule: CohortRule = serde_yaml::from_str(yaml).unwrap();
    assert_eq!(rule.paid_to.unwrap().to_string(), "2022-01-25");
    assert_eq!(serde_yaml::from_str::<CohortRule>(&serde_yaml::to_string(&rule).unwrap()).unwrap(), rule);
    assert!(serde_yaml::from_str::<CohortRule>("purposes: [受講料]\n").is_err());
    assert!(serde_yaml::from_str::<CohortRule>("paid_from: soon\n").is_err());
}

#[test]
fn refused_lines_go_back_as_a_file_that_excel_opens_and_runs_nothing_of() {
    let lines = read("会員番号,氏名,=メール,メールアドレス\n,\"=HYPERLINK(\"\"x\"\")\",＋1,a@example.jp\n");
    let mut out = Vec::new();
    let headers: Vec<String> = ["会員番号", "氏名", "=メール", "メールアドレス"].map(str::to_owned).to_vec();
    let mut writer = RefusedWriter::new(&mut out, &headers, Lang::Ja).unwrap();
    let Verdict::Refused { reason, raw } = &lines[0].verdict else { panic!() };
    writer.write(lines[0].number, &reason.text(Lang::Ja), raw).unwrap();
    writer.finish().unwrap();
    let wanted = "\u{feff}行番号,理由,会員番号,氏名,'=メール,メールアドレス\r\n\
                  2,会員番号が空です,,\"'=HYPERLINK(\"\"x\"\")\",'＋1,a@example.jp\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

#[test]
fn cells_that_a_spreadsheet_would_run_are_defused_and_others_left_alone() {
    for cell in ["=1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "'=1"] {
        assert_eq!(defuse(cell), format!("'{cell}"));
    }
    for cell in ["", "1", "a=b", "田中", "'1"] {
        assert_eq!(defuse(cell), cell);
    }
}

#[test]
fn a_refused_line_that_is_corrected_gives_the_member_that_the_roster_meant() {
    let head = "会員番号,氏名,メールアドレス,備考,=a\n";
    let cells = |name: &str| format!("-1,{name},+a@example.jp,\"'=x\",'y\n");
    let whole = read(&(head.to_owned() + &cells("見本 太郎")));
    let roster = head.to_owned() + &cells("");
    let mut reader = RosterReader::new(roster.as_bytes(), &options()).unwrap();
    for lang in [Lang::Ja, Lang::En] {
        let mut file = Vec::new();
        let mut writer = RefusedWriter::new(&mut file, reader.headers(), lang).unwrap();
        let Verdict::Refused { reason, raw } = &read(&roster)[0].verdict else { panic!("the name is blank") };
        writer.write(2, &reason.text(lang), raw).unwrap();
        writer.finish().unwrap();
        let corrected = String::from_utf8(file).unwrap().replace("'-1,,", "'-1,見本 太郎,");
        assert_eq!(entry(&read(&corrected)[0]), entry(&whole[0]), "{corrected}");
        assert_eq!(RosterReader::new(corrected.as_bytes(), &options()).unwrap().headers(), reader.headers());
    }
    assert!(reader.next().is_some());
}

#[test]
fn a_workbook_is_told_from_a_text_in_a_wrong_encoding() {
    for mark in [&b"PK\x03\x04\x14\x00"[..], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00"] {
        let error = RosterReader::new(mark, &options()).err().unwrap();
        assert!(error.text(Lang::Ja).contains("CSV UTF-8") && error.text(Lang::En).contains("workbook"), "{error}");
    }
}

#[test]
fn an_empty_time_of_payment_is_said_to_be_empty() {
    for given in ["", " "] {
        let refusal = Refusal::UnreadableDate { given: given.to_owned() };
        assert_eq!(refusal.text(Lang::Ja), "支払日時が空です");
        assert_eq!(refusal.text(Lang::En), "the time of payment is empty");
    }
}

#[test]
fn an_ordinary_roster_keeps_its_apostrophes_and_its_columns() {
    let lines = read("会員番号,氏名,メールアドレス,line,reason\n1,'=太郎,a@example.jp,3,x\n");
    let member = &entry(&lines[0]).member;
    assert_eq!((member.name.as_str(), member.fields["line"].as_str()), ("'=太郎", "3"));
}
