//! Evidence bundles, end to end: written by the program, checked by it, by a shell, and after ten thousand edits.

mod edits;
mod exports;
mod heads;
mod shell;

use crate::support::audit;
use crate::support::program::{Program, roster};
use crate::support::world::NOTICE;
use owabi::evidence::archive::Archive;
use owabi::evidence::check::{Outside, Verdict, check};
use owabi_core::ids::hex;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Connection;
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The files of a bundle.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// One who is corrected, one with a carrier's legacy address, one whose mail is sent again, one of an ordinary sort.
pub(crate) const ADDRESSES: [&str; 4] =
    ["before@example.jp", "abc..def@docomo.ne.jp", "again@example.jp", "ordinary@example.jp"];

/// Sent, corrected, and in part sent again.
pub(crate) async fn association(program: Program, relay: &CaptureRelay) -> Program {
    program.import(&program.write("roster.csv", &roster(&ADDRESSES.map(str::to_owned))));
    program.release();
    program.json(&["run", "--until-idle"]);
    assert_eq!(relay.captured().len(), ADDRESSES.len());
    sql(&program, &again()).await;
    program.json(&["run", "--until-idle"]);
    assert_eq!(relay.captured().len(), ADDRESSES.len() + 2);
    program
}

/// What a correction and a resend batch write.
fn again() -> String {
    let at = owabi::clock::now_ms();
    format!(
        "INSERT INTO batches (id, notice_id, kind, actor, reason, at) VALUES ('r1', '{NOTICE}', 'resend', 'hanako', 'again', {at});
         INSERT INTO ledger (at, actor, kind, notice_id, body) VALUES ({at}, 'hanako', 'resend', '{NOTICE}', '{{\"batch\":\"r1\",\"reason\":\"again\"}}');
         INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email)
         SELECT id, {at}, 'hanako', 'she telephoned', email, 'after@example.jp' FROM affected_members WHERE member_no = 'M00000';
         INSERT INTO resends (member_id, round, batch_id, at, status_before, tries_before, fingerprint)
         SELECT m.id, 2, 'r1', {at}, 'accepted', 1, n.fingerprint FROM affected_members m JOIN notices n ON n.id = m.notice_id
         WHERE m.member_no IN ('M00000', 'M00002');
         INSERT INTO substitutes (notice_id, member_id, kind, on_day, note, actor, at)
         SELECT '{NOTICE}', id, 'letter', '2022-03-03', 'sent to her parents', 'hanako', {at} FROM affected_members WHERE member_no = 'M00003';
         INSERT INTO receipts (member_id, round, number, at, source, evidence, part, matched_by, says, recipient, detail, status_before, status_after)
         SELECT id, 1, 1, {at}, 'maildir:/b', 'h1', 0, 'token', 'delayed', email, 'u@example.jp is busy', 'accepted', 'accepted'
         FROM affected_members WHERE member_no = 'M00003';
         UPDATE affected_members SET email = 'after@example.jp' WHERE member_no = 'M00000';
         UPDATE affected_members SET status = 'queued', round = 2, attempts = 0, possible_duplicate = TRUE, queued_at = {at}, due_at = {at}, updated_at = {at}
         WHERE member_no IN ('M00000', 'M00002');"
    )
}

/// Does several statements past the program.
pub(crate) async fn sql(program: &Program, text: &str) {
    let (url, text) = (program.url(), sqlx::AssertSqlSafe(text.to_owned()));
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    } else {
        sqlx::raw_sql(text).execute(&mut audit::connect(&url).await).await.unwrap();
    }
}

pub(crate) async fn relay() -> CaptureRelay {
    CaptureRelay::start(CaptureOptions::default()).await.unwrap()
}

/// `evidence export`, and what it said.
pub(crate) fn export(program: &Program, name: &str, more: &[&str]) -> (PathBuf, Value) {
    let out = program.path(name);
    let arguments =
        [&["evidence", "export", "--notice", NOTICE, "--out", out.to_str().unwrap(), "--yes"], more].concat();
    let said = program.json(&arguments);
    (out, said)
}

/// `evidence verify`: whether it is good, and what it said.
pub(crate) fn verify(program: &Program, bundle: &Path, more: &[&str]) -> (bool, Value) {
    let output = program.output(&[&["--json", "evidence", "verify", bundle.to_str().unwrap()], more].concat());
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap())
}

