//! Mails that servers of many kinds and languages send back, and what is read from each: `bounces/expected.txt`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS};
use owabi_core::bounce::{Reading, read};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bounces")
}

/// The mails by their names.
fn samples() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mails = files.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
    mails
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// A reading as a line of the table.
fn line(name: &str, reading: &Reading) -> String {
    let reports = reading.reports.iter().map(|report| {
        let last = if report.is_final { "final" } else { "waiting" };
        let status = report.status.as_deref().unwrap_or("-");
        format!(" | {} {} {last} {} {status}", report.address, word(report.class), word(report.reason))
    });
    format!("{name} | {}{}", word(reading.kind), reports.collect::<String>())
}

/// The word that JSON has for a value.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_sample_says_what_the_table_says() {
    let read: Vec<String> = samples().iter().map(|(name, mail)| line(name, &read(mail.as_bytes()))).collect();
    let table = std::fs::read_to_string(folder().join("expected.txt")).unwrap();
    let expected: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    for (read, expected) in read.iter().zip(&expected) {
        assert_eq!(read, expected);
    }
    assert_eq!(read.len(), expected.len());
}

#[test]
fn line_ends_make_no_difference() {
    for (name, mail) in samples() {
        let expected = read(mail.as_bytes());
        for end in ["\r\n", "\r"] {
            assert_eq!(read(mail.replace('\n', end).as_bytes()), expected, "{name} with {end:?}");
        }
    }
}

#[test]
fn japanese_reads_the_same_in_each_of_its_encodings_named_or_not() {
    let is_japanese = |mail: &str| mail.contains(|c: char| matches!(c, '\u{3040}'..='\u{30ff}'));
    let japanese: Vec<(String, String)> = samples().into_iter().filter(|(_, mail)| is_japanese(mail)).collect();
    assert!(japanese.len() >= 6);
    for (name, mail) in japanese {
        let expected = read(mail.as_bytes());
        for encoding in [ISO_2022_JP, SHIFT_JIS, EUC_JP] {
            let (head, body) = mail.split_once("\n\n").unwrap();
            let body = encoding.encode(body).0;
            for charset in [encoding.name(), "us-ascii"] {
                let head = head.replace("charset=utf-8", &format!("charset={charset}"));
                let bytes = [head.as_bytes(), b"\n\n", &body].concat();
                let reading = read(&bytes);
                assert_eq!(line(&name, &reading), line(&name, &expected), "{} as {charset}", encoding.name());
            }
        }
    }
}

#[test]
fn the_token_is_found_in_every_bounce_that_came_to_it() {
    for (name, mail) in samples() {
        assert_eq!(read(mail.as_bytes()).token().as_deref(), Some("2n9c-abcdefghijklmnopqrst"), "{name}");
    }
}

#[test]
fn the_returned_message_and_the_envelope_are_named() {
    let samples = samples();
    let exim = read(samples["exim_unrouteable"].as_bytes());
    assert_eq!(exim.message_ids, ["1.1.abcdef@owabi.example"]);
    assert_eq!(exim.dated_at, Some(1_762_131_600_000));
    assert_eq!(exim.subject, "Mail delivery failed: returning message to sender");
    assert_eq!(exim.from, "MAILER-DAEMON@mx.example.net");
    let relayed = read(samples["dsn_relayed"].as_bytes());
    assert_eq!(relayed.envid.as_deref(), Some("2n9c.1.1.abcdef"));
    assert!(relayed.reports[0].relayed);
}
