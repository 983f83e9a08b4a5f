//! Ten thousand edits of a bundle, and those of one who has the key of the seals.

use super::{Files, association, checked, export, relay, unpacked};
use crate::support::program::Program;
use owabi::evidence::check::{Bad, Fault};
use owabi_core::ids::hex;
use owabi_core::ledger::SealKey;
use sha2::{Digest, Sha256};

/// Numbers that are the same each time (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}

fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    content.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::to_vec).collect()
}

/// One edit: the file that it is found in, or nothing when nothing was changed by it.
fn edit(files: &mut Files, random: &mut Random) -> Option<Vec<String>> {
    let names: Vec<String> = files.keys().cloned().collect();
    let name = names[random.below(names.len())].clone();
    let before = files[&name].clone();
    let mut content = before.clone();
    let mut parts = lines(&content);
    let edit = random.below(7);
    match edit {
        0 if !content.is_empty() => {
            let at = random.below(content.len());
            content[at] ^= 1 << random.below(8);
        }
        1 if !parts.is_empty() => {
            parts.remove(random.below(parts.len()));
            content = parts.concat();
        }
        2 if parts.len() > 1 => {
            let at = random.below(parts.len() - 1);
            parts.swap(at, at + 1);
            content = parts.concat();
        }
        3 if !content.is_empty() => content.truncate(random.below(content.len())),
        4 if !parts.is_empty() => {
            let line = parts[random.below(parts.len())].clone();
            content.extend(line);
        }
        5 => {
            files.remove(&name);
            return Some(vec![name]);
        }
        _ => content.push(b'x'),
    }
    if content == before {
        return None;
    }
    files.insert(name.clone(), content);
    let listed = name != "MANIFEST" && name != "MANIFEST.sig" && name != "ledger.pub.pem";
    if listed && random.below(3) == 0 {
        // The manifest is changed to fit: then its signature does not.
        renew_manifest(files);
        return Some(vec!["MANIFEST.sig".into()]);
    }
    Some(match name.as_str() {
        "MANIFEST" => vec!["MANIFEST.sig".into(), name],
        "ledger.pub.pem" => vec!["MANIFEST.sig".into(), name],
        _ => vec![name],
    })
}

fn renew_manifest(files: &mut Files) {
    let before = String::from_utf8(files["MANIFEST"].clone()).unwrap();
    let names = before.lines().filter_map(|line| line.split_once("  ").map(|(_, name)| name.to_owned()));
    let line = |name: String| Some(format!("{}  {name}\n", hex(&Sha256::digest(files.get(&name)?))));
    let manifest: String = names.filter_map(line).collect();
    files.insert("MANIFEST".into(), manifest.into_bytes());
}

fn sign(files: &mut Files, key: &SealKey) {
    renew_manifest(files);
    let signature = key.sign(std::str::from_utf8(&files["MANIFEST"]).unwrap());
    let octets = (0..128).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
    files.insert("MANIFEST.sig".into(), octets);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_ten_thousand_edits_is_found_and_its_file_named() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "bundle.zip", &["--full"]);
    let files = unpacked(&bundle);
    assert!(checked(&files).ok);
    let (mut random, mut made) = (Random(2022), 0);
    while made < 10_000 {
        let mut edited = files.clone();
        let Some(named) = edit(&mut edited, &mut random) else { continue };
        let bad = checked(&edited).first_bad.unwrap_or_else(|| panic!("edit {made} of {named:?} was not found"));
        assert!(named.contains(&bad.file), "edit {made} of {named:?}: {bad:?}");
        made += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_key_and_signs_the_manifest_anew_is_found_out_by_the_seals() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "bundle.zip", &["--full"]);
    let key = std::fs::read_to_string(program.path("ledger.key")).unwrap();
    let (files, key) = (unpacked(&bundle), SealKey::from_hex(key.trim()).unwrap());
    let found = |name: &str, change: &dyn Fn(&str) -> String| {
        let mut edited = files.clone();
        let text = change(std::str::from_utf8(&files[name]).unwrap());
        assert_ne!(text.as_bytes(), files[name], "{name}");
        edited.insert(name.into(), text.into_bytes());
        sign(&mut edited, &key);
        checked(&edited).first_bad.map(|bad| bad.fault)
    };
    let without_first = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    for name in ["attempts.jsonl", "corrections.jsonl", "receipts.jsonl", "resends.jsonl", "substitutes.jsonl"] {
        assert_eq!(found(name, &without_first), Some(Fault::NotTheLedgers), "{name}");
    }
    let changed = [
        ("attempts.jsonl", "\"outcome\":\"accepted\"", "\"outcome\":\"deferred\"", Fault::NotTheLedgers),
        ("attempts.jsonl", "again@example.jp", "other@example.jp", Fault::NotTheLedgers),
        ("corrections.jsonl", "after@example.jp", "other@example.jp", Fault::NotTheLedgers),
        ("substitutes.jsonl", "parents", "sisters", Fault::NotTheLedgers),
        ("ledger.jsonl", "\"kind\":\"preflight\"", "\"kind\":\"preflighT\"", Fault::Root),
        ("batches.jsonl", "\"imported\":4", "\"imported\":5", Fault::Count),
        ("notice/1/body.txt.hbs", "窓口", "受付", Fault::AnotherText),
        ("notice/1/notice.yaml", "300ms", "301ms", Fault::AnotherText),
        ("notice/releases.jsonl", "\"fingerprint\":\"", "\"fingerprint\":\"0", Fault::AnotherText),
        ("roster.csv", "山田 太郎1", "山田 太郎9", Fault::AnotherMail),
        ("seals/00000001.txt", "count: ", "count: 1", Fault::Malformed),
    ];
    for (name, from, to, fault) in changed {
        assert_eq!(found(name, &|text| text.replacen(from, to, 1)), Some(fault), "{name}: {from}");
    }
    let last_cut = |text: &str| text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    assert_eq!(found("ledger.jsonl", &last_cut), Some(Fault::Root));
    assert_eq!(found("mails.csv", &|text: &str| text.replacen(",1,1,", ",1,2,", 1)), Some(Fault::Malformed));
}

