//! A bundle is checked with a shell, sha256sum and openssl alone, as its README.txt says.

use super::{Files, association, export, relay, unpacked};
use crate::support::program::Program;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a script in an empty environment.
pub(super) fn sh(script: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("/bin/sh");
    command.arg(script).args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    command.current_dir(script.parent().unwrap()).output().unwrap()
}

fn write(folder: &Path, files: &Files) {
    for (name, content) in files {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
}

/// The commands of README.txt, in their order.
fn commands(readme: &str) -> Vec<&str> {
    let indented = readme.lines().filter_map(|line| line.strip_prefix("     "));
    indented.filter(|line| !line.starts_with("owabi")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_check_a_bundle_and_one_changed_byte_in_any_file_makes_them_fail() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, _) = export(&program, "full.zip", &["--full"]);
    let files = unpacked(&bundle);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &files);
    let commands = commands(std::str::from_utf8(&files["README.txt"]).unwrap());
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let output = Command::new("/bin/sh").args(["-ec", command]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }
    let script = folder.path().join("check.sh");
    for name in files.keys().filter(|name| *name != "check.sh") {
        let mut changed = files[name].clone();
        let middle = changed.len() / 2;
        // An empty file gets an octet instead.
        if changed.is_empty() {
            changed.push(b'x');
        } else {
            changed[middle] ^= 1;
        }
        std::fs::write(folder.path().join(name), changed).unwrap();
        let output = sh(&script, &[]);
        assert!(!output.status.success(), "{name}: {output:?}");
        std::fs::write(folder.path().join(name), &files[name]).unwrap();
    }
    std::fs::write(folder.path().join("more.txt"), "x").unwrap();
    assert!(!sh(&script, &[]).status.success(), "a file that MANIFEST does not name");
}
