//! `exit-codes.md`, from the enum of the exit codes.

use super::cell;
use owabi::cli::exit::Exit;
use std::fmt::Write as _;

pub(super) fn page() -> String {
    let mut page = "\
# Reference: exit codes

Scripts and units may rely on them. Those from 65 on are those of sysexits.h.

| exit code | meaning | 意味 |
|---|---|---|
"
    .to_owned();
    for exit in Exit::ALL {
        let meaning = exit.meaning();
        let _ = writeln!(page, "| {} | {} | {} |", exit.code(), cell(&meaning.en), cell(&meaning.ja));
    }
    page + "\n`owabi track pipe` is called by a mail server, and ends with 75 whatever went wrong, so that the mail stays with that server.\n"
}
