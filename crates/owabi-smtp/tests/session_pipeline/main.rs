//! The wire's rules as tables: no socket, no clock.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod lease;

use bytes::Bytes;
use owabi_core::outcome::{Fault, FaultKind, Outcome, Phase};
use owabi_core::reply::Reply;
use owabi_core::text::Text;
use owabi_smtp::capabilities::Capabilities;
use owabi_smtp::envelope::Parcel;
use owabi_smtp::pipeline::{Mode, Pipeline};
use owabi_smtp::relay::Relay;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const NOW: Duration = Duration::ZERO;
const MODES: [Mode; 3] = [Mode::Bdat, Mode::Chained, Mode::Step];

fn pipeline(mode: Mode, in_flight: usize) -> Pipeline {
    let offers =
        Capabilities { pipelining: mode != Mode::Step, chunking: mode == Mode::Bdat, ..Capabilities::default() };
    let relay = Relay { in_flight, ..Relay::new("test", "127.0.0.1", 25) };
    let made = Pipeline::new(&relay, offers);
    assert_eq!(made.mode(), mode);
    made
}

fn parcel(id: u64) -> Parcel {
    Parcel {
        id,
        mail_from: "b@owabi.test".to_owned(),
        rcpt_to: format!("m{id}@member.test"),
        envid: String::new(),
        orcpt: None,
        notify_success: false,
        smtputf8: false,
        body: Bytes::from(format!("body {id}\r\n")),
    }
}

fn push_permitted(pipeline: &mut Pipeline, ids: std::ops::RangeInclusive<u64>) {
    for id in ids {
        pipeline.push(parcel(id));
        permit(pipeline, id);
    }
}

/// A permit without an end.
fn permit(pipeline: &mut Pipeline, id: u64) {
    pipeline.permit(id, Duration::MAX, NOW);
}

/// Takes everything pending as written.
fn write(pipeline: &mut Pipeline) -> String {
    let text = String::from_utf8(pipeline.pending().to_vec()).unwrap();
    pipeline.written(text.len(), NOW);
    text
}

fn answer(pipeline: &mut Pipeline, codes: &[u16]) {
    for code in codes {
        pipeline.reply(Reply::new(*code, "x"), NOW);
    }
}

/// One word for each mail's outcome, by id.
fn outcomes(pipeline: &mut Pipeline) -> BTreeMap<u64, String> {
    let word = |outcome: Outcome| match outcome {
        Outcome::Accepted(reply) => format!("accepted {}", reply.code),
        Outcome::Refused(phase, reply) => format!("refused {} {}", phase.as_str(), reply.code),
        Outcome::NotSent(fault) => format!("not sent {:?}", fault.kind),
        Outcome::Unknown(fault) => format!("unknown {:?}", fault.kind),
    };
    pipeline.take_finished().into_iter().map(|done| (done.id, word(done.outcome))).collect()
}

fn expect(pipeline: &mut Pipeline, words: &[(u64, &str)]) {
    let expected: BTreeMap<u64, String> = words.iter().map(|(id, word)| (*id, (*word).to_owned())).collect();
    assert_eq!(outcomes(pipeline), expected);
}

fn reset_by_peer() -> Fault {
    Fault { phase: Phase::Dot, kind: FaultKind::Connection, reply: None, detail: Text::same("reset") }
}

#[test]
fn with_chunking_all_permitted_mails_leave_in_one_write() {
    let mut it = pipeline(Mode::Bdat, 8);
    push_permitted(&mut it, 1..=2);
    it.push(parcel(3));
    assert_eq!(
        write(&mut it),
        "MAIL FROM:<b@owabi.test>\r\nRCPT TO:<m1@member.test>\r\nBDAT 8 LAST\r\nbody 1\r\n\
         RSET\r\nMAIL FROM:<b@owabi.test>\r\nRCPT TO:<m2@member.test>\r\nBDAT 8 LAST\r\nbody 2\r\n"
    );
    answer(&mut it, &[250, 250, 250, 250, 250, 250, 250]);
    expect(&mut it, &[(1, "accepted 250"), (2, "accepted 250")]);
    permit(&mut it, 3);
    assert!(write(&mut it).starts_with("MAIL"), "no RSET after an accepted mail");
    assert_eq!(it.room(), 7);
}

