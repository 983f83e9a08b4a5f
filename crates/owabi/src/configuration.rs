//! Which configuration the service runs with: a change of it is an entry of the ledger. No value is kept, only hashes.

use crate::config::Config;
use crate::library::Library;
use crate::release;
use owabi_core::ids::hex;
use owabi_store::{NoticeRow, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The hash of each key's value. Passwords are no part of a configuration: it names the files that hold them.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Keys(BTreeMap<String, String>);

impl Keys {
    fn of(config: &Config) -> Self {
        let mut keys = Self::default();
        keys.take(String::new(), &serde_json::to_value(config).unwrap_or_default());
        keys
    }

    fn take(&mut self, at: String, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let dot = if at.is_empty() { "" } else { "." };
                for (key, value) in map {
                    self.take(format!("{at}{dot}{key}"), value);
                }
            }
            Value::Array(list) if !list.is_empty() => {
                for (n, value) in list.iter().enumerate() {
                    self.take(format!("{at}[{n}]"), value);
                }
            }
            single => {
                self.0.insert(at, hex(&Sha256::digest(single.to_string())));
            }
        }
    }

    fn sha256(&self) -> String {
        hex(&Sha256::digest(json!(self.0).to_string()))
    }

    /// The names of the keys that are not what they were.
    fn changed_since(&self, before: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(before.0.keys()).collect();
        names.into_iter().filter(|name| self.0.get(*name) != before.0.get(*name)).cloned().collect()
    }
}

/// The names of the keys whose values differ.
pub fn changed(before: &Config, after: &Config) -> Vec<String> {
    Keys::of(after).changed_since(&Keys::of(before))
}

/// The hash of each notice's policy.
pub type Policies = BTreeMap<String, String>;

/// Notes the configuration of this machine, and the policies that released notices are sent by, with an entry of the ledger
/// if they are not those that were noted last. Returns these policies.
///
/// # Errors
/// The database's.
pub async fn note(
    config: &Config,
    library: &Library,
    store: &Store,
    actor: &str,
    now: i64,
) -> Result<Policies, StoreError> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let (place, mut keys) = (format!("configuration:{host}"), Keys::of(config));
    let released = store.notices().await?.into_iter().filter(|row| matches!(row.state.as_str(), "released" | "paused"));
    let policy = |row: NoticeRow| library.get(&row.id).ok().map(|notice| (row.id, release::policy_hash(&notice)));
    let policies: Policies = released.filter_map(policy).collect();
    keys.0.extend(policies.iter().map(|(id, hash)| (format!("notices.{id}.policy"), hash.clone())));
    let noted = store.meta(&place).await?;
    let before: Option<Keys> = noted.and_then(|text| serde_json::from_str(&text).ok());
    if before.as_ref() == Some(&keys) {
        return Ok(policies);
    }
    // Of the first configuration nothing has changed, and neither has the policy of a notice that was released since, or withdrawn.
    let (changed, released) = before.map_or((None, Vec::new()), |before| {
        let (changed, others): (Vec<String>, Vec<String>) = keys
            .changed_since(&before)
            .into_iter()
            .partition(|name| !is_policy(name) || (keys.0.contains_key(name) && before.0.contains_key(name)));
        (Some(changed), others.into_iter().filter(|name| keys.0.contains_key(name)).collect())
    });
    let body = json!({ "host": host, "sha256": keys.sha256(), "changed": changed, "released": released });
    store.note_with_entry((&place, &json!(keys).to_string()), (now, actor, "configuration"), &body).await?;
    Ok(policies)
}

fn is_policy(name: &str) -> bool {
    name.starts_with("notices.") && name.ends_with(".policy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use std::path::Path;

    fn keys(more: &str) -> Keys {
        let relays = "smtp: { relays: [{ name: main, host: r.example.jp }], bounce: { address: b@example.jp } }";
        let (file, text) = (Path::new("/etc/owabi/owabi.yaml"), format!("{relays}\n{more}"));
        Keys::of(&Config::read(file, &text, &Environment::default()).unwrap())
    }

    #[test]
    fn a_change_is_named_by_its_key_and_no_value_is_kept() {
        let before = keys("language: ja\ntest_send: { allow: [a@example.jp] }\n");
        let after = keys("language: en\ntest_send: { allow: [a@example.jp, b@example.jp] }\n");
        assert_eq!(after.changed_since(&before), ["language", "test_send.allow[1]"]);
        assert_ne!(after.sha256(), before.sha256());
        assert!(before.changed_since(&before).is_empty());
        assert!(!json!(after).to_string().contains("example.jp"));
    }
}
