//! Every command of owabi that a document shows is one: the program's own command line reads it.

use super::markdown::{Document, all};
use super::shell;
use clap::Command;
use clap::error::ErrorKind;

/// Whether the command line takes these words; else what it says.
fn refused(words: &[String]) -> Option<clap::Error> {
    let error = owabi::cli::command().try_get_matches_from(words).err()?;
    let asks = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    Some(error).filter(|_| !asks)
}

/// A command in running text may leave out what it is about: `owabi member correct`; `…` stands for any value.
fn refused_in_prose(words: &[String]) -> Option<clap::Error> {
    const LEFT_OUT: [ErrorKind; 3] = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    let is_value = |n: usize| n > 0 && words[n - 1].starts_with("--");
    let said = |(n, word): &(usize, &String)| is_value(*n) || !["…", "VERB", "コマンド"].contains(&word.as_str());
    let words: Vec<String> = words.iter().enumerate().filter(said).map(|(_, word)| word.clone()).collect();
    let error = refused(&words)?;
    let leaves_out = LEFT_OUT.contains(&error.kind());
    let shows_any =
        error.to_string().contains('…') && matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    Some(error).filter(|_| !leaves_out && !shows_any)
}

/// What the command line does not take, of blocks for a shell and of the running text.
fn wrong(document: &Document) -> Vec<String> {
    let said = |line: usize, words: &[String], error: &clap::Error| {
        let why = error.to_string().lines().next().unwrap_or_default().to_owned();
        format!("{}:{line}: `{}`: {why}", document.path, words.join(" "))
    };
    let mut found = Vec::new();
    for block in document.blocks().into_iter().filter(|block| block.language == "sh") {
        for words in shell::owabi(&block.text) {
            found.extend(refused(&words).map(|error| said(block.line, &words, &error)));
        }
    }
    for (line, code) in
        document.code().into_iter().filter(|(_, code)| code.starts_with("owabi ") || code.contains(" owabi "))
    {
        for words in shell::owabi(&code) {
            found.extend(refused_in_prose(&words).map(|error| said(line, &words, &error)));
        }
    }
    found
}

/// The examples of a verb's help and of those below it, what is said behind two blanks left out.
fn examples(command: &Command, into: &mut Vec<String>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    into.extend(
        lines.filter(|line| line.starts_with("owabi ")).map(|line| line.split("   ").next().unwrap().to_owned()),
    );
    command.get_subcommands().for_each(|verb| examples(verb, into));
}

#[test]
fn every_command_of_every_document_is_one_that_the_program_takes() {
    let found: Vec<String> = all().iter().flat_map(wrong).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_example_of_the_help_is_a_command_that_the_program_takes() {
    let mut shown = Vec::new();
    examples(&owabi::cli::command(), &mut shown);
    let refused = shown.iter().flat_map(|line| shell::owabi(line)).filter_map(|words| Some((refused(&words)?, words)));
    let found: Vec<String> = refused.map(|(error, words)| format!("{}: {error}", words.join(" "))).collect();
    assert!(shown.len() > 60 && found.is_empty(), "{} examples\n{}", shown.len(), found.join("\n"));
}

#[test]
fn a_command_with_an_option_that_is_not_there_is_found() {
    let text = "`owabi resend --status failed`, `owabi pause ID --reason '…'`, `owabi paus`, `owabi log --colour red`\n\
                ```sh\nowabi member show\nowabi status --watch\n```\n";
    let found = wrong(&Document::of("a.md", text)).join("\n");
    let lines: Vec<&str> = found.lines().map(|line| line.split('`').nth(1).unwrap()).collect();
    assert_eq!(lines, ["owabi member show", "owabi paus", "owabi log --colour red"], "{found}");
}