#[test]
fn chained_mails_share_one_write_for_a_body_and_the_next_envelope() {
    let mut it = pipeline(Mode::Chained, 2);
    push_permitted(&mut it, 1..=2);
    assert_eq!(write(&mut it), "MAIL FROM:<b@owabi.test>\r\nRCPT TO:<m1@member.test>\r\nDATA\r\n");
    answer(&mut it, &[250, 250, 354]);
    assert_eq!(write(&mut it), "body 1\r\n.\r\nMAIL FROM:<b@owabi.test>\r\nRCPT TO:<m2@member.test>\r\nDATA\r\n");
    answer(&mut it, &[250, 250, 250, 354]);
    expect(&mut it, &[(1, "accepted 250")]);
    it.push(parcel(3));
    let text = write(&mut it);
    assert!(text.starts_with("body 2\r\n.\r\nMAIL") && text.ends_with("<m3@member.test>\r\nDATA\r\n"), "{text}");
}

#[test]
fn without_pipelining_each_command_waits_for_the_reply_before() {
    let mut it = pipeline(Mode::Step, 2);
    push_permitted(&mut it, 1..=2);
    for (text, code) in [("MAIL", 250), ("RCPT", 250), ("DATA", 354), ("body 1\r\n.\r\n", 250), ("MAIL", 250)] {
        let said = write(&mut it);
        assert!(said.starts_with(text) && said.matches("\r\n").count() <= 2, "{said}");
        answer(&mut it, &[code]);
    }
    expect(&mut it, &[(1, "accepted 250")]);
}

#[test]
fn a_body_never_leaves_before_its_permit() {
    for mode in MODES {
        let mut it = pipeline(mode, 4);
        it.push(parcel(1));
        let mut said = String::new();
        for code in [250, 250, 354] {
            said.push_str(&write(&mut it));
            if it.awaiting().is_some() {
                answer(&mut it, &[code]);
            }
        }
        said.push_str(&write(&mut it));
        assert!(!said.contains("body") && !said.contains("BDAT"), "{mode:?}: {said}");
        permit(&mut it, 1);
        assert!(write(&mut it).contains("body 1"), "{mode:?}");
    }
}

#[test]
fn a_refused_recipient_in_the_middle_harms_no_neighbour_with_chunking() {
    let mut it = pipeline(Mode::Bdat, 8);
    push_permitted(&mut it, 1..=3);
    assert_eq!(write(&mut it).matches("RSET").count(), 2);
    answer(&mut it, &[250, 250, 250, 250, 250, 550, 554, 250, 250, 250, 250]);
    expect(&mut it, &[(1, "accepted 250"), (2, "refused rcpt 550"), (3, "accepted 250")]);
}

#[test]
fn a_refused_recipient_in_the_middle_harms_no_neighbour_when_chained() {
    let mut it = pipeline(Mode::Chained, 3);
    push_permitted(&mut it, 1..=3);
    write(&mut it);
    answer(&mut it, &[250, 250, 354]);
    write(&mut it);
    answer(&mut it, &[250, 250, 550, 554]);
    expect(&mut it, &[(1, "accepted 250"), (2, "refused rcpt 550")]);
    assert!(write(&mut it).starts_with("RSET\r\nMAIL"));
    answer(&mut it, &[250, 250, 250, 354]);
    assert_eq!(write(&mut it), "body 3\r\n.\r\n");
    answer(&mut it, &[451]);
    expect(&mut it, &[(3, "refused dot 451")]);
}

#[test]
fn a_go_ahead_for_a_refused_recipient_gets_a_lone_dot_and_no_body() {
    let mut it = pipeline(Mode::Chained, 2);
    push_permitted(&mut it, 1..=2);
    write(&mut it);
    answer(&mut it, &[250, 550, 354]);
    assert_eq!(write(&mut it), ".\r\n");
    answer(&mut it, &[554]);
    expect(&mut it, &[(1, "refused rcpt 550")]);
    assert!(write(&mut it).starts_with("RSET\r\n"));
}

#[test]
fn a_refused_sender_is_the_reply_that_counts() {
    for (mode, codes) in [(Mode::Bdat, &[550, 503, 503][..]), (Mode::Chained, &[550, 503, 503]), (Mode::Step, &[550])] {
        let mut it = pipeline(mode, 1);
        push_permitted(&mut it, 1..=1);
        write(&mut it);
        answer(&mut it, codes);
        expect(&mut it, &[(1, "refused mail 550")]);
        assert!(it.closed().is_none());
    }
}

