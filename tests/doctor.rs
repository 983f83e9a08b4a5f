//! `doctor`: what is wrong with the machine is found, named and left as it is.

use crate::support::program::Program;
use crate::support::servers;
use crate::support::world::addresses;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

fn program() -> Program {
    let program = Program::released(1, "", &addresses(2));
    mode(&program, "owabi.db", 0o600);
    mode(&program, "owabi.yaml", 0o640);
    program
}

fn mode(program: &Program, name: &str, mode: u32) {
    std::fs::set_permissions(program.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn findings(output: &Output) -> Vec<Value> {
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    said["findings"].as_array().unwrap().clone()
}

fn of_level(findings: &[Value], level: &str) -> Vec<String> {
    let text = |finding: &Value| format!("{}: {} → {}", finding["area"], finding["message"], finding["next"]);
    findings.iter().filter(|finding| finding["level"] == level).map(text).collect()
}

/// One finding of this level has all of these words; the exit code is that of the worst one.
#[track_caller]
fn finds(output: &Output, level: &str, words: &[&str]) {
    let findings = findings(output);
    let found = of_level(&findings, level);
    assert!(found.iter().any(|text| words.iter().all(|word| text.contains(word))), "{words:?}: {findings:#?}");
    let worst = i32::from(!of_level(&findings, "error").is_empty());
    assert_eq!(output.status.code(), Some(worst), "{findings:#?}");
}

fn doctor(program: &Program) -> Output {
    program.output(&["--json", "doctor"])
}

/// The same through a shell, which prepares the process.
fn in_shell(program: &Program, shell: &[&str], script: &str) -> Output {
    let command = program.command(&["--json", "doctor"]);
    let mut through = Command::new(shell[0]);
    through.args(&shell[1..]).args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    through.current_dir(program.path("")).output().unwrap()
}

#[test]
fn on_a_sound_machine_nothing_is_wrong_nobody_is_named_and_nothing_changes() {
    let program = program();
    program.json(&["db", "backup", "copy.db"]);
    let names = || {
        let mut names: Vec<_> = program.path("").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let octets = || std::fs::read(program.path("owabi.db")).unwrap();
    let before = (names(), octets());
    let output = program.output(&["--json", "doctor", "--deep"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let findings = findings(&output);
    assert!(of_level(&findings, "error").is_empty(), "{findings:#?}");
    finds(&output, "ok", &["no damage in the database", "all of it"]);
    finds(&output, "ok", &["the newest backup is of"]);
    finds(&output, "ok", &["only its owner can read", "owabi.key"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("@example.jp"));
    assert!((names(), octets()) == before, "{:?}", names());
    let japanese = program.command(&["doctor"]).args(["--lang", "ja"]).output().unwrap();
    let said = String::from_utf8_lossy(&japanese.stdout).into_owned();
    assert!(said.contains("○ ") || said.contains("ok "), "{said}");
}

#[test]
fn wrong_modes_a_missing_key_and_no_backup_are_found() {
    let program = program();
    finds(&doctor(&program), "warning", &["no backup of this queue is known", "owabi db backup"]);
    mode(&program, "owabi.key", 0o644);
    finds(&doctor(&program), "error", &["others can read", "owabi.key (0644)", "chmod 600"]);
    std::fs::remove_file(program.path("owabi.key")).unwrap();
    finds(&doctor(&program), "warning", &["owabi.key is not there", "restore the copy"]);
    mode(&program, "owabi.yaml", 0o666);
    finds(&doctor(&program), "error", &["owabi.yaml (0666)", "chmod go-w"]);
    mode(&program, "owabi.db", 0o644);
    mode(&program, "", 0o755);
    finds(&doctor(&program), "warning", &["everybody on this machine can read", "owabi.db (0644)"]);
}

#[test]
fn keys_of_another_queue_are_found_as_check_finds_them_and_none_is_made() {
    let program = program();
    program.output(&["run", "--until-idle"]);
    finds(&doctor(&program), "ok", &["the keys are those of this database"]);
    let kept = ["owabi.key", "ledger.key"].map(|name| (name, std::fs::read(program.path(name)).unwrap()));
    for (name, words) in
        [("owabi.key", "is not the key of this database"), ("ledger.key", "is not the key of this ledger")]
    {
        let put = |text: &str| {
            program.write(name, text);
            mode(&program, name, 0o600);
        };
        put(&format!("{}\n", "5a".repeat(32)));
        finds(&doctor(&program), "error", &[name, words, "restore the right key"]);
        let check: Value = serde_json::from_slice(&program.output(&["--json", "check"]).stdout).unwrap();
        assert!(check["problems"].to_string().contains(words), "{check}");
        put("no key\n");
        finds(&doctor(&program), "error", &[name, "64 hexadecimal digits"]);
        std::fs::remove_file(program.path(name)).unwrap();
        finds(&doctor(&program), "error", &[name, "restore the right key"]);
        program.output(&["--json", "check"]);
        assert!(!program.path(name).exists());
        let (_, octets) = kept.iter().find(|(of, _)| *of == name).unwrap();
        put(std::str::from_utf8(octets).unwrap());
    }
    let new = Program::new(1, "");
    new.json(&["db", "migrate"]);
    for name in ["owabi.key", "ledger.key"] {
        let _ = std::fs::remove_file(new.path(name));
    }
    doctor(&new);
    new.output(&["check"]);
    assert!(!new.path("owabi.key").exists() && !new.path("ledger.key").exists());
}

#[test]
fn a_damaged_file_a_file_that_is_gone_and_waiting_outcomes_are_found() {
    let program = program();
    assert_eq!(program.output(&["run", "--until-idle"]).status.code(), Some(69), "no relay listens there");
    program.write("owabi.spool.q-1", "{}\n");
    program.write("owabi.spool.q-1.late", "{}\n");
    finds(
        &doctor(&program),
        "warning",
        &["owabi.spool.q-1 has outcomes that are not recorded yet", "do not delete it"],
    );
    finds(&doctor(&program), "warning", &["owabi.spool.q-1.late has outcomes that were not recorded"]);
    let file = program.path("owabi.db");
    let mut octets = std::fs::read(&file).unwrap();
    let (middle, end) = (octets.len() / 4, octets.len());
    octets[middle..end].fill(0x5a);
    std::fs::write(&file, octets).unwrap();
    finds(&doctor(&program), "error", &["database", "damaged"]);
    std::fs::remove_file(&file).unwrap();
    finds(&doctor(&program), "error", &["owabi.db is not there, but was"]);
    assert!(!file.exists());
    let new = Program::new(1, "");
    finds(&doctor(&new), "warning", &["owabi.db is not there yet"]);
    assert!(!new.path("owabi.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_in_the_place_of_the_queue_is_found() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(1));
    program.json(&["db", "backup", "copy.db"]);
    program.json(&["run", "--until-idle"]);
    std::fs::rename(program.path("copy.db"), program.path("owabi.db")).unwrap();
    finds(&doctor(&program), "error", &["ledger", "older than what was sealed", "ledger verify"]);
}

#[test]
fn what_a_killed_backup_left_is_found_and_removed_by_the_next_one_but_not_what_is_being_written() {
    let program = program();
    std::fs::create_dir(program.path("kept")).unwrap();
    let file = program.json(&["db", "backup", "kept"])["file"].as_str().unwrap().to_owned();
    std::fs::remove_file(program.path(&file)).unwrap();
    let queue = &file["kept/".len()..file.len() - "-20220302-090000.db".len()];
    let names = [format!("{queue}-20200101-000000.db"), "copy.db".to_owned(), format!("{queue}-20200102-000000.db")];
    let [left, other, written] = names.map(|name| program.write(&format!("kept/.{name}.7.new"), "x"));
    let writer = std::fs::File::open(&written).unwrap();
    writer.lock().unwrap();
    let output = doctor(&program);
    for file in [&left, &other] {
        finds(
            &output,
            "warning",
            &["left of a backup that was interrupted", file.file_name().unwrap().to_str().unwrap()],
        );
    }
    assert!(!String::from_utf8_lossy(&output.stdout).contains("20200102-000000"), "{output:?}");
    assert!(left.exists(), "it changes nothing");
    let backup = program.json(&["db", "backup", "kept", "--keep", "5"]);
    let removed = backup["unfinished"].as_array().unwrap();
    assert!(removed.len() == 1 && removed[0].as_str().unwrap().ends_with("-20200101-000000.db.7.new"), "{backup}");
    assert_eq!((left.exists(), other.exists(), written.exists()), (false, true, true));
    program.json(&["db", "backup", "kept/copy.db"]);
    assert_eq!((other.exists(), written.exists()), (false, true));
}

#[test]
fn a_daemon_at_work_is_told_and_another_doctor_is_not_taken_for_one() {
    let program = program();
    assert_eq!(program.output(&["run", "--until-idle"]).status.code(), Some(69), "no relay listens there");
    let lock = std::fs::File::open(program.path("owabi.db.lock")).unwrap();
    lock.lock_shared().unwrap();
    finds(&doctor(&program), "ok", &["no owabi is sending from it now"]);
    lock.unlock().unwrap();
    lock.lock().unwrap();
    finds(&doctor(&program), "ok", &["owabi is at work on this database"]);
}

#[test]
fn too_few_open_files_are_found() {
    let output = in_shell(&program(), &["/bin/sh"], "ulimit -n 50; exec \"$@\"");
    finds(&output, "error", &["limits", "50 files may be open", "LimitNOFILE="]);
}

#[test]
fn a_disk_without_room_or_inodes_is_found() {
    let unshare = ["unshare", "--mount", "/bin/sh"];
    let mount = "mount -t tmpfs -o size=1m,nr_inodes=50 none small";
    let probe = tempfile::tempdir().unwrap();
    std::fs::create_dir(probe.path().join("small")).unwrap();
    let may = Command::new(unshare[0]).args(&unshare[1..]).args(["-c", mount]).current_dir(probe.path()).output();
    let why_not = (!may.is_ok_and(|may| may.status.success())).then(|| "nothing can be mounted here".to_owned());
    if !servers::is_available("mount", why_not) {
        return;
    }
    let program = program();
    std::fs::create_dir(program.path("small")).unwrap();
    program.configure("dispatch: {", "dispatch: { spool: small/owabi.spool,");
    let output = in_shell(&program, &unshare, &format!("{mount} && exec \"$@\""));
    finds(&output, "error", &["disk", "has 1.0 MiB of room", "make room"]);
    finds(&output, "error", &["inodes for", "df -i"]);
}
