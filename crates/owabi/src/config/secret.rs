//! Secrets: read from files that nobody else may read, never printed.

use super::problem::{Findings, Problem};
use super::words::io_error;
use crate::cli::say::{Text, say};
use secrecy::{SecretBox, SecretString};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The secret behind bounce tokens and Message-IDs. Its Debug shows nothing of it.
pub type Key = SecretBox<[u8; 32]>;

/// A secret longer than this is no secret but the wrong file.
const LONGEST: u64 = 64 * 1024;

/// What a file of a secret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A password.
    OneLine,
    /// A key.
    Digits,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneLine => "one line",
            Self::Digits => "64 hexadecimal digits",
        })
    }
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is none, and none can be made.
    #[error("{}: cannot be made: {source}", path.display())]
    NotMade {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("{}: others can read it (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds nothing.
    #[error("{}: is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It holds not what it should.
    #[error("{}: must hold {wanted}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        wanted: Wanted,
    },
    /// A credential is named and systemd passed none.
    #[error("credential {name}: $CREDENTIALS_DIRECTORY is not set, or cannot be looked into")]
    NoCredentials {
        /// Its name.
        name: String,
    },
}

impl SecretError {
    /// What is wrong, for people.
    pub(crate) fn what(&self) -> Text {
        match self {
            Self::Unreadable { path, source } => {
                let (path, why) = (path.display(), io_error(source));
                say!(ja: "{path}: {why}", en: "{self}")
            }
            Self::NotMade { path, source } => {
                let (path, why) = (path.display(), io_error(source));
                say!(ja: "{path}: 作れません({why})。", en: "{self}")
            }
            Self::Exposed { path, mode } => {
                let path = path.display();
                say!(ja: "{path}: ほかの人も読めます(モード {mode:04o})。", en: "{self}")
            }
            Self::Empty { path } => {
                let path = path.display();
                say!(ja: "{path}: 空です。", en: "{self}")
            }
            Self::Malformed { path, wanted: Wanted::OneLine } => {
                let path = path.display();
                say!(ja: "{path}: 一行だけにしてください。", en: "{self}")
            }
            Self::Malformed { path, wanted: Wanted::Digits } => {
                let path = path.display();
                say!(ja: "{path}: 16 進数 64 桁にしてください。", en: "{self}")
            }
            Self::NoCredentials { name } => {
                say!(ja: "credential {name}: $CREDENTIALS_DIRECTORY が設定されていないか、そのフォルダーを開けません。", en: "{self}")
            }
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Text {
        match self {
            Self::Exposed { path, .. } => Text::same(format!("chmod 600 {}", path.display())),
            Self::NoCredentials { name } => say!(
                ja: "systemd のユニットに LoadCredential={name}:/ファイルのパス と書いてください。",
                en: "in the systemd unit: LoadCredential={name}:/path/of/the/file"
            ),
            Self::NotMade { .. } => say!(
                ja: "フォルダーがあり、owabi を動かすアカウントで書けることを確かめてください。",
                en: "the folder must exist, and the account that runs owabi must be able to write there"
            ),
            Self::Unreadable { .. } | Self::Empty { .. } | Self::Malformed { .. } => say!(
                ja: "ファイルがあること、owabi を動かすアカウントのものであること、秘密の値だけが書かれていることを確かめてください。",
                en: "the file must exist, belong to the account that runs owabi, and hold the secret alone"
            ),
        }
    }

    /// As a problem of the configuration that names the secret under key `at`.
    pub fn into_problem(self, config: &Path, at: &str) -> Problem {
        Problem {
            file: config.display().to_string(),
            path: at.to_owned(),
            message: self.what(),
            hint: Some(self.hint()),
            ..Problem::default()
        }
    }
}

/// Refuses a section that names both a file and a credential, or a credential that is a path.
pub(super) fn one_source(found: &mut Findings, at: &str, file: Option<&Path>, credential: Option<&str>) {
    if file.is_some() && credential.is_some() {
        found.refuse(
            format!("{at}.password_file"),
            say!(
                ja: "password_file と password_credential は、どちらか一方だけを指定してください。",
                en: "set password_file or password_credential, not both"
            ),
        );
    }
    if credential.is_some_and(|name| name.is_empty() || name.starts_with('.') || name.contains('/')) {
        found.no_name(format!("{at}.password_credential"));
    }
}

/// The secret in `file` or in the credential of that name.
pub(super) fn read(
    file: Option<&Path>,
    credential: Option<&str>,
    credentials: Option<&Path>,
) -> Result<Option<SecretString>, SecretError> {
    match (file, credential, credentials) {
        (Some(file), _, _) => secret_text(file, credentials).map(Some),
        (None, Some(name), Some(folder)) => secret_text(&folder.join(name), credentials).map(Some),
        (None, Some(name), None) => Err(SecretError::NoCredentials { name: name.to_owned() }),
        (None, None, _) => Ok(None),
    }
}

/// Reads one line of secret. In systemd's folder of credentials the modes are systemd's affair.
fn secret_text(path: &Path, credentials: Option<&Path>) -> Result<SecretString, SecretError> {
    let guarded = credentials.is_some_and(|folder| lies_in(path, folder));
    let text = read_guarded(path, !guarded)?;
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if secret.is_empty() {
        return Err(SecretError::Empty { path: path.to_owned() });
    }
    if secret.contains(['\n', '\0']) {
        return Err(SecretError::Malformed { path: path.to_owned(), wanted: Wanted::OneLine });
    }
    Ok(SecretString::from(secret))
}

/// Reads one line of secret from a file that nobody else may read, or that lies in systemd's folder of credentials.
pub(crate) fn read_secret(path: &Path, credentials: Option<&Path>) -> Result<SecretString, SecretError> {
    secret_text(path, credentials)
}

/// Refuses a file of a secret that somebody else reads on our behalf, and that others could read.
pub(super) fn check_guarded(path: &Path, credentials: Option<&Path>) -> Result<(), SecretError> {
    let guarded = credentials.is_some_and(|folder| lies_in(path, folder));
    read_guarded(path, !guarded).map(|_| ())
}

fn lies_in(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

fn read_guarded(path: &Path, check_mode: bool) -> Result<String, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    if check_mode && mode & 0o077 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// The key in `path`: 32 bytes as 64 hexadecimal digits, mode 0600. Where there is none and `may_create` is set, a
/// random one is written, whole or not at all; of two processes that do so at once both get the same.
pub fn load_or_create_key(path: &Path, may_create: bool) -> Result<Key, SecretError> {
    match read_guarded(path, true) {
        Err(SecretError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound && may_create => {
            create_key(path).map_err(|source| SecretError::NotMade { path: path.to_owned(), source })?;
            parse_key(path, &read_guarded(path, true)?)
        }
        text => parse_key(path, &text?),
    }
}

/// Where a key comes from.
pub(super) enum Source<'a> {
    File(&'a Path),
    /// In systemd's folder, where the modes are systemd's affair.
    Credential(PathBuf),
    /// A credential is named and systemd passed none.
    Nowhere(&'a str),
}

/// The key of a source. Only a file is ever created.
pub(super) fn key_of(source: Source<'_>, may_create: bool) -> Result<Key, SecretError> {
    match source {
        Source::File(path) => load_or_create_key(path, may_create),
        Source::Credential(path) => parse_key(&path, &read_guarded(&path, false)?),
        Source::Nowhere(name) => Err(SecretError::NoCredentials { name: name.to_owned() }),
    }
}

fn parse_key(path: &Path, text: &str) -> Result<Key, SecretError> {
    let digits = text.trim_end();
    let bytes: Option<Vec<u8>> =
        digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let key =
        bytes.filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|b| <[u8; 32]>::try_from(b).ok());
    let malformed = || SecretError::Malformed { path: path.to_owned(), wanted: Wanted::Digits };
    key.map(|key| SecretBox::new(Box::new(key))).ok_or_else(malformed)
}

/// Writes a new key beside `path` and links it there: an existing file is never replaced.
fn create_key(path: &Path) -> io::Result<()> {
    let mut random = [0_u8; 40];
    getrandom::fill(&mut random).map_err(|e| io::Error::other(e.to_string()))?;
    let (key, suffix) = random.split_at(32);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", hex(suffix)));
    let beside = PathBuf::from(name);
    let written = write_new(&beside, &hex(key)).and_then(|()| link_new(&beside, path));
    fs::remove_file(&beside).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    written?;
    File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

fn write_new(path: &Path, digits: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{digits}")?;
    file.sync_all()
}

fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
