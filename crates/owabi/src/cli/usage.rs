//! A command line that is wrong: what of it, where, and what to do, in the language of the run and as JSON like every failure.

use super::exit::{Exit, Failure};
use super::say::{Text, say};
use super::wrong_value::why;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error as _;
use std::ffi::OsString;

/// What is wrong with these arguments.
pub(super) fn failure(error: &clap::Error, arguments: &[OsString]) -> Failure {
    let verb = verb(arguments);
    let what = match suggested(error) {
        None => what(error),
        Some(meant) => {
            let Text { ja, en } = what(error);
            say!(ja: "{ja}もしかして: {meant}", en: "{en}; perhaps {meant}?")
        }
    };
    let next = if verb.ends_with(" resolve") && of(error, ContextKind::InvalidArg).starts_with("--as") {
        let who = of(error, ContextKind::InvalidValue);
        say!(
            ja: "`resolve` の後の --as は判断です。誰が行うかは前に書きます: `owabi --as {who} resolve … --as accepted`(`{verb} --help`)",
            en: "after `resolve`, --as is the decision; who decides stands before it: `owabi --as {who} resolve … --as accepted` (`{verb} --help`)"
        )
    } else {
        say!(ja: "使い方は `{verb} --help` で見られます。", en: "see `{verb} --help`")
    };
    Failure::with(Exit::Usage, what, next)
}

fn what(error: &clap::Error) -> Text {
    let (argument, value) = (of(error, ContextKind::InvalidArg), of(error, ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::UnknownArgument => say!(
            ja: "{argument} という引数はありません。",
            en: "there is no argument {argument}"
        ),
        ErrorKind::InvalidSubcommand => {
            let name = of(error, ContextKind::InvalidSubcommand);
            say!(ja: "{name} というコマンドはありません。", en: "there is no command {name}")
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let names = of(error, ContextKind::ValidSubcommand);
            let names = if names.is_empty() { names } else { format!(": {names}") };
            say!(ja: "何をするのか(コマンド)が指定されていません{names}。", en: "it is not said what to do{names}")
        }
        ErrorKind::MissingRequiredArgument => {
            say!(ja: "必要な引数がありません: {argument}", en: "needed and missing: {argument}")
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            say!(ja: "{argument} に値がありません。", en: "{argument} needs a value")
        }
        ErrorKind::InvalidValue => {
            let valid = of(error, ContextKind::ValidValue);
            say!(
                ja: "{argument} に {value} は指定できません。指定できるもの: {valid}。",
                en: "{argument} cannot be {value}; it can be: {valid}"
            )
        }
        ErrorKind::ValueValidation => {
            let (ja, en) = error
                .source()
                .map(why)
                .map_or_else(Default::default, |Text { ja, en }| (format!("({ja})"), format!(" ({en})")));
            say!(ja: "{argument} の値 {value} が正しくありません{ja}。", en: "the value {value} of {argument} is wrong{en}")
        }
        ErrorKind::ArgumentConflict => {
            let other = of(error, ContextKind::PriorArg);
            if other.is_empty() || other == argument {
                say!(ja: "{argument} は一度しか指定できません。", en: "{argument} can be given only once")
            } else {
                say!(ja: "{argument} と {other} は同時に指定できません。", en: "{argument} and {other} exclude each other")
            }
        }
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            say!(ja: "{argument} の値の数が違います。", en: "{argument} has too many or too few values")
        }
        ErrorKind::NoEquals => {
            say!(ja: "{argument} の値は = でつないでください。", en: "the value of {argument} must follow a =")
        }
        ErrorKind::InvalidUtf8 => say!(ja: "引数に UTF-8 でない文字があります。", en: "an argument is not UTF-8"),
        other => say!(ja: "引数が正しくありません({other})。", en: "the arguments are wrong: {other}"),
    }
}

/// What clap says of this; empty when it says nothing.
fn of(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// What was perhaps meant.
fn suggested(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    kinds.into_iter().map(|kind| of(error, kind)).find(|meant| !meant.is_empty())
}

/// The command as far as it is one. The value of an option may read like a command, and is none.
fn verb(arguments: &[OsString]) -> String {
    let (mut command, mut words) = (super::command(), vec!["owabi".to_owned()]);
    let globals = command.clone();
    let mut arguments = arguments.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = arguments.next() {
        if let Some(inner) = command.find_subcommand(word) {
            words.push(word.to_owned());
            command = inner.clone();
        } else if takes_value(&command, word) || takes_value(&globals, word) {
            arguments.next();
        }
    }
    words.join(" ")
}

/// Whether the word is an option whose value is the next word.
fn takes_value(command: &clap::Command, word: &str) -> bool {
    let named = |argument: &clap::Arg| {
        let long = word.strip_prefix("--").is_some_and(|name| argument.get_long() == Some(name));
        let mut short = word.strip_prefix('-').unwrap_or_default().chars();
        long || (argument.get_short().is_some() && argument.get_short() == short.next() && short.next().is_none())
    };
    command.get_arguments().any(|argument| named(argument) && argument.get_action().takes_values())
}

/// What the options that hold for every verb say, as far as they can be read: `--json`, `--lang` and `--config`.
pub(super) struct Globals<'a> {
    /// `--json`.
    pub(super) json: bool,
    lang: Option<&'a str>,
    config: Option<&'a str>,
}

impl<'a> Globals<'a> {
    /// Reads them from a line that clap refused.
    pub(super) fn of(arguments: &'a [OsString]) -> Self {
        let words = || arguments.iter().filter_map(|word| word.to_str()).take_while(|word| *word != "--");
        let value = |name: &str| {
            let joined = words().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            joined.or_else(|| words().skip_while(|word| *word != name).nth(1))
        };
        Self { json: words().any(|word| word == "--json"), lang: value("--lang"), config: value("--config") }
    }

