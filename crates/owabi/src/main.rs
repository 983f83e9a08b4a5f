//! The `owabi` program.

use owabi::config::Environment;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Rosters, previews, databases and backups hold members' names: files are for their owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    ExitCode::from(owabi::cli::main(std::env::args_os(), Environment::of_process()).code())
}
