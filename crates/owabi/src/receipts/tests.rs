//! Whose an arrival is and what it makes of them, without a database.

use super::decide::{Decision, Rules, decide};
use super::item::{Item, What};
use super::matching::Seen;
use super::{IncomingMail, Verdict};
use owabi_core::bounce::{Class, Kind, Reading, Reason, Report};
use owabi_core::ids::{Keys, Subject, verp_address};
use owabi_core::lifecycle::Status;
use owabi_core::maillog::{LogEvent, LogEvidence};
use owabi_store::{MemberStanding, SentMail};

const NOTICE: &str = "leak";

fn rules() -> Rules {
    Rules { keys: Keys::new(&[7; 32]).unwrap(), relayed_counts: true }
}

fn subject(id: i64, round: i64) -> Subject<'static> {
    Subject { notice_id: NOTICE, member_id: id, round }
}

fn token(id: i64) -> String {
    rules().keys.verp_token(subject(id, 1))
}

fn message_id(id: i64, round: i64) -> String {
    format!("{}@example.jp", rules().keys.message_id(subject(id, round)))
}

/// A member in `status`, and what became of the mails that were sent to it.
fn member(id: i64, status: Status, outcomes: &[Option<&str>]) -> MemberStanding {
    let sent = |n: usize| SentMail {
        number: i64::try_from(n).unwrap() + 1,
        message_id: message_id(id, 1),
        envid: String::new(),
        rcpt_to: format!("u{id}@example.jp"),
        outcome: outcomes[n].map(str::to_owned),
        queue_id: None,
        phase: None,
    };
    MemberStanding {
        purged: false,
        id,
        notice_id: NOTICE.into(),
        member_no: format!("M{id}"),
        email: Some(format!("u{id}@example.jp")),
        status,
        reason: None,
        round: 1,
        fence: 3,
        possible_duplicate: false,
        due_at: None,
        updated_at: 0,
        sent: (0..outcomes.len()).map(sent).collect(),
    }
}

fn seen(members: Vec<MemberStanding>) -> Seen {
    let mut seen = Seen::default();
    for member in members {
        let email = member.email.clone().unwrap();
        seen.by_email.entry(email).or_default().push(member.id);
        seen.members.insert(member.id, member);
    }
    seen
}

fn report(address: &str, class: Class, is_final: bool) -> Report {
    Report {
        address: address.into(),
        original: None,
        class,
        is_final,
        relayed: false,
        status: Some("5.1.1".into()),
        reason: Reason::BadAddress,
        diagnostic: Some("550 5.1.1 unknown".into()),
    }
}

fn reading(kind: Kind, to: &str, reports: Vec<Report>) -> Reading {
    Reading {
        kind,
        reports,
        sent_to: vec![to.into()],
        envid: None,
        message_ids: vec![],
        dated_at: Some(900_000),
        from: "MAILER-DAEMON".into(),
        subject: "s".into(),
    }
}

fn mail(name: &str, reading: Reading) -> Item {
    let incoming = IncomingMail { raw: b"raw".to_vec(), to: None, whole_size: 3 };
    Item { sha256: name.into(), source: "pipe".into(), is_kept: false, what: What::Mail(incoming, Box::new(reading)) }
}

fn bounce_to(to: &str, address: &str, class: Class, is_final: bool) -> Item {
    mail("aa", reading(Kind::Bounce, to, vec![report(address, class, is_final)]))
}

fn verp(id: i64) -> String {
    verp_address("bounces@example.jp", &token(id))
}

fn line(name: &str, message_id: Option<String>, event: LogEvent) -> Item {
    let (queue_id, recipient, text) = ("4F1B".to_owned(), Some("u1@example.jp".to_owned()), "250 ok".to_owned());
    let evidence =
        LogEvidence { sha256: name.into(), queue_id, message_id, recipient, event, status: None, text, at: None };
    Item { sha256: name.into(), source: "maillog:/l".into(), is_kept: false, what: What::Log(evidence) }
}

