//! The manual pages that `owabi man` writes.

use crate::support::site::owabi;
use clap::Command;
use owabi::cli::exit::Exit;
use owabi::config::commented_keys;
use std::collections::BTreeSet;

/// The file names of the pages of a verb and of those below it.
fn pages(command: &Command, into: &mut BTreeSet<String>) {
    into.insert(format!("{}.1", command.get_display_name().unwrap_or(command.get_name())));
    command.get_subcommands().for_each(|verb| pages(verb, into));
}

#[test]
fn there_is_a_manual_page_for_each_verb_and_one_for_the_configuration_and_they_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    owabi(&["man", "--out", folder.path().to_str().unwrap()]).exits(0);
    let mut command = owabi::cli::command().disable_help_subcommand(true);
    command.build();
    let mut wanted = BTreeSet::from(["owabi.yaml.5".to_owned()]);
    pages(&command, &mut wanted);
    let written = std::fs::read_dir(folder.path()).unwrap();
    let written: BTreeSet<String> = written.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(written, wanted);

    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().replace("\\-", "-");
    let overview = read("owabi.1");
    for section in ["EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SIGNALS", "SEE ALSO"] {
        assert!(
            overview.contains(&format!(".SH \"{section}\"")) || overview.contains(&format!(".SH {section}\n")),
            "{section}"
        );
    }
    for exit in Exit::ALL {
        assert!(overview.contains(&format!("\\fB{}\\fR", exit.code())), "{exit:?}");
    }
    let configuration = read("owabi.yaml.5");
    let valued = commented_keys().into_iter().filter(|key| !key.default.is_empty());
    let missing: Vec<String> =
        valued.map(|key| key.path).filter(|path| !configuration.contains(&format!("{path}: "))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(read("owabi-resend.1").contains("owabi resend --notice metaps-2022 --status failed"));
}
