//! A mail whose lease ends leaves nothing more (D7, D8).

use super::{MODES, NOW, answer, expect, outcomes, parcel, permit, pipeline, reset_by_peer, write};
use owabi_core::outcome::{FaultKind, Phase};
use owabi_core::reply::Reply;
use owabi_smtp::pipeline::{Mode, Pipeline};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

const END: Duration = Duration::from_secs(5);
const BEFORE: Duration = Duration::from_millis(4_999);

fn ended(pipeline: &Pipeline) -> bool {
    let lease = |detail: &str| detail.starts_with("the lease ended");
    pipeline.closed().is_some_and(|fault| fault.kind == FaultKind::Local && lease(&fault.detail.en))
}

/// Mails with this lease up to where all that may leave of them stands in the output.
fn said(mode: Mode, mails: u64) -> Pipeline {
    let mut it = pipeline(mode, 4);
    for id in 1..=mails {
        it.push(parcel(id));
        it.permit(id, END, NOW);
    }
    for code in [250, 250, 354].into_iter().filter(|_| mode != Mode::Bdat) {
        write(&mut it);
        answer(&mut it, &[code]);
    }
    it
}

#[test]
fn a_permit_that_is_over_when_it_is_given_is_a_denial() {
    for mode in MODES {
        for replies_before in 0..=3 {
            let mut it = pipeline(mode, 2);
            it.push(parcel(1));
            let mut said = String::new();
            for code in [250, 250, 354].into_iter().take(replies_before) {
                said.push_str(&write(&mut it));
                if it.awaiting().is_some() {
                    answer(&mut it, &[code]);
                }
            }
            it.permit(1, END, END);
            said.push_str(&write(&mut it));
            while let Some(phase) = it.awaiting() {
                answer(&mut it, &[if phase == Phase::Data { 354 } else { 250 }]);
                said.push_str(&write(&mut it));
            }
            assert!(!said.contains("body") && !said.contains("BDAT"), "{mode:?} {replies_before}: {said}");
            expect(&mut it, &[(1, "not sent Local")]);
        }
    }
}

/// Cut at every octet of the output: what is out is in doubt, what is not out stays here, and so does all behind it.
#[test]
fn the_rest_of_a_body_stays_here_when_its_lease_ends() {
    for (mode, mails) in [(Mode::Bdat, 3), (Mode::Chained, 2), (Mode::Step, 1)] {
        let whole = String::from_utf8(said(mode, mails).pending().to_vec()).unwrap();
        let end_mark = |id: u64| format!("body {id}\r\n{}", if mode == Mode::Bdat { "" } else { ".\r\n" });
        let end_of = |id: u64| whole.find(&end_mark(id)).map(|at| at + end_mark(id).len());
        let last = (1..=mails).filter_map(end_of).max().unwrap();
        for cut in 0..=whole.len() {
            let mut it = said(mode, mails);
            it.written(cut, NOW);
            it.flushed();
            assert!(!it.expire(BEFORE) && it.closed().is_none());
            let second_waits = mode == Mode::Chained && cut >= last;
            assert_eq!(it.expire(END), cut < last || second_waits, "{mode:?} cut at {cut}");
            assert_eq!(ended(&it), cut < last, "{mode:?} cut at {cut}");
            assert!(!String::from_utf8_lossy(it.pending()).contains("body"));
            it.close(reset_by_peer());
            for (id, word) in outcomes(&mut it) {
                let out = end_of(id).is_some_and(|end| end <= cut);
                assert_eq!(word.starts_with("unknown"), out, "{mode:?}, mail {id} cut at {cut}: {word}");
                assert!(out || word.starts_with("not sent"), "{word}");
            }
        }
    }
}

#[test]
fn one_late_mail_keeps_back_the_whole_output() {
    let mut it = pipeline(Mode::Bdat, 2);
    it.push(parcel(1));
    permit(&mut it, 1);
    it.push(parcel(2));
    it.permit(2, END, NOW);
    assert!(it.expire(END) && ended(&it) && it.pending().is_empty());
    expect(&mut it, &[(1, "not sent Local"), (2, "not sent Local")]);
}