fn sent(relayed: bool) -> LogEvent {
    LogEvent::Delivery { class: Class::Delivered, is_final: true, relayed }
}

fn one(item: Item, seen: &Seen) -> (Verdict, Decision) {
    let decision = decide(&[item], seen, &rules());
    (decision.verdicts[0], decision)
}

/// The one change of a decision.
fn becomes(decision: &Decision) -> Option<(Status, Status, Option<&str>)> {
    assert!(decision.received.changes.len() < 2);
    decision.received.changes.first().map(|change| (change.before, change.after, change.reason.as_deref()))
}

#[test]
fn a_bounce_to_a_members_own_return_path_is_that_members_whatever_address_failed() {
    let all =
        seen(vec![member(1, Status::Accepted, &[Some("accepted")]), member(2, Status::Accepted, &[Some("accepted")])]);
    for failed in ["u1@example.jp", "\"U1\"@Example.jp", "forwarded@elsewhere.example", "u2@example.jp"] {
        let (verdict, decision) = one(bounce_to(&verp(1), failed, Class::Permanent, true), &all);
        assert_eq!(verdict, Verdict::Matched, "{failed}");
        assert_eq!(becomes(&decision), Some((Status::Accepted, Status::Bounced, Some("bad_address"))));
        let receipt = &decision.received.receipts[0];
        assert_eq!((receipt.member_id, receipt.matched_by, receipt.number), (1, "token", Some(1)));
        assert!(decision.received.arrivals[0].content.is_some(), "what tells of a failure is kept whole");
    }
}

#[test]
fn a_forged_token_is_counted_and_changes_nothing_even_when_it_names_a_members_address() {
    let all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    let other = Keys::new(&[8; 32]).unwrap().verp_token(subject(1, 1));
    let forged =
        [other, token(1).replace("1-", "2-"), format!("1-{}", "a".repeat(20)), format!("zz-{}", "7".repeat(20))];
    for token in forged {
        let to = verp_address("bounces@example.jp", &token);
        let (verdict, decision) = one(bounce_to(&to, "u1@example.jp", Class::Permanent, true), &all);
        assert_eq!((verdict, becomes(&decision)), (Verdict::Ignored, None), "{token}");
        assert!(decision.received.receipts.is_empty());
        assert_eq!(decision.received.arrivals[0].why.as_deref(), Some("forged"));
    }
}

#[test]
fn envid_then_message_id_then_the_address_find_the_member_when_the_token_is_lost() {
    let all = seen(vec![member(1, Status::Accepted, &[Some("in_doubt"), Some("accepted")])]);
    let bare = |change: fn(&mut Reading)| {
        let mut said = reading(Kind::Bounce, "bounces@example.jp", vec![report("x@y", Class::Permanent, true)]);
        change(&mut said);
        one(mail("aa", said), &all)
    };
    let by = |decision: &Decision| {
        let receipt = &decision.received.receipts[0];
        (receipt.matched_by, receipt.round, receipt.number)
    };
    let (_, decision) = bare(|said| {
        said.envid = Some(rules().keys.envid(subject(1, 1), 2));
        said.message_ids = vec![message_id(1, 1)];
    });
    assert_eq!(by(&decision), ("envid", Some(1), Some(2)));
    let (_, decision) = bare(|said| said.message_ids = vec!["other@host".into(), message_id(1, 1)]);
    assert_eq!(by(&decision), ("message_id", Some(1), None));
    let (_, decision) = bare(|said| said.reports[0].original = Some("U1@example.jp".into()));
    assert_eq!(by(&decision), ("recipient", Some(1), None));
    let (verdict, decision) = bare(|said| said.subject = "Undelivered: u1@example.jp".into());
    assert_eq!((verdict, decision.received.arrivals[0].why.as_deref()), (Verdict::Review, Some("unmatched")));
}

