//! `substitute add`: letters, calls and visits, one by one or from a file, and publications.

use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::member::one;
use crate::cli::pause::known_state;
use crate::cli::say::{Text, say};
use crate::cli::selecting::read_list;
use crate::cli::session::Session;
use crate::cli::status::label;
use crate::japan;
use owabi_core::lifecycle::Status;
use owabi_core::people::Action;
use owabi_core::roster::{ListRow, PaidAt, listed_number};
use owabi_store::{NewSubstitute, Publication, Store};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

const KIND: &[&str] = &["方法", "kind", "手段"];
const ON: &[&str] = &["日付", "on", "実施日", "date"];
const NOTE: &[&str] = &["備考", "note"];
/// So much of a note is kept.
const NOTE_LIMIT: usize = 1_000;

/// So many members are looked up at once.
const TOGETHER: usize = 1_000;

/// The options of `substitute add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi substitute add --notice metaps-2022 --member 10001 --kind letter --on 2026-11-30 --note '書留'
  owabi substitute add --notice metaps-2022 --file letters.csv --kind letter --on 2026-11-30 --yes
  owabi substitute add --notice metaps-2022 --kind published --url https://example.jp/news/1 --from 2026-11-30 --until 2027-05-31

The file's columns: 会員番号 member_no, 方法 kind (letter 書面, telephone 電話, visit 訪問, other その他), 日付 on (days as
rosters write them), 備考 note. What a column does not say, --kind, --on and --note say for all. Lines that cannot be
read come back with number and reason, and the exit code is 65; the others are recorded. The same file twice adds
nothing.
読めない行は行番号と理由を示し、そのほかの行は記録します。同じファイルをもう一度読んでも増えません。")]
pub(super) struct Options {
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// For this member  会員番号
    #[arg(long, value_name = "NO", conflicts_with = "file")]
    member: Option<String>,
    /// For the members of this file
    #[arg(long, value_name = "CSV")]
    file: Option<PathBuf>,
    /// What was done
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The day on which it was done
    #[arg(long, value_name = "DAY")]
    on: Option<String>,
    /// What else is to be known
    #[arg(long)]
    note: Option<String>,
    /// Where it is published
    #[arg(long)]
    url: Option<String>,
    /// Published from this day on
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Published until this day
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Count, record nothing
    #[arg(long)]
    dry_run: bool,
}

/// What is done instead of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Letter,
    Telephone,
    Visit,
    Other,
    Published,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Letter => "letter",
            Self::Telephone => "telephone",
            Self::Visit => "visit",
            Self::Other => "other",
            Self::Published => "published",
        }
    }

    /// What a file's cell says was done for a member.
    fn of_cell(cell: &str) -> Option<Self> {
        Some(match listed_number(cell).to_lowercase().as_str() {
            "letter" | "書面" | "郵送" | "手紙" | "封書" => Self::Letter,
            "telephone" | "phone" | "電話" => Self::Telephone,
            "visit" | "訪問" => Self::Visit,
            "other" | "その他" => Self::Other,
            _ => return None,
        })
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let store = session.store(&config).await?;
    session.person(&store, Action::Substitute).await?;
    known_state((session, &store), store.notice(&options.notice).await?.map(|notice| notice.state), &options.notice)
        .await?;
    let today = japan::day(session.now());
    match (options.kind, &options.member, &options.file) {
        (Some(Kind::Published), None, None) => published(session, options, &store).await,
        (Some(kind), Some(no), None) if kind != Kind::Published => {
            single(session, options, &store, (kind, no, &today)).await
        }
        (kind, None, Some(file)) if kind != Some(Kind::Published) => {
            from_file(session, options, &store, (file, &today)).await
        }
        _ => Err(usage()),
    }
}