#[test]
fn octets_that_a_tls_layer_may_still_hold_end_the_connection_too() {
    for mode in MODES {
        let mut it = said(mode, 1);
        write(&mut it);
        assert!(it.expire(END) && ended(&it), "{mode:?}");
        expect(&mut it, &[(1, "unknown Local")]);
        let mut gone = said(mode, 1);
        write(&mut gone);
        gone.flushed();
        assert!(!gone.expire(END));
        answer(&mut gone, if mode == Mode::Bdat { &[250, 250, 250] } else { &[250] });
        expect(&mut gone, &[(1, "accepted 250")]);
    }
}

#[test]
fn a_late_mail_that_was_not_begun_harms_no_neighbour() {
    let mut step = pipeline(Mode::Step, 2);
    step.push(parcel(1));
    step.permit(1, END, NOW);
    step.push(parcel(2));
    permit(&mut step, 2);
    write(&mut step);
    step.reply(Reply::new(250, "x"), END);
    expect(&mut step, &[(1, "not sent Local")]);
    for (text, code) in [("RSET", 250), ("MAIL", 250), ("RCPT", 250), ("DATA", 354), ("body 2", 250)] {
        let said = write(&mut step);
        assert!(said.starts_with(text), "{said}");
        answer(&mut step, &[code]);
    }
    expect(&mut step, &[(2, "accepted 250")]);
    let mut chained = pipeline(Mode::Chained, 2);
    chained.push(parcel(1));
    permit(&mut chained, 1);
    chained.push(parcel(2));
    chained.permit(2, END, NOW);
    write(&mut chained);
    assert!(chained.expire(END) && chained.closed().is_none());
    answer(&mut chained, &[250, 250, 354]);
    assert_eq!(write(&mut chained), "body 1\r\n.\r\n");
    answer(&mut chained, &[250]);
    expect(&mut chained, &[(1, "accepted 250"), (2, "not sent Local")]);
}

#[derive(Clone, Debug)]
enum Event {
    Push,
    Permit(u64, u64),
    Wait(u64),
    Write(usize, bool),
    Reply(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let code = prop_oneof![10 => Just(250u16), 5 => Just(354), 1 => Just(550), 1 => Just(421)];
    prop_oneof![
        3 => Just(Event::Push),
        4 => (1u64..8, 0u64..8).prop_map(|(id, lease)| Event::Permit(id, lease)),
        1 => (1u64..4).prop_map(Event::Wait),
        4 => (0usize..300, any::<bool>()).prop_map(|(octets, flushed)| Event::Write(octets, flushed)),
        8 => code.prop_map(Event::Reply),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_mail_ends_after_its_lease(
        mode in prop_oneof![Just(Mode::Bdat), Just(Mode::Chained), Just(Mode::Step)],
        events in proptest::collection::vec(event(), 0..120),
    ) {
        let mut it = pipeline(mode, 4);
        let (mut pushed, mut now, mut out) = (0, NOW, Vec::new());
        let mut until: HashMap<u64, Duration> = HashMap::new();
        for event in events {
            match event {
                Event::Push if it.room() > 0 => {
                    pushed += 1;
                    it.push(parcel(pushed));
                }
                Event::Push => {}
                Event::Permit(id, lease) => {
                    let end = now + Duration::from_secs(lease);
                    if id <= pushed {
                        until.entry(id).or_insert(end);
                    }
                    it.permit(id, end, now);
                }
                Event::Wait(seconds) => now += Duration::from_secs(seconds),
                Event::Write(octets, flushed) => {
                    it.expire(now);
                    let taken = octets.min(it.pending().len());
                    let ends = out.len()..out.len() + taken;
                    out.extend_from_slice(&it.pending()[..taken]);
                    it.written(taken, now);
                    if flushed {
                        it.flushed();
                    }
                    for (id, _) in until.iter().filter(|(_, end)| **end <= now) {
                        let mark = format!("body {id}\r\n{}", if mode == Mode::Bdat { "" } else { ".\r\n" });
                        let text = String::from_utf8(out.clone()).unwrap();
                        let end = text.find(&mark).map(|at| at + mark.len() - 1);
                        prop_assert!(end.is_none_or(|end| !ends.contains(&end)), "mail {} ended late", id);
                    }
                }
                Event::Reply(code) => it.reply(Reply::new(code, "x"), now),
            }
        }
    }
}