#[test]
fn an_address_of_two_notices_is_nobodys_until_a_person_says_whose() {
    let mut all =
        seen(vec![member(1, Status::Accepted, &[Some("accepted")]), member(2, Status::Accepted, &[Some("accepted")])]);
    all.by_email.insert("both@example.jp".into(), vec![1, 2]);
    let item = bounce_to("bounces@example.jp", "both@example.jp", Class::Permanent, true);
    let (verdict, decision) = one(item.clone(), &all);
    assert_eq!((verdict, decision.received.arrivals[0].why.as_deref()), (Verdict::Review, Some("ambiguous")));
    // A row to which nothing was sent is not meant.
    all.members.get_mut(&2).unwrap().sent.clear();
    assert_eq!(one(item, &all).0, Verdict::Matched);
}

#[test]
fn answers_of_people_and_their_programs_are_no_failures() {
    let all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    let kinds = [
        (Kind::AutoReply, Verdict::Ignored, "auto_reply"),
        (Kind::Complaint, Verdict::Review, "complaint"),
        (Kind::Other, Verdict::Review, "no_bounce"),
    ];
    for (kind, wanted, why) in kinds {
        let (verdict, decision) = one(mail("aa", reading(kind, &verp(1), vec![])), &all);
        let arrival = &decision.received.arrivals[0];
        assert_eq!((verdict, arrival.why.as_deref(), arrival.member_id), (wanted, Some(why), Some(1)));
        assert!(becomes(&decision).is_none() && arrival.content.is_some());
    }
    let (verdict, decision) = one(mail("aa", reading(Kind::Bounce, &verp(1), vec![])), &all);
    let arrival = &decision.received.arrivals[0];
    assert_eq!((verdict, arrival.why.as_deref(), arrival.member_id), (Verdict::Review, Some("no_recipient"), Some(1)));
}

#[test]
fn a_bounce_that_overtakes_our_own_commit_waits_for_it() {
    let all = seen(vec![member(1, Status::Sending, &[None])]);
    let item = bounce_to(&verp(1), "u1@example.jp", Class::Permanent, true);
    let (verdict, decision) = one(item.clone(), &all);
    assert_eq!(verdict, Verdict::Parked);
    assert!(decision.received.receipts.is_empty() && decision.received.arrivals[0].content.is_some());
    let kept = Item { is_kept: true, ..item.clone() };
    assert_eq!(one(kept.clone(), &all).0, Verdict::Parked, "it waits for as long as the mail is being sent");
    let settled = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    let (verdict, decision) = one(kept, &settled);
    assert_eq!((verdict, decision.received.arrivals[0].state.as_str()), (Verdict::Matched, "matched"));
    assert_eq!(becomes(&decision).unwrap().1, Status::Bounced);
}

#[test]
fn any_word_of_the_relay_proves_that_it_had_a_mail_in_doubt() {
    let doubt = || seen(vec![member(1, Status::InDoubt, &[Some("in_doubt")])]);
    let delayed = bounce_to(&verp(1), "u1@example.jp", Class::Temporary, false);
    assert_eq!(becomes(&one(delayed, &doubt()).1), Some((Status::InDoubt, Status::Accepted, Some("evidence"))));
    let taken = line("bb", Some(message_id(1, 1)), LogEvent::Taken);
    assert_eq!(becomes(&one(taken, &doubt()).1), Some((Status::InDoubt, Status::Accepted, Some("evidence"))));
    let failed = bounce_to(&verp(1), "u1@example.jp", Class::Temporary, true);
    assert_eq!(becomes(&one(failed, &doubt()).1).unwrap().1, Status::Bounced);
    let delivered = line("bb", Some(message_id(1, 1)), sent(false));
    assert_eq!(becomes(&one(delivered, &doubt()).1), Some((Status::InDoubt, Status::Delivered, None)));
}

