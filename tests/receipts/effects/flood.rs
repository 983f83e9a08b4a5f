//! A mailbox full of strangers' mails while a notice goes out (C13).

use super::Office;
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::Script;
use std::io::Write;

const MEMBERS: usize = 2_000;
const STRANGERS: usize = 5_000;

/// A stranger's mail, of some 4 kB: a bounce of something that is not ours, a letter, or an auto-reply.
fn strange(n: usize) -> String {
    let words = "It is about something else altogether, and somebody has to say so at some length.\r\n".repeat(45);
    let (kind, body) = match n % 3 {
        0 => (
            "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n",
            format!("<s{n}@elsewhere.example>: 550 5.1.1 no such user\r\n{words}"),
        ),
        1 => ("Subject: A special offer\r\n", words),
        _ => ("Subject: Out of office\r\nAuto-Submitted: auto-replied\r\n", format!("I am away.\r\n{words}")),
    };
    format!(
        "From: MAILER-DAEMON@elsewhere.example\r\nTo: bounces@example.jp\r\n{kind}Message-ID: <s{n}@elsewhere.example>\r\n\r\n{body}"
    )
}

/// The most memory that the process has had, in MiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Large mails, all the same: files that take no room on the disk, of which one comes into the database. All of them together
/// are more than a daemon may hold.
fn drop_large_ones(office: &Office, many: usize) {
    for n in 0..many {
        let mut file = std::fs::File::create(office.maildir().join(format!("new/large{n}.test"))).unwrap();
        file.write_all(strange(STRANGERS).as_bytes()).unwrap();
        file.set_len(9 << 20).unwrap();
    }
}

/// With `OWABI_SOAK=full` the flood is read to its end, and large mails are in it: how many, and how many MiB are too much.
/// A large one alone takes many times its size while it is recorded.
fn size() -> (usize, u64) {
    if std::env::var_os("OWABI_SOAK").is_some_and(|word| word == "full") { (100, 600) } else { (0, 200) }
}

/// Whoever read the flood before he sends would have told nobody when it is through. Here all are told when a tenth of it is
/// read; what is asserted is that something of it is left then, and that it was being read: a slow machine slows both down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_soak_a_flood_of_strangers_mails_does_not_stop_the_sending_and_does_not_fill_the_memory() {
    let (large, too_much) = size();
    let office = Office::empty(Script::new(), "poll: 100ms").await;
    office.program.configure("max_connections: 1, in_flight: 1", "max_connections: 4, in_flight: 2");
    office.fill(MEMBERS);
    (0..STRANGERS).for_each(|n| office.deliver(&strange(n)));
    drop_large_ones(&office, large);
    let daemon = office.start();
    let told = async || office.relay.stats().mails == MEMBERS as u64;
    assert!(eventually(&told).await, "{:?} {}", office.relay.stats(), office.program.said());
    let left = office.files("new");
    assert!(left > 0, "the flood was through before all were told");
    let read = async || office.files("cur") > if large > 0 { STRANGERS + large - 1 } else { 0 };
    assert!(eventually(&read).await, "{}", office.program.said());
    let peak = peak(daemon.number());
    assert!(daemon.terminate().success());
    eprintln!("flood: {left} of {STRANGERS} were left when {MEMBERS} had been told; {peak} MiB at most");
    assert!(peak < too_much, "{peak} MiB");
    let rows = office.program.rows().await;
    assert!(rows.len() == MEMBERS && rows.iter().all(|row| row.status == Status::Accepted && row.tries == 1));
    assert_eq!(office.files("new") + office.files("cur"), STRANGERS + large, "nothing is thrown away");
    let arrivals = &office.program.json(&["status"])["arrivals"];
    let counts = ["review", "auto_reply"].map(|state| arrivals[state].as_u64().unwrap());
    assert!(counts[0] > 0 && counts[1] > 0 && arrivals["matched"] == 0, "{arrivals:#}");
}
