//! The one place that reads YAML: notices and the configuration.
//!
//! A mistake is reported with its file, line, column and the path of its key, because an operator meets it in a terminal and not
//! in a debugger. Only the operator's own files are read here, never anything that came by mail or upload.

pub mod document;
mod shapes;
mod span;
mod words;

pub use shapes::{OneOrMany, one_or_many};
pub use span::{Span, SpanError};
pub(crate) use words::both;

use crate::text::{Text, say};

use serde::de::DeserializeOwned;
use std::fmt;

/// A mistake in a YAML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// Line and column, both from 1; `None` when the mistake is in the meaning and not at one place.
    pub place: Option<(usize, usize)>,
    /// The key's path, `smtp.relays[0].port`; empty for the whole file.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: Text,
}

impl YamlError {
    /// A mistake in the meaning of a value that was read without trouble.
    pub fn at(file: impl Into<String>, path: impl Into<String>, message: Text) -> Self {
        Self { file: file.into(), place: None, path: path.into(), message }
    }

    /// The mistake with its place: `owabi.yaml:2:11: relays[0].port: …`.
    pub fn text(&self) -> Text {
        let place = self.place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
        let path = if self.path.is_empty() { String::new() } else { format!(": {}", self.path) };
        self.message.at(&format!("{}{place}{path}", self.file))
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().en)
    }
}

impl std::error::Error for YamlError {}

/// Reads one YAML document.
///
/// # Errors
/// The first mistake: an empty file, bad syntax, a duplicate key anywhere, an unknown key (with the keys that are allowed, where the
/// type denies unknown ones), a value of the wrong type.
pub fn parse<T: DeserializeOwned>(file_name: &str, text: &str) -> Result<T, YamlError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(YamlError::at(file_name, "", say!(ja: "ファイルが空です。", en: "the file is empty")));
    }
    // Maps keep the last of two equal keys; only the untyped reading notices the first.
    let untyped = serde_yaml::from_str::<serde_yaml::Value>(text);
    let wrong = |path: &str, error: &serde_yaml::Error| describe((file_name, text), untyped.is_ok(), path, error);
    let typed = serde_path_to_error::deserialize(serde_yaml::Deserializer::from_str(text));
    let value = typed.map_err(|error| wrong(&error.path().to_string(), error.inner()))?;
    untyped.as_ref().map_err(|error| wrong(".", error))?;
    Ok(value)
}

/// `is_yaml`: it is well-formed, and means something else than it should.
fn describe((file, text): (&str, &str), is_yaml: bool, path: &str, error: &serde_yaml::Error) -> YamlError {
    let place = error.location().map(|at| (at.line(), at.column()));
    let whole = without_place(error);
    // serde_yaml leads with the path of the mapping, which the key's own path tells better.
    let led = whole.split_once(": ").filter(|(lead, _)| path.starts_with(lead));
    let said = led.map_or(whole.as_str(), |(_, rest)| rest);
    let line = place.and_then(|(line, _)| text.lines().nth(line - 1));
    let message = match line.map(indented_by_tab) {
        _ if is_yaml => words::of_value(said),
        Some(true) => words::of_a_tab(said),
        _ => words::of_syntax(said),
    };
    let path = path.trim_end_matches(['.', '?']).to_owned();
    YamlError { file: file.to_owned(), place, path, message }
}

/// What `serde_yaml` says, without the place, which [`YamlError`] has.
fn without_place(error: &serde_yaml::Error) -> String {
    let said = error.to_string();
    let Some(at) = error.location() else { return said };
    said.replacen(&format!(" at line {} column {}", at.line(), at.column()), "", 1).trim_end_matches(',').to_owned()
}

fn indented_by_tab(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with('\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Relay {
        #[expect(dead_code, reason = "only its reading is tested")]
        port: u16,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        relays: Vec<Relay>,
        #[serde(default)]
        names: BTreeMap<String, String>,
    }

    fn mistake(text: &str) -> String {
        parse::<File>("owabi.yaml", text).expect_err("a mistake").to_string()
    }

    #[test]
    fn a_wrong_type_is_named_with_file_line_column_and_path() {
        let text = mistake("relays:\n  - port: many\n");
        assert_eq!(text, "owabi.yaml:2:11: relays[0].port: invalid type: string \"many\", expected u16");
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_keys_that_are_allowed() {
        let text = mistake("relays:\n  - prt: 25\n");
        assert!(text.starts_with("owabi.yaml:2:5: relays[0].prt: unknown field `prt`, expected `port`"), "{text}");
    }

    #[test]
    fn a_missing_key_is_named() {
        assert!(mistake("names: {}\n").contains("missing field `relays`"));
    }

    #[test]
    fn an_empty_file_is_called_empty() {
        assert_eq!(mistake("# nothing yet\n\n"), "owabi.yaml: the file is empty");
    }

    #[test]
    fn a_duplicate_key_is_refused_in_structures_and_in_maps() {
        assert!(mistake("relays: []\nrelays: []\n").contains("duplicate"));
        assert!(mistake("relays: []\nnames: { a: x, a: y }\n").contains("duplicate"));
    }

    #[test]
    fn a_tab_is_called_a_tab() {
        let text = mistake("relays:\n\t- port: 25\n");
        assert!(text.contains("owabi.yaml:2:") && text.contains("a tab"), "{text}");
    }

    #[test]
    fn a_second_document_is_refused() {
        assert!(parse::<File>("owabi.yaml", "relays: []\n---\nrelays: []\n").is_err());
    }

    #[test]
    fn a_mistake_in_the_meaning_has_a_path_and_no_line() {
        let error = YamlError::at(
            "owabi.yaml",
            "retry.max",
            say!(ja: "retry.first より短い期間です。", en: "is shorter than retry.first"),
        );
        assert_eq!(error.to_string(), "owabi.yaml: retry.max: is shorter than retry.first");
    }

    #[test]
    fn a_correct_file_is_read() {
        let file: File = parse("owabi.yaml", "relays: [{ port: 25 }]\nnames: { a: x }\n").expect("read");
        assert_eq!((file.relays.len(), file.names.len()), (1, 1));
    }
}
