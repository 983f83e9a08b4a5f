//! The `owabi` program.

use owabi::config::Environment;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(owabi::cli::main(std::env::args_os(), Environment::of_process()).code())
}
