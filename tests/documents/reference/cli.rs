//! `cli.md`, from the definition of the command line.

use super::cell;
use clap::{Arg, Command};
use std::fmt::Write as _;

const HEAD: &str = "\
# Reference: the command line

コマンドの一覧です。`owabi コマンド --help` と同じ内容で、日本語の説明を添えてあります。

What `owabi VERB --help` says, for every verb. The options of [all verbs](#all-verbs) are not repeated. What each exit code means: [exit-codes.md](exit-codes.md).
";

pub(super) fn page() -> String {
    let mut command = owabi::cli::command();
    command.build();
    let mut page = format!("{HEAD}\n## All verbs\n\n```text\n{}\n```\n", usage(&mut command));
    table(&mut page, "option", &command.get_arguments().collect::<Vec<_>>());
    for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
        write(&mut page, verb, 2);
    }
    page
}

fn usage(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    usage.trim_start_matches("Usage: ").to_owned()
}

fn write(page: &mut String, command: &mut Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_default().trim_start_matches("owabi ").to_owned();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n{} {name}\n\n{}\n", "#".repeat(level), cell(&about));
    if command.get_subcommands().next().is_none() {
        let _ = write!(page, "\n```text\n{}\n```\n", usage(command));
    }
    let own = |arg: &&Arg| !arg.is_global_set() && arg.get_id() != "help" && !arg.is_hide_set();
    let (places, options): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(own).partition(|arg| arg.is_positional());
    table(page, "argument", &places);
    table(page, "option", &options);
    if let Some(help) = command.get_after_help() {
        let _ = write!(page, "\n```text\n{}\n```\n", help.to_string().trim_end());
    }
    for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
        write(page, verb, level + 1);
    }
}

fn table(page: &mut String, what: &str, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    let _ = write!(page, "\n| {what} | meaning |\n|---|---|\n");
    for argument in arguments {
        let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(page, "| `{}` | {}{} |", called(argument), cell(&help), cell(&more(argument)));
    }
}

fn called(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let values = argument.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let values: Vec<String> = values.iter().map(|name| format!("<{name}>")).collect();
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let parts = [names.join(", "), values.join(" ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// What may be given, what is taken otherwise, and whether it must be there.
fn more(argument: &Arg) -> String {
    let mut more = String::new();
    let possible: Vec<String> =
        argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if argument.get_action().takes_values() && !possible.is_empty() {
        let _ = write!(more, "  One of: {}.", possible.join(", "));
    }
    let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !default.is_empty() {
        let _ = write!(more, "  Default: {}.", default.join(", "));
    }
    if argument.is_required_set() {
        more += "  Required.";
    }
    more
}
