//! `log`: the delivery log, read page by page and written as it is read.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::japan;
use owabi_core::lifecycle::Status;
use owabi_core::spreadsheet::Spreadsheet;
use owabi_store::{LogFilter, LogRow, Store};
use serde_json::json;
use std::io::{self, BufWriter, Write};

const PAGE: i64 = 1_000;

/// The options of `log`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi log --notice metaps-2022 --status failed
  owabi log --member 10001
  owabi log --since 2h            also 2022-03-02 or 2022-03-02T09:00 (Japan time)
  owabi log --csv > log.csv       opens in Excel
  owabi --json log | jq '.rows[] | select(.possible_duplicate)'")]
pub(super) struct Options {
    /// Only this notice
    #[arg(long, value_name = "ID")]
    notice: Option<String>,
    /// Only this member number
    #[arg(long, value_name = "NO")]
    member: Option<String>,
    /// Only members who now have this status
    #[arg(long)]
    status: Option<Status>,
    /// Only what happened since
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
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
    let since = options.since.as_deref().map(|text| since(text, session.now())).transpose()?;
    let config = session.config()?;
    let store = session.store_to_read(&config).await?;
    let filter = LogFilter {
        notice_id: options.notice.clone(),
        member_no: options.member.clone(),
        status: options.status,
        since,
    };
    let out = BufWriter::new(io::stdout().lock());
    let mut page: Box<dyn Page> = match (session.json, options.csv) {
        (true, _) => Box::new(Json { out, first: true }),
        (_, true) => Box::new(Csv(Spreadsheet::new(out)?)),
        _ => Box::new(Table(out)),
    };
    let written = write_all(&store, &filter, page.as_mut()).await;
    store.close().await;
    match written? {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

fn since(text: &str, now: i64) -> Result<i64, Failure> {
    japan::parse(text, now).ok_or_else(|| {
        let what = say!(ja: "--since {text} を日時として読めません。", en: "--since {text} is no time");
        let next = Text::same("2022-03-02, 2022-03-02T09:00, 2h");
        Failure::with(Exit::Usage, what, next)
    })
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
        let mut document = serde_json::to_value(row)?;
        document["at"] = json!(known(row).map(japan::iso));
        serde_json::to_writer(&mut self.out, &document)?;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"]}\n")?;
        self.out.flush()
    }
}

struct Csv(Spreadsheet<Out>);

impl Page for Csv {
    fn begin(&mut self) -> io::Result<()> {
        let head = "notice,member_no,email,status,status_reason,attempt,at,relay,code,enhanced,reply,outcome,reason,\
                    possible_duplicate,message_id,queue_id,name,given_email";
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
        ];
        self.0.row(cells)
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.finish()
    }
}

struct Table(Out);

impl Page for Table {
    fn begin(&mut self) -> io::Result<()> {
        let (at, no, status, outcome) = ("at", "member", "status", "outcome");
        writeln!(self.0, "{at:<19}  {no:<12}  {status:<11}  #  {outcome:<9}  code  email, reply")
    }

    fn row(&mut self, row: &LogRow) -> io::Result<()> {
        let at = known(row).map_or("-".to_owned(), japan::short);
        let (no, status, n) = (&row.member_no, &row.status, row.attempt);
        let outcome = row.outcome.as_deref().unwrap_or("-");
        let code = row.code.map_or("-".to_owned(), |code| code.to_string());
        let email = row.email.as_deref().unwrap_or("-");
        // What came back is newer than what the relay said.
        let bounced = row.status_reason.as_ref().filter(|_| row.status == Status::Bounced.as_str());
        let said = bounced.or(row.reply.as_ref()).or(row.reason.as_ref()).or(row.status_reason.as_ref());
        // A relay's words may hold what moves a terminal's cursor.
        let reply: String = said.into_iter().flat_map(|text| text.chars()).map(plain).collect();
        let twice = if row.possible_duplicate { " [possible duplicate]" } else { "" };
        writeln!(self.0, "{at:<19}  {no:<12}  {status:<11}  {n}  {outcome:<9}  {code:<4}  {email}  {reply}{twice}")
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A character of strangers' words; those that move a terminal's cursor are blanks.
pub(super) fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
