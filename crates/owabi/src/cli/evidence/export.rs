//! `evidence export`: all evidence of a notice in one zip.

use super::sealed;
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::ledger::{self, Described};
use crate::cli::pause::known_state;
use crate::cli::report::issuer;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::Config;
use crate::evidence::bundle::{self, BundleError, Wanted, Written};
use crate::keys;
use crate::ledger::key;
use crate::library::Library;
use crate::report::{Report, html};
use owabi_core::ids::Keys;
use owabi_core::ledger::SealKey;
use owabi_core::people::Action;
use owabi_store::{Snapshot, Store};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The options of `evidence export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi evidence export --notice metaps-2022 --out evidence.zip
  owabi evidence export --notice metaps-2022 --out full.zip --full

Without --full no name is in it, and member numbers and addresses are keyed hashes. With --full everything is, and the key
of the hashes, so that every mail can be rebuilt: keep it like the roster itself. README.txt in it says how it is checked
with sha256sum and openssl alone. Note the head that is printed outside.
First the whole ledger is checked as by `owabi ledger verify`; when anything was changed nothing is written (exit 1).
--full は名簿と同じ扱いにしてください。表示される owabi-head の行は、外で控えてください。")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// The new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// With names, addresses and the key of the keyed hashes  氏名と宛先も入れる
    #[arg(long)]
    full: bool,
    /// Also when the ledger does not verify; the bundle then says so  台帳の検証に合格しなくても書き出す
    #[arg(long)]
    even_if_damaged: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Count, write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let id = &options.notice;
    let config = session.config()?;
    let store = session.store(&config).await?;
    session.person(&store, Action::Evidence).await?;
    known_state((session, &store), store.notice(id).await?.map(|notice| notice.state), id).await?;
    if options.out.exists() {
        let file = options.out.display();
        return Err(Failure::new(
            Exit::Failed,
            say!(ja: "--out {file} はすでにあります。", en: "--out {file} exists already"),
        ));
    }
    let members: i64 = store.counts().await?.remove(id).unwrap_or_default().values().sum();
    session.tell(&say!(ja: "「{id}」: 対象者 {members} 人", en: "{id}: {members} members"));
    if options.dry_run {
        session.answer(&json!({ "members": members, "dry_run": true }));
        return Ok(Exit::Done);
    }
    if options.full {
        let question = say!(
            ja: "{members} 人の氏名と宛先を書き出します。よろしいですか? [yes/no]",
            en: "names and addresses of {members} members will be written; go on? [yes/no]"
        );
        session.confirm(options.yes, &question)?;
    }
    let keys = keys::load(&config, &store).await?;
    let (ledger, damage) = verified(session, (&config, &store), &keys, options).await?;
    let what = json!({ "notice": id, "full": options.full });
    session.export(&store, "evidence export", &what, members).await?;
    let (seal_key, _) = sealed::seal_all(&config, &store, &keys).await?;
    let written = write(session, (&config, &store), options, (&keys, &seal_key), damage.as_ref()).await?;
    store.close().await;
    tell(session, options, &written);
    let mut document = serde_json::to_value(&written).map_err(io::Error::from)?;
    document["out"] = json!(options.out);
    document["full"] = json!(options.full);
    document["ledger"] = ledger;
    session.answer(&document);
    Ok(Exit::Done)
}

/// What is wrong with the ledger, without anybody's number, and the newest good seal.
type Damage = [String; 2];

/// Checks the ledger first; what the answer says of it.
async fn verified(
    session: &Session,
    (config, store): (&Config, &Store),
    keys: &Keys,
    options: &Options,
) -> Result<(Value, Option<Damage>), Failure> {
    let key = match key::public(config, store).await? {
        Some(key) => key,
        None => sealed::seal_all(config, store, keys).await?.0.public(),
    };
    let (checked, bad) = ledger::checked(session, (config, store), (keys, key), None).await?;
    let head = checked.head.to_string();
    let said = json!({ "ok": bad.is_none(), "head": head, "first_bad": bad.as_ref().map(|bad| &bad.json) });
    let Some(Described { text: Text { ja, en }, json: bad }) = bad else {
        let number = checked.head.number;
        session.tell(&say!(ja: "台帳は封印のとおりです(封印 {number} まで)", en: "the ledger is as it was sealed, up to seal {number}"));
        return Ok((said, None));
    };
    let what = say!(ja: "台帳が封印のとおりではありません: {ja}", en: "the ledger does not verify: {en}");
    if !options.even_if_damaged {
        let next = say!(
            ja: "何も書き出していません。`owabi ledger verify` で調べてください。それでも書き出すには --even-if-damaged を付けます(一式にその旨が載ります)。",
            en: "nothing was written; look with `owabi ledger verify`. --even-if-damaged writes all the same, and the bundle says so"
        );
        return Err(Failure::with(Exit::Failed, what, next));
    }
    session.warn(&what);
    let word = |key: &str| match &bad[key] {
        Value::Null => String::new(),
        Value::String(text) => format!("{key}: {text}, "),
        other => format!("{key}: {other}, "),
    };
    let words = ["what", "fault", "seal", "number"].map(word).concat();
    Ok((said, Some([words.trim_end_matches(", ").to_owned(), head])))
}

/// The report of the state that the bundle is of, as HTML and as JSON. It tells no name.
async fn report(
    session: &Session,
    (config, store): (&Config, &Store),
    snapshot: &mut Snapshot,
    id: &str,
) -> Result<Option<[String; 2]>, Failure> {
    let issuer = Library::load(config).get(id).map(|notice| issuer(notice.renderer.definition())).unwrap_or_default();
    let report = Report::of_snapshot(store, snapshot, id, config.receipts.quiet, issuer).await?;
    Ok(report.map(|report| [html::page(&report, session.lang()), format!("{:#}\n", report.document())]))
}

/// Writes beside the file and renames: there is never half a bundle of that name.
async fn write(
    session: &Session,
    (config, store): (&Config, &Store),
    options: &Options,
    (keys, seal_key): (&Keys, &SealKey),
    damage: Option<&Damage>,
) -> Result<Written, Failure> {
    let mut snapshot = store.snapshot().await?;
    let report = report(session, (config, store), &mut snapshot, &options.notice).await?;
    let wanted = Wanted {
        notice_id: &options.notice,
        full: options.full,
        keys,
        seal_key,
        report: report.as_ref().map(|[html, json]| [html.as_str(), json.as_str()]),
        damage: damage.map(|[why, head]| (why.as_str(), head.as_str())),
    };
    let part = part(&options.out);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    let written = Box::pin(bundle::write(BufWriter::new(&file), &mut snapshot, &wanted)).await;
    let written = written.and_then(|written| kept(&file, &part, &options.out).map(|()| written).map_err(Into::into));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written.map_err(failure)
}

fn part(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn kept(file: &File, part: &Path, out: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(part, out)
}

fn failure(error: BundleError) -> Failure {
    match error {
        BundleError::Store(error) => error.into(),
        other => Failure::new(Exit::Failed, say!(ja: "書き出せません: {other}", en: "it cannot be written: {other}")),
    }
}

fn tell(session: &Session, options: &Options, written: &Written) {
    let Written { mails, entries, seals, unsealed, .. } = written;
    let file = options.out.display();
    session.tell(&say!(
        ja: "{file}: 送信の試み {mails} 件、台帳 {entries} 項目、封印 {seals}(未封印 {unsealed} 項目)",
        en: "{file}: {mails} attempts, {entries} entries of the ledger, {seals} seals ({unsealed} entries not sealed)"
    ));
    if let Some(head) = &written.head {
        session.tell(&say!(ja: "次の行を外で控えてください。", en: "note this line outside:"));
        session.tell(&Text::same(head.clone()));
    }
}
