//! The units are valid, closed, and do not differ in what closes them.

use super::{assignments, files, units, values};
use crate::support::servers;
use std::path::Path;
use std::process::Command;

/// The first and the last line of what all services share.
const SANDBOX: (&str, &str) = ("UMask=", "IPAddressAllow=");

fn is_available() -> bool {
    let analyze = Command::new("systemd-analyze").arg("--version").output();
    let missing = analyze.is_err().then(|| "systemd-analyze is missing (./x test installs it)".to_owned());
    servers::is_available("systemd", missing)
}

/// The units in a folder of their own, calling programs that every machine has; with every example of a drop-in if so wanted.
fn copy(examples: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for unit in files(&units(), &[".service", ".timer"]) {
        let text = std::fs::read_to_string(&unit).unwrap();
        let text = text.replace("=/usr/bin/owabi ", "=/bin/true ").replace("=/bin/kill ", "=/bin/true ");
        std::fs::write(folder.path().join(unit.file_name().unwrap()), text).unwrap();
    }
    let drop_ins = folder.path().join("owabi.service.d");
    std::fs::create_dir(&drop_ins).unwrap();
    for example in files(&units().join("owabi.service.d"), &[".conf.example"]).iter().filter(|_| examples) {
        let text = std::fs::read_to_string(example).unwrap().replace("\n#IPAddressAllow", "\nIPAddressAllow");
        std::fs::write(drop_ins.join(example.file_stem().unwrap()), text).unwrap();
    }
    folder
}

/// `systemd-analyze VERB` of units, which must succeed and say nothing of them but its answer.
#[track_caller]
fn analyze(folder: &Path, arguments: &[&str], units: &[String]) -> String {
    let mut command = Command::new("systemd-analyze");
    let output = command.current_dir(folder).env("LC_ALL", "C").args(arguments).args(units).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("owabi"), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn names(folder: &Path, ends: &[&str]) -> Vec<String> {
    let name = |path: &std::path::PathBuf| format!("./{}", path.file_name().unwrap().to_str().unwrap());
    files(folder, ends).iter().map(name).collect()
}

#[test]
fn every_unit_is_valid_also_with_every_example_of_a_drop_in() {
    if !is_available() {
        return;
    }
    for examples in [false, true] {
        let folder = copy(examples);
        let units = names(folder.path(), &[".service", ".timer"]);
        assert_eq!(units.len(), 14, "{units:?}");
        analyze(folder.path(), &["verify", "--man=no"], &units);
    }
}

#[test]
fn owabi_starts_also_where_a_program_or_a_folder_that_an_example_names_is_missing() {
    let examples = files(&units().join("owabi.service.d"), &[".conf.example"]);
    let named = |file: &std::path::PathBuf| [values(file, "ExecPaths"), values(file, "ReadWritePaths")].concat();
    let paths: Vec<String> = examples.iter().flat_map(named).collect();
    let paths: Vec<&str> = paths.iter().flat_map(|line| line.split_whitespace()).collect();
    assert!(paths.len() >= 5 && paths.iter().all(|path| path.starts_with("-/")), "{paths:?}");
}

#[test]
fn every_service_is_exposed_by_no_more_than_1_0_of_10() {
    if !is_available() {
        return;
    }
    let folder = copy(false);
    for unit in names(folder.path(), &[".service"]) {
        let said = analyze(folder.path(), &["security", "--offline=true", "--threshold=10", "--no-pager"], &[unit]);
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}

#[test]
fn a_unit_that_is_open_would_be_found() {
    if !is_available() {
        return;
    }
    let folder = copy(false);
    let unit = folder.path().join("owabi.service");
    let text = std::fs::read_to_string(&unit)
        .unwrap()
        .replace("ProtectSystem=strict\n", "")
        .replace("[Service]", "[Service]\nFrobnicate=yes");
    std::fs::write(&unit, text).unwrap();
    let run = |arguments: &[&str]| {
        Command::new("systemd-analyze")
            .current_dir(folder.path())
            .args(arguments)
            .arg("./owabi.service")
            .output()
            .unwrap()
    };
    let security = run(&["security", "--offline=true", "--threshold=10", "--no-pager"]);
    assert!(!security.status.success(), "{security:?}");
    let verify = run(&["verify", "--man=no"]);
    assert!(String::from_utf8_lossy(&verify.stderr).contains("Frobnicate"), "{verify:?}");
}

#[test]
fn all_services_have_the_same_sandbox_word_for_word() {
    let sandbox = |unit: &std::path::PathBuf| {
        let text = std::fs::read_to_string(unit).unwrap();
        let from = text.find(&format!("\n{}", SANDBOX.0)).unwrap();
        let last = text.find(&format!("\n{}", SANDBOX.1)).unwrap();
        text[from..last].to_owned() + text[last + 1..].lines().next().unwrap()
    };
    let services = files(&units(), &[".service"]);
    assert_eq!(services.len(), 8);
    assert_eq!(values(&services[0], "LimitCORE"), ["0"], "an abort of the watchdog leaves no names on a disk");
    for unit in &services {
        assert_eq!(sandbox(unit), sandbox(&services[0]), "{}", unit.display());
    }
}

#[test]
fn each_template_differs_from_the_first_instances_unit_in_names_alone_and_hides_its_files() {
    let all = |name: &str| assignments(&units().join(name));
    let named = |(key, value): (String, String)| {
        let value = value.replace("/%i/", "/").replace("-%i", "").replace(", instance %i", "");
        (key, value)
    };
    let firsts = files(&units(), &[".service", ".timer"]).into_iter().map(|unit| unit.to_str().unwrap().to_owned());
    let firsts: Vec<String> = firsts.filter(|unit| !unit.contains('@')).collect();
    assert_eq!(firsts.len(), 7, "{firsts:?}");
    let hides = values(&units().join("owabi@.service"), "InaccessiblePaths");
    for first in &firsts {
        let template = first.replace(".service", "@.service").replace(".timer", "@.timer");
        let (hidden, template): (Vec<_>, Vec<_>) =
            all(&template).into_iter().partition(|(key, _)| key == "InaccessiblePaths");
        assert_eq!(template.into_iter().map(named).collect::<Vec<_>>(), all(first), "{first}");
        let hidden: Vec<String> = hidden.into_iter().map(|(_, paths)| paths).collect();
        assert_eq!(hidden, if first.ends_with(".service") { hides.clone() } else { vec![] }, "{first}");
    }
    // And they do not see what is the first one's.
    let first = values(&units().join("owabi.service"), "StateDirectory").remove(0);
    let config =
        all("owabi.service").into_iter().find_map(|(_, value)| value.strip_prefix("OWABI_CONFIG=").map(str::to_owned));
    for path in [format!("-/var/lib/{first}"), format!("-{}", config.unwrap())] {
        assert!(hides.iter().any(|paths| paths.split(' ').any(|hidden| hidden == path)), "{path}: {hides:?}");
    }
}

#[test]
fn a_stop_waits_20_s_longer_than_mails_in_flight_may_take_by_default() {
    let config = owabi::config::Config::default();
    let seconds: u64 =
        values(&units().join("owabi.service"), "TimeoutStopSec")[0].trim_end_matches('s').parse().unwrap();
    let stop: std::time::Duration = config.dispatch.stop_timeout.into();
    assert!(seconds >= stop.as_secs() + 5 + 20, "{seconds}");
}
