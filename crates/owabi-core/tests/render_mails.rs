//! The bytes that leave: deterministic, 7-bit, and the same name and letter when read back.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of a test may fail it")]

mod notice_support;

use base64::{Engine, engine::general_purpose::STANDARD};
use notice_support::{STAMP, member, renderer};
use owabi_core::member::Member;
use owabi_core::render::{Mail, RenderError, Renderer, Stamp};
use proptest::prelude::*;
use std::sync::LazyLock;

static METAPS: LazyLock<Renderer> = LazyLock::new(|| renderer("metaps-2022"));

fn mail_of(member: &Member) -> Mail {
    METAPS.mail(member, &STAMP).unwrap_or_else(|error| panic!("{error}"))
}

fn split(mail: &Mail) -> (String, String) {
    let text = String::from_utf8(mail.bytes.clone()).expect("ASCII");
    let (headers, body) = text.split_once("\r\n\r\n").expect("a header and a body");
    (headers.to_owned(), body.to_owned())
}

/// The value of a header, unfolded and with its encoded words decoded.
fn header(mail: &Mail, name: &str) -> String {
    let unfolded = split(mail).0.replace("\r\n ", " ");
    let line = unfolded.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).expect(name);
    let (mut value, mut after_word) = (String::new(), false);
    for token in line.split(' ') {
        let word = token.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?="));
        let joined = after_word && word.is_some();
        if !value.is_empty() && !joined {
            value.push(' ');
        }
        let decoded =
            word.map(|coded| String::from_utf8(STANDARD.decode(coded).expect("base64")).expect("whole characters"));
        value.push_str(decoded.as_deref().unwrap_or(token));
        after_word = word.is_some();
    }
    value
}

fn parts(mail: &Mail) -> Vec<String> {
    let (headers, body) = split(mail);
    let boundary = headers.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a boundary");
    let pieces: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!((pieces.len(), pieces[0], pieces[3]), (4, "", "--\r\n"));
    let decode = |piece: &&str| {
        let (_, coded) = piece.split_once("\r\n\r\n").expect("a part");
        String::from_utf8(STANDARD.decode(coded.replace("\r\n", "")).expect("base64")).expect("UTF-8")
    };
    pieces[1..3].iter().map(decode).collect()
}

fn assert_wire_form(mail: &Mail) {
    assert!(mail.bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | b' '..=b'~')));
    assert!(mail.bytes.ends_with(b"\r\n"));
    let text = String::from_utf8_lossy(&mail.bytes);
    for line in text.split_terminator("\r\n") {
        assert!(line.len() <= 76 && !line.contains(['\r', '\n']), "{line}");
    }
}

#[test]
fn the_headers_are_these_and_no_others() {
    let mail = mail_of(&member("髙橋 一郎", &[("registration", "2021-10-14")]));
    insta::assert_snapshot!(split(&mail).0.replace("\r\n", "\n"));
    assert_eq!(header(&mail, "To"), "髙橋 一郎 <ichiro@example.jp>");
    assert_eq!(header(&mail, "From"), "一般財団法人全日本野球協会 <notice@example.jp>");
}

#[test]
fn the_parts_read_back_as_the_letter() {
    let member = member("髙橋 一郎", &[("registration", "2021-10-14")]);
    let letter = METAPS.letter(&member).expect("a letter");
    let mail = mail_of(&member);
    assert_wire_form(&mail);
    assert_eq!(header(&mail, "Subject"), letter.subject);
    assert_eq!(parts(&mail), [letter.text.replace('\n', "\r\n"), letter.html.replace('\n', "\r\n")]);
}

#[test]
fn the_same_member_and_stamp_give_the_same_bytes_and_hash() {
    let member = member("髙橋 一郎", &[("registration", "2021-10-14")]);
    let (one, two) = (mail_of(&member), renderer("metaps-2022").mail(&member, &STAMP).expect("a mail"));
    assert_eq!(one, two);
    let later = METAPS.mail(&member, &Stamp { dated_at_ms: STAMP.dated_at_ms + 1_000, ..STAMP }).expect("a mail");
    assert_ne!(one.sha256, later.sha256);
}

