//! The commented configuration as a list of keys: what the reference and the manual page are made from.

use super::COMMENTED;

/// One key of the configuration that ships with owabi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentedKey {
    /// `smtp.relays[].host`; `[]` stands for each entry of a list.
    pub path: String,
    /// The default, as it is written; empty for what only holds other keys.
    pub default: String,
    /// The comment lines above it: what the section is for.
    pub about: Vec<String>,
    /// The comment beside it, English and Japanese with two blanks between.
    pub meaning: String,
}

/// All keys of [`COMMENTED`], in its order.
pub fn commented_keys() -> Vec<CommentedKey> {
    let mut reading = Reading::default();
    COMMENTED.lines().for_each(|line| reading.line(line));
    reading.keys
}

#[derive(Default)]
struct Reading {
    keys: Vec<CommentedKey>,
    /// The keys that hold the current one, with their columns.
    holders: Vec<(usize, String)>,
    /// Comment lines that stand before the next key.
    about: Vec<String>,
}

impl Reading {
    fn line(&mut self, line: &str) {
        let text = line.trim_start();
        let column = line.len() - text.len();
        if text.is_empty() {
            self.about.clear();
        } else if let Some(comment) = text.strip_prefix('#') {
            self.comment(column, comment.trim());
        } else if let Some((name, rest)) = text.split_once(':') {
            self.key(column, name, rest);
        }
    }

    /// Far to the right it goes on with the comment of the key above.
    fn comment(&mut self, column: usize, comment: &str) {
        match self.keys.last_mut().filter(|_| column > 20) {
            Some(key) => key.meaning = format!("{} {comment}", key.meaning),
            None => self.about.push(comment.to_owned()),
        }
    }

    fn key(&mut self, column: usize, name: &str, rest: &str) {
        let (name, column, item) = match name.strip_prefix("- ") {
            Some(name) => (name, column + 2, true),
            None => (name, column, false),
        };
        self.holders.retain(|(holder, _)| *holder < column);
        if item && let Some((_, holder)) = self.holders.last_mut() {
            *holder += "[]";
        }
        let (default, meaning) = rest.split_once(" #").unwrap_or((rest, ""));
        let holders = self.holders.iter().map(|(_, holder)| format!("{holder}."));
        self.keys.push(CommentedKey {
            path: holders.chain([name.to_owned()]).collect(),
            default: default.trim().to_owned(),
            about: std::mem::take(&mut self.about),
            meaning: meaning.trim().to_owned(),
        });
        self.holders.push((column, name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn paths(value: &Value, path: &str, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, held)| {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                into.push(below.clone());
                paths(held, &below, into);
            }),
            Value::Array(list) => list.iter().for_each(|held| paths(held, &format!("{path}[]"), into)),
            _ => {}
        }
    }

    #[test]
    fn every_key_of_the_commented_configuration_is_listed_and_says_what_it_is() {
        let file = owabi_core::yaml::document::parse("owabi.yaml", COMMENTED).unwrap();
        let mut there = Vec::new();
        paths(&owabi_core::yaml::document::typed(file).unwrap(), "", &mut there);
        let keys = commented_keys();
        let mut listed: Vec<_> = keys.iter().map(|key| key.path.clone()).collect();
        there.sort();
        listed.sort();
        assert_eq!(listed, there);
        let lease = keys.iter().find(|key| key.path == "dispatch.lease").unwrap();
        assert!(lease.default == "10m" && lease.meaning.starts_with("a taken row waits"), "{lease:?}");
        let spool = keys.iter().find(|key| key.path == "dispatch.spool").unwrap();
        assert!(spool.meaning.contains("never delete it"), "{spool:?}");
        let ledger = keys.iter().find(|key| key.path == "ledger").unwrap();
        assert!(ledger.about[0].starts_with("The ledger: everything"), "{ledger:?}");
    }
}