#[test]
fn replies_that_do_not_line_up_close_and_leave_in_doubt_only_what_is_out() {
    let mut data = pipeline(Mode::Chained, 2);
    push_permitted(&mut data, 1..=2);
    write(&mut data);
    answer(&mut data, &[250, 250, 354]);
    write(&mut data);
    answer(&mut data, &[354]);
    expect(&mut data, &[(1, "unknown Protocol"), (2, "not sent Protocol")]);
    let mut reset = pipeline(Mode::Bdat, 2);
    push_permitted(&mut reset, 1..=2);
    write(&mut reset);
    answer(&mut reset, &[250, 250, 250, 550]);
    expect(&mut reset, &[(1, "accepted 250"), (2, "unknown Protocol")]);
    let mut extra = pipeline(Mode::Step, 2);
    extra.reply(Reply::new(250, "unasked"), NOW);
    push_permitted(&mut extra, 1..=1);
    expect(&mut extra, &[(1, "not sent Protocol")]);
}

#[test]
fn a_body_taken_for_a_refused_recipient_is_believed_only_after_a_proof() {
    let proof = Reply::new(250, "relay.test\nPIPELINING\nCHUNKING");
    for (answer_to_ehlo, words) in [
        (proof, [(1, "refused rcpt 550"), (2, "accepted 250")]),
        (Reply::new(250, "queued"), [(1, "unknown Protocol"), (2, "unknown Protocol")]),
    ] {
        let mut it = pipeline(Mode::Bdat, 2);
        push_permitted(&mut it, 1..=2);
        write(&mut it);
        answer(&mut it, &[250, 550, 250, 250, 250, 250, 250]);
        assert!(!it.has_finished());
        assert_eq!(write(&mut it), "EHLO localhost\r\n");
        it.reply(answer_to_ehlo, NOW);
        expect(&mut it, &words);
    }
}

#[test]
fn a_goodbye_is_not_the_mails_fault_and_the_mails_behind_it_are_told_apart() {
    let mut it = pipeline(Mode::Bdat, 4);
    push_permitted(&mut it, 1..=3);
    it.push(parcel(4));
    write(&mut it);
    answer(&mut it, &[250, 250, 250, 250, 421]);
    assert_eq!((it.room(), it.is_ending()), (0, true));
    it.end_of_stream();
    expect(&mut it, &[(1, "accepted 250"), (2, "not sent Busy"), (3, "unknown Busy"), (4, "not sent Busy")]);
    for codes in [&[421][..], &[250, 421], &[250, 250, 421]] {
        let mut chained = pipeline(Mode::Chained, 1);
        push_permitted(&mut chained, 1..=1);
        write(&mut chained);
        answer(&mut chained, codes);
        chained.end_of_stream();
        expect(&mut chained, &[(1, "not sent Busy")]);
    }
}

#[test]
fn a_goodbye_to_the_dot_means_not_accepted() {
    for mode in MODES {
        let mut it = pipeline(mode, 1);
        push_permitted(&mut it, 1..=1);
        let before: &[u16] = if mode == Mode::Bdat { &[250, 250] } else { &[250, 250, 354] };
        for code in before {
            write(&mut it);
            answer(&mut it, &[*code]);
        }
        write(&mut it);
        answer(&mut it, &[421]);
        expect(&mut it, &[(1, "not sent Busy")]);
        assert_eq!(it.closed().map(|fault| fault.kind), Some(FaultKind::Busy));
    }
}

#[test]
fn a_goodbye_between_mails_only_asks_for_a_new_connection() {
    let mut it = pipeline(Mode::Bdat, 1);
    push_permitted(&mut it, 1..=1);
    write(&mut it);
    answer(&mut it, &[250, 250, 250, 421]);
    assert_eq!(it.closed().map(|fault| fault.kind), Some(FaultKind::ConnectionLimit));
}

#[test]
fn a_denied_mail_never_sends_its_body() {
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
            it.deny(1);
            said.push_str(&write(&mut it));
            while let Some(phase) = it.awaiting() {
                answer(&mut it, &[if phase == Phase::Data { 354 } else { 250 }]);
                said.push_str(&write(&mut it));
            }
            permit(&mut it, 1);
            said.push_str(&write(&mut it));
            assert!(!said.contains("body"), "{mode:?} {replies_before}: {said}");
            expect(&mut it, &[(1, "not sent Local")]);
        }
    }
}

#[test]
fn a_mail_that_needs_smtputf8_is_refused_in_our_own_words() {
    let mut it = pipeline(Mode::Bdat, 1);
    it.push(Parcel { smtputf8: true, ..parcel(1) });
    let done = it.take_finished();
    assert!(matches!(&done[0].outcome, Outcome::Refused(Phase::Mail, reply) if reply.text.contains("said by owabi")));
    assert!(it.pending().is_empty());
}

