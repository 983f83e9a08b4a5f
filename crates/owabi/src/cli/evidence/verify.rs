//! `evidence verify`: offline, with nothing but the bundle.

use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::ledger::noted;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::evidence::archive::Archive;
use crate::evidence::check::{Fault, Outside, Verdict, check};
use owabi_core::ledger::PublicKey;
use std::path::{Path, PathBuf};

/// The options of `evidence verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi evidence verify evidence.zip
  owabi evidence verify evidence.zip --head head-of-march.txt
  owabi evidence verify evidence.zip --key ledger.pub.pem

Without --head or --key from outside, nobody can tell a bundle that was made anew, all of it, by the holder of another
key. With --json: ok, entries, head, first_bad {file, line, entry, member, column, fault}, mails_rebuilt, and more.
Exit codes: 0 all fits, 1 something does not (it is named), 65 the bundle, the key or the head cannot be read.
--head も --key も付けないときは、別の鍵で一式を作り直されても分かりません。")]
pub(super) struct Options {
    /// The bundle
    file: PathBuf,
    /// A head of the ledger that was noted outside  外で控えた先頭の封印
    #[arg(long, value_name = "TEXT|FILE")]
    head: Option<String>,
    /// The public key, from outside (PEM)  外で控えた公開鍵
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(super) fn run(session: &Session, options: &Options) -> Answer {
    if options.file.is_dir() {
        let folder = options.file.display();
        return Err(Failure::with(
            Exit::BadData,
            say!(ja: "{folder} はフォルダーです。", en: "{folder} is a folder"),
            say!(ja: "ZIP ファイルを指定してください。展開したものは、その中で `sh check.sh` を実行すると確かめられます。", en: "give the .zip; what was unpacked is checked by `sh check.sh` in that folder"),
        ));
    }
    let key = options.key.as_deref().map(key).transpose()?;
    drop(std::fs::File::open(&options.file).map_err(|error| unreadable(&options.file, &error))?);
    let head = options.head.as_deref().map(noted).transpose()?;
    let verdict = check(Archive::open(&options.file), &Outside { head, key });
    let document = serde_json::to_value(&verdict).map_err(std::io::Error::from)?;
    session.answer(&document);
    tell(session, &verdict);
    Ok(match &verdict.first_bad {
        _ if verdict.ok => Exit::Done,
        Some(bad) if bad.fault == Fault::Unreadable && bad.file.is_empty() => Exit::BadData,
        _ => Exit::Failed,
    })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    let file = file.display();
    Failure::new(Exit::BadData, say!(ja: "{file} を読めません: {error}", en: "{file} cannot be read: {error}"))
}

fn key(file: &Path) -> Result<PublicKey, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    PublicKey::from_pem(&text).map_err(|_| {
        let file = file.display();
        Failure::new(
            Exit::BadData,
            say!(ja: "{file} は Ed25519 の公開鍵(PEM)ではありません。", en: "{file} is no Ed25519 public key (PEM)"),
        )
    })
}

fn tell(session: &Session, verdict: &Verdict) {
    if let Some(bad) = &verdict.first_bad {
        let Text { ja, en } = bad.text();
        session.tell(&say!(ja: "NG: {ja}", en: "NOT GOOD: {en}"));
        return;
    }
    let Verdict { entries, unsealed, seals, members, mails, mails_rebuilt, .. } = verdict;
    session.tell(&say!(
        ja: "OK: 台帳 {entries} 項目、封印 {seals}、対象者 {members} 人、送信の試み {mails} 件",
        en: "OK: {entries} entries, {seals} seals, {members} members, {mails} attempts"
    ));
    if verdict.full {
        session.tell(&say!(
            ja: "{mails} 件のうち {mails_rebuilt} 件のメールを組み立て直し、記録と一致しました。",
            en: "the mails of {mails_rebuilt} of {mails} attempts were rebuilt and are the ones that were recorded"
        ));
        if mails_rebuilt < mails {
            session.tell(&say!(
                ja: "残りは、宛先などの個人情報が削除されているため、組み立て直せません。",
                en: "the others cannot be rebuilt: their addresses were purged"
            ));
        }
    }
    if *unsealed > 0 {
        session.tell(&say!(ja: "{unsealed} 項目はまだ封印されておらず、MANIFEST の署名だけが守っています。", en: "{unsealed} entries are not sealed yet: only the manifest's signature speaks for them"));
    }
    if let Some(head) = &verdict.head {
        session.tell(&Text::same(head.clone()));
    }
    if !verdict.compared_outside {
        session.tell(&say!(
            ja: "注意: 外で控えたもの(--head または --key)とは比べていません。別の鍵で一式を作り直されていても、これだけでは分かりません。",
            en: "note: nothing from outside (--head or --key) was compared; a bundle made anew with another key would look the same"
        ));
    }
}