#[test]
fn a_second_sending_that_evidence_made_needless_leaves_no_mark_of_a_duplicate() {
    let waiting = |outcomes: &[Option<&str>]| {
        let flagged = MemberStanding { possible_duplicate: true, ..member(1, Status::Queued, outcomes) };
        let delivered = line("bb", Some(message_id(1, 1)), sent(false));
        let (_, decision) = one(delivered, &seen(vec![flagged]));
        decision.received.changes[0].possible_duplicate
    };
    assert!(!waiting(&[Some("in_doubt")]));
    assert!(!waiting(&[Some("deferred"), Some("in_doubt")]));
    assert!(waiting(&[Some("in_doubt"), Some("in_doubt")]), "two copies may have left");
}

#[test]
fn one_batch_may_say_several_things_of_one_member_and_the_row_is_written_once() {
    let all = seen(vec![member(1, Status::InDoubt, &[Some("in_doubt")])]);
    let items = [
        line("aa", Some(message_id(1, 1)), LogEvent::Taken),
        line("bb", Some(message_id(1, 1)), sent(true)),
        mail("cc", reading(Kind::Bounce, &verp(1), vec![report("u1@example.jp", Class::Permanent, true)])),
    ];
    let decision = decide(&items, &all, &rules());
    assert_eq!(becomes(&decision), Some((Status::InDoubt, Status::Bounced, Some("bad_address"))));
    let steps: Vec<_> = decision.received.receipts.iter().map(|receipt| receipt.change).collect();
    let way = [Status::InDoubt, Status::Accepted, Status::Delivered, Status::Bounced];
    assert_eq!(steps, [(way[0], way[1]), (way[1], way[2]), (way[2], way[3])]);
}

#[test]
fn what_was_taken_before_is_not_taken_again_and_an_acceptance_needs_no_further_proof() {
    let mut all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    let (verdict, decision) = one(line("aa", Some(message_id(1, 1)), LogEvent::Taken), &all);
    assert_eq!((verdict, decision.received), (Verdict::Matched, owabi_store::Received::default()));
    all.known.insert("aa".into(), "matched".into());
    let again = bounce_to(&verp(1), "u1@example.jp", Class::Permanent, true);
    let (verdict, decision) = one(again, &all);
    assert_eq!((verdict, decision.received), (Verdict::Matched, owabi_store::Received::default()));
}

#[test]
fn evidence_on_an_earlier_round_is_kept_and_changes_nothing() {
    let renewed = MemberStanding { round: 2, ..member(1, Status::Queued, &[Some("in_doubt")]) };
    let (verdict, decision) = one(line("aa", Some(message_id(1, 1)), sent(false)), &seen(vec![renewed]));
    assert_eq!((verdict, becomes(&decision)), (Verdict::Matched, None));
    assert_eq!((decision.received.receipts[0].says, decision.received.receipts[0].round), ("delivered", Some(1)));
    let sending = MemberStanding { round: 2, ..member(1, Status::Sending, &[Some("in_doubt"), None]) };
    let late = line("bb", Some(message_id(1, 1)), sent(false));
    assert_eq!(one(late, &seen(vec![sending])).0, Verdict::Matched, "the second round's outcome is not waited for");
}

/// A member of round 2 in `status`, whose address was corrected after round 1.
fn corrected(status: Status, outcomes: &[Option<&str>]) -> MemberStanding {
    let mut corrected =
        MemberStanding { round: 2, email: Some("new@example.jp".into()), ..member(1, status, outcomes) };
    for mail in corrected.sent.iter_mut().skip(1) {
        mail.message_id = message_id(1, 2);
        mail.rcpt_to = "new@example.jp".into();
    }
    corrected
}

