//! A mail as its recipient finds it: read back from a Maildir, decoded by means of our own.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// One mail out of a Maildir.
pub(crate) struct Received {
    headers: Vec<(String, String)>,
    parts: Vec<String>,
    /// SHA-256 of the message without what the relay wrote above it, in hexadecimal.
    pub(crate) sha256: String,
}

impl Received {
    /// Reads a file.
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let own = &text[text.find("\nDate: ").unwrap() + 1..];
        let (head, body) = text.split_once("\n\n").unwrap();
        let headers = fields(head);
        let boundary = format!("--{}", head.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap());
        let parts = body.split(&boundary).filter_map(|part| part.split_once("\n\n"));
        let parts = parts.map(|(_, coded)| decoded(coded)).collect();
        Self { headers, parts, sha256: hex(&Sha256::digest(own.replace('\n', "\r\n"))) }
    }

    /// A header field's text, encoded words decoded.
    pub(crate) fn header(&self, name: &str) -> &str {
        let same = |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map_or("", |(_, text)| text)
    }

    /// The text part without line breaks and spaces: letters are filled to a width, so that a phrase may be broken anywhere.
    pub(crate) fn text(&self) -> String {
        self.parts[0].split_whitespace().collect()
    }

    /// The HTML part.
    pub(crate) fn html(&self) -> &str {
        &self.parts[1]
    }
}

fn fields(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let field = |line: &str| line.split_once(": ").map(|(name, text)| (name.to_owned(), words(text)));
    unfolded.lines().filter_map(field).collect()
}

/// RFC 2047: encoded words decoded; white space between two of them is dropped.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut was_encoded = false;
    for word in text.split(' ') {
        let coded = word.strip_prefix("=?UTF-8?B?").and_then(|word| word.strip_suffix("?="));
        let joined = was_encoded && coded.is_some();
        if !(out.is_empty() || joined) {
            out.push(' ');
        }
        was_encoded = coded.is_some();
        match coded {
            Some(coded) => out.push_str(&decoded(coded)),
            None => out.push_str(word),
        }
    }
    out
}

fn decoded(coded: &str) -> String {
    let whole: String = coded.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(whole).unwrap()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