fn usage() -> Failure {
    Failure::with(
        Exit::Usage,
        say!(ja: "何を記録するのかが分かりません。", en: "it is not clear what is to be recorded"),
        say!(
            ja: "--member NO --kind … --on DAY、--file CSV、または --kind published --url URL --from DAY --until DAY と指定してください。",
            en: "give --member NO --kind … --on DAY, or --file CSV, or --kind published --url URL --from DAY --until DAY"
        ),
    )
}

fn no_day() -> Failure {
    Failure::with(
        Exit::Usage,
        say!(ja: "--on がありません。", en: "--on is missing"),
        say!(ja: "実施した日を --on 2026-11-30 のように指定してください。", en: "say on which day it was done: --on 2026-11-30"),
    )
}

async fn published(session: &Session, options: &Options, store: &Store) -> Answer {
    let (Some(url), Some(from), Some(until)) = (&options.url, &options.from, &options.until) else {
        return Err(usage());
    };
    let (from, until) = (day(from, "--from")?, day(until, "--until")?);
    let is_url = (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(char::is_whitespace);
    if !is_url || until < from {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--url は https:// で始まる URL、--until は --from 以後の日にしてください。", en: "--url is a URL (https://…), and --until not before --from"),
        ));
    }
    let question = say!(ja: "{from} から {until} まで {url} で公表したことを記録しますか? [yes/no]", en: "record that it is published at {url} from {from} until {until}? [yes/no]");
    let added = if options.dry_run {
        false
    } else {
        session.confirm(options.yes, &question)?;
        let published = Publication { from: &from, until: &until, url, note: options.note.as_deref() };
        store
            .add_publication(
                &options.notice,
                published,
                &session.person(store, Action::Substitute).await?.name,
                session.now(),
            )
            .await?
    };
    tell_one(session, added, options.dry_run);
    session.answer(&json!({ "added": i64::from(added), "already": i64::from(!added && !options.dry_run), "refused": [], "dry_run": options.dry_run }));
    Ok(Exit::Done)
}

async fn single(session: &Session, options: &Options, store: &Store, what: (Kind, &str, &str)) -> Answer {
    let (kind, no, today) = what;
    let on = day_done(options.on.as_deref().ok_or_else(no_day)?, today)?;
    let (_, member, standing) = one(session, store, ("substitute add", no), Some(&options.notice)).await?;
    if !unreached(standing.status) {
        let (ja, en) = (label(standing.status), standing.status);
        session.warn(&say!(
            ja: "ご確認ください: 会員 {no} の状況は「{ja}」で、メールが届かなかった方ではありません。",
            en: "look at it: member {no} is {en}, and not among those whom mail did not reach"
        ));
    }
    let Text { ja: way_ja, en: way_en } = super::kind(kind.as_str());
    let question = say!(ja: "会員 {no} への対応({way_ja}、{on})を記録しますか? [yes/no]", en: "record it for member {no} ({way_en}, {on})? [yes/no]");
    let done =
        NewSubstitute { member_id: member.id, kind: kind.as_str(), on_day: on, note: note(options.note.as_deref()) };
    let added = if options.dry_run {
        false
    } else {
        session.confirm(options.yes, &question)?;
        store
            .add_substitutes(
                &options.notice,
                &[done],
                &session.person(store, Action::Substitute).await?.name,
                session.now(),
            )
            .await?
            > 0
    };
    tell_one(session, added, options.dry_run);
    session.answer(&json!({ "added": i64::from(added), "already": i64::from(!added && !options.dry_run), "refused": [], "dry_run": options.dry_run }));
    Ok(Exit::Done)
}

fn tell_one(session: &Session, added: bool, dry_run: bool) {
    session.tell(&match (dry_run, added) {
        (true, _) => say!(ja: "確認のみです。何も記録していません。", en: "a dry run; nothing was recorded"),
        (false, true) => say!(ja: "記録しました。", en: "recorded"),
        (false, false) => say!(ja: "同じ記録がすでにあります。", en: "it is recorded already"),
    });
}

/// A line that was not recorded, and why.
struct Refused {
    line: u64,
    why: Text,
}

