//! `log`: the delivery log, read page by page and written as it is read.

mod filter;
mod table;

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::Session;
use crate::japan;
pub(super) use filter::known_notice;
use owabi_core::lifecycle::Status;
use owabi_core::spreadsheet::Spreadsheet;
use owabi_store::{LogFilter, LogRow, Store};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use table::Table;

const PAGE: i64 = 1_000;

/// The options of `log`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi log --notice metaps-2022 --status failed,bounced
  owabi log --member 10001
  owabi log --domain docomo.ne.jp --code 5xx      what this carrier refused
  owabi log --outcome deferred --since 2h         also 2022-03-02 or 2022-03-02T09:00 (Japan time)
  owabi log --batch 0193f3c8-…                    an import's members, or what a resend sent
  owabi log --csv > log.csv                       opens in Excel
  owabi log --jsonl | jq 'select(.possible_duplicate)'
  owabi --json log | jq '.rows[] | select(.code == 550)'

One row an attempt, and one for a member without any. All filters together narrow the list.
条件を重ねると、すべてに当てはまる行だけを表示します。日時は日本時間です。")]
pub(super) struct Options {
    /// Only this notice  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
    /// Only this member number  会員番号
    #[arg(long, value_name = "NO")]
    member: Option<String>,
    /// Only members who now have one of these statuses  現在の状況
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',')]
    status: Vec<Status>,
    /// Only mails to this domain  宛先のドメイン
    #[arg(long, value_name = "DOMAIN", value_parser = filter::domain)]
    domain: Option<String>,
    /// Only this reply code: 550, 55x or 5xx  返答コード
    #[arg(long, value_name = "CODE", value_parser = filter::code)]
    code: Option<(i64, i64)>,
    /// Only this enhanced code: 5.1.1, 5.1.x or 5.x  拡張コード
    #[arg(long, value_name = "CODE", value_parser = filter::enhanced)]
    enhanced: Option<String>,
    /// Only these outcomes; none: nothing is recorded yet  結果
    #[arg(long, value_name = "OUTCOME,…", value_delimiter = ',', value_parser = filter::OUTCOMES)]
    outcome: Vec<String>,
    /// Only the members of this import, or what this resend sent  取り込み・再送の id
    #[arg(long, value_name = "ID")]
    batch: Option<String>,
    /// Only what happened since  これ以降
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened before; a day alone is included  これより前(日付だけならその日を含む)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// CSV for a spreadsheet
    #[arg(long, conflicts_with = "jsonl")]
    csv: bool,
    /// One JSON document a line
    #[arg(long)]
    jsonl: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    json_or_lines(session, options.csv || options.jsonl)?;
    let config = session.config()?;
    let times = filter::times(options, session.now())?;
    let store = session.store_to_read(&config).await?;
    let filter = filter::of(options, times, (session, &store)).await?;
    let (asked, rows) = (filter::asked(options, times), store.log_count(&filter).await?);
    if options.csv || options.jsonl {
        session.export(&store, "log", &asked, rows).await?;
    } else {
        session.look(&store, "log", &asked, rows).await?;
    }
    let out = BufWriter::new(io::stdout().lock());
    let mut page: Box<dyn Page> = match (session.json, options.jsonl, options.csv) {
        (true, ..) => Box::new(Json { out, first: true }),
        (_, true, _) => Box::new(JsonLines(out)),
        (_, _, true) => Box::new(Csv(Spreadsheet::new(out)?)),
        _ => Box::new(Table::new(out, session.lang())),
    };
    let written = write_all(&store, &filter, page.as_mut()).await;
    store.close().await;
    match written? {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

/// `--json` is one document, and what is written line by line is none.
///
/// # Errors
/// `Usage`: both were asked for.
pub(super) fn json_or_lines(session: &Session, lines: bool) -> Result<(), Failure> {
    if lines && session.json {
        return Err(Failure::new(
            Exit::Usage,
            say!(ja: "--json は --csv や --jsonl と同時に使えません。", en: "--json excludes --csv and --jsonl"),
        ));
    }
    Ok(())
}

async fn write_all(store: &Store, filter: &LogFilter, page: &mut dyn Page) -> Result<io::Result<()>, Failure> {
    if let Err(error) = page.begin() {
        return Ok(Err(error));
    }
    let mut after = (0, 0);
    loop {
        let rows = store.log_after(filter, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(page.end()) };
        after = (last.member_id, last.attempt);
        if let Err(error) = rows.iter().try_for_each(|row| page.row(row)) {
            return Ok(Err(error));
        }
    }
}

/// When it happened; a row that another system wrote and owabi did not touch yet has no time.
fn known(row: &LogRow) -> Option<i64> {
    (row.at != 0).then_some(row.at)
}

/// One way to write the log.
trait Page {
    fn begin(&mut self) -> io::Result<()>;
    fn row(&mut self, row: &LogRow) -> io::Result<()>;
    fn end(&mut self) -> io::Result<()>;
}

/// Where lists are written.
pub(super) type Out = BufWriter<io::StdoutLock<'static>>;

struct Json {
    out: Out,
    first: bool,
}

impl Page for Json {
    fn begin(&mut self) -> io::Result<()> {
        self.out.write_all(b"{\"rows\":[")
    }

    fn row(&mut self, row: &LogRow) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",\n")?;
        }
        document(&mut self.out, row)
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"]}\n")?;
        self.out.flush()
    }
}

struct JsonLines(Out);

impl Page for JsonLines {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &LogRow) -> io::Result<()> {
        document(&mut self.0, row)?;
        self.0.write_all(b"\n")
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn document(out: &mut Out, row: &LogRow) -> io::Result<()> {
    let mut document = serde_json::to_value(row)?;
    document["at"] = json!(known(row).map(japan::iso));
    Ok(serde_json::to_writer(out, &document)?)
}

struct Csv(Spreadsheet<Out>);

impl Page for Csv {
    fn begin(&mut self) -> io::Result<()> {
        let head = "notice,member_no,email,status,status_reason,attempt,at,relay,code,enhanced,reply,outcome,reason,\
                    possible_duplicate,message_id,queue_id,name,given_email,phase,tls,duration_ms,rcpt_to,mail_sha256,envid";
        self.0.row(head.split(','))
    }

    fn row(&mut self, row: &LogRow) -> io::Result<()> {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let cells = [
            row.notice.clone(),
            row.member_no.clone(),
            text(&row.email),
            row.status.clone(),
            text(&row.status_reason),
            row.attempt.to_string(),
            known(row).map(japan::iso).unwrap_or_default(),
            text(&row.relay),
            row.code.map(|code| code.to_string()).unwrap_or_default(),
            text(&row.enhanced),
            text(&row.reply),
            text(&row.outcome),
            text(&row.reason),
            row.possible_duplicate.to_string(),
            text(&row.message_id),
            text(&row.queue_id),
            row.name.clone(),
            text(&row.given_email),
            text(&row.phase),
            text(&row.tls),
            row.duration_ms.map(|ms| ms.to_string()).unwrap_or_default(),
            text(&row.rcpt_to),
            text(&row.mail_sha256),
            text(&row.envid),
        ];
        self.0.row(cells)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.finish()
    }
}

/// A character of strangers' words; those that move a terminal's cursor are blanks.
pub(crate) fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
