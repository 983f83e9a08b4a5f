//! `evidence member`: one person's exact mails, and the proof that they were sealed.

use super::proof::{Chain, Proof};
use super::sealed;
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::pause::known_state;
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::evidence::bundle::Known;
use crate::evidence::rebuild::Rebuilt;
use crate::evidence::{name, person};
use crate::{japan, keys};
use owabi_core::ledger::{Intent, PublicKey};
use owabi_core::people::Action;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The options of `evidence member`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi evidence member 10001
  owabi evidence member 10001 --notice metaps-2022 --out proof && sh proof/check-17.sh

Each mail is made again from the roster's row, its corrections and resends, and the text that was released, and compared
with the SHA-256 that was noted before it left. With --out the mails are written (.eml), with scripts that prove by
sha256sum and openssl alone that the ledger has them. After a purge a mail cannot be made again; its proof stays.")]
pub(super) struct Options {
    /// The member's number  会員番号
    #[arg(value_name = "NO")]
    member_no: String,
    /// Only in this notice
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
    /// A new folder for mails and proofs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// One mail with its proof.
struct Mail {
    number: i64,
    intent: Intent,
    rebuilt: Option<Rebuilt>,
    proof: Option<Proof>,
    outcome: Option<String>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store(&config).await?;
    session.person(&store, Action::Evidence).await?;
    let notices = notices((session, &store), options).await?;
    let what = json!({ "notice": options.notice, "member": options.member_no });
    session.look(&store, "evidence member", &what, 1).await?;
    let keys = keys::load(&config, &store).await?;
    let key = sealed::seal_all(&config, &store, &keys).await?.0.public();
    let mut snapshot = store.snapshot().await?;
    let chain = Chain::read(&mut snapshot, key).await?.map_err(|finding| broken(&finding))?;
    let mut known = Known { keys: &keys, of: BTreeMap::new() };
    let mut found = Vec::new();
    for notice in &notices {
        let Some(row) = store.member(notice, &options.member_no).await? else { continue };
        let places: BTreeMap<i64, i64> = snapshot.places(row.id).await?.into_iter().collect();
        let attempts = super::asked::attempts(&store, row.id).await?;
        let mut mails = Vec::new();
        for (number, intent, rebuilt) in person::mails(&mut snapshot, notice, row.id).await? {
            let proof = match places.get(&number) {
                Some(seq) => chain.proof(&mut snapshot, &mut known, *seq).await?,
                None => None,
            };
            let attempt = attempts.iter().find(|attempt| attempt.attempt == number);
            let outcome = attempt.and_then(|attempt| attempt.outcome.clone());
            mails.push(Mail { number, intent, rebuilt, proof, outcome });
        }
        found.push((notice.clone(), mails));
    }
    drop(snapshot);
    store.close().await;
    if found.is_empty() {
        let no = &options.member_no;
        return Err(Failure::new(
            Exit::Failed,
            say!(ja: "会員番号 {no} の方は登録されていません。", en: "there is no member {no}"),
        ));
    }
    if let Some(folder) = &options.out {
        write(folder, &found, &chain, &key).map_err(|error| not_written(folder, &error))?;
    }
    for (notice, mails) in &found {
        tell(session, options, notice, mails);
    }
    session.answer(&document(options, &found, &chain));
    Ok(Exit::Done)
}

async fn notices((session, store): (&Session, &owabi_store::Store), options: &Options) -> Result<Vec<String>, Failure> {
    let mut notices = store.notices().await?;
    if let Some(id) = &options.notice {
        notices.retain(|notice| notice.id == *id);
        known_state((session, store), notices.first().map(|notice| notice.state.clone()), id).await?;
    }
    Ok(notices.into_iter().map(|notice| notice.id).collect())
}

fn broken(finding: &owabi_core::ledger::Finding) -> Failure {
    Failure::with(
        Exit::Failed,
        say!(ja: "台帳の封印に誤りがあります: {finding:?}", en: "the seals of the ledger are not good: {finding:?}"),
        say!(ja: "`owabi ledger verify` で確かめてください。", en: "look at it with `owabi ledger verify`"),
    )
}

fn document(options: &Options, found: &[(String, Vec<Mail>)], chain: &Chain) -> Value {
    let mail = |mail: &Mail| {
        json!({
            "attempt": mail.number,
            "at": japan::iso(mail.intent.at),
            "message_id": mail.intent.message_id,
            "mail_sha256": mail.intent.mail_sha256,
            "outcome": mail.outcome,
            "bytes": mail.intent.mail_bytes,
            "text": mail.rebuilt.as_ref().map(|rebuilt| &rebuilt.origin.fingerprint),
            "rebuilt": mail.rebuilt.as_ref().is_some_and(|rebuilt| rebuilt.mail.is_some()),
            "equal": mail.equal(),
            "proof": mail.proof.as_ref().map(Proof::document),
        })
    };
    let notices = found
        .iter()
        .map(|(notice, mails)| json!({ "notice": notice, "mails": mails.iter().map(mail).collect::<Vec<_>>() }));
    json!({
        "member_no": options.member_no,
        "notices": notices.collect::<Vec<_>>(),
        "head": chain.head.as_ref().map(ToString::to_string),
        "out": options.out,
    })
}

impl Mail {
    fn equal(&self) -> bool {
        self.rebuilt.as_ref().is_some_and(|rebuilt| rebuilt.equal)
    }
}

fn tell(session: &Session, options: &Options, notice: &str, mails: &[Mail]) {
    let (no, count) = (&options.member_no, mails.len());
    session.tell(&say!(ja: "{no}  「{notice}」: 送信の試み {count} 件", en: "{no}  {notice}: {count} attempts"));
    for mail in mails {
        let (n, at, sha256) = (mail.number, japan::short(mail.intent.at), &mail.intent.mail_sha256);
        let (ja, en) = match &mail.rebuilt {
            Some(rebuilt) if rebuilt.equal => ("組み立てたものと一致", "equal to what was about to leave"),
            Some(Rebuilt { mail: Some(_), .. }) => ("組み立てたものと違います", "IS NOT what was about to leave"),
            _ => (
                "組み立て直せません(削除済み、または文面がありません)",
                "cannot be made again (purged, or its text is not there)",
            ),
        };
        let outcome = mail.outcome.as_deref().unwrap_or("-");
        session.tell(&say!(
            ja: "  送信 {n}  {at}  {outcome}  {sha256}  {ja}",
            en: "  attempt {n}  {at}  {outcome}  {sha256}  {en}"
        ));
        match &mail.proof {
            Some(Proof { seq, seal, .. }) => {
                session.tell(&say!(ja: "    台帳の項目 {seq} は封印 {seal} にあります。", en: "    entry {seq} of the ledger is in seal {seal}"));
                if let Some(folder) = options.out.as_deref().map(Path::display) {
                    session.tell(&say!(ja: "    sh {folder}/check-{seq}.sh", en: "    sh {folder}/check-{seq}.sh"));
                }
            }
            None => session.tell(&say!(ja: "    まだ封印されていません。", en: "    it is not sealed yet")),
        }
    }
}

fn not_written(folder: &Path, error: &io::Error) -> Failure {
    let folder = folder.display();
    let next = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            say!(ja: "会員ごとに、まだないフォルダーを指定してください。何も上書きしません。", en: "give a folder that is not there yet, one a member: nothing is written over")
        }
        _ => say!(ja: "場所と権限を確かめてください。", en: "check the place and its permissions"),
    };
    Failure::with(
        Exit::Failed,
        say!(ja: "--out {folder} に書けません: {error}", en: "--out {folder} cannot be written: {error}"),
        next,
    )
}

