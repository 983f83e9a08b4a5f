//! Ten thousand edits of a bundle, and those of one who has the key of the seals.

use super::{Files, association, checked, export, relay, unpacked};
use crate::support::program::Program;
use owabi::evidence::check::Fault;
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
