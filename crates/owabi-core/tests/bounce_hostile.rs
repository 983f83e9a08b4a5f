//! Whatever comes back, reading it ends soon, takes little and never panics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use owabi_core::bounce::{Kind, OCTETS, Reading, read};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;

/// What holds of every reading.
fn is_bounded(reading: &Reading) {
    assert!(reading.reports.len() <= 1_000);
    assert!(reading.kind == Kind::Bounce || reading.reports.is_empty());
    assert!(reading.sent_to.len() <= 50 && reading.message_ids.len() <= 60);
    assert!(reading.from.chars().count() <= 200 && reading.subject.chars().count() <= 200);
    for report in &reading.reports {
        assert!(!report.address.is_empty() && report.address.len() <= 400, "{}", report.address);
        assert!(report.diagnostic.as_ref().is_none_or(|text| text.chars().count() <= 1_000));
    }
}

const HEAD: &str = "From: MAILER-DAEMON@x.example\nTo: me@y.example\nSubject: failure notice\n";

/// `head` and then `unit` until the mail is longer than what is looked at.
fn filled(head: &str, unit: &str) -> String {
    head.to_owned() + &unit.repeat(OCTETS / unit.len() + 2)
}

#[test]
fn huge_nested_and_endless_mails_are_read_to_a_bound() {
    let status = "Content-Type: message/delivery-status\n";
    let multipart = "Content-Type: multipart/mixed; boundary=b\n\n";
    for (head, unit) in [
        (String::new(), "\0"),
        (String::new(), "\r"),
        (String::new(), "a:"),
        (String::new(), "Content-Type: message/rfc822\n\n"),
        (String::new(), "Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
        (multipart.to_owned(), "--b\n\nx\n"),
        (
            format!("{HEAD}{multipart}"),
            "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b.example\n",
        ),
        (format!("{HEAD}{status}\n"), "Final-Recipient: rfc822; a@b.example\nAction: failed\n\n"),
        (format!("{HEAD}{status}Content-Transfer-Encoding: base64\n\n"), "RmluYWwtUmVjaXBpZW50OiBh\n"),
        (format!("{HEAD}\n"), "<a@b.example>: 550 5.1.1 no\n"),
        (format!("{HEAD}\nfailed "), "a@b.example "),
        (format!("{HEAD}\n"), "@"),
        (format!("{HEAD}\n"), "Subject: a\nTo: b@c.example\nDate: d\n"),
        (format!("{HEAD}\n"), "Received: a\n x\n"),
        (format!("{HEAD}\n"), "{\"notificationType\":"),
        (format!("{HEAD}Content-Type: text/html\n\n"), "<head><style>"),
        (format!("{HEAD}Content-Type: text/html\n\n<p>"), "&lt;</"),
        (format!("{HEAD}\n"), "\u{1b}$B"),
    ] {
        is_bounded(&read(filled(&head, unit).as_bytes()));
    }
}

#[test]
fn a_thousand_recipients_are_reported_and_the_rest_is_left() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().concat();
    let listed = many(3_000, &|n| format!("<a{n}@b.example>: 550 no\n"));
    assert_eq!(read(format!("{HEAD}\n{listed}").as_bytes()).reports.len(), 1_000);
    let groups = many(1_500, &|n| format!("Final-Recipient: rfc822; a{n}@b.example\nAction: failed\n\n"));
    let mail = format!("{HEAD}Content-Type: message/delivery-status\n\n{groups}");
    assert_eq!(read(mail.as_bytes()).reports.len(), 1_000);
}

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bounces");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
        .map(|path| std::fs::read(path).unwrap())
        .collect()
});

/// A sample, some of its pieces overwritten, repeated or taken out.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0..120_usize, 0..4_u8, prop::collection::vec(any::<u8>(), 0..20));
    (any::<prop::sample::Index>(), prop::collection::vec(change, 0..8)).prop_map(|(sample, changes)| {
        let mut mail = sample.get(&SAMPLES).clone();
        for (at, length, kind, bytes) in changes {
            let start = at.index(mail.len() + 1);
            let end = (start + length).min(mail.len());
            let piece = mail[start..end].to_vec();
            match kind {
                0 => drop(mail.splice(start..end, bytes)),
                1 => drop(mail.splice(start..start, piece.repeat(3))),
                2 => drop(mail.drain(start..end)),
                _ => drop(mail.splice(start..start, "\n\n<@\"é—@x.example>: 550 \u{3042}".bytes())),
            }
        }
        mail
    })
}

fn with_line_ends(mail: &[u8], end: &[u8]) -> Vec<u8> {
    mail.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(end)
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        is_bounded(&read(&bytes));
        is_bounded(&read(&[HEAD.as_bytes(), b"\n", &bytes].concat()));
    }

    #[test]
    fn no_damage_makes_it_panic_or_line_ends_matter(mail in mutated()) {
        let lf: Vec<u8> = mail.into_iter().filter(|byte| *byte != b'\r').collect();
        let expected = read(&lf);
        is_bounded(&expected);
        prop_assert_eq!(&read(&with_line_ends(&lf, b"\r\n")), &expected);
        prop_assert_eq!(&read(&with_line_ends(&lf, b"\r")), &expected);
    }
}
