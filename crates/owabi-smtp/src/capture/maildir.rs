//! Accepted mails as files of a Maildir.
//!
//! A file is the message exactly as sent, with the envelope as header lines before it. The last of these lines is
//! [`END`]; what follows it is the message, byte for byte, so [`split_captured`] can give both back.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::envelope::{Envelope, Recipient, parse_path, write_path};

const MAIL: &str = "X-Capture-Mail: ";
const RCPT: &str = "X-Capture-Rcpt: ";
const END: &str = "X-Capture-Octets: ";

/// A Maildir that the relay writes into.
pub(super) struct Maildir {
    root: PathBuf,
    /// Differs between relays and runs, so that names stay unique.
    run: u64,
}

impl Maildir {
    pub(super) async fn create(root: PathBuf) -> io::Result<Self> {
        for part in ["tmp", "new", "cur"] {
            tokio::fs::create_dir_all(root.join(part)).await?;
        }
        Ok(Self { root, run: RandomState::new().hash_one(0) })
    }

    /// Writes to `tmp`, then moves to `new`; the message is whole there, or not there.
    pub(super) fn store(&self, number: u64, head: &str, message: &[u8]) -> io::Result<PathBuf> {
        let name = format!("{number:010}.{:016x}.owabi", self.run);
        let (draft, kept) = (self.root.join("tmp").join(&name), self.root.join("new").join(&name));
        let mut file = std::fs::File::create_new(&draft)?;
        file.write_all(head.as_bytes())?;
        file.write_all(message)?;
        drop(file);
        std::fs::rename(&draft, &kept)?;
        Ok(kept)
    }
}

/// The header lines that stand before the message in its file.
pub(super) fn head(envelope: &Envelope, octets: usize) -> String {
    let mut text = format!("Return-Path: <{}>\r\n", envelope.mail_from);
    for recipient in &envelope.recipients {
        push(&mut text, "Delivered-To: ", &recipient.address);
        push(&mut text, "X-Envelope-To: ", &recipient.address);
    }
    if let Some(envid) = envelope.envid() {
        push(&mut text, "X-Envelope-Id: ", envid);
    }
    push(&mut text, MAIL, &write_path(&envelope.mail_from, &envelope.params));
    for recipient in &envelope.recipients {
        push(&mut text, RCPT, &write_path(&recipient.address, &recipient.params));
    }
    push(&mut text, END, &octets.to_string());
    text
}

fn push(text: &mut String, name: &str, value: &str) {
    // Writing into a String cannot fail.
    let _ = write!(text, "{name}{value}\r\n");
}

/// Takes a captured file apart: the envelope, and the message exactly as the client sent it. `None` when the relay did
/// not write it.
pub fn split_captured(file: &[u8]) -> Option<(Envelope, &[u8])> {
    let mut envelope = Envelope::default();
    let mut rest = file;
    loop {
        let end = memchr::memmem::find(rest, b"\r\n")?;
        let line = str::from_utf8(rest.get(..end)?).ok()?;
        rest = rest.get(end + 2..)?;
        if let Some(octets) = line.strip_prefix(END) {
            return (octets.parse() == Ok(rest.len())).then_some((envelope, rest));
        }
        if let Some(path) = line.strip_prefix(MAIL) {
            (envelope.mail_from, envelope.params) = parse_path(path)?;
        } else if let Some(path) = line.strip_prefix(RCPT) {
            let (address, params) = parse_path(path)?;
            envelope.recipients.push(Recipient { address, params });
        }
    }
}

/// Reads one captured file: the envelope, and the message exactly as the client sent it.
///
/// # Errors
/// When the file cannot be read, or the relay did not write it (`InvalidData`).
pub fn read_captured(path: &Path) -> io::Result<(Envelope, Vec<u8>)> {
    let file = std::fs::read(path)?;
    let (envelope, message) = split_captured(&file).ok_or(io::ErrorKind::InvalidData)?;
    Ok((envelope, message.to_vec()))
}