#[test]
fn what_comes_back_late_from_the_address_before_a_correction_does_not_damage_the_new_round() {
    for status in [Status::Queued, Status::Sending, Status::Accepted, Status::Delivered, Status::InDoubt] {
        let second = if status == Status::InDoubt { "in_doubt" } else { "accepted" };
        let late = bounce_to(&verp(1), "u1@example.jp", Class::Permanent, true);
        let (verdict, decision) = one(late, &seen(vec![corrected(status, &[Some("accepted"), Some(second)])]));
        assert_eq!((verdict, becomes(&decision)), (Verdict::Matched, None), "{status}");
        assert_eq!(decision.received.receipts[0].round, Some(1));
    }
    let own = bounce_to(&verp(1), "new@example.jp", Class::Permanent, true);
    let (_, decision) = one(own, &seen(vec![corrected(Status::Accepted, &[Some("accepted"), Some("accepted")])]));
    assert_eq!(becomes(&decision), Some((Status::Accepted, Status::Bounced, Some("bad_address"))));
    assert_eq!((decision.received.receipts[0].round, decision.received.receipts[0].number), (Some(2), Some(2)));
}

#[test]
fn late_evidence_that_names_the_earlier_rounds_mail_does_not_damage_the_new_one() {
    for status in [Status::Queued, Status::Sending, Status::Accepted, Status::Delivered, Status::Failed] {
        for class in [Class::Permanent, Class::Delivered, Class::Temporary] {
            let mut both = corrected(status, &[Some("accepted"), Some("accepted")]);
            both.sent[1].rcpt_to = "u1@example.jp".into();
            let reading = Reading {
                message_ids: vec![message_id(1, 1)],
                ..reading(Kind::Bounce, &verp(1), vec![report("u1@example.jp", class, true)])
            };
            let (verdict, decision) = one(mail("aa", reading), &seen(vec![both]));
            assert_eq!((verdict, becomes(&decision)), (Verdict::Matched, None), "{status} {class:?}");
            assert_eq!(decision.received.receipts[0].round, Some(1));
        }
    }
}

#[test]
fn a_line_about_somebody_elses_mail_leaves_no_trace() {
    let all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    for id in [None, Some("20261122.ABC@host.example".to_owned()), Some(message_id(9, 1))] {
        let (verdict, decision) = one(line("aa", id, sent(true)), &all);
        assert_eq!((verdict, decision.received), (Verdict::Ignored, owabi_store::Received::default()));
    }
}

#[test]
fn behind_a_smarthost_what_is_handed_on_is_not_called_delivered() {
    let all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    let item = line("aa", Some(message_id(1, 1)), sent(true));
    let told = |relayed_counts| {
        becomes(&decide(std::slice::from_ref(&item), &all, &Rules { relayed_counts, ..rules() })).map(|it| it.1)
    };
    assert_eq!((told(true), told(false)), (Some(Status::Delivered), None));
}

#[test]
fn several_recipients_of_one_notification_without_a_token_are_several_members() {
    let all =
        seen(vec![member(1, Status::Accepted, &[Some("accepted")]), member(2, Status::Delivered, &[Some("accepted")])]);
    let reports = vec![
        report("u1@example.jp", Class::Temporary, false),
        report("u2@example.jp", Class::Permanent, true),
        report("stranger@example.jp", Class::Permanent, true),
    ];
    let (verdict, decision) = one(mail("aa", reading(Kind::Bounce, "bounces@example.jp", reports)), &all);
    assert_eq!(verdict, Verdict::Matched);
    assert_eq!(becomes(&decision), Some((Status::Delivered, Status::Bounced, Some("bad_address"))));
    let said: Vec<_> = decision.received.receipts.iter().map(|it| (it.member_id, it.part, it.says)).collect();
    assert_eq!(said, [(1, 0, "delayed"), (2, 1, "failed")]);
}

#[test]
fn a_copy_to_somebody_else_in_the_relays_log_says_nothing_of_the_member() {
    let all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    let mut archived = line("aa", Some(message_id(1, 1)), sent(false));
    let What::Log(evidence) = &mut archived.what else { unreachable!() };
    evidence.recipient = Some("archive@example.jp".into());
    let (verdict, decision) = one(archived, &all);
    assert_eq!((verdict, decision.received), (Verdict::Ignored, owabi_store::Received::default()));
}

