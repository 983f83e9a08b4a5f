//! The `owabi` program.

use owabi::config::Environment;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Rosters, previews, databases and backups hold members' names: files are for their owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // So does its memory, with passwords and keys besides: an abort, the watchdog's perhaps, leaves no image of it on a disk.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    ExitCode::from(owabi::cli::main(std::env::args_os(), Environment::of_process()).code())
}
