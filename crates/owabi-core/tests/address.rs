//! What becomes of the addresses that members write.

#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

use owabi_core::address::{Address, AddressProblem, Change, Invalid, Lang, Warning};

fn parsed(raw: &str) -> (String, Vec<Change>) {
    let parsed = Address::parse(raw).unwrap_or_else(|problem| panic!("{raw:?}: {problem:?}"));
    (parsed.address.as_str().to_owned(), parsed.changes)
}

fn reason(raw: &str) -> Invalid {
    match Address::parse(raw) {
        Err(AddressProblem::Invalid { reason }) => reason,
        other => panic!("{raw:?}: {other:?}"),
    }
}

#[test]
fn an_address_is_never_shown_unmasked() {
    let address = Address::parse("Tanaka.Taro@docomo.ne.jp").unwrap().address;
    assert_eq!(address.to_string(), "T***@d***.jp");
    assert_eq!(format!("{address:?}"), "Address(T***@d***.jp)");
    let quoted = Address::parse("\"tanaka taro\"@[192.0.2.1]").unwrap().address;
    assert!(!format!("{quoted} {quoted:?}").contains("anaka"));
}

#[test]
fn full_width_characters_spaces_and_invisible_characters_are_repaired_and_reported() {
    let cases: [(&str, &[Change]); 9] = [
        ("ｔａｎａｋａ＠ｅｘａｍｐｌｅ．ｊｐ", &[Change::Width]),
        ("tanaka@example。jp", &[]),
        ("\u{3000}tanaka@example.jp ", &[Change::Trimmed]),
        ("\u{a0}tanaka@example.jp", &[Change::Trimmed]),
        ("tanaka@example.jp\r", &[Change::Trimmed]),
        ("tanaka@exam\u{200b}ple.jp", &[Change::Invisible]),
        ("\u{202e}tanaka@example.jp\u{feff}", &[Change::Invisible]),
        ("田中 <mailto:tanaka@example.jp>", &[Change::Brackets, Change::Scheme]),
        ("\"tanaka@example.jp\"", &[Change::Quotes]),
    ];
    for (raw, changes) in cases {
        assert_eq!(parsed(raw), ("tanaka@example.jp".to_owned(), changes.to_vec()), "{raw:?}");
    }
}

#[test]
fn the_domain_is_lowered_and_the_local_part_keeps_its_case() {
    assert_eq!(parsed("Tanaka@EXAMPLE.JP").0, "Tanaka@example.jp");
    assert_eq!(parsed("tanaka@日本語.jp").0, "tanaka@xn--wgv71a119e.jp");
}

#[test]
fn carrier_addresses_are_stored_as_written_and_sent_quoted() {
    for local in ["abc..def", "abc.", ".abc", "a..b..c."] {
        for domain in ["docomo.ne.jp", "ezweb.ne.jp", "xx.ezweb.ne.jp", "d.vodafone.ne.jp", "au.com"] {
            let raw = format!("{local}@{domain}");
            let address = Address::parse(&raw).unwrap().address;
            assert_eq!(address.as_str(), raw);
            assert_eq!(address.envelope(), format!("\"{local}\"@{domain}"));
            assert_eq!(Address::parse(&address.envelope()).unwrap().address, address);
        }
    }
}

#[test]
fn the_same_dots_elsewhere_are_refused() {
    for raw in ["abc..def@example.com", "abc.@example.jp", ".abc@notdocomo.ne.jp"] {
        assert_eq!(reason(raw), Invalid::Dots, "{raw}");
    }
}

#[test]
fn quotes_that_are_not_needed_go_and_needed_ones_stay() {
    assert_eq!(parsed("\"test\"@example.jp").0, "test@example.jp");
    assert_eq!(parsed("\"a\\ b\"@example.jp").0, "\"a b\"@example.jp");
    let address = Address::parse("\"first..last\"@example.jp").unwrap().address;
    assert_eq!(
        (address.as_str(), address.envelope().as_str()),
        ("\"first..last\"@example.jp", "\"first..last\"@example.jp")
    );
}

