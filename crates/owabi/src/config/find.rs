//! Which file is the configuration.

use super::Environment;
use super::problem::{ConfigError, Problem};
use std::path::{Path, PathBuf};

/// Where a configuration is looked for when nobody names one.
const PLACES: [&str; 3] = ["/etc/owabi/owabi.yaml", "config/owabi.yaml", "owabi.yaml"];

/// The file named by `--config`, else by `$OWABI_CONFIG`, else the first of the usual places that is there.
pub(super) fn find(named: Option<&Path>, environment: &Environment) -> Result<PathBuf, ConfigError> {
    let by_name = named.map(|path| (path.to_owned(), "--config"));
    let by_variable = || environment.get("OWABI_CONFIG").map(|path| (PathBuf::from(path), "$OWABI_CONFIG"));
    match by_name.or_else(by_variable) {
        Some((file, _)) if file.is_file() => Ok(file),
        Some((file, by)) => {
            Err(not_found(&file.display().to_string(), format!("there is no such file ({by} names it)")))
        }
        None => usual_place(),
    }
}

fn usual_place() -> Result<PathBuf, ConfigError> {
    let found = PLACES.iter().map(PathBuf::from).find(|file| file.is_file());
    found.ok_or_else(|| {
        let tried = PLACES.join(", ");
        not_found("configuration", format!("none found; tried --config, $OWABI_CONFIG, {tried}"))
    })
}

fn not_found(file: &str, message: String) -> ConfigError {
    ConfigError::one(Problem {
        file: file.to_owned(),
        message,
        hint: Some("`owabi init DIR` writes one that works".to_owned()),
        ..Problem::default()
    })
}
