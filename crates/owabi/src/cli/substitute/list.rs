//! `substitute list`: what was recorded, read page by page and written as it is read.

use super::{document, kind, line};
use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::log::{Out, plain};
use crate::cli::pause::known_state;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::japan;
use owabi_core::address::Lang;
use owabi_core::spreadsheet::Spreadsheet;
use owabi_store::{Store, SubstituteRow};
use serde_json::json;
use std::io::{self, BufWriter, Write};

const PAGE: i64 = 1_000;

/// The options of `substitute list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi substitute list --notice metaps-2022
  owabi substitute list --notice metaps-2022 --csv > done.csv     opens in Excel

The CSV has the columns that `substitute add --file` reads. Records that were taken back are marked.")]
pub(super) struct Options {
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// CSV for a spreadsheet
    #[arg(long)]
    csv: bool,
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
    known_state((session, &store), store.notice(&options.notice).await?.map(|notice| notice.state), &options.notice)
        .await?;
    let (asked, rows) = (json!({ "notice": options.notice }), count(&store, &options.notice).await?);
    if options.csv {
        session.export(&store, "substitute list", &asked, rows).await?;
    } else {
        session.look(&store, "substitute list", &asked, rows).await?;
    }
    let written = write_all(&store, &options.notice, Page::new(session, options.csv)).await;
    store.close().await;
    match written? {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

async fn count(store: &Store, notice: &str) -> Result<i64, Failure> {
    let (mut count, mut after) = (0, 0);
    loop {
        let rows = store.substitutes_after(notice, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = last.id;
        count += i64::try_from(rows.len()).unwrap_or(i64::MAX);
    }
}

async fn write_all(store: &Store, notice: &str, page: io::Result<Page>) -> Result<io::Result<()>, Failure> {
    let mut page = match page {
        Ok(page) => page,
        Err(error) => return Ok(Err(error)),
    };
    let mut after = 0;
    loop {
        let rows = store.substitutes_after(notice, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(page.end()) };
        after = last.id;
        if let Err(error) = rows.iter().try_for_each(|row| page.row(row)) {
            return Ok(Err(error));
        }
    }
}

/// One way to write the list.
enum Page {
    Json { out: Out, first: bool },
    Csv(Box<Spreadsheet<Out>>),
    Table { out: Out, lang: Lang },
}

impl Page {
    fn new(session: &Session, csv: bool) -> io::Result<Self> {
        let mut out = BufWriter::new(io::stdout().lock());
        if session.json {
            out.write_all(b"{\"rows\":[")?;
            return Ok(Self::Json { out, first: true });
        }
        if !csv {
            return Ok(Self::Table { out, lang: session.lang() });
        }
        let mut sheet = Spreadsheet::new(out)?;
        sheet.row([
            "number",
            "member_no",
            "name",
            "kind",
            "on",
            "until",
            "url",
            "note",
            "actor",
            "at",
            "revoked_by",
            "revoked_because",
        ])?;
        Ok(Self::Csv(Box::new(sheet)))
    }

    fn row(&mut self, row: &SubstituteRow) -> io::Result<()> {
        match self {
            Self::Json { out, first } => {
                if !std::mem::take(first) {
                    out.write_all(b",\n")?;
                }
                Ok(serde_json::to_writer(out, &document(row))?)
            }
            Self::Csv(sheet) => sheet.row(cells(row)),
            Self::Table { out, lang } => {
                let Text { ja, en } = line(row);
                let text: String = (if *lang == Lang::Ja { ja } else { en }).chars().map(plain).collect();
                writeln!(out, "{text}")
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Json { out, .. } => out.write_all(b"]}\n").and_then(|()| out.flush()),
            Self::Csv(sheet) => sheet.finish(),
            Self::Table { out, .. } => out.flush(),
        }
    }
}

fn cells(row: &SubstituteRow) -> [String; 12] {
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    [
        row.id.to_string(),
        text(&row.member_no),
        text(&row.name),
        row.kind.clone(),
        row.on.clone(),
        text(&row.until),
        text(&row.url),
        text(&row.note),
        row.actor.clone(),
        japan::iso(row.at),
        text(&row.revoked_by),
        text(&row.revoked_because),
    ]
}

/// What was done for one member, in one cell.
pub(in crate::cli) fn in_short(rows: &[SubstituteRow], lang: Lang) -> String {
    let done = rows.iter().filter(|row| row.revoked_by.is_none());
    let one = |row: &SubstituteRow| format!("{} {}", kind(&row.kind).of(lang), row.on);
    done.map(one).collect::<Vec<_>>().join(" / ")
}
