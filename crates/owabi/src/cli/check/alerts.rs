//! `check`: the program that gets the alerts is there and can be run.

use super::Found;
use crate::cli::exit::Exit;
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::Config;
use std::os::unix::fs::PermissionsExt;

pub(super) fn check(session: &Session, config: &Config, found: &mut Found) {
    let Some(command) = &config.alerts.command else { return };
    let shown = command.display();
    let what = match std::fs::metadata(command) {
        Ok(of) if of.is_file() && of.permissions().mode() & 0o111 != 0 => return,
        Ok(_) => say!(
            ja: "alerts.command: {shown} は実行できるファイルではありません。実行権限を確かめてください。",
            en: "alerts.command: {shown} is no file that can be run; look at its permissions"
        ),
        Err(error) => say!(
            ja: "alerts.command: {shown} を読めません({error})。パスを確かめるか、null にしてください。",
            en: "alerts.command: {shown}: {error}; correct the path, or write null for none"
        ),
    };
    found.problem(session, Exit::BadConfig, "alerts", &what);
}
