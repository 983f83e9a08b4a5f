//! Bounces that others published, scored by the corpus's own script. Skipped, loudly, where they are absent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use owabi_core::bounce::{Kind, Reading, read};
use serde_json::{Value, json};
use std::process::Command;
use support::{corpora, corpus};

fn mail(row: &Value) -> Vec<u8> {
    std::fs::read(corpora().join("bounces").join(row["file"].as_str().unwrap())).unwrap()
}

/// As `owabi bounce parse` prints it.
fn answer(file: &Value, reading: &Reading) -> String {
    json!({ "file": file, "is_bounce": reading.kind == Kind::Bounce, "recipients": reading.reports }).to_string() + "\n"
}

/// The figures `name k (a/b)` of one line of the script's.
struct Score(Vec<(String, f64)>);

impl Score {
    fn of(printed: &str, kind: &str) -> Self {
        let line = printed.lines().find(|line| line.split_whitespace().next() == Some(kind)).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let figures = words.windows(2).filter_map(|pair| Some((pair[0].to_owned(), pair[1].parse().ok()?)));
        Self(figures.collect())
    }

    fn at_least(&self, name: &str, least: f64) {
        let figure = self.0.iter().find(|(other, _)| other == name).unwrap().1;
        assert!(figure >= least, "{name} {figure} is less than {least}");
    }
}

#[test]
fn published_bounces_are_read_as_well_as_promised_and_nothing_else_is_taken_for_one() {
    let Some(rows) = corpus("bounces") else { return };
    let answers: String = rows.iter().map(|row| answer(&row["file"], &read(&mail(row)))).collect();
    let file = std::env::temp_dir().join(format!("owabi-corpus-bounces-{}.jsonl", std::process::id()));
    std::fs::write(&file, answers).unwrap();
    let scored = Command::new("python3").arg("score.py").arg(&file).current_dir(corpora().join("bounces")).output();
    std::fs::remove_file(&file).unwrap();
    let scored = scored.unwrap();
    let printed = String::from_utf8(scored.stdout).unwrap();
    eprintln!("{printed}");
    assert!(scored.status.success());
    for (kind, recall, precision) in
        [("dsn-conformant", 0.998, 0.998), ("dsn-deviant", 0.95, 0.98), ("free-text", 0.97, 0.99)]
    {
        let score = Score::of(&printed, kind);
        score.at_least("recall", recall);
        score.at_least("precision", precision);
    }
    Score::of(&printed, "dsn-conformant").at_least("class", 0.99);
    for kind in ["arf", "autoreply", "not-bounce"] {
        let line = printed.lines().find(|line| line.starts_with(kind)).unwrap();
        assert!(line.ends_with("false bounces 0"), "{line}");
    }
}

#[test]
fn published_bounces_read_the_same_with_every_kind_of_line_end() {
    let Some(rows) = corpus("bounces") else { return };
    for row in &rows {
        let lf = with_line_ends(&mail(row), b"\n");
        let expected = read(&lf);
        assert_eq!(read(&with_line_ends(&lf, b"\r\n")), expected, "CRLF {}", row["file"]);
        assert_eq!(read(&with_line_ends(&lf, b"\r")), expected, "CR {}", row["file"]);
    }
}

fn with_line_ends(mail: &[u8], end: &[u8]) -> Vec<u8> {
    let lines = mail.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.collect::<Vec<_>>().join(end)
}

#[test]
fn every_published_message_that_is_no_bounce_is_told_what_it_is() {
    let Some(rows) = corpus("bounces") else { return };
    for row in &rows {
        let reading = read(&mail(row));
        match row["kind"].as_str().unwrap() {
            "autoreply" => assert_eq!(reading.kind, Kind::AutoReply, "{}", row["file"]),
            "not-bounce" | "arf" => assert_ne!(reading.kind, Kind::Bounce, "{}", row["file"]),
            _ => {}
        }
        assert!(reading.kind == Kind::Bounce || reading.reports.is_empty(), "{}", row["file"]);
    }
}