/// The last cells of a roster's line, from `status` on.
const CELLS: [&str; 6] = ["status", "reason", "round", "queued_at", "attempts", "possible_duplicate"];

/// The roster with another word in one cell of the line that has `row` before everything else.
fn with_cell(roster: &str, row: &str, column: &str, word: &str) -> String {
    let of_line = |line: &str| {
        let mut cells: Vec<_> = line.rsplitn(CELLS.len() + 1, ',').map(str::to_owned).collect();
        cells.reverse();
        let at = 1 + CELLS.iter().position(|name| *name == column).unwrap();
        cells[at] = String::from(word);
        cells.join(",")
    };
    let lines = roster.lines().map(|line| if line.starts_with(row) { of_line(line) } else { line.to_owned() });
    lines.map(|line| line + "\r\n").collect()
}

/// A bundle of the association's notice and who may sign it.
async fn bundle(more: &[&str]) -> (Files, SealKey) {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "bundle.zip", more);
    let key = std::fs::read_to_string(program.path("ledger.key")).unwrap();
    (unpacked(&bundle), SealKey::from_hex(key.trim()).unwrap())
}

/// What is found when one file says this instead, and the manifest is made anew and signed.
fn forged((files, key): &(Files, SealKey), name: &str, text: String) -> Bad {
    assert_ne!(text.as_bytes(), files[name], "{name}");
    let mut files = files.clone();
    files.insert(name.into(), text.into_bytes());
    sign(&mut files, key);
    checked(&files).first_bad.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roster_that_says_something_else_than_the_ledger_is_found_and_the_member_is_named() {
    for more in [&["--full"][..], &[]] {
        let bundle = bundle(more).await;
        let roster = String::from_utf8(bundle.0["roster.csv"].clone()).unwrap();
        let no = |row: &str| roster.lines().find(|line| line.starts_with(row)).unwrap().split(',').nth(1).unwrap();
        for (row, column, word) in [
            ("2,", "status", "failed"),
            ("2,", "status", "delivered"),
            ("2,", "status", "held"),
            ("1,", "round", "1"),
            ("1,", "attempts", "2"),
            ("1,", "queued_at", "1700000000000"),
            ("2,", "queued_at", "1700000000000"),
            ("2,", "reason", "mailbox_full"),
            ("2,", "possible_duplicate", "true"),
        ] {
            let bad = forged(&bundle, "roster.csv", with_cell(&roster, row, column, word));
            let said = (bad.file.as_str(), bad.member.as_deref(), bad.column.as_deref(), bad.fault);
            assert_eq!(said, ("roster.csv", Some(no(row)), Some(column), Fault::NotTheLedgers), "{row} {word}");
            assert!(bad.entry.is_some() && bad.line.is_some(), "{bad:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_taken_out_of_the_roster_or_put_into_it_is_found() {
    let bundle = bundle(&[]).await;
    let roster = String::from_utf8(bundle.0["roster.csv"].clone()).unwrap();
    let row = roster.lines().find(|line| line.starts_with("3,")).unwrap().to_owned() + "\r\n";
    let removed = forged(&bundle, "roster.csv", roster.replace(&row, ""));
    assert_eq!((removed.fault, removed.member.as_deref()), (Fault::MemberMissing, Some("#3")), "{removed:?}");

    let added = row.replacen('3', "99", 1);
    let told = forged(&bundle, "roster.csv", roster.clone() + &added);
    let no = added.split(',').nth(1);
    assert_eq!((told.fault, told.member.as_deref(), told.line), (Fault::NotTheLedgers, no, Some(6)), "{told:?}");

    // One of whom the ledger has nothing to tell is one too many of its import, or of those who belong to none.
    let words =
        [("status", "held"), ("round", "1"), ("queued_at", ""), ("attempts", "0"), ("possible_duplicate", "false")];
    let held = words.iter().fold(added, |row, (column, word)| with_cell(&row, "99,", column, word));
    let bad = forged(&bundle, "roster.csv", roster.clone() + &held);
    assert_eq!((bad.file.as_str(), bad.fault), ("roster.csv", Fault::Count), "{bad:?}");
    let batch = held.rsplit(',').nth(6).unwrap();
    let bad = forged(&bundle, "roster.csv", roster.clone() + &held.replace(batch, ""));
    assert_eq!((bad.file.as_str(), bad.fault), ("report.json", Fault::Count), "{bad:?}");
    let bad = forged(&bundle, "roster.csv", roster.clone() + &held.replace(batch, "no-import"));
    assert_eq!((bad.file.as_str(), bad.fault), ("roster.csv", Fault::Count), "{bad:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_figures_are_not_those_of_the_roster_is_found_and_the_figure_named() {
    let bundle = bundle(&[]).await;
    let report = String::from_utf8(bundle.0["report.json"].clone()).unwrap();
    for (from, to, figure) in [
        ("\"accepted\": 4,", "\"accepted\": 3,", "counts.accepted"),
        ("\"failed\": 0", "\"failed\": 1", "counts.failed"),
        ("\"own_rows\": 0", "\"own_rows\": 1", "own_rows"),
    ] {
        let bad = forged(&bundle, "report.json", report.replacen(from, to, 1));
        assert_eq!((bad.fault, bad.column.as_deref()), (Fault::Count, Some(figure)), "{bad:?}");
    }
}
