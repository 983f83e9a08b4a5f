//! Published awkward strings as names. Skipped, loudly, where they are absent.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use owabi_core::roster::{Encoding, Line, Refusal, RosterOptions, RosterReader, Verdict};
use support::corpus;

fn read(bytes: &[u8], encoding: Encoding) -> Vec<Line> {
    let options = RosterOptions { encoding: Some(encoding), ..RosterOptions::default() };
    RosterReader::new(bytes, &options).unwrap().map(Result::unwrap).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn every_published_cp932_character_comes_out_right_and_gaiji_are_refused() {
    let Some(rows) = corpus("strings") else { return };
    let rows: Vec<_> = rows.iter().filter(|row| row["cp932"].is_string()).collect();
    let mut file = b"member_no,name,email\r\n".to_vec();
    for row in &rows {
        file.extend([b"M1,x", &bytes_of(row["cp932"].as_str().unwrap())[..], b"x,a@example.jp\r\n"].concat());
    }
    let lines = read(&file, Encoding::Cp932);
    assert_eq!(lines.len(), rows.len());
    for (line, row) in lines.iter().zip(rows) {
        match &line.verdict {
            Verdict::Affected(entry) => assert_eq!(entry.member.name, format!("x{}x", row["s"].as_str().unwrap())),
            Verdict::Refused { reason, .. } => {
                assert_eq!(reason, &Refusal::Gaiji { column: "name".into() }, "{row}");
                assert!(row["kind"].as_str().unwrap().contains("外字"), "{row}");
            }
            Verdict::NotAffected { .. } => panic!("{row}"),
        }
    }
}

#[test]
fn every_published_awkward_string_is_a_name_unchanged_or_refused_with_a_reason() {
    let Some(rows) = corpus("strings") else { return };
    for row in rows.iter().filter(|row| !row["cp932"].is_string()) {
        let name = row["s"].as_str().unwrap();
        let text = format!("member_no,name,email\r\nM1,\"{}\",a@example.jp\r\n", name.replace('"', "\"\""));
        let lines = read(text.as_bytes(), Encoding::Utf8);
        assert_eq!(lines.len(), 1, "{row}");
        let emoji = row["kind"].as_str().unwrap() != "blns";
        match &lines[0].verdict {
            Verdict::Affected(entry) if entry.changes.is_empty() => assert!(name.contains(&entry.member.name), "{row}"),
            Verdict::Affected(_) => assert!(!emoji, "{row}"),
            Verdict::Refused { reason, .. } => assert!(!emoji, "{row}: {reason:?}"),
            Verdict::NotAffected { .. } => panic!("{row}"),
        }
    }
}