    /// The language, if it is one.
    pub(super) fn lang(&self) -> Option<owabi_core::address::Lang> {
        super::lang(self.lang?).ok()
    }

    /// The configuration's file.
    pub(super) fn config(&self) -> Option<std::path::PathBuf> {
        self.config.map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::Parser;

    fn said(line: &str) -> (String, String, String) {
        let arguments: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let failure = failure(&Cli::try_parse_from(&arguments).unwrap_err(), &arguments);
        assert_eq!(failure.exit, Exit::Usage);
        (failure.what.ja, failure.what.en, failure.next.unwrap().en)
    }

    #[test]
    fn a_name_where_resolve_wants_a_decision_is_told_its_place() {
        let (_, _, next) = said("owabi resolve 70002 --as hanako --reason x");
        assert!(next.contains("`owabi --as hanako resolve … --as accepted`"), "{next}");
    }

    #[test]
    fn each_sort_of_wrong_command_line_is_told_in_both_languages_with_the_help_that_fits() {
        for (line, ja, en, next) in [
            (
                "owabi status --wach",
                "--wach という引数はありません。もしかして: --watch",
                "there is no argument --wach; perhaps --watch?",
                "owabi status --help",
            ),
            ("owabi statu", "statu というコマンドはありません。", "there is no command statu", "owabi --help"),
            ("owabi approve", "必要な引数がありません: <ID>", "needed and missing: <ID>", "owabi approve --help"),
            (
                "owabi hold set x",
                "必要な引数がありません: --reason <REASON>",
                "needed and missing: --reason <REASON>",
                "owabi hold set --help",
            ),
            (
                "owabi --lang fr status",
                "--lang <LANG> の値 fr が正しくありません(ja か en)。",
                "the value fr of --lang <LANG> is wrong (ja or en)",
                "owabi status --help",
            ),
            (
                "owabi resolve 1 --as x --reason y",
                "--as <DECISION> に x は指定できません。",
                "cannot be x; it can be: accepted, resend, letter",
                "owabi resolve --help",
            ),
            (
                "owabi resolve 1 --as letters --reason y",
                "letter。もしかして: letter",
                "it can be: accepted, resend, letter; perhaps letter?",
                "owabi resolve --help",
            ),
            (
                "owabi --config status hold set --reason lift --wach",
                "--wach という引数はありません。",
                "there is no argument --wach",
                "owabi hold set --help",
            ),
            (
                "owabi log --since",
                "--since <TIME> に値がありません。",
                "--since <TIME> needs a value",
                "owabi log --help",
            ),
            (
                "owabi log --csv --csv",
                "--csv は一度しか指定できません。",
                "--csv can be given only once",
                "owabi log --help",
            ),
            ("owabi db", "何をするのか(コマンド)が指定されていません", "it is not said what to do", "owabi db --help"),
        ] {
            let (said_ja, said_en, said_next) = said(line);
            assert!(said_ja.contains(ja), "{line}: {said_ja}");
            assert!(said_en.contains(en), "{line}: {said_en}");
            assert!(said_next.contains(&format!("`{next}`")), "{line}: {said_next}");
        }
    }

    #[test]
    fn why_a_value_is_wrong_is_said_in_japanese_too() {
        for (line, ja, en) in [
            ("owabi check --connect --test-mail --wait 5", "(期間は 250ms、30s、", "is not a duration"),
            ("owabi resend --notice x --reason y --status gone", "(指定できる状況: held、", "the statuses are held,"),
            ("owabi user add x --role king", "(指定できる役割: ", "king"),
            ("owabi check --connect --resolver here", "か system と書きます)", "the word system"),
            ("owabi check --connect --resolver system --sending-ip x", "(IP アドレスを書きます)", "invalid IP address"),
            ("owabi demo --members 0", "(1..=1000000 の範囲で書きます)", "0 is not in 1..=1000000"),
            ("owabi demo --members many", "(整数を書きます)", "invalid digit"),
            ("owabi log --code 5", "(返答コード: 550、55x、5xx)", "a reply code: 550, 55x or 5xx"),
            ("owabi log --enhanced 5", "(拡張コード: ", "an enhanced code"),
            ("owabi log --domain %", "(ドメイン。例: docomo.ne.jp)", "a domain, such as docomo.ne.jp"),
            ("owabi import x --notice y --encoding z", "(指定できるもの: utf-8、", "one of utf-8, "),
            (
                "owabi import x --notice y --delimiter z",
                "(指定できるもの: comma、tab、semicolon)",
                "one of comma, tab, semicolon",
            ),
            ("owabi pause x --reason=", "(理由を書いてください。記録に残ります)", "say why; it is kept"),
        ] {
            let (said_ja, said_en, _) = said(line);
            assert!(said_ja.contains(ja) && said_en.contains(en), "{line}: {said_ja} {said_en}");
        }
    }

    #[test]
    fn what_holds_for_every_verb_is_read_from_a_line_that_is_wrong_otherwise() {
        let arguments = ["owabi", "--lang=en", "--config", "x.yaml", "status", "--json", "--wach"].map(OsString::from);
        let globals = Globals::of(&arguments);
        assert!(globals.json && globals.lang() == Some(owabi_core::address::Lang::En));
        assert_eq!(globals.config(), Some("x.yaml".into()));
        let arguments = ["owabi", "--", "--json", "--lang", "en"].map(OsString::from);
        assert!(!Globals::of(&arguments).json && Globals::of(&arguments).lang().is_none());
    }
}
