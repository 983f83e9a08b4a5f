//! `bounce parse`: what mails that came back say, one JSON line a file. Needs no configuration and no database.

use super::exit::Exit;
use super::say::say;
use super::session::{Session, write_line};
use owabi_core::bounce::{Kind, OCTETS, Reading, read};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The options of `bounce`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  owabi bounce parse /var/mail/returned/*.eml      one JSON line a file, with or without --json

kind: bounce, auto_reply, complaint or other; recipients only of a bounce. class: permanent, temporary or delivered;
final: the server does nothing more about it. A file that cannot be read is named on stderr; the exit code is then 65.")]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say what each mail tells of its recipients  返ってきたメールを読み取る
    Parse {
        /// The mails, one a file; - reads one from stdin
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub(super) fn run(session: &Session, options: &Options) -> Exit {
    let Verb::Parse { files } = &options.verb;
    let mut exit = Exit::Done;
    for file in files {
        match octets(file) {
            Ok(mail) => write_line(&mut io::stdout().lock(), &line(file, &read(&mail)).to_string()),
            Err(error) => {
                let file = file.display();
                session.warn(&say!(ja: "{file} を読めません: {error}", en: "{file} cannot be read: {error}"));
                exit = Exit::BadData;
            }
        }
    }
    exit
}

/// As much of the file as is looked at.
fn octets(file: &Path) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    let most = u64::try_from(OCTETS).unwrap_or(u64::MAX);
    if file == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut mail)?;
    } else {
        File::open(file)?.take(most).read_to_end(&mut mail)?;
    }
    Ok(mail)
}

fn line(file: &Path, reading: &Reading) -> Value {
    json!({
        "file": file.to_string_lossy(),
        "is_bounce": reading.kind == Kind::Bounce,
        "kind": reading.kind,
        "recipients": reading.reports,
        "token": reading.token(),
        "envid": reading.envid,
        "message_ids": reading.message_ids,
    })
}
