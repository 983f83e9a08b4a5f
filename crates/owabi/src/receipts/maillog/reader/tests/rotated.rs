//! Renamed, copied and truncated, compressed, while somebody reads and while nobody does.

use super::*;

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
    let mut reader = logs.resumed(&place);
    let piece = reader.piece().unwrap();
    assert_eq!((piece.evidence.len(), piece.then, piece.lost), (2, Then::End, Some(GONE)));
    assert_eq!(reader.piece().unwrap().lost, None, "it is told once");
    logs.written("mail.log.2.gz", 9);
    assert_eq!(logs.resumed(&place).piece().unwrap().lost, Some(COMPRESSED), "written after it was read");
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
fn after_a_restart_soon_after_a_rotation_message_ids_of_the_file_before_are_known() {
    let logs = Logs::new();
    logs.append("mail.log.2", "Nov 22 18:39:50 relay postfix/cleanup[1]: 4D65C77777: message-id=<old@owabi.test>\n");
    logs.append("mail.log.1", "Nov 22 18:39:50 relay postfix/cleanup[1]: 4D65C77777: message-id=<c7@owabi.test>\n");
    logs.append("mail.log", &taken(1));
    for (seconds, name) in ["mail.log.2", "mail.log.1", "mail.log"].into_iter().enumerate() {
        logs.written(name, seconds as u64);
    }
    let place = pass(&mut logs.reader()).2;
    logs.append("mail.log", &taken(77_777));
    let piece = logs.resumed(&place).piece().unwrap();
    assert_eq!((piece.evidence.len(), piece.evidence[0].message_id.as_deref()), (1, Some("c7@owabi.test")));
}
