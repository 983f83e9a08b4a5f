//! What a further line means for a member who is already known.

use owabi_core::member::{Member, Payment};
use owabi_core::roster::{Entry, Finding, Known, Merge, another_person, merge};

fn payment(day: &str, cohort: &str) -> Payment {
    Payment { paid_at: day.into(), cohort: cohort.into(), purpose: "p".into(), method: "m".into() }
}

fn member(payments: &[Payment]) -> Member {
    let cohorts = payments.iter().map(|p| p.cohort.clone()).collect();
    let email = Some("a@example.jp".into());
    Member {
        member_no: "M1".into(),
        name: "田中".into(),
        email,
        cohorts,
        payments: payments.to_vec(),
        ..Member::default()
    }
}

fn known(payments: &[Payment]) -> Known {
    Known { member: member(payments), same_import: false, status_is_open: true, reachable: true }
}

fn entry(member: Member) -> Entry {
    Entry {
        member,
        unreachable: None,
        given_email: String::new(),
        warnings: Vec::new(),
        changes: Vec::new(),
        raw: Vec::new(),
    }
}

fn decide(known: &Known, line: Member) -> Merge {
    merge(known, &entry(line), &["registration".into(), "course".into()])
}

#[test]
fn a_further_payment_in_the_same_file_is_merged_in_the_orders_of_time_and_notice() {
    let first = Known { same_import: true, ..known(&[payment("2021-12-01", "course")]) };
    let Merge::Merged { member, findings } = decide(&first, member(&[payment("2021-11-01", "registration")])) else {
        panic!()
    };
    assert_eq!(member.cohorts, ["registration", "course"]);
    assert_eq!(member.payments.iter().map(|p| p.paid_at.as_str()).collect::<Vec<_>>(), ["2021-11-01", "2021-12-01"]);
    assert_eq!(findings, []);
}

#[test]
fn an_identical_line_in_the_same_file_is_merged_and_adds_nothing() {
    let first = Known { same_import: true, ..known(&[payment("2021-12-01", "course")]) };
    let same = first.member.clone();
    assert_eq!(decide(&first, same.clone()), Merge::Merged { member: same, findings: vec![] });
}

#[test]
fn a_member_of_an_earlier_import_with_nothing_new_is_already_present() {
    let earlier = known(&[payment("2021-12-01", "course")]);
    assert_eq!(decide(&earlier, earlier.member.clone()), Merge::AlreadyPresent { findings: vec![] });
}

#[test]
fn a_new_payment_merges_while_the_notice_is_held_and_is_a_finding_once_it_left() {
    let open = known(&[payment("2021-12-01", "course")]);
    let line = member(&[payment("2021-12-24", "course")]);
    let Merge::Merged { member, .. } = decide(&open, line.clone()) else { panic!() };
    assert_eq!(member.payments.len(), 2);
    let sent = Known { status_is_open: false, ..open };
    assert_eq!(decide(&sent, line), Merge::AlreadyPresent { findings: vec![Finding::FurtherPaymentAfterSend] });
}

#[test]
fn another_name_or_address_is_a_finding_and_changes_nothing() {
    let known = known(&[]);
    let name = Member { name: "田仲".into(), ..known.member.clone() };
    let address = Member { email: Some("b@example.jp".into()), ..known.member.clone() };
    assert_eq!(decide(&known, name), Merge::AlreadyPresent { findings: vec![Finding::NameDiffers] });
    assert_eq!(decide(&known, address), Merge::AlreadyPresent { findings: vec![Finding::AddressDiffers] });
}

#[test]
fn only_who_differs_in_name_and_address_is_another_person() {
    let of = |name: &str, email: Option<&str>| Member {
        name: name.into(),
        email: email.map(str::to_owned),
        ..Member::default()
    };
    let known = of("甲野", Some("a@example.jp"));
    for (line, another) in [
        (of("甲野", Some("a@example.jp")), false),
        (of("甲野", Some("b@example.jp")), false),
        (of("乙野", Some("a@example.jp")), false),
        (of("乙野", Some("b@example.jp")), true),
        (of("甲野", None), false),
        (of("乙野", None), true),
    ] {
        assert_eq!(another_person(&known, &line), another, "{line:?}");
    }
    assert!(another_person(&of("甲野", None), &of("乙野", Some("b@example.jp"))));
    assert!(!another_person(&of("甲野", None), &of("乙野", None)));
}

#[test]
fn a_usable_address_makes_an_unreachable_member_reachable() {
    let mut unreachable = Known { reachable: false, status_is_open: false, ..known(&[]) };
    unreachable.member.email = None;
    let Merge::Merged { member, findings } = decide(&unreachable, member(&[])) else { panic!() };
    assert_eq!((member.email.as_deref(), findings), (Some("a@example.jp"), vec![Finding::AddressTaken]));
}

#[test]
fn a_line_without_address_takes_nothing_from_a_reachable_member() {
    let first = Known { same_import: true, ..known(&[]) };
    let Merge::Merged { member, findings } = decide(&first, Member { email: None, ..first.member.clone() }) else {
        panic!()
    };
    assert_eq!((member.email.as_deref(), findings), (Some("a@example.jp"), vec![]));
}