#[test]
fn a_line_end_that_would_reach_a_header_is_an_error_and_not_stripped() {
    for name in ["a\r\nBcc: x@example.jp", "a\nb", "a\rb", "a\0b", "a\u{2028}b", "a\u{85}b"] {
        let answer = METAPS.mail(&member(name, &[]), &STAMP);
        assert_eq!(answer, Err(RenderError::HeaderInjection { field: "name" }), "{name:?}");
    }
    let good = member("髙橋", &[]);
    for to in ["a@example.jp\r\nBcc: x@example.jp", "a@example.jp>\n"] {
        let answer = METAPS.mail(&good, &Stamp { to, ..STAMP });
        assert_eq!(answer, Err(RenderError::HeaderInjection { field: "to" }));
    }
    for to in ["", "a", "a@", "@b", "a b@example.jp", "a>@example.jp", "日本@example.jp", "a@b.jp, c@d.jp"] {
        let answer = METAPS.mail(&good, &Stamp { to, ..STAMP });
        assert_eq!(answer, Err(RenderError::HeaderForm { field: "to" }), "{to}");
    }
    let answer = METAPS.mail(&good, &Stamp { message_id: "x>\r\n@y", ..STAMP });
    assert_eq!(answer, Err(RenderError::HeaderInjection { field: "message_id" }));
}

#[test]
fn an_address_that_is_not_ascii_stands_in_the_header_of_its_own_member_only() {
    let own = Member { email: Some("花子@example.jp".into()), ..member("髙橋", &[]) };
    let mail = METAPS.mail(&own, &Stamp { to: "花子@example.jp", ..STAMP }).expect("a mail");
    assert!(String::from_utf8(mail.bytes).expect("UTF-8").contains(" <花子@example.jp>\r\n"));
    for to in ["花美@example.jp", "花子>@example.jp", "花子@", "花 子@example.jp"] {
        let answer = METAPS.mail(&own, &Stamp { to, ..STAMP });
        assert_eq!(answer, Err(RenderError::HeaderForm { field: "to" }), "{to}");
    }
    for to in [
        "花子@example.jp\r\nBcc: x@example.jp",
        "花子\0@example.jp",
        "花\u{2028}子@example.jp",
        "花\u{85}子@example.jp",
    ] {
        let answer = METAPS.mail(&own, &Stamp { to, ..STAMP });
        assert_eq!(answer, Err(RenderError::HeaderInjection { field: "to" }), "{to:?}");
    }
}

#[test]
fn a_quoted_carrier_address_stands_in_the_header_as_it_is() {
    let mail = METAPS.mail(&member("髙橋", &[]), &Stamp { to: "\"a..b\"@docomo.example.jp", ..STAMP }).expect("a mail");
    assert_eq!(header(&mail, "To"), "髙橋 <\"a..b\"@docomo.example.jp>");
}

#[test]
fn a_time_outside_the_calendar_is_an_error() {
    let answer = METAPS.mail(&member("髙橋", &[]), &Stamp { dated_at_ms: i64::MAX, ..STAMP });
    assert_eq!(answer, Err(RenderError::Date(i64::MAX)));
}

#[test]
fn a_letter_that_the_guard_refuses_becomes_no_mail() {
    assert!(matches!(METAPS.mail(&member("", &[]), &STAMP), Err(RenderError::Guard(_))));
}

fn naughty_name() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "髙",
        "﨑",
        "葛\u{e0100}",
        "👨‍👩‍👧",
        "e\u{301}",
        "か\u{3099}",
        "<script>",
        "&amp;",
        "\"",
        "'",
        "{{",
        "}}",
        "{{name}}",
        "\u{202e}",
        "=?UTF-8?B?",
        "?=",
        "a",
        " b",
        "ß",
        "ｱ",
        "𠮷",
        "@",
        "<x@y>",
        ",",
        "null",
        "undefined",
        "\\",
    ]);
    prop::collection::vec(pieces, 1..70)
        .prop_map(|pieces| pieces.concat().split_whitespace().collect::<Vec<_>>().join(" "))
        .prop_filter("a name", |name| !name.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_naughty_name_is_escaped_and_reads_back_as_it_was(name in naughty_name()) {
        let member = member(&name, &[("course", "2021-11-03")]);
        let mail = METAPS.mail(&member, &STAMP).map_err(|error| TestCaseError::fail(error.to_string()))?;
        assert_wire_form(&mail);
        prop_assert_eq!(header(&mail, "To"), format!("{name} <ichiro@example.jp>"));
        let parts = parts(&mail);
        prop_assert!(parts[0].starts_with(&name));
        prop_assert!(!parts[1].contains("<script>") && !parts[1].contains("<x@y>"));
    }

    #[test]
    fn any_text_without_control_characters_is_rendered_or_refused_and_never_breaks_a_header(name in "\\PC{0,200}") {
        if let Ok(mail) = METAPS.mail(&member(&name, &[]), &STAMP) {
            assert_wire_form(&mail);
        }
    }
}
