//! Which file is the configuration.

use super::Environment;
use super::problem::{ConfigError, Problem};
use super::words::io_error;
use crate::cli::say::{Text, say};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where a configuration is looked for when nobody names one.
const PLACES: [&str; 3] = ["/etc/owabi/owabi.yaml", "config/owabi.yaml", "owabi.yaml"];

/// The file named by `--config`, else by `$OWABI_CONFIG`, else the first of the usual places that is there.
pub(super) fn find(named: Option<&Path>, environment: &Environment) -> Result<PathBuf, ConfigError> {
    let by_name = named.map(|path| (path.to_owned(), "--config"));
    let by_variable = || environment.get("OWABI_CONFIG").map(|path| (PathBuf::from(path), "$OWABI_CONFIG"));
    match by_name.or_else(by_variable) {
        Some((file, by)) if !is_there(&file)? => {
            let what = say!(ja: "このファイルはありません({by} で指定)。", en: "there is no such file ({by} names it)");
            Err(not_found(&file.display().to_string(), what))
        }
        Some((file, _)) => Ok(file),
        None => usual_place(),
    }
}

/// Whether the file is there. One that may not be looked at is not passed over: another place's configuration would be taken.
fn is_there(file: &Path) -> Result<bool, ConfigError> {
    match file.metadata() {
        Ok(found) => Ok(found.is_file()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => {
            let why = io_error(&error);
            Err(ConfigError::one(Problem {
                file: file.display().to_string(),
                message: say!(ja: "確認できません({why})。", en: "cannot be looked at: {error}"),
                hint: Some(say!(
                    ja: "このファイルを読めるアカウントで実行してください: sudo -u owabi owabi …",
                    en: "run owabi as the account that may read it: sudo -u owabi owabi …"
                )),
                ..Problem::default()
            }))
        }
    }
}

fn usual_place() -> Result<PathBuf, ConfigError> {
    for file in PLACES.map(PathBuf::from) {
        if is_there(&file)? {
            return Ok(file);
        }
    }
    let tried = PLACES.join(", ");
    let what = say!(
        ja: "どこにもありません。探したところ: --config、$OWABI_CONFIG、{tried}",
        en: "none found; tried --config, $OWABI_CONFIG, {tried}"
    );
    Err(not_found("configuration", what))
}

fn not_found(file: &str, message: Text) -> ConfigError {
    ConfigError::one(Problem {
        file: file.to_owned(),
        message,
        hint: Some(
            say!(ja: "`owabi init フォルダー` で、動くものを作れます。", en: "`owabi init DIR` writes one that works"),
        ),
        ..Problem::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_that_is_not_there_is_told_from_one_that_cannot_be_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (file, round) = (folder.path().join("owabi.yaml"), folder.path().join("round"));
        let said = |file: &Path| find(Some(file), &Environment::default()).map_err(|error| error.to_string());
        assert!(said(&file).unwrap_err().contains("there is no such file (--config names it)"));
        // Whoever runs the tests as root may look at everything, but for a link that leads to itself.
        symlink(&round, &round).unwrap();
        let error = said(&round).unwrap_err();
        assert!(error.contains("cannot be looked at") && error.contains("sudo -u owabi"), "{error}");
        std::fs::write(&file, "").unwrap();
        assert_eq!(said(&file).unwrap(), file);
    }
}
