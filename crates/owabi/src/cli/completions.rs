//! `completions`: for a shell.

use super::exit::Exit;

/// The options of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi completions bash > /etc/bash_completion.d/owabi
  owabi completions zsh > ~/.zfunc/_owabi")]
pub(super) struct Options {
    /// bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

pub(super) fn run(options: &Options) -> Exit {
    clap_complete::generate(options.shell, &mut super::command(), "owabi", &mut std::io::stdout());
    Exit::Done
}
