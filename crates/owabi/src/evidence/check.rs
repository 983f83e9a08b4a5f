//! Checks a bundle with nothing but the bundle, and names the first thing that is wrong.

use super::archive::{Archive, ArchiveError, Zip};
use super::{compare, name};
use crate::cli::say::{Text, say};
use owabi_core::ids::hex;
use owabi_core::ledger::{Finding, Head, PublicKey, Seal, SealFault, StoredSeal, Verifier, hash_of_hex};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;

/// What was noted outside, and tells a bundle that was made anew.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// A head of the ledger.
    pub head: Option<Head>,
    /// The public key.
    pub key: Option<PublicKey>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Everything fits.
    pub ok: bool,
    /// Entries of the ledger.
    pub entries: u64,
    /// Those that no seal covers yet: only the manifest's signature speaks for them.
    pub unsealed: u64,
    /// Seals.
    pub seals: u64,
    /// Members of the roster.
    pub members: u64,
    /// Mails that were about to leave.
    pub mails: u64,
    /// Of a full bundle: mails that were rebuilt, octet for octet.
    pub mails_rebuilt: u64,
    /// The newest seal, to be compared with what was noted outside.
    pub head: Option<String>,
    /// SHA-256 of the public key.
    pub key: Option<String>,
    /// With names and addresses.
    pub full: bool,
    /// A key or a head from outside was given, and fits.
    pub compared_outside: bool,
    /// The first thing that is wrong.
    pub first_bad: Option<Bad>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// In which file; empty for the bundle itself.
    pub file: String,
    /// In which line, from 1.
    pub line: Option<u64>,
    /// At which entry of the ledger.
    pub entry: Option<i64>,
    /// Whose row: the number, or its keyed hash, as the file has it; `#17`: the row's id.
    pub member: Option<String>,
    /// In which column or figure.
    pub column: Option<String>,
    /// What.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is no zip, or cannot be unpacked.
    Unreadable,
    /// Two files have one name, or overlap.
    Twice,
    /// No bundle has such a file.
    Unexpected,
    /// It is larger than a bundle can be.
    TooLarge,
    /// It is not there.
    Missing,
    /// It is not what the manifest says.
    Changed,
    /// It is not in its form.
    Malformed,
    /// The signature does not fit.
    Signature,
    /// It is another key than the one from outside, or than the seals name.
    AnotherKey,
    /// The seal does not follow the one before it.
    Chain,
    /// A seal is missing, or is not the one that the head from outside names.
    Head,
    /// The head from outside is newer than the bundle: the two cannot be compared.
    HeadIsNewer,
    /// The root of the seal does not fit the ledger.
    Root,
    /// It does not say what the ledger says.
    NotTheLedgers,
    /// A member of whom the ledger tells is not in it.
    MemberMissing,
    /// Counts do not add up.
    Count,
    /// The text is not the one that was released.
    AnotherText,
    /// The mail that was rebuilt is not the one that left.
    AnotherMail,
}

impl Bad {
    pub(super) fn new(file: &str, fault: Fault) -> Self {
        Self { file: file.to_owned(), line: None, entry: None, member: None, column: None, fault }
    }

    pub(super) fn line(file: &str, line: u64, fault: Fault) -> Self {
        Self { line: Some(line), ..Self::new(file, fault) }
    }

    pub(super) fn entry(file: &str, line: u64, entry: i64, fault: Fault) -> Self {
        Self { entry: Some(entry), ..Self::line(file, line, fault) }
    }

    /// What is wrong, for people.
    pub fn text(&self) -> Text {
        let file = if self.file.is_empty() { Text::same("ZIP") } else { Text::same(self.file.clone()) };
        let line = self.line.map_or(Text::same(""), |n| say!(ja: " {n} 行目", en: ", line {n}"));
        let entry = self.entry.map_or(Text::same(""), |seq| say!(ja: "(台帳の項目 {seq})", en: " (entry {seq})"));
        let member = self.member.as_ref();
        let member = member.map_or(Text::same(""), |no| say!(ja: "、会員番号 {no}", en: ", member {no}"));
        let column = self.column.as_ref();
        let column = column.map_or(Text::same(""), |name| say!(ja: "、{name}", en: ", {name}"));
        let what = self.fault.text();
        Text {
            ja: format!("{}{}{}{}{}: {}", file.ja, line.ja, member.ja, column.ja, entry.ja, what.ja),
            en: format!("{}{}{}{}{}: {}", file.en, line.en, member.en, column.en, entry.en, what.en),
        }
    }
}

