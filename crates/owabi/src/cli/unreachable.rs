//! `unreachable`: the people whom mail did not reach, read page by page and written as they are read.

mod page;

use super::exit::{Answer, Exit, Failure};
use super::pause::known_state;
use super::remedy::Remedy;
use super::say::say;
use super::session::Session;
use owabi_core::lifecycle::Status;
use owabi_store::{Store, SubstituteRow, Unreached, UnreachedRow};
use page::{Entry, Page};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::io;

const PAGE: i64 = 1_000;

/// The options of `unreachable`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi unreachable --notice metaps-2022
  owabi unreachable --notice metaps-2022 --csv > letters.csv      opens in Excel
  owabi unreachable --notice metaps-2022 --open                   for whom nothing was done yet
  owabi --json unreachable --notice metaps-2022 | jq '.rows[] | select(.suggestion == \"letter\")'

Everybody who has no usable address, or whose mail failed or bounced, with what to do next:
  letter   mail cannot reach them
  later    the mailbox was full or the server away: the address may be right
  look     refused for what we are or say: look at that before letters go out
  resend   the address was corrected: `owabi resend`
  decide   in doubt, and left to a person (also when the notice was withdrawn); listed last, with --json under `to_decide`
What was done instead (`owabi substitute`) is shown; a publication is for everybody, and closes nobody's case here.
書面が必要な人の一覧です。受信箱がいっぱい、受信側の方針による拒否は、アドレスの誤りとは分けて示します。")]
pub(super) struct Options {
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// CSV for a spreadsheet
    #[arg(long)]
    csv: bool,
    /// Only those for whom nothing was done yet
    #[arg(long)]
    open: bool,
}

/// How many there are.
#[derive(Default)]
struct Sum {
    by_remedy: BTreeMap<Remedy, i64>,
    /// Those of whom the mail's end is not known yet: the list may grow.
    under_way: i64,
    /// Those for whom something was done instead.
    done: i64,
    /// Where the notice was published for everybody.
    published: Vec<SubstituteRow>,
}

impl Sum {
    fn of(&self, remedy: Remedy) -> i64 {
        self.by_remedy.get(&remedy).copied().unwrap_or(0)
    }

    /// Whom mail did not reach.
    fn people(&self) -> i64 {
        [Remedy::Letter, Remedy::Later, Remedy::Look, Remedy::Resend].map(|remedy| self.of(remedy)).iter().sum()
    }
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    if options.csv && session.json {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--csv と --json は同時に使えません。", en: "--csv and --json exclude each other"),
        ));
    }
    let config = session.config()?;
    let store = session.store_to_read(&config).await?;
    let id = &options.notice;
    known_state((session, &store), store.notice(id).await?.map(|notice| notice.state), id).await?;
    let (asked, rows) = (json!({ "notice": id }), listed_at_most(&store, id).await?);
    if options.csv {
        session.export(&store, "unreachable", &asked, rows).await?;
    } else {
        session.look(&store, "unreachable", &asked, rows).await?;
    }
    let mut page = page::new(session, options.csv)?;
    let written = write_all(&store, options, page.as_mut()).await;
    store.close().await;
    match written? {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

async fn write_all(store: &Store, options: &Options, page: &mut dyn Page) -> Result<io::Result<()>, Failure> {
    let notice = options.notice.as_str();
    let (under_way, published) = (open(store, notice).await?, published(store, notice).await?);
    let mut sum = Sum { under_way, published, ..Sum::default() };
    if let Err(error) = page.begin() {
        return Ok(Err(error));
    }
    for which in [Unreached::Known, Unreached::InDoubt] {
        if which == Unreached::InDoubt
            && let Err(error) = page.undecided()
        {
            return Ok(Err(error));
        }
        let mut after = 0;
        loop {
            let rows = store.unreached_after(notice, which, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for entry in entries(store, &rows).await? {
                *sum.by_remedy.entry(entry.remedy).or_default() += 1;
                sum.done += i64::from(!entry.done.is_empty());
                if options.open && !entry.done.is_empty() {
                    continue;
                }
                if let Err(error) = page.row(&entry) {
                    return Ok(Err(error));
                }
            }
        }
    }
    sum.under_way = (sum.under_way - sum.of(Remedy::Decide)).max(0);
    Ok(page.end(&sum))
}

/// How many may be listed.
async fn listed_at_most(store: &Store, notice: &str) -> Result<i64, Failure> {
    let counts = store.counts().await?.remove(notice).unwrap_or_default();
    let listed = [Status::Unreachable, Status::Failed, Status::Bounced, Status::InDoubt];
    Ok(listed.iter().filter_map(|status| counts.get(status)).sum())
}

/// A page's rows with what was done for them.
async fn entries<'a>(store: &Store, rows: &'a [UnreachedRow]) -> Result<Vec<Entry<'a>>, Failure> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut done: HashMap<i64, Vec<SubstituteRow>> = HashMap::new();
    for one in store.substitutes_of(&ids).await?.into_iter().filter(|one| one.revoked_by.is_none()) {
        done.entry(one.member_id.unwrap_or_default()).or_default().push(one);
    }
    let mut entry = |row: &'a UnreachedRow| {
        let remedy = if row.corrected { Remedy::Resend } else { Remedy::of(row.status, row.reason.as_deref()) };
        let remedy = if row.status == Status::InDoubt { Remedy::Decide } else { remedy };
        Entry { row, remedy, done: done.remove(&row.id).unwrap_or_default() }
    };
    Ok(rows.iter().map(&mut entry).collect())
}

/// The publications that stand, newest first.
async fn published(store: &Store, notice: &str) -> Result<Vec<SubstituteRow>, Failure> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let rows = store.substitutes_after(notice, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        found.extend(rows.into_iter().filter(|row| row.kind == "published" && row.revoked_by.is_none()));
    }
    found.reverse();
    Ok(found)
}

/// How many have no final status.
async fn open(store: &Store, notice: &str) -> Result<i64, Failure> {
    let counts: BTreeMap<Status, i64> = store.counts().await?.remove(notice).unwrap_or_default();
    Ok(counts.iter().filter(|(status, _)| !status.is_final()).map(|(_, count)| count).sum())
}