fn write(folder: &Path, found: &[(String, Vec<Mail>)], chain: &Chain, key: &PublicKey) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    fs::create_dir(folder.join("seals"))?;
    let file = |name: &str, content: &[u8]| {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name));
        io::Write::write_all(&mut file?, content)
    };
    file(name::KEY, key.to_pem().as_bytes())?;
    let newest = chain.seals.last().map_or(0, |(seal, _)| seal.number);
    let mut from = i64::MAX;
    for (notice, mails) in found {
        for mail in mails {
            if let Some(made) = mail.rebuilt.as_ref().and_then(|rebuilt| rebuilt.mail.as_ref()) {
                file(&format!("{notice}-{}.eml", mail.number), &made.bytes)?;
            }
            if let Some(proof) = &mail.proof {
                from = from.min(proof.seal);
                file(&format!("entry-{}.json", proof.seq), &proof.line)?;
                file(&format!("check-{}.sh", proof.seq), proof.script(newest).as_bytes())?;
            }
        }
    }
    for (seal, stored) in chain.seals.iter().filter(|(seal, _)| seal.number >= from) {
        let path = name::seal(seal.number);
        file(&format!("{path}.txt"), stored.text.as_bytes())?;
        file(&format!("{path}.sig"), &crate::evidence::bundle::octets(&stored.signature))?;
    }
    Ok(())
}
