//! kill -9 while bounces are read, again and again (C14).

use super::{Office, Says, bounce};
use crate::soak::Dice;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::Script;
use std::time::Duration;

const BOUNCES: usize = 300;
const KILLS: usize = 20;

/// Starts the program and kills it at some moment while it puts away what it has read, or when time is up.
async fn killed_while_reading(office: &Office, dice: &mut Dice) {
    let running = office.start();
    let enough = office.files("cur") + usize::try_from(dice.below(10)).unwrap();
    let seen = async {
        while office.files("cur") <= enough {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    };
    let _either = tokio::time::timeout(Duration::from_millis(400 + dice.below(400)), seen).await;
    tokio::time::sleep(Duration::from_micros(dice.below(3_000))).await;
    running.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_however_often_the_program_is_killed_while_it_reads_every_bounce_counts_once() {
    let office = Office::with(BOUNCES, Script::new(), "poll: 200ms").await;
    office.run_once();
    let mails = office.relay.captured();
    assert_eq!(mails.len(), BOUNCES);
    let mut dice = Dice::new(14);
    // Some more of them before each start, so that every kill finds something to interrupt.
    for some in mails.chunks(BOUNCES / KILLS) {
        for mail in some {
            office.deliver(&bounce(mail, Says::Failed));
        }
        killed_while_reading(&office, &mut dice).await;
        assert_eq!(office.relay.captured().len(), BOUNCES, "nothing is sent again");
    }
    office.run_once();
    let rows = office.program.rows().await;
    let others: Vec<_> = rows.iter().filter(|row| row.status != Status::Bounced || row.possible_duplicate).collect();
    assert!(rows.len() == BOUNCES && others.is_empty(), "{others:#?}");
    let (once, all) = ("SELECT COUNT(DISTINCT member_id) FROM receipts", "SELECT COUNT(*) FROM receipts");
    assert_eq!((office.number(once).await, office.number(all).await), (300, 300));
    assert_eq!((office.files("new"), office.files("cur"), office.arrivals("matched")), (0, BOUNCES, 300));
    assert!(!office.program.said().contains("ERROR"), "{}", office.program.said());
}