impl Fault {
    fn text(self) -> Text {
        match self {
            Self::Unreadable => say!(ja: "読めません。", en: "it cannot be read"),
            Self::Twice => {
                say!(ja: "同じ名前のファイル、または重なったファイルがあります。", en: "two files have the same name, or overlap")
            }
            Self::Unexpected => say!(ja: "証拠一式にあるはずのないファイルです。", en: "no bundle has such a file"),
            Self::TooLarge => say!(ja: "大きすぎます。", en: "it is too large"),
            Self::Missing => say!(ja: "ありません。", en: "it is missing"),
            Self::Changed => say!(ja: "MANIFEST にある内容と違います。", en: "it is not what MANIFEST says"),
            Self::Malformed => say!(ja: "形式が正しくありません。", en: "it is not in its form"),
            Self::Signature => say!(ja: "署名が合いません。", en: "the signature does not fit"),
            Self::AnotherKey => say!(ja: "別の鍵です。", en: "it is another key"),
            Self::Chain => say!(ja: "前の封印につながっていません。", en: "it does not follow the seal before it"),
            Self::Head => {
                say!(ja: "外で控えた先頭の封印と合いません。", en: "it does not fit the head that was noted outside")
            }
            Self::HeadIsNewer => say!(
                ja: "控えた先頭は、この一式より後の封印のものです。比べられません。一式を書き出したときか、それより前の控えを使うか、一式を書き出し直してください。",
                en: "the head is newer than the bundle: cannot be compared; use a head noted when the bundle was made or before, or export a new bundle"
            ),
            Self::Root => say!(ja: "封印された内容と違います。", en: "it is not what was sealed"),
            Self::NotTheLedgers => say!(ja: "台帳の記録と違います。", en: "it does not say what the ledger says"),
            Self::MemberMissing => {
                say!(ja: "台帳にある対象者の行がありません。", en: "it has no row of a member of whom the ledger tells")
            }
            Self::Count => say!(ja: "件数が合いません。", en: "the counts do not add up"),
            Self::AnotherText => say!(ja: "解禁された文面と違います。", en: "it is not the text that was released"),
            Self::AnotherMail => {
                say!(ja: "組み立て直したメールが、送られたメールと違います。", en: "the mail that was rebuilt is not the one that left")
            }
        }
    }
}

impl From<ArchiveError> for Bad {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Unreadable(_) => Self::new("", Fault::Unreadable),
            ArchiveError::Twice => Self::new("", Fault::Twice),
            ArchiveError::Name(name) => Self::new(&name, Fault::Unexpected),
            ArchiveError::TooLarge => Self::new("", Fault::TooLarge),
            ArchiveError::Missing(name) => Self::new(&name, Fault::Missing),
            ArchiveError::File(name, _) => Self::new(&name, Fault::Unreadable),
        }
    }
}

/// Checks a bundle. What could not even be opened is found bad, too.
pub fn check(archive: Result<Archive, ArchiveError>, outside: &Outside) -> Verdict {
    let mut verdict = Verdict::default();
    let done = archive.map_err(Bad::from).and_then(|archive| all(&archive, outside, &mut verdict));
    verdict.first_bad = done.err();
    verdict.ok = verdict.first_bad.is_none();
    verdict
}

fn all(archive: &Archive, outside: &Outside, verdict: &mut Verdict) -> Result<(), Bad> {
    let mut zip = None;
    let key = key(archive, &mut zip, outside)?;
    verdict.key = Some(key.id());
    verdict.full = archive.has(name::PSEUDONYM);
    manifest(archive, &mut zip, &key)?;
    let seals = seals(archive, &mut zip, (key, outside), verdict)?;
    verdict.compared_outside = outside.key.is_some() || outside.head.is_some();
    compare::all(archive, &seals, verdict)
}

fn key(archive: &Archive, zip: &mut Option<Zip>, outside: &Outside) -> Result<PublicKey, Bad> {
    let malformed = || Bad::new(name::KEY, Fault::Malformed);
    let pem = String::from_utf8(archive.small(zip, name::KEY)?).map_err(|_| malformed())?;
    let key = PublicKey::from_pem(&pem).map_err(|_| malformed())?;
    let by_head = outside.head.as_ref().is_some_and(|head| head.key != key.id());
    if by_head || outside.key.is_some_and(|expected| expected != key) {
        return Err(Bad::new(name::KEY, Fault::AnotherKey));
    }
    Ok(key)
}

