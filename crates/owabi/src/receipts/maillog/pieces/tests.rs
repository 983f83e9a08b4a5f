//! A scripted log and a scripted database.

use super::*;
use std::cell::RefCell;
use std::collections::VecDeque;

struct Script(VecDeque<Piece>);

impl Pieces for Script {
    async fn next(&mut self) -> io::Result<Piece> {
        self.0.pop_front().ok_or_else(|| io::Error::other("nothing left"))
    }
}

/// Writes down what it is asked; refuses as often as it is told.
#[derive(Default)]
struct Scripted {
    asked: RefCell<Vec<String>>,
    refusals: RefCell<u32>,
}

impl Scripted {
    fn answer(&self, what: String) -> Result<(), StoreError> {
        if *self.refusals.borrow() > 0 {
            *self.refusals.borrow_mut() -= 1;
            return Err(StoreError::ChangedMeanwhile);
        }
        self.asked.borrow_mut().push(what);
        Ok(())
    }
}

impl Taker for Scripted {
    async fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Verdict>, StoreError> {
        self.answer(format!("take {}", arrivals.len()))?;
        Ok(vec![Verdict::Matched; arrivals.len()])
    }

    async fn remember(&self, place: &str) -> Result<(), StoreError> {
        self.answer(format!("remember {place}"))
    }
}

fn piece(lines: &str, place: &str, then: Then) -> Piece {
    let mut log = owabi_core::maillog::Log::default();
    let evidence = lines.split_whitespace().filter_map(|id| {
        let line = format!("Nov 22 18:39:50 relay postfix/qmgr[1]: {id}: from=<>, size=1, nrcpt=1 (queue active)");
        log.line(line.as_bytes(), None)
    });
    Piece { evidence: evidence.collect(), lines: 1, place: Some(place.to_owned()), then, ..Piece::default() }
}

#[tokio::test]
async fn a_place_is_remembered_after_its_piece_was_taken_and_only_when_it_is_a_new_one() {
    let pieces = [piece("AAAAA1", "1", Then::More), piece("", "2", Then::End), piece("", "2", Then::End)];
    let mut passage = Passage::new(Script(pieces.into()), None);
    let desk = Scripted::default();
    let (counted, then) = passage.pass(&desk).await.unwrap();
    assert_eq!((counted, then), (Counted { matched: 1, ..Counted::default() }, Then::End));
    passage.pass(&desk).await.unwrap();
    assert_eq!(*desk.asked.borrow(), ["take 1", "remember 2"]);
}

#[tokio::test]
async fn what_the_database_did_not_take_is_handed_over_again_and_nothing_is_remembered_before() {
    let pieces = [piece("AAAAA1 AAAAA2", "1", Then::End)];
    let mut passage = Passage::new(Script(pieces.into()), None);
    let desk = Scripted { refusals: 2.into(), ..Scripted::default() };
    assert!(matches!(passage.pass(&desk).await, Err(Failed::Store(_))));
    assert!(matches!(passage.pass(&desk).await, Err(Failed::Store(_))));
    assert_eq!(passage.pass(&desk).await.unwrap().0.matched, 2);
    assert_eq!(*desk.asked.borrow(), ["take 2", "remember 1"]);
}

#[tokio::test]
async fn a_place_that_could_not_be_remembered_is_remembered_with_the_same_piece_again() {
    let pieces = [piece("", "7", Then::End)];
    let mut passage = Passage::new(Script(pieces.into()), None);
    let desk = Scripted { refusals: 1.into(), ..Scripted::default() };
    assert!(passage.pass(&desk).await.is_err());
    passage.pass(&desk).await.unwrap();
    assert_eq!(*desk.asked.borrow(), ["remember 7"]);
}

#[tokio::test]
async fn what_was_lost_before_one_piece_is_known_after_the_pass_also_when_the_database_was_away() {
    let lost = Piece { lost: Some("gone"), ..piece("AAAAA1", "1", Then::More) };
    let mut passage = Passage::new(Script([lost, piece("", "2", Then::End)].into()), None);
    let desk = Scripted { refusals: 1.into(), ..Scripted::default() };
    assert!(passage.pass(&desk).await.is_err());
    passage.pass(&desk).await.unwrap();
    assert_eq!(passage.lost, Some("gone"));
}
