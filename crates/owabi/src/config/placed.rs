//! The shipped configuration for a site whose queue and keys lie elsewhere than the file itself.

use super::COMMENTED;
use std::path::Path;

/// The files of the two keys, as [`COMMENTED`] names them.
pub(crate) const KEY_FILES: [&str; 2] = ["owabi.key", "ledger.key"];

/// What owabi writes: as it stands in [`COMMENTED`], the key, what leads its path, and the file.
const WRITTEN: [(&str, &str, &str, &str); 4] = [
    ("url: \"sqlite:owabi.db\"", "url", "sqlite:", "owabi.db"),
    ("  file: owabi.key", "  file", "", KEY_FILES[0]),
    ("key_file: ledger.key", "key_file", "", KEY_FILES[1]),
    ("spool: owabi.spool", "spool", "", "owabi.spool"),
];

/// [`COMMENTED`], with everything that owabi writes below `state`.
pub(crate) fn commented_for(state: &Path) -> String {
    WRITTEN.iter().fold(COMMENTED.to_owned(), |text, (stands, key, lead, file)| {
        let path = format!("{lead}{}", state.join(file).display());
        text.replacen(stands, &format!("{key}: {}", serde_json::Value::from(path)), 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Target};

    #[test]
    fn what_owabi_writes_lies_below_the_folder_of_its_state_and_all_else_is_as_shipped() {
        let (file, environment) = (Path::new("/etc/owabi/owabi.yaml"), Environment::default());
        let placed = Config::read(file, &commented_for(Path::new("/var/lib/a \"b\": c")), &environment).unwrap();
        let state = Path::new("/var/lib/a \"b\": c");
        assert_eq!(placed.database.target(), Some(Target::Sqlite(state.join("owabi.db"))));
        assert_eq!(placed.keys.file, state.join("owabi.key"));
        assert_eq!(placed.ledger.key_file, state.join("ledger.key"));
        assert_eq!(placed.dispatch.spool, state.join("owabi.spool"));
        let mut shipped = Config::read(file, COMMENTED, &environment).unwrap();
        let Config { database, keys, ledger, dispatch, .. } = placed.clone();
        (shipped.database, shipped.keys, shipped.ledger, shipped.dispatch.spool) =
            (database, keys, ledger, dispatch.spool);
        assert_eq!(placed, shipped);
        assert_eq!(placed.notices.dir, Path::new("/etc/owabi/notices"));
    }
}