async fn from_file(session: &Session, options: &Options, store: &Store, (file, today): (&Path, &str)) -> Answer {
    let (done, refused) = read(options, store, (file, today)).await?;
    let (lines, good, bad) = (done.len() + refused.len(), done.len(), refused.len());
    // Which numbers are not registered says which are.
    let rows = i64::try_from(lines).unwrap_or(i64::MAX);
    session.look(store, "substitute add", &json!({ "notice": options.notice }), rows).await?;
    session.tell(
        &say!(ja: "{lines} 行: 記録する {good}、拒否 {bad}", en: "{lines} lines: {good} to be recorded, {bad} refused"),
    );
    for Refused { line, why } in &refused {
        let Text { ja, en } = why;
        session.warn(&say!(ja: "  {line} 行目: {ja}", en: "  line {line}: {en}"));
    }
    let by_status = by_status(store, &done).await?;
    tell_statuses(session, &by_status);
    let mut seen = HashSet::new();
    let new: Vec<NewSubstitute> =
        done.into_iter().filter(|one| seen.insert((one.member_id, one.kind, one.on_day.clone()))).collect();
    let mut added = 0;
    if !options.dry_run && !new.is_empty() {
        let question = say!(ja: "{good} 件を記録しますか? [yes/no]", en: "record {good}? [yes/no]");
        session.confirm(options.yes, &question)?;
        added = store
            .add_substitutes(
                &options.notice,
                &new,
                &session.person(store, Action::Substitute).await?.name,
                session.now(),
            )
            .await?;
        let already = good as u64 - added;
        session.tell(&say!(ja: "{added} 件を記録しました(記録済み {already})。", en: "{added} recorded ({already} were there already)"));
    }
    let listed: Vec<_> =
        refused.iter().map(|one| json!({ "line": one.line, "reason": one.why.of(session.lang()) })).collect();
    let already = if options.dry_run { 0 } else { good as u64 - added };
    session.answer(
        &json!({ "lines": lines, "added": added, "already": already, "refused": listed, "by_status": by_status, "dry_run": options.dry_run }),
    );
    Ok(if refused.is_empty() { Exit::Done } else { Exit::BadData })
}

