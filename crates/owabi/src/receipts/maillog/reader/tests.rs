//! A log file in a private folder, and everything that is done to log files.

mod histories;
mod rotated;

use super::super::super::BATCH;
use super::*;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The line by which mail `n` is taken.
fn taken(n: usize) -> String {
    format!("Nov 22 18:39:50 relay postfix/qmgr[875]: 4D65C{n:05}: from=<>, size=475, nrcpt=1 (queue active)\n")
}

fn all_taken(numbers: std::ops::Range<usize>) -> String {
    numbers.map(taken).collect()
}

struct Logs(TempDir);

impl Logs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn log(&self) -> PathBuf {
        self.path("mail.log")
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Sets when it was written last: tests are faster than time stamps.
    fn written(&self, name: &str, seconds: u64) {
        let file = OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_795_000_000 + seconds)).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// `logrotate` with copytruncate.
    fn copy_and_truncate(&self, to: &str) {
        fs::copy(self.log(), self.path(to)).unwrap();
        OpenOptions::new().write(true).open(self.log()).unwrap().set_len(0).unwrap();
    }

    fn reader(&self) -> Reader {
        Reader::new(&self.log(), None)
    }

    /// A reader after a restart.
    fn resumed(&self, place: &str) -> Reader {
        Reader::new(&self.log(), Some(serde_json::from_str(place).unwrap()))
    }
}

/// Reads to the end: the numbers of the mails that were taken, how it stands, and the place.
fn pass(reader: &mut Reader) -> (Vec<usize>, Then, String) {
    let mut numbers = Vec::new();
    loop {
        let piece = reader.piece().unwrap();
        assert!(piece.evidence.len() <= BATCH);
        numbers.extend(piece.evidence.iter().map(|evidence| evidence.queue_id[5..].parse::<usize>().unwrap()));
        if piece.then != Then::More {
            return (numbers, piece.then, piece.place.unwrap_or_default());
        }
    }
}

fn numbers(reader: &mut Reader) -> Vec<usize> {
    let (numbers, then, _) = pass(reader);
    assert_eq!(then, Then::End);
    numbers
}

#[test]
fn a_log_is_read_in_batches_and_then_what_is_added() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..250));
    let mut reader = logs.reader();
    assert_eq!(numbers(&mut reader), (0..250).collect::<Vec<_>>());
    assert_eq!(numbers(&mut reader), [0; 0]);
    logs.append("mail.log", &all_taken(250..253));
    assert_eq!(numbers(&mut reader), [250, 251, 252]);
}

#[test]
fn a_line_counts_when_its_end_is_written() {
    let logs = Logs::new();
    let line = taken(1);
    logs.append("mail.log", &line[..40]);
    let mut reader = logs.reader();
    let (read, _, place) = pass(&mut reader);
    assert_eq!(read, [0; 0]);
    logs.append("mail.log", &line[40..]);
    assert_eq!(numbers(&mut reader), [1]);
    assert_eq!(numbers(&mut logs.resumed(&place)), [1], "the place is before the line");
}

#[test]
fn after_a_restart_it_goes_on_where_it_was() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..30));
    let place = pass(&mut logs.reader()).2;
    logs.append("mail.log", &all_taken(30..32));
    let (read, _, after) = pass(&mut logs.resumed(&place));
    assert_eq!(read, [30, 31]);
    assert_eq!(numbers(&mut logs.resumed(&after)), [0; 0]);
}

#[test]
fn after_a_restart_the_message_ids_of_mails_under_way_are_known() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..20_000));
    logs.append("mail.log", "Nov 22 18:39:50 relay postfix/cleanup[1]: 4D65C77777: message-id=<c7@owabi.test>\n");
    let place = pass(&mut logs.reader()).2;
    logs.append("mail.log", &taken(77_777));
    let piece = logs.resumed(&place).piece().unwrap();
    assert_eq!(piece.evidence[0].message_id.as_deref(), Some("c7@owabi.test"));
    assert_eq!(piece.lines, 1, "what was read for it does not count");
}

#[test]
fn the_message_id_of_a_mail_that_waits_behind_many_others_is_known_after_a_restart() {
    let logs = Logs::new();
    logs.append("mail.log", "Nov 22 18:39:50 relay postfix/cleanup[1]: 4D65C77777: message-id=<c7@owabi.test>\n");
    let other = format!("Nov 22 18:39:50 relay postfix/smtpd[1]: {}\n", "x".repeat(60_000));
    logs.append("mail.log", &other.repeat(100));
    let place = pass(&mut logs.reader()).2;
    logs.append("mail.log", &taken(77_777));
    let piece = logs.resumed(&place).piece().unwrap();
    assert_eq!(piece.evidence[0].message_id.as_deref(), Some("c7@owabi.test"));
}

#[test]
fn a_log_that_is_not_there_yet_is_missing_and_read_when_it_comes() {
    let logs = Logs::new();
    let mut reader = logs.reader();
    let (read, then, place) = pass(&mut reader);
    assert_eq!((read, then, place.as_str()), (Vec::new(), Then::Missing, ""));
    logs.append("mail.log", &taken(0));
    assert_eq!(numbers(&mut reader), [0]);
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let logs = Logs::new();
    fs::create_dir(logs.log()).unwrap();
    let refused = logs.reader().piece().unwrap_err();
    assert_eq!(refused.to_string(), "is not a regular file");
}

#[test]
fn a_line_without_end_and_octets_that_are_no_text_do_no_harm() {
    let logs = Logs::new();
    let mut text = vec![0xff; 6 << 20];
    text.push(b'\n');
    fs::write(logs.log(), text).unwrap();
    logs.append("mail.log", &taken(7));
    assert_eq!(numbers(&mut logs.reader()), [7]);
}

#[test]
fn a_place_survives_being_written_down() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..20));
    let file = File::open(logs.log()).unwrap();
    let place = Place::of(&file, 500).unwrap();
    let text = serde_json::to_string(&place).unwrap();
    assert!(text.len() < 250, "{text}");
    assert_eq!(serde_json::from_str::<Place>(&text).unwrap(), place);
    let now = i64::try_from(
        file.metadata().unwrap().modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis(),
    );
    assert_eq!(Ok(place.written), now);
}
