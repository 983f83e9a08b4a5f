//! The names of folders: as we write them (`owabi/processed`), and as this server does.

use super::connect::quoted;
use super::connection::Connection;
use super::response::{Listed, Response, Status};
use super::trouble::Trouble;
use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

/// How this server writes names.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// What one's own folders' names begin with, as `INBOX.`; often empty.
    prefix: String,
    /// What parts the levels of a name; `None`: there are none.
    delimiter: Option<String>,
}

impl Naming {
    pub(super) async fn ask(connection: &mut Connection) -> Result<Self, Trouble> {
        let mut naming = Self::default();
        let keep = |response| {
            if let Response::List(Listed { delimiter, .. }) = response {
                naming.delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
            }
        };
        connection.must("LIST \"\" \"\"", connection.small("LIST"), keep).await?;
        if connection.can("NAMESPACE") {
            let keep = |response| {
                if let Response::Namespace(prefix) = response {
                    naming.prefix = prefix;
                }
            };
            connection.command("NAMESPACE", connection.small("NAMESPACE"), keep).await?;
        }
        Ok(naming)
    }

    /// A name of ours in the server's writing, as an argument of a command: where it would be made, and where else it may be.
    fn candidates(&self, name: &str) -> Vec<String> {
        let plain = self.written(name);
        if is_inbox(name) {
            return vec!["INBOX".to_owned()];
        }
        let under = |prefix: &str| {
            let (head, starts) = (plain.get(..prefix.len()), plain.len() > prefix.len());
            let already = starts && head.is_some_and(|head| head.eq_ignore_ascii_case(prefix));
            if already { plain.clone() } else { format!("{prefix}{plain}") }
        };
        let inbox = self.delimiter.as_deref().map(|delimiter| under(&format!("INBOX{delimiter}")));
        let mut names = vec![under(&self.prefix), plain.clone()];
        names.extend(inbox);
        let mut unique = Vec::new();
        for name in names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        unique
    }

    fn written(&self, name: &str) -> String {
        let levels = name.split('/').map(modified_utf7).collect::<Vec<_>>();
        levels.join(self.delimiter.as_deref().unwrap_or("/"))
    }

    /// The folder of this name as it is called here; `None` when there is none.
    pub(super) async fn find(&self, connection: &mut Connection, name: &str) -> Result<Option<String>, Trouble> {
        if is_inbox(name) {
            return Ok(Some("INBOX".to_owned()));
        }
        for candidate in self.candidates(name) {
            if exists(connection, &candidate).await? {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// The folder of this name, made where it is missing; `None` when the server would not.
    pub(super) async fn make(&self, connection: &mut Connection, name: &str) -> Result<Option<String>, Trouble> {
        if let Some(found) = self.find(connection, name).await? {
            return Ok(Some(found));
        }
        for candidate in self.candidates(name) {
            let bounds = connection.small("CREATE");
            let said = connection.command(&format!("CREATE {}", quoted(&candidate)), bounds, |_| {}).await?;
            // Somebody else may have made it just now.
            if said.status == Status::Ok || exists(connection, &candidate).await? {
                // So that mail programs show it; nothing depends on it.
                connection.command(&format!("SUBSCRIBE {}", quoted(&candidate)), bounds, |_| {}).await?;
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }
}

fn is_inbox(name: &str) -> bool {
    name.eq_ignore_ascii_case("INBOX")
}

async fn exists(connection: &mut Connection, name: &str) -> Result<bool, Trouble> {
    let mut found = false;
    let look = |response| {
        if let Response::List(listed) = response {
            let closed = |word: &String| ["\\noselect", "\\nonexistent"].contains(&word.to_ascii_lowercase().as_str());
            found |= listed.name == name && !listed.attributes.iter().any(closed);
        }
    };
    connection.must(&format!("LIST \"\" {}", quoted(name)), connection.small("LIST"), look).await?;
    Ok(found)
}

/// RFC 3501, section 5.1.3: printable ASCII stands for itself, `&` is `&-`, the rest is UTF-16 in Base64.
fn modified_utf7(name: &str) -> String {
    let alphabet = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
    let (mut written, mut shifted) = (String::new(), Vec::new());
    let end = |written: &mut String, shifted: &mut Vec<u8>| {
        if !shifted.is_empty() {
            written.push('&');
            written.push_str(&alphabet.encode(std::mem::take(shifted)));
            written.push('-');
        }
    };
    for letter in name.chars() {
        if matches!(letter, ' '..='~') {
            end(&mut written, &mut shifted);
            written.push(letter);
            if letter == '&' {
                written.push('-');
            }
        } else {
            shifted.extend(letter.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end(&mut written, &mut shifted);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(prefix: &str, delimiter: Option<&str>) -> Naming {
        Naming { prefix: prefix.to_owned(), delimiter: delimiter.map(ToOwned::to_owned) }
    }

    #[test]
    fn names_are_written_in_modified_utf_7() {
        for (name, written) in [
            ("processed", "processed"),
            ("R&D", "R&-D"),
            ("~peter/mail/台北", "~peter/mail/&U,BTFw-"),
            ("日本語", "&ZeVnLIqe-"),
            ("お詫び😀x", "&MEqKazBz2D3eAA-x"),
            ("a\r\nb", "a&AA0ACg-b"),
        ] {
            assert_eq!(modified_utf7(name), written, "{name}");
        }
    }

    #[test]
    fn a_name_gets_the_server_s_delimiter_and_prefix() {
        let names = |naming: Naming, name: &str| naming.candidates(name);
        assert_eq!(names(naming("", Some("/")), "owabi/processed"), ["owabi/processed", "INBOX/owabi/processed"]);
        assert_eq!(names(naming("", Some(".")), "a/b"), ["a.b", "INBOX.a.b"]);
        assert_eq!(names(naming("INBOX.", Some(".")), "a/b"), ["INBOX.a.b", "a.b"]);
        assert_eq!(names(naming("INBOX.", Some(".")), "inbox/a"), ["inbox.a"]);
        assert_eq!(names(naming("", None), "a/b"), ["a/b"]);
        assert_eq!(names(naming("INBOX.", Some(".")), "Inbox"), ["INBOX"]);
        assert_eq!(names(naming("ああ", Some("/")), "x"), ["ああx", "x", "INBOX/x"]);
    }
}