#[test]
fn a_queue_id_that_is_used_again_by_somebody_elses_mail_says_nothing_of_the_member() {
    let mut all = seen(vec![member(1, Status::Accepted, &[Some("accepted")])]);
    all.by_queue_id.insert("4F1B".into(), vec![1]);
    let failed = LogEvent::Delivery { class: Class::Permanent, is_final: true, relayed: false };
    let with = |message_id: Option<&str>, recipient: &str| {
        let mut it = line("aa", message_id.map(str::to_owned), failed);
        let What::Log(evidence) = &mut it.what else { unreachable!() };
        evidence.recipient = Some(recipient.into());
        one(it, &all).0
    };
    assert_eq!(with(None, "u1@example.jp"), Verdict::Matched, "a mail of ours that was deferred for days");
    assert_eq!(with(None, "stranger@example.jp"), Verdict::Ignored);
    assert_eq!(with(Some("20261122.X@host.example"), "u1@example.jp"), Verdict::Ignored, "its Message-ID is another's");
}

#[test]
fn an_address_alone_makes_nobody_told_and_takes_nobody_from_the_queue_or_out_of_doubt() {
    let cases = [
        (Status::Accepted, Class::Delivered, Verdict::Review),
        (Status::InDoubt, Class::Permanent, Verdict::Review),
        (Status::Queued, Class::Delivered, Verdict::Review),
        (Status::Failed, Class::Delivered, Verdict::Review),
        (Status::Sending, Class::Permanent, Verdict::Review),
        (Status::Delivered, Class::Permanent, Verdict::Matched),
    ];
    for (status, class, wanted) in cases {
        let all = seen(vec![member(1, status, &[Some("in_doubt")])]);
        let (verdict, decision) = one(bounce_to("bounces@example.jp", "u1@example.jp", class, true), &all);
        assert_eq!(verdict, wanted, "{status} {class:?}");
        let to_bounced = (status, Status::Bounced, Some("bad_address"));
        assert_eq!(becomes(&decision), (verdict == Verdict::Matched).then_some(to_bounced));
    }
}

#[test]
fn whatever_comes_back_to_a_members_signed_address_proves_that_the_relay_had_a_mail_in_doubt() {
    for kind in [Kind::AutoReply, Kind::Complaint, Kind::Other, Kind::Bounce] {
        let all = seen(vec![member(1, Status::InDoubt, &[Some("in_doubt")])]);
        let (_, decision) = one(mail("aa", reading(kind, &verp(1), vec![])), &all);
        assert_eq!(becomes(&decision), Some((Status::InDoubt, Status::Accepted, Some("evidence"))), "{kind:?}");
        let all = seen(vec![member(1, Status::Sending, &[None])]);
        assert_eq!(one(mail("aa", reading(kind, &verp(1), vec![])), &all).0, Verdict::Parked, "{kind:?}");
    }
}

#[test]
fn what_the_relay_refused_before_it_had_the_body_cannot_have_been_delivered() {
    let refused = |phase: &str| {
        let mut it = member(1, Status::Queued, &[Some("deferred")]);
        it.sent[0].phase = Some(phase.into());
        becomes(&one(line("aa", Some(message_id(1, 1)), sent(false)), &seen(vec![it])).1).map(|change| change.1)
    };
    assert_eq!((refused("rcpt"), refused("dot")), (None, Some(Status::Delivered)));
}

#[test]
fn the_relays_queue_id_says_which_of_two_copies_a_line_of_its_log_is_about() {
    let mut it = member(1, Status::Accepted, &[Some("in_doubt"), Some("accepted")]);
    it.sent[1].queue_id = Some("4F1B".into());
    let (_, decision) = one(line("aa", Some(message_id(1, 1)), sent(false)), &seen(vec![it]));
    assert_eq!(decision.received.receipts[0].number, Some(2));
}