#[test]
fn many_refusals_in_a_row_slow_down_before_the_relay_hangs_up() {
    let mut it = pipeline(Mode::Bdat, 8);
    push_permitted(&mut it, 1..=8);
    write(&mut it);
    answer(&mut it, &[250, 550, 554]);
    (1..8).for_each(|_| answer(&mut it, &[250, 250, 550, 554]));
    push_permitted(&mut it, 9..=16);
    assert_eq!(write(&mut it).matches("BDAT").count(), 1);
    answer(&mut it, &[250, 250, 250, 250]);
    assert_eq!(write(&mut it).matches("BDAT").count(), 7);
}

#[test]
fn a_connection_takes_no_more_than_its_messages() {
    let relay = Relay { messages_per_connection: 2, in_flight: 4, ..Relay::new("test", "127.0.0.1", 25) };
    let mut it = Pipeline::new(&relay, Capabilities::default());
    assert_eq!(it.room(), 2);
    push_permitted(&mut it, 1..=2);
    assert_eq!((it.room(), it.is_spent()), (0, true));
}

/// Cut at every octet of the whole output: in doubt exactly when the last octet was taken.
#[test]
fn a_lost_connection_leaves_in_doubt_exactly_the_mails_whose_last_octet_is_out() {
    let fresh = || {
        let mut it = pipeline(Mode::Bdat, 3);
        push_permitted(&mut it, 1..=3);
        it
    };
    let whole = fresh().pending().to_vec();
    let text = String::from_utf8(whole.clone()).unwrap();
    let ends: Vec<usize> = (1..=3).map(|id| text.find(&format!("body {id}\r\n")).unwrap() + 8).collect();
    for cut in 0..=whole.len() {
        let mut it = fresh();
        it.written(cut, NOW);
        it.close(reset_by_peer());
        for (id, word) in outcomes(&mut it) {
            let out = ends[usize::try_from(id).unwrap() - 1] <= cut;
            assert_eq!(word, if out { "unknown Connection" } else { "not sent Connection" }, "mail {id} cut at {cut}");
        }
    }
}

#[test]
fn a_lost_connection_in_chained_and_step_mode_counts_the_dot_line_too() {
    for mode in [Mode::Chained, Mode::Step] {
        let fresh = || {
            let mut it = pipeline(mode, 2);
            push_permitted(&mut it, 1..=2);
            for code in [250, 250, 354] {
                write(&mut it);
                answer(&mut it, &[code]);
            }
            it
        };
        let end = b"body 1\r\n.\r\n".len();
        for cut in 0..=fresh().pending().len() {
            let mut it = fresh();
            it.written(cut, NOW);
            it.close(reset_by_peer());
            let first = if cut >= end { "unknown Connection" } else { "not sent Connection" };
            expect(&mut it, &[(1, first), (2, "not sent Connection")]);
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Push,
    Permit(u64),
    Deny(u64),
    Write(usize),
    Reply(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let code =
        prop_oneof![8 => Just(250u16), 4 => Just(354), 2 => Just(550), 1 => Just(450), 1 => Just(421), 1 => Just(554)];
    prop_oneof![
        3 => Just(Event::Push),
        3 => (1u64..12).prop_map(Event::Permit),
        1 => (1u64..12).prop_map(Event::Deny),
        4 => (0usize..400).prop_map(Event::Write),
        8 => code.prop_map(Event::Reply),
    ]
}

proptest! {
    #[test]
    fn whatever_the_relay_says_every_mail_finishes_exactly_once(
        mode in prop_oneof![Just(Mode::Bdat), Just(Mode::Chained), Just(Mode::Step)],
        events in proptest::collection::vec(event(), 0..120),
    ) {
        let mut it = pipeline(mode, 4);
        let (mut pushed, mut finished) = (0, Vec::new());
        for event in events {
            match event {
                Event::Push if it.room() > 0 => {
                    pushed += 1;
                    it.push(parcel(pushed));
                }
                Event::Push => {}
                Event::Permit(id) => permit(&mut it, id),
                Event::Deny(id) => it.deny(id),
                Event::Write(octets) => it.written(octets.min(it.pending().len()), NOW),
                Event::Reply(code) => it.reply(Reply::new(code, "x"), NOW),
            }
            finished.extend(it.take_finished());
        }
        it.close(reset_by_peer());
        finished.extend(it.take_finished());
        let mut ids: Vec<u64> = finished.iter().map(|done| done.id).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, (1..=pushed).collect::<Vec<_>>());
        prop_assert!(it.is_idle());
    }

    #[test]
    fn whatever_bytes_come_reading_replies_stays_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let mut reader = owabi_smtp::wire::ReplyReader::default();
        reader.feed(&bytes);
        while let Ok(Some(reply)) = reader.next_reply() {
            prop_assert!((200..600).contains(&reply.code));
        }
    }
}
