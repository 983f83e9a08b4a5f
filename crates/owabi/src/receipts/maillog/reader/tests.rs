//! A log file in a private folder, and everything that is done to log files.

mod histories;

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
fn a_log_that_is_renamed_is_read_to_its_end_before_the_new_one() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..2));
    let mut reader = logs.reader();
    assert_eq!(numbers(&mut reader), [0, 1]);
    logs.rename("mail.log", "mail.log.1");
    assert_eq!(pass(&mut reader).1, Then::Missing);
    logs.append("mail.log", "");
    logs.append("mail.log.1", &taken(2));
    assert_eq!(numbers(&mut reader), [2], "its writer has not gone over yet");
    logs.append("mail.log.1", &taken(3));
    logs.append("mail.log", &taken(4));
    assert_eq!(numbers(&mut reader), [3, 4]);
    logs.append("mail.log", &taken(5));
    assert_eq!(numbers(&mut reader), [5]);
}

#[test]
fn the_last_line_of_a_renamed_log_counts_even_without_its_end() {
    let logs = Logs::new();
    logs.append("mail.log", &taken(0));
    let mut reader = logs.reader();
    logs.append("mail.log", taken(1).trim_end());
    assert_eq!(numbers(&mut reader), [0]);
    logs.rename("mail.log", "mail.log.1");
    logs.append("mail.log", &taken(2));
    assert_eq!(numbers(&mut reader), [1, 2]);
}

#[test]
fn all_that_was_rotated_while_nobody_read_is_read_in_its_order() {
    for names in
        [["mail.log.3", "mail.log.2", "mail.log.1"], ["mail.log-20261120", "mail.log-20261121", "mail.log-20261122"]]
    {
        let logs = Logs::new();
        logs.append("mail.log", &all_taken(0..2));
        let place = pass(&mut logs.reader()).2;
        logs.append("mail.log", &taken(2));
        logs.rename("mail.log", names[0]);
        logs.append(names[1], &taken(3));
        logs.append(names[2], &taken(4));
        logs.append("mail.log", &taken(5));
        logs.append("mail.log.4", &taken(99));
        for (seconds, name) in ["mail.log.4", names[0], names[1], names[2], "mail.log"].into_iter().enumerate() {
            logs.written(name, seconds as u64);
        }
        assert_eq!(numbers(&mut logs.resumed(&place)), [2, 3, 4, 5]);
    }
}

#[test]
fn rotated_files_of_a_log_behind_a_link_are_found_where_they_are() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..2));
    let place = pass(&mut logs.reader()).2;
    logs.append("mail.log", &taken(2));
    logs.rename("mail.log", "mail.log.1");
    logs.append("mail.log", &taken(3));
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(logs.log(), &link).unwrap();
    let mut reader = Reader::new(&link, Some(serde_json::from_str(&place).unwrap()));
    assert_eq!(numbers(&mut reader), [2, 3]);
}

#[test]
fn a_restart_in_the_middle_of_rotated_files_goes_on_there() {
    let logs = Logs::new();
    logs.append("mail.log", &taken(0));
    let mut reader = logs.reader();
    pass(&mut reader);
    logs.rename("mail.log", "mail.log.2");
    logs.append("mail.log.1", &all_taken(1..180));
    logs.append("mail.log", &taken(180));
    for (seconds, name) in ["mail.log.2", "mail.log.1", "mail.log"].into_iter().enumerate() {
        logs.written(name, seconds as u64);
    }
    let piece = reader.piece().unwrap();
    assert_eq!((piece.evidence.len(), piece.then), (100, Then::More));
    assert_eq!(numbers(&mut logs.resumed(&piece.place.unwrap())), (101..=180).collect::<Vec<_>>());
}

#[test]
fn when_the_part_that_was_read_is_compressed_the_later_ones_are_read_from_their_beginning() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..2));
    logs.written("mail.log", 1);
    let place = pass(&mut logs.reader()).2;
    fs::remove_file(logs.log()).unwrap();
    logs.append("mail.log.2.gz", "not to be read");
    logs.append("mail.log.1", &taken(3));
    logs.append("mail.log.3", &taken(99));
    logs.append("mail.log", &taken(4));
    for (seconds, name) in ["mail.log.3", "mail.log.2.gz", "mail.log.1", "mail.log"].into_iter().enumerate() {
        logs.written(name, seconds as u64);
    }
    assert_eq!(numbers(&mut logs.resumed(&place)), [3, 4]);
}

#[test]
fn a_log_that_is_copied_and_truncated_is_finished_in_its_copy() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..2));
    let mut reader = logs.reader();
    let (_, _, place) = pass(&mut reader);
    logs.append("mail.log", &taken(2));
    logs.copy_and_truncate("mail.log.1");
    assert_eq!(numbers(&mut reader), [2]);
    assert_eq!(numbers(&mut logs.resumed(&place)), [2], "the same after a restart");
    logs.append("mail.log", &taken(3));
    assert_eq!(numbers(&mut reader), [3]);
    assert_eq!(numbers(&mut logs.resumed(&place)), [2, 3]);
}

#[test]
fn a_log_that_was_truncated_and_has_grown_beyond_the_place_is_read_from_its_beginning() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..20));
    let mut reader = logs.reader();
    let (_, _, place) = pass(&mut reader);
    OpenOptions::new().write(true).open(logs.log()).unwrap().set_len(0).unwrap();
    logs.append("mail.log", &all_taken(20..50));
    let wanted: Vec<usize> = (20..50).collect();
    assert_eq!(numbers(&mut reader), wanted);
    assert_eq!(numbers(&mut logs.resumed(&place)), wanted);
}

#[test]
fn an_inode_that_was_given_to_another_file_is_noticed() {
    let logs = Logs::new();
    logs.append("mail.log", &all_taken(0..20));
    let place = pass(&mut logs.reader()).2;
    logs.rename("mail.log", "mail.log.1");
    logs.append("mail.log", &all_taken(20..60));
    // As if the new file had the old one's inode.
    let inode = fs::metadata(logs.log()).unwrap().ino();
    let mut place: serde_json::Value = serde_json::from_str(&place).unwrap();
    place["inode"] = inode.into();
    assert_eq!(numbers(&mut logs.resumed(&place.to_string())), (20..60).collect::<Vec<_>>());
}

#[test]
fn of_a_log_of_which_nothing_was_read_yet_nothing_is_missed() {
    let logs = Logs::new();
    logs.append("mail.log", "");
    logs.written("mail.log", 1);
    let place = pass(&mut logs.reader()).2;
    logs.append("mail.log", &taken(0));
    logs.rename("mail.log", "mail.log.1");
    logs.append("mail.log.0", &taken(99));
    logs.append("mail.log", &taken(1));
    for (seconds, name) in ["mail.log.0", "mail.log.1", "mail.log"].into_iter().enumerate() {
        logs.written(name, seconds as u64);
    }
    assert_eq!(numbers(&mut logs.resumed(&place)), [0, 1]);
}

#[test]
fn a_log_of_which_nothing_was_read_yet_is_found_in_its_copy_too() {
    let logs = Logs::new();
    logs.append("mail.log", "");
    let mut reader = logs.reader();
    let place = pass(&mut reader).2;
    logs.append("mail.log", &taken(0));
    logs.copy_and_truncate("mail.log.1");
    logs.append("mail.log", &taken(1));
    assert_eq!(numbers(&mut reader), [0, 1]);
    assert_eq!(numbers(&mut logs.resumed(&place)), [0, 1]);
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