#[test]
fn words_for_no_address_are_blank_and_not_invalid() {
    let blanks = [
        "",
        " ",
        "\u{3000}",
        "なし",
        "無し",
        "ナシ",
        "ﾅｼ",
        "(なし)",
        "不明",
        "未登録",
        "-",
        "ー",
        "−",
        "---",
        "N/A",
        "NULL",
        "None",
    ];
    for raw in blanks {
        assert_eq!(Address::parse(raw), Err(AddressProblem::Blank), "{raw:?}");
    }
    assert_eq!(Address::parse("none@none"), Err(AddressProblem::Blank));
}

#[test]
fn a_line_break_can_never_come_through_an_address() {
    for raw in [
        "a@example.jp\r\nBcc: b@example.jp",
        "a@example.jp\nRCPT TO:<b@example.jp>",
        "\"a\n\"@example.jp",
        "a\0@example.jp",
    ] {
        assert_eq!(reason(raw), Invalid::Control, "{raw:?}");
    }
}

#[test]
fn several_addresses_in_one_cell_are_named_as_such() {
    assert_eq!(reason("a@example.jp; b@example.jp"), Invalid::Several);
    assert_eq!(reason("a@example.jp、b@example.jp"), Invalid::Several);
}

#[test]
fn the_limits_of_rfc_5321_hold_for_the_form_that_is_sent() {
    let domain = "example.jp";
    assert!(Address::parse(&format!("{}@{domain}", "a".repeat(64))).is_ok());
    assert_eq!(reason(&format!("{}@{domain}", "a".repeat(65))), Invalid::TooLong);
    // 63 octets as written are 65 with their quotes.
    assert_eq!(reason(&format!("{}.@docomo.ne.jp", "a".repeat(62))), Invalid::TooLong);
    assert_eq!(reason(&format!("a@{}.jp", "b".repeat(64))), Invalid::TooLong);
}

#[test]
fn only_a_local_part_beyond_ascii_needs_smtputf8() {
    assert!(Address::parse("田中@example.jp").unwrap().address.needs_smtputf8());
    assert!(!Address::parse("tanaka@日本語.jp").unwrap().address.needs_smtputf8());
}

#[test]
fn likely_slips_are_warned_of_with_the_domain_that_was_meant() {
    let cases = [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("docomo.co.jp", "docomo.ne.jp"),
        ("docomo.ne.jo", "docomo.ne.jp"),
        ("ezweb.co.jp", "ezweb.ne.jp"),
        ("yahooo.co.jp", "yahoo.co.jp"),
        ("yaho.co.jp", "yahoo.co.jp"),
        ("example.con", "example.com"),
        ("ocn.ne.jo", "ocn.ne.jp"),
    ];
    for (domain, meant) in cases {
        let warnings = Address::parse(&format!("tanaka@{domain}")).unwrap().warnings;
        assert_eq!(warnings, [Warning::LikelyTypo { suggestion: meant.to_owned() }], "{domain}");
    }
}

#[test]
fn real_domains_are_not_warned_of() {
    for domain in [
        "gmail.com",
        "ymail.com",
        "mail.com",
        "yahoo.co.jp",
        "yahoo.ne.jp",
        "odn.ne.jp",
        "ocn.ne.jp",
        "example.co.jp",
        "日本語.jp",
    ] {
        assert_eq!(Address::parse(&format!("tanaka@{domain}")).unwrap().warnings, [], "{domain}");
    }
}

#[test]
fn a_domain_with_letters_that_only_look_latin_is_warned_of() {
    for domain in ["ex\u{430}mple.jp", "\u{430}\u{440}\u{440}\u{4cf}\u{435}.com", "xn--exmple-4nf.jp"] {
        let warnings = Address::parse(&format!("tanaka@{domain}")).unwrap().warnings;
        assert!(warnings.contains(&Warning::MixedScript), "{domain}: {warnings:?}");
    }
}

#[test]
fn only_a_normal_form_is_read_back_from_storage() {
    assert!(Address::from_stored("a..b@docomo.ne.jp").is_ok());
    assert!(Address::from_stored("tanaka@EXAMPLE.jp").is_err());
    assert!(Address::from_stored("\"a..b\"@docomo.ne.jp").is_err());
}

#[test]
fn every_problem_has_a_sentence_in_both_languages() {
    assert_eq!(AddressProblem::Blank.text(Lang::En), "no mail address is given");
    assert!(AddressProblem::from(Invalid::NoAt).text(Lang::Ja).contains('@'));
}