/// How many of the members stand where. Whoever is on several lines counts once.
async fn by_status(store: &Store, done: &[NewSubstitute]) -> Result<BTreeMap<Status, i64>, Failure> {
    let mut ids: Vec<i64> = done.iter().map(|one| one.member_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut counts = BTreeMap::new();
    for some in ids.chunks(TOGETHER) {
        for standing in store.standings(some).await? {
            *counts.entry(standing.status).or_default() += 1;
        }
    }
    Ok(counts)
}

/// A whole roster in the place of a list of letters shows here, before it is recorded.
fn tell_statuses(session: &Session, counts: &BTreeMap<Status, i64>) {
    let of = |lang: fn(&(Text, i64)) -> String| {
        counts.iter().map(|(status, n)| lang(&(label_of(*status), *n))).collect::<Vec<_>>()
    };
    if !counts.is_empty() {
        let ja = of(|(name, n)| format!("{} {n}", name.ja)).join("、");
        let en = of(|(name, n)| format!("{n} {}", name.en)).join(", ");
        session.tell(&say!(ja: "  その方々のいまの状況: {ja}", en: "  these members are: {en}"));
    }
    let others: i64 = counts.iter().filter(|(status, _)| by_mail(**status)).map(|(_, n)| n).sum();
    if others > 0 {
        session.warn(&say!(
            ja: "ご確認ください: うち {others} 人は、メールを送ったか、これから送る方です。名簿全体を指定していませんか。",
            en: "look at it: {others} of them were sent a mail, or are going to be; is it the whole roster?"
        ));
    }
}

fn label_of(status: Status) -> Text {
    Text { ja: label(status).to_owned(), en: status.to_string() }
}

/// Where members stand who are told by mail.
fn by_mail(status: Status) -> bool {
    matches!(status, Status::Held | Status::Queued | Status::Sending | Status::Accepted | Status::Delivered)
}

/// Where members stand who need something else than a mail.
fn unreached(status: Status) -> bool {
    matches!(status, Status::Unreachable | Status::Failed | Status::Bounced | Status::InDoubt)
}

async fn read(
    options: &Options,
    store: &Store,
    (file, today): (&Path, &str),
) -> Result<(Vec<NewSubstitute>, Vec<Refused>), Failure> {
    let list = read_list(file, &[KIND, ON, NOTE])?;
    let on = options.on.as_deref().map(|on| day_done(on, today)).transpose()?;
    let numbers: Vec<String> = list.rows.iter().map(|row| listed_number(&row.cells[0])).collect();
    let ids = store.member_ids(&options.notice, &numbers).await?;
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for row in &list.rows {
        match judge(row, (options, on.as_deref()), &ids, today) {
            Ok(one) => done.push(one),
            Err(why) => refused.push(Refused { line: row.line, why }),
        }
    }
    Ok((done, refused))
}

/// What a line says, with what the options say for all.
fn judge(
    row: &ListRow,
    (options, on): (&Options, Option<&str>),
    ids: &HashMap<String, i64>,
    today: &str,
) -> Result<NewSubstitute, Text> {
    let [no, kind, day, said] = [0, 1, 2, 3].map(|at| row.cells.get(at).map(String::as_str).unwrap_or_default());
    let number = listed_number(no);
    let member_id = *ids
        .get(&number)
        .ok_or_else(|| say!(ja: "会員番号「{number}」は登録されていません", en: "there is no member {number:?}"))?;
    let kind = match (kind, options.kind) {
        ("", Some(kind)) => kind,
        ("", None) => return Err(say!(ja: "方法がありません", en: "the kind is missing")),
        (word, _) => {
            Kind::of_cell(word).ok_or_else(|| say!(ja: "方法「{word}」が分かりません", en: "{word:?} is no kind"))?
        }
    };
    let on_day = match (day, on) {
        ("", Some(on)) => on.to_owned(),
        ("", None) => return Err(say!(ja: "日付がありません", en: "the day is missing")),
        (text, _) => day_of(text).ok_or_else(|| say!(ja: "日付「{text}」を読めません", en: "{text:?} is no day"))?,
    };
    if on_day.as_str() > today {
        return Err(not_yet(&on_day));
    }
    let said = Some(said).filter(|said| !said.is_empty()).or(options.note.as_deref());
    Ok(NewSubstitute { member_id, kind: kind.as_str(), on_day, note: note(said) })
}

fn not_yet(day: &str) -> Text {
    say!(ja: "日付 {day} はまだ来ていません", en: "the day {day} has not come yet")
}

fn note(text: Option<&str>) -> Option<String> {
    text.map(|text| text.trim().chars().take(NOTE_LIMIT).collect::<String>()).filter(|text| !text.is_empty())
}

/// A day as rosters write it, as `2026-11-30`.
fn day_of(text: &str) -> Option<String> {
    PaidAt::parse(text).map(|read| read.date.to_string())
}

/// `--on`: what is recorded was done.
fn day_done(text: &str, today: &str) -> Result<String, Failure> {
    let on = day(text, "--on")?;
    if on.as_str() > today {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--on: 日付 {on} はまだ来ていません。", en: "--on: the day {on} has not come yet"),
        ));
    }
    Ok(on)
}

fn day(text: &str, option: &str) -> Result<String, Failure> {
    day_of(text).ok_or_else(|| {
        Failure::with(
            Exit::Usage,
            say!(ja: "{option} {text} を日付として読めません。", en: "{option} {text} is no day"),
            Text::same("2026-11-30, 2026/11/30, 2026年11月30日, 令和8年11月30日"),
        )
    })
}
