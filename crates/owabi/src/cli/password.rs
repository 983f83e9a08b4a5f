//! Passwords: from a terminal without echo, a file or stdin; never from an argument. Kept as Argon2id alone.

use super::exit::{Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::config::read_secret;
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};
use std::io::{BufRead, Write};
use std::path::Path;

/// Names a file of mode 0600 that holds the password of `--as`.
const FILE: &str = "OWABI_PASSWORD_FILE";

/// Characters of a new password.
const SHORTEST: usize = 12;

/// Octets of a new password: more is no password but the wrong file.
const LONGEST: usize = 1024;

/// The hash of nobody's password, as costly to compare with as a real one.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The password of the one who says to be `name`.
pub(super) fn of(session: &Session, name: &str) -> Result<SecretString, Failure> {
    if let Some(file) = session.environment.get(FILE) {
        let credentials = session.environment.get("CREDENTIALS_DIRECTORY").map(Path::new);
        return read_secret(Path::new(file), credentials).map_err(|error| {
            let next = say!(
                ja: "パスワードだけを 1 行で書き、chmod 600 で本人だけが読めるようにしてください。",
                en: "it must hold the password alone, on one line, and be yours alone (chmod 600)"
            );
            Failure::with(
                Exit::Failed,
                say!(ja: "{FILE} を使えません: {error}", en: "{FILE} cannot be used: {error}"),
                next,
            )
        });
    }
    if session.on_terminal() {
        return typed(session, &say!(ja: "{name} のパスワード: ", en: "password of {name}: "));
    }
    Err(Failure::with(
        Exit::Usage,
        say!(ja: "パスワードを尋ねる端末がありません。", en: "there is no terminal to ask for the password"),
        say!(ja: "環境変数 {FILE} に、パスワードを書いたファイル(モード 0600)を指定してください。", en: "name a file with the password (mode 0600) in {FILE}"),
    ))
}

/// The hash of a new password: one line of stdin, or asked twice on a terminal.
pub(super) fn new(session: &Session, from_stdin: bool) -> Result<SecretString, Failure> {
    let password = if from_stdin {
        line()?
    } else if session.on_terminal() {
        twice(session)?
    } else {
        let what = say!(ja: "パスワードを尋ねる端末がありません。", en: "there is no terminal to ask for the password");
        let next = say!(ja: "標準入力から渡すときは --stdin(user add では --password-stdin)を付けてください。", en: "add --stdin (--password-stdin with user add) to give it on stdin");
        return Err(Failure::with(Exit::Usage, what, next));
    };
    let text = password.expose_secret();
    if text.chars().count() < SHORTEST || text.len() > LONGEST {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "パスワードは {SHORTEST} 文字以上にしてください。", en: "a password has at least {SHORTEST} characters"),
        ));
    }
    Ok(password_auth::generate_hash(text).into())
}

/// Whether it is the password of `hash`; of nobody's, never, and after the same work.
pub(super) fn is_right(password: &SecretString, hash: Option<&SecretString>) -> bool {
    let compared = hash.map_or(DECOY, |hash| hash.expose_secret());
    password_auth::verify_password(password.expose_secret(), compared).is_ok() && hash.is_some()
}

fn twice(session: &Session) -> Result<SecretString, Failure> {
    let first = typed(session, &say!(ja: "新しいパスワード: ", en: "new password: "))?;
    let second = typed(session, &say!(ja: "もう一度: ", en: "once more: "))?;
    if first.expose_secret() == second.expose_secret() {
        return Ok(first);
    }
    let what = say!(ja: "二つのパスワードが違います。何も変更していません。", en: "the two passwords differ; nothing was changed");
    Err(Failure::new(Exit::Failed, what))
}

/// Asks on the terminal, which shows nothing of what is typed from before the question on, and everything again after it.
fn typed(session: &Session, question: &Text) -> Result<SecretString, Failure> {
    let terminal = std::io::stdin();
    let shown = tcgetattr(&terminal).map_err(std::io::Error::from)?;
    tcsetattr(&terminal, OptionalActions::Flush, &hidden(&shown)).map_err(std::io::Error::from)?;
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{}", question.of(session.lang()));
    let _ = stderr.flush();
    let interrupt = shown.special_codes[SpecialCodeIndex::VINTR];
    let line = until(&[b'\n', interrupt]);
    tcsetattr(&terminal, OptionalActions::Now, &shown).map_err(std::io::Error::from)?;
    let line = line?;
    if line.expose_secret().ends_with(char::from(interrupt)) {
        let _ = writeln!(stderr);
        kill_current_process_group(Signal::INT).map_err(std::io::Error::from)?;
        // Whoever runs it has the signal ignored.
        return Err(Failure::new(Exit::Failed, say!(ja: "中断しました。", en: "interrupted")));
    }
    Ok(line)
}

/// Without echo. Ctrl-C ends the line instead of the program, so that the echo comes back first.
fn hidden(shown: &Termios) -> Termios {
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    hidden.local_modes.insert(LocalModes::ECHONL);
    hidden.special_codes[SpecialCodeIndex::VEOL] = shown.special_codes[SpecialCodeIndex::VINTR];
    hidden
}

fn line() -> Result<SecretString, Failure> {
    until(b"\n")
}

/// What comes on stdin until one of these, which stays unless it is the line's end.
fn until(ends: &[u8]) -> Result<SecretString, Failure> {
    let (mut stdin, mut line) = (std::io::stdin().lock(), Vec::new());
    loop {
        let came = stdin.fill_buf()?;
        let end = came.iter().position(|octet| ends.contains(octet));
        let taken = end.map_or(came.len(), |at| at + 1);
        line.extend_from_slice(&came[..taken]);
        stdin.consume(taken);
        if end.is_some() || taken == 0 {
            break;
        }
    }
    let text = str::from_utf8(&line).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_kept_as_argon2id_and_known_again_and_nobodys_is_never_right() {
        let password = |text: &str| SecretString::from(text);
        let hash = SecretString::from(password_auth::generate_hash("正しい馬の電池ホチキス"));
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the decoy costs the same");
        assert!(is_right(&password("正しい馬の電池ホチキス"), Some(&hash)));
        assert!(!is_right(&password("正しい馬の電池"), Some(&hash)));
        assert!(!is_right(&password("正しい馬の電池ホチキス"), None) && !is_right(&password(""), None));
    }
}
