//! The process environment as a value, and the overrides in it: `OWABI_SMTP__RELAYS__0__HOST=…`.

use super::problem::Problem;
use crate::cli::say::{Text, say};
use owabi_core::yaml::document::{self as yaml, Mapping, Step, Value};
use std::collections::BTreeMap;

/// Names that begin like an override and mean something else.
const RESERVED: [&str; 6] =
    ["OWABI_CONFIG", "OWABI_LANG", "OWABI_LOG", "OWABI_PASSWORD_FILE", "OWABI_REQUIRE", "OWABI_SOAK"];

/// Environment variables, handed to whoever needs them: nothing else in the program reads the environment.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

/// One variable and the key it overrides.
#[derive(Debug)]
pub(super) struct Override {
    pub(super) variable: String,
    pub(super) path: Vec<Step>,
}

impl Environment {
    /// The environment of this process; variables that are not Unicode are left out.
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self(pairs.collect())
    }

    /// An environment of these variables alone.
    pub fn of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// A variable's value; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Lays every override on `document` and says which keys they set.
    pub(super) fn apply(&self, document: &mut Value) -> (Vec<Override>, Vec<Problem>) {
        let (mut applied, mut problems) = (Vec::new(), Vec::new());
        for (variable, text) in &self.0 {
            let Some(name) = variable.strip_prefix("OWABI_").filter(|_| !RESERVED.contains(&variable.as_str())) else {
                continue;
            };
            let path = steps(name);
            match yaml::parse(variable, text).map_err(|e| e.message).and_then(|value| set(document, &path, value)) {
                Ok(()) => applied.push(Override { variable: variable.clone(), path }),
                Err(message) => problems.push(Problem {
                    file: format!("${variable}"),
                    path: yaml::path_of(&path),
                    message,
                    ..Problem::default()
                }),
            }
        }
        (applied, problems)
    }
}

fn steps(name: &str) -> Vec<Step> {
    name.split("__")
        .map(|part| part.parse().map_or_else(|_| Step::Key(part.to_ascii_lowercase()), Step::Index))
        .collect()
}

/// Puts `value` at `path`, making the maps and lists on the way. A list grows only at its end.
fn set(document: &mut Value, path: &[Step], value: Value) -> Result<(), Text> {
    let Some((step, rest)) = path.split_first() else {
        *document = value;
        return Ok(());
    };
    let held = match step {
        Step::Key(key) => {
            if document.is_null() {
                *document = Value::Mapping(Mapping::new());
            }
            let no_map = || say!(ja: "{key} を置く場所には、キーを書けません。", en: "{key} would be inside something without keys");
            let map = document.as_mapping_mut().ok_or_else(no_map)?;
            map.entry(Value::String(key.clone())).or_insert(Value::Null)
        }
        Step::Index(n) => {
            if document.is_null() {
                *document = Value::Sequence(Vec::new());
            }
            let no_list = || say!(ja: "{n} 番目を置く場所は、リストではありません。", en: "{n} would be in something that is no list");
            let list = document.as_sequence_mut().ok_or_else(no_list)?;
            if *n == list.len() {
                list.push(Value::Null);
            }
            let len = list.len();
            let too_far = || say!(ja: "リストには {len} 個あります。次の番号は {len} です。", en: "the list has {len} entries; the next one is {len}");
            list.get_mut(*n).ok_or_else(too_far)?
        }
    };
    set(held, rest, value)
}
