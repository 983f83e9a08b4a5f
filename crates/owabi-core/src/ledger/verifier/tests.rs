use super::super::key::SealKey;
use super::super::merkle::leaf;
use super::*;
use proptest::prelude::*;

/// A ledger of four seals: 1-3, 4-6, 7 and 9, 8 and 10-12.
#[derive(Clone)]
struct Ledger {
    lines: Vec<(i64, Option<String>)>,
    seals: Vec<StoredSeal>,
    kept: Vec<Vec<Hash>>,
}

fn key() -> SealKey {
    SealKey::from_octets(&[9; 32])
}

fn ledger() -> Ledger {
    let lines: Vec<(i64, Option<String>)> = (1..=12).map(|seq| (seq, Some(format!("line {seq}")))).collect();
    let (mut seals, mut kept, mut previous) = (Vec::new(), Vec::new(), NO_SEAL);
    for (number, numbers) in (1..).zip([vec![1, 2, 3], vec![4, 5, 6], vec![7, 9], vec![8, 10, 11, 12]]) {
        let entries: Vec<(i64, Hash)> =
            numbers.iter().map(|seq| (*seq, leaf(format!("line {seq}").as_bytes()))).collect();
        let seal = Seal::over(&entries, ("q", number, 1000 + number), previous, &key()).unwrap();
        let row = seal.signed(&key());
        previous = Seal::hash_of(&row.text);
        seals.push(row);
        kept.push(entries.iter().map(|(_, leaf)| *leaf).collect());
    }
    Ledger { lines, seals, kept }
}

fn head() -> Head {
    verify(&ledger(), None).unwrap()
}

fn verify(ledger: &Ledger, expected: Option<Head>) -> Result<Head, Finding> {
    let mut verifier = Verifier::new("q", key().public(), expected);
    for stored in &ledger.seals {
        let seal = verifier.seal(stored)?;
        let found: Vec<(i64, Option<Hash>)> = ledger
            .lines
            .iter()
            .filter(|(seq, _)| seal.entries.contains(*seq))
            .map(|(seq, line)| (*seq, line.as_ref().map(|line| leaf(line.as_bytes()))))
            .collect();
        let kept = &ledger.kept[usize::try_from(seal.number).unwrap() - 1];
        Verifier::entries(&seal, &found, None).or_else(|_| Verifier::entries(&seal, &found, Some(kept)))?;
    }
    verifier.finish()
}

fn entry(seq: i64, fault: Fault) -> Result<Head, Finding> {
    Err(Finding::Entry { seq, fault })
}

fn seal(number: i64, fault: SealFault) -> Result<Head, Finding> {
    Err(Finding::Seal { number, fault })
}

#[test]
fn a_ledger_that_nobody_touched_is_good_and_its_head_says_how_much_it_covers() {
    let head = head();
    assert_eq!((head.number, head.at, head.entries), (4, 1004, 12));
    assert_eq!(verify(&ledger(), Some(head.clone())), Ok(head));
}

#[test]
fn the_first_entry_that_was_changed_is_named() {
    let mut changed = ledger();
    changed.lines[4].1 = Some("line 5!".into());
    changed.lines[5].1 = Some("line 6!".into());
    assert_eq!(verify(&changed, None), entry(5, Fault::Changed));
}

#[test]
fn entries_that_changed_places_are_found_at_the_first_of_them() {
    let mut swapped = ledger();
    (swapped.lines[1].1, swapped.lines[10].1) = (Some("line 11".into()), Some("line 2".into()));
    assert_eq!(verify(&swapped, None), entry(2, Fault::Changed));
}

#[test]
fn a_missing_entry_and_one_whose_row_is_gone_are_named() {
    let mut missing = ledger();
    missing.lines.remove(7);
    assert_eq!(verify(&missing, None), entry(8, Fault::Missing));
    let mut gone = ledger();
    gone.lines[8].1 = None;
    assert_eq!(verify(&gone, None), entry(9, Fault::RowGone));
}

#[test]
fn a_change_before_a_missing_entry_of_the_same_seal_comes_first() {
    let mut both = ledger();
    both.lines[3].1 = Some("x".into());
    both.lines.remove(5);
    assert_eq!(verify(&both, None), entry(4, Fault::Changed));
}

#[test]
fn when_the_kept_leaves_were_changed_too_the_seal_is_named_whose_entry_it_is() {
    let mut both = ledger();
    both.lines[4].1 = Some("x".into());
    both.kept[1][1] = leaf(b"x");
    assert_eq!(verify(&both, None), Err(Finding::Among { seal: 2, first: 4, last: 6 }));
}

#[test]
fn seals_that_were_changed_taken_out_or_cut_off_are_named() {
    let mut changed = ledger();
    changed.seals[1].text = changed.seals[1].text.replace("at: 1002", "at: 1003");
    changed.seals[1].at = 1003;
    assert_eq!(verify(&changed, None), seal(2, SealFault::Changed));
    let mut taken_out = ledger();
    taken_out.seals.remove(2);
    assert_eq!(verify(&taken_out, None), seal(3, SealFault::Missing));
    let mut cut_off = ledger();
    cut_off.seals.truncate(2);
    cut_off.lines.truncate(6);
    assert!(verify(&cut_off, None).is_ok());
    assert_eq!(verify(&cut_off, Some(head())), seal(3, SealFault::CutOff));
}

#[test]
fn a_seal_signed_by_another_key_or_out_of_line_is_named() {
    let other = SealKey::from_octets(&[8; 32]);
    let resign = |at: usize, key: &SealKey, change: &dyn Fn(&mut Seal)| {
        let mut ledger = ledger();
        let mut seal = ledger.seals[at].read().unwrap();
        change(&mut seal);
        ledger.seals[at] = seal.signed(key);
        verify(&ledger, Some(head()))
    };
    assert_eq!(resign(2, &other, &|seal| seal.key = other.public().id()), seal(3, SealFault::WrongKey));
    assert_eq!(resign(2, &other, &|_| {}), seal(3, SealFault::Changed));
    assert_eq!(resign(2, &key(), &|seal| seal.previous = NO_SEAL), seal(3, SealFault::ChainBroken));
    assert_eq!(resign(2, &key(), &|seal| seal.queue = "other".into()), seal(3, SealFault::ChainBroken));
    assert_eq!(resign(3, &key(), &|seal| seal.at += 1), seal(4, SealFault::NotTheHead));
    assert_eq!(resign(2, &key(), &|seal| seal.entries = Ranges::of([6, 7])), seal(3, SealFault::Overlaps));
}

proptest! {
    #[test]
    fn any_one_octet_changed_in_a_seal_is_found_in_that_seal(at in 0_usize..4, place: prop::sample::Index, in_text: bool, bit in 0_u32..7) {
        let mut ledger = ledger();
        let text = if in_text { &mut ledger.seals[at].text } else { &mut ledger.seals[at].signature };
        let place = place.index(text.len());
        let octet = char::from(text.as_bytes()[place] ^ (1 << bit));
        text.replace_range(place..=place, &octet.to_string());
        let found = verify(&ledger, None);
        prop_assert!(matches!(found, Err(Finding::Seal { number, .. }) if number == i64::try_from(at).unwrap() + 1), "{:?}", found);
    }
}