/// The manifest is signed, names every file, and every file is what it says.
fn manifest(archive: &Archive, zip: &mut Option<Zip>, key: &PublicKey) -> Result<(), Bad> {
    let text = String::from_utf8(archive.small(zip, name::MANIFEST)?);
    let text = text.map_err(|_| Bad::new(name::MANIFEST, Fault::Malformed))?;
    let signature = hex(&archive.small(zip, name::SIGNATURE)?);
    if !key.verifies(&text, &signature) {
        return Err(Bad::new(name::SIGNATURE, Fault::Signature));
    }
    let listed = listed(&text)?;
    let others = [name::MANIFEST, name::SIGNATURE];
    if let Some(name) =
        archive.names().iter().find(|name| !listed.contains_key(name.as_str()) && !others.contains(&name.as_str()))
    {
        return Err(Bad::new(name, Fault::Unexpected));
    }
    for (name, hash) in listed {
        if file_hash(archive, zip, name)? != hash {
            return Err(Bad::new(name, Fault::Changed));
        }
    }
    Ok(())
}

fn listed(manifest: &str) -> Result<BTreeMap<&str, &str>, Bad> {
    let mut listed = BTreeMap::new();
    for (number, line) in (1..).zip(manifest.lines()) {
        let parts = line.split_once("  ").filter(|(hash, _)| hash_of_hex(hash).is_some());
        let fresh = parts.is_some_and(|(hash, name)| listed.insert(name, hash).is_none());
        if !fresh {
            return Err(Bad::line(name::MANIFEST, number, Fault::Malformed));
        }
    }
    Ok(listed)
}

fn file_hash(archive: &Archive, zip: &mut Option<Zip>, name: &str) -> Result<String, Bad> {
    let mut file = archive.read(zip, name)?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut block).map_err(|error| ArchiveError::File(name.to_owned(), error))?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&block[..read]);
    }
}

/// Every seal, signed and chained, up to the head that was noted outside or beyond it.
fn seals(
    archive: &Archive,
    zip: &mut Option<Zip>,
    (key, outside): (PublicKey, &Outside),
    verdict: &mut Verdict,
) -> Result<Vec<Seal>, Bad> {
    let mut seals = Vec::new();
    let mut verifier: Option<Verifier> = None;
    loop {
        let number = i64::try_from(seals.len()).unwrap_or(i64::MAX).saturating_add(1);
        let file = name::seal(number);
        let (text_file, signature_file) = (format!("{file}.txt"), format!("{file}.sig"));
        if !archive.has(&text_file) && !archive.has(&signature_file) {
            break;
        }
        let malformed = |_| Bad::new(&text_file, Fault::Malformed);
        let text =
            String::from_utf8(archive.small(zip, &text_file)?).map_err(|_| Bad::new(&text_file, Fault::Malformed))?;
        let seal = Seal::parse(&text).map_err(malformed)?;
        let stored = StoredSeal {
            number,
            at: seal.at,
            first_seq: seal.entries.first().unwrap_or_default(),
            last_seq: seal.entries.last().unwrap_or_default(),
            entries: seal.entries.count(),
            text,
            signature: hex(&archive.small(zip, &signature_file)?),
        };
        let verifier = verifier.get_or_insert_with(|| Verifier::new(&seal.queue, key, outside.head.clone()));
        seals.push(verifier.seal(&stored).map_err(|finding| of_seal(&file, finding))?);
    }
    if let Some(more) = archive.names().iter().filter(|name| name.starts_with("seals/")).nth(seals.len() * 2) {
        return Err(Bad::new(more, Fault::Chain));
    }
    verdict.seals = seals.len() as u64;
    let last = name::seal(i64::try_from(seals.len()).unwrap_or(i64::MAX));
    match &verifier {
        Some(verifier) => {
            verdict.head = Some(verifier.finish().map_err(|finding| of_seal(&last, finding))?.to_string());
        }
        None if outside.head.as_ref().is_some_and(|head| head.number > 0) => {
            return Err(Bad::new(&last, Fault::HeadIsNewer));
        }
        None => {}
    }
    Ok(seals)
}

fn of_seal(file: &str, finding: Finding) -> Bad {
    let fault = match finding {
        Finding::Seal { fault: SealFault::WrongKey, .. } => Fault::AnotherKey,
        Finding::Seal { fault: SealFault::ChainBroken | SealFault::Missing | SealFault::Overlaps, .. } => Fault::Chain,
        Finding::Seal { fault: SealFault::NotTheHead, .. } => Fault::Head,
        Finding::Seal { fault: SealFault::CutOff, .. } => Fault::HeadIsNewer,
        Finding::Seal { fault: SealFault::Changed, .. } => Fault::Signature,
        Finding::Entry { .. } | Finding::Among { .. } => Fault::Root,
    };
    Bad::new(&format!("{file}.txt"), fault)
}