pub(crate) fn unpacked(bundle: &Path) -> Files {
    let mut zip = ZipArchive::new(std::fs::File::open(bundle).unwrap()).unwrap();
    let mut files = Files::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(file.name().unwrap().into_owned(), content);
    }
    files
}

pub(crate) fn packed(files: &Files) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn checked(files: &Files) -> Verdict {
    check(Archive::of(packed(files).into()), &Outside::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_bundle_verifies_and_every_mail_in_it_is_rebuilt_octet_for_octet() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, said) = export(&program, "full.zip", &["--full"]);
    assert_eq!((&said["members"], &said["mails"], &said["unsealed"]), (&4.into(), &6.into(), &0.into()), "{said}");
    let (good, verdict) = verify(&program, &bundle, &[]);
    assert!(good, "{verdict}");
    assert_eq!((&verdict["mails_rebuilt"], &verdict["entries"]), (&6.into(), &said["entries"]));
    let head = said["head"].as_str().unwrap();
    assert!(verify(&program, &bundle, &["--head", head]).0);
    assert_eq!(verdict["head"], said["head"]);

    let other = head.replace(
        &head[head.find("hash=").unwrap()..],
        &format!("hash={} key={}", "ab".repeat(32), verdict["key"].as_str().unwrap()),
    );
    let (good, verdict) = verify(&program, &bundle, &["--head", &other]);
    assert!(!good && verdict["first_bad"]["fault"] == "head", "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_without_full_holds_no_name_address_or_word_of_a_person_and_verifies() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "bundle.zip", &[]);
    let (good, verdict) = verify(&program, &bundle, &[]);
    assert!(good && verdict["mails_rebuilt"] == 0, "{verdict}");
    let words = ["山田", "M00000", "after@example.jp", "telephoned", "parents", "is busy", "roster.csv"];
    for (name, content) in unpacked(&bundle) {
        let text = String::from_utf8_lossy(&content).into_owned();
        // README.txt and MANIFEST name the bundle's own roster.csv.
        let found = words.iter().chain(&ADDRESSES).find(|word| text.contains(**word) && **word != "roster.csv");
        assert_eq!(found, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_a_member_who_was_looked_at_or_sent_to_again_is_in_a_bundle_without_full() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    program.json(&["member", "show", "M00001"]);
    program.json(&["log", "--member", "M00001"]);
    program.json(&["evidence", "member", "M00001"]);
    program.json(&[
        "resend",
        "--notice",
        NOTICE,
        "--member",
        "M00001",
        "--include-delivered",
        "--count",
        "1",
        "--reason",
        "lost",
        "--yes",
    ]);
    let (bundle, _) = export(&program, "bundle.zip", &[]);
    let (good, verdict) = verify(&program, &bundle, &[]);
    assert!(good, "{verdict}");
    for (name, content) in unpacked(&bundle) {
        let text = String::from_utf8_lossy(&content).into_owned();
        let numbers = ["M00000", "M00001", "M00002", "M00003"];
        assert!(numbers.iter().all(|no| !text.contains(no)), "{name}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_made_anew_with_another_key_is_told_by_what_was_noted_outside_alone() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (mine, said) = export(&program, "mine.zip", &[]);
    let relay = self::relay().await;
    let forger = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (forged, _) = export(&forger, "forged.zip", &[]);
    assert!(verify(&program, &forged, &[]).0, "nothing in it tells");
    let (good, verdict) = verify(&program, &forged, &["--head", said["head"].as_str().unwrap()]);
    assert!(!good && verdict["first_bad"]["fault"] == "another_key", "{verdict}");
    std::fs::write(program.path("key.pem"), &unpacked(&mine)["ledger.pub.pem"]).unwrap();
    let key = program.path("key.pem");
    let (good, verdict) = verify(&program, &forged, &["--key", key.to_str().unwrap()]);
    assert!(!good && verdict["first_bad"]["file"] == "ledger.pub.pem", "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_state_gives_the_same_octets() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "one.zip", &["--full"]);
    let text = |name: &str| std::fs::read_to_string(program.path(name)).unwrap();
    let secret: Vec<u8> = std::fs::read(program.path("owabi.key")).unwrap();
    let secret = String::from_utf8(secret).unwrap();
    let octets: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&secret[at..at + 2], 16).unwrap()).collect();
    let keys = owabi_core::ids::Keys::new(&octets).unwrap();
    let seal_key = owabi_core::ledger::SealKey::from_hex(text("ledger.key").trim()).unwrap();
    let store = owabi_store::Store::open(&owabi_store::OpenOptions::new(program.url())).await.unwrap();
    let files = unpacked(&bundle);
    let report = |name: &str| std::str::from_utf8(&files[name]).unwrap();
    let wanted = owabi::evidence::bundle::Wanted {
        notice_id: NOTICE,
        full: true,
        keys: &keys,
        seal_key: &seal_key,
        report: Some([report("report.html"), report("report.json")]),
        damage: None,
    };
    let mut again = Cursor::new(Vec::new());
    owabi::evidence::bundle::write(&mut again, &mut store.snapshot().await.unwrap(), &wanted).await.unwrap();
    assert_eq!(hex(&Sha256::digest(again.into_inner())), hex(&Sha256::digest(std::fs::read(bundle).unwrap())));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_persons_mails_are_rebuilt_and_a_shell_alone_proves_that_they_were_sealed() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let out = program.path("proof");
    let said = program.json(&["evidence", "member", "M00000", "--out", out.to_str().unwrap()]);
    let mails = said["notices"][0]["mails"].as_array().unwrap();
    assert_eq!(mails.len(), 2, "{said}");
    for mail in mails {
        assert_eq!((&mail["equal"], mail["proof"].is_object()), (&true.into(), true), "{mail}");
        let eml = std::fs::read(out.join(format!("{NOTICE}-{}.eml", mail["attempt"]))).unwrap();
        assert_eq!(hex(&Sha256::digest(&eml)), mail["mail_sha256"].as_str().unwrap());
        let script = out.join(format!("check-{}.sh", mail["proof"]["entry"]));
        assert!(shell::sh(&script, &[]).status.success(), "{:?}", shell::sh(&script, &[]));
    }
    let entry = out.join(format!("entry-{}.json", mails[0]["proof"]["entry"]));
    let line = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, line.replace("accepted", "deferred")).unwrap();
    let script = out.join(format!("check-{}.sh", mails[0]["proof"]["entry"]));
    assert!(!shell::sh(&script, &[]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_person_was_told_is_answered_by_any_address_that_the_person_had() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    for (asked, no, mails) in [
        ("before@example.jp", "M00000", 1),
        ("ａｆｔｅｒ＠example.jp", "M00000", 1),
        ("\"abc..def\"@docomo.ne.jp", "M00001", 1),
        ("again@example.jp", "M00002", 2),
    ] {
        let said = program.json(&["evidence", "asked", "--notice", NOTICE, "--email", asked]);
        assert_eq!((&said["told"], &said["members"][0]["member_no"]), (&true.into(), &no.into()), "{asked}: {said}");
        assert_eq!(said["members"][0]["mails"].as_array().unwrap().len(), mails, "{asked}: {said}");
        assert!(said["members"][0]["mails"][0]["text"].is_string());
    }
    let said = program.json(&["evidence", "asked", "--notice", NOTICE, "--email", "stranger@example.jp"]);
    assert_eq!((&said["known"], &said["told"]), (&false.into(), &false.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_who_is_asked_for_it_is_said_how_and_when_and_which_mail_may_have_come_twice() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let asked = |email: &str| {
        let said = program.json(&["evidence", "asked", "--notice", NOTICE, "--email", email]);
        said["members"][0].clone()
    };
    let told = |member: &Value| {
        let ways = member["told_by"].as_array().unwrap().iter();
        ways.map(|way| way["by"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let by_letter = asked("ordinary@example.jp");
    assert_eq!(
        (told(&by_letter), &by_letter["told_by"][1]["at"]),
        (vec!["mail".into(), "letter".into()], &"2022-03-03".into())
    );
    assert_eq!((&by_letter["status"], &by_letter["told"]), (&"accepted".into(), &true.into()));
    let mail = &by_letter["mails"][0];
    assert_eq!(
        (&mail["at"], &mail["outcome"], &mail["attempt"], &mail["possible_duplicate"]),
        (&by_letter["told_by"][0]["at"], &"accepted".into(), &1.into(), &false.into())
    );
    assert!(mail["message_id"].is_string() && mail["mail_sha256"].as_str().unwrap().len() == 64, "{mail}");

    let twice = asked("AGAIN@Example.JP");
    let flags: Vec<_> =
        twice["mails"].as_array().unwrap().iter().map(|mail| mail["possible_duplicate"].clone()).collect();
    assert_eq!((told(&twice), flags), (vec!["mail".to_owned(); 2], vec![false.into(), true.into()]), "{twice}");

    // A letter that was taken back told nobody, and a mail that was not accepted neither.
    sql(&program, "INSERT INTO substitutes (notice_id, member_id, kind, on_day, revokes, actor, at) SELECT notice_id, member_id, 'revoked', on_day, id, 'hanako', at FROM substitutes").await;
    assert_eq!(told(&asked("ordinary@example.jp")), ["mail"]);
    sql(&program, "DROP TRIGGER attempts_stay_u; UPDATE attempts SET outcome = 'failed' WHERE member_id = 4").await;
    let member = asked("ordinary@example.jp");
    assert_eq!((&member["told"], &member["told_by"]), (&false.into(), &serde_json::json!([])), "{member}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_was_unpacked_and_packed_again_with_its_folders_is_the_same_bundle() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "bundle.zip", &[]);
    let mut again = unpacked(&bundle);
    again.extend(["notice/", "notice/1/", "seals/"].map(|folder| (folder.to_owned(), Vec::new())));
    assert!(checked(&again).ok, "{:?}", checked(&again));
    for other in ["more/", "notice/../../x/", "../"] {
        let files = again.clone().into_iter().chain([(other.to_owned(), Vec::new())]).collect();
        assert!(!checked(&files).ok, "{other}");
    }
}

#[test]
fn what_is_no_bundle_and_what_is_no_key_is_bad_input() {
    let program = Program::new(1, "");
    let (no_zip, no_key) = (program.write("no.zip", "no zip"), program.write("no.pem", "no key"));
    let code = |arguments: &[&str]| program.output(arguments).status.code();
    let [no_zip, no_key] = [&no_zip, &no_key].map(|file| file.to_str().unwrap());
    assert_eq!(code(&["evidence", "verify", no_zip]), Some(65));
    assert_eq!(code(&["evidence", "verify", program.path("").to_str().unwrap()]), Some(65), "a folder");
    assert_eq!(code(&["evidence", "verify", no_zip, "--key", no_key]), Some(65));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_zips_are_named_and_cost_little() {
    let outside = Outside::default();
    let fault = |octets: Vec<u8>| {
        let verdict = check(Archive::of(octets.into()), &outside);
        let bad = verdict.first_bad.unwrap();
        format!("{} {}", bad.file, serde_json::to_value(bad.fault).unwrap().as_str().unwrap())
    };
    assert_eq!(fault(b"no zip".to_vec()), " unreadable");
    let one = |name: &str, content: &[u8]| packed(&Files::from([(name.to_owned(), content.to_vec())]));
    assert_eq!(fault(one("../../etc/cron.d/x", b"x")), "../../etc/cron.d/x unexpected");
    assert_eq!(fault(one("/etc/passwd", b"x")), "/etc/passwd unexpected");
    assert_eq!(fault(one("README.txt", b"x")), "ledger.pub.pem missing");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("ledger.jsonl", SimpleFileOptions::default()).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..200).for_each(|_| zip.write_all(&zeros).unwrap());
    assert_eq!(fault(zip.finish().unwrap().into_inner()), " too_large");
    // Two files of one name: the writer refuses to, so a name of the same length is replaced.
    let mut two = packed(&Files::from([("README.txt".into(), b"a".to_vec()), ("report.txt".into(), b"b".to_vec())]));
    let at: Vec<usize> = (0..two.len() - 10).filter(|at| &two[*at..*at + 10] == b"report.txt").collect();
    for at in at {
        two[at..at + 10].copy_from_slice(b"README.txt");
    }
    assert_eq!(fault(two), " twice");
}
