//! From text to a checked configuration, with every problem found on the way.

use super::environment::Override;
use super::problem::{ConfigError, Finding, Problem};
use super::{Config, Environment};
use crate::cli::say::Text;
use owabi_core::yaml::YamlError;
use owabi_core::yaml::document::{self as yaml, Mapping, Step, Value};

/// More mistakes than this in one file are not worth listing.
const MOST_PROBLEMS: usize = 50;

/// Reads, overrides, types and validates; paths are left as they are written.
pub(super) fn read(file: &str, text: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let mut document = yaml::parse(file, text).map_err(|e| ConfigError::one(syntax(e)))?;
    if document.is_null() {
        document = Value::Mapping(Mapping::new());
    }
    let (overrides, mut problems) = environment.apply(&mut document);
    let place = |path: &[Step]| -> Problem {
        let path_text = yaml::path_of(path);
        let touches = |by: &&Override| path.starts_with(&by.path) || (!path.is_empty() && by.path.starts_with(path));
        if let Some(by) = overrides.iter().find(touches) {
            return Problem { file: format!("${}", by.variable), path: path_text, ..Problem::default() };
        }
        let at = yaml::locate(text, path);
        let (line, column) = (at.map(|at| at.0), at.map(|at| at.1));
        Problem { file: file.to_owned(), line, column, path: path_text, ..Problem::default() }
    };
    let (config, mistakes) = typed(document);
    problems.extend(mistakes.into_iter().map(|(path, message)| Problem { message, ..place(&path) }));
    let found = config.as_ref().map(|config| config.validate().0).unwrap_or_default();
    for Finding { path, message, hint } in found {
        let steps = yaml::steps_of(&path);
        if !problems.iter().any(|known| known.path == path) {
            problems.push(Problem { message, hint, ..place(&steps) });
        }
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigError { problems }),
    }
}

/// Gives the document its types. A value that has the wrong one is noted, struck out and the rest read again.
fn typed(mut document: Value) -> (Option<Config>, Vec<(Vec<Step>, Text)>) {
    let mut mistakes = Vec::new();
    while mistakes.len() < MOST_PROBLEMS {
        let (path, message) = match yaml::typed(document.clone()) {
            Ok(config) => return (Some(config), mistakes),
            Err(mistake) => mistake,
        };
        let struck = yaml::strike(&mut document, &path);
        mistakes.push((path, message));
        if !struck {
            break;
        }
    }
    (None, mistakes)
}

fn syntax(error: YamlError) -> Problem {
    let YamlError { file, place, path, message } = error;
    Problem { file, line: place.map(|at| at.0), column: place.map(|at| at.1), path, message, hint: None }
}
