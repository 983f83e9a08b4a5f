//! The list as a table, CSV or JSON, written as it is read.

use super::Sum;
use crate::cli::diagnosis;
use crate::cli::log::{Out, plain};
use crate::cli::purged;
use crate::cli::reason;
use crate::cli::remedy::Remedy;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::cli::substitute::{self, in_short};
use crate::japan;
use owabi_core::address::Lang;
use owabi_core::spreadsheet::Spreadsheet;
use owabi_store::{SubstituteRow, UnreachedRow};
use serde_json::json;
use std::io::{self, BufWriter, Write};

/// One member of the list.
pub(super) struct Entry<'a> {
    pub(super) row: &'a UnreachedRow,
    pub(super) remedy: Remedy,
    /// What was done instead, without what was taken back.
    pub(super) done: Vec<SubstituteRow>,
}

/// One way to write the list.
pub(super) trait Page {
    fn begin(&mut self) -> io::Result<()>;
    /// From here on come those whose mail is in doubt.
    fn undecided(&mut self) -> io::Result<()>;
    fn row(&mut self, entry: &Entry<'_>) -> io::Result<()>;
    fn end(&mut self, sum: &Sum) -> io::Result<()>;
}

/// The way that was asked for, on stdout.
pub(super) fn new(session: &Session, csv: bool) -> io::Result<Box<dyn Page>> {
    let (out, lang) = (BufWriter::new(io::stdout().lock()), session.lang());
    Ok(match (session.json, csv) {
        (true, _) => Box::new(Json { out, first: true }),
        (_, true) => Box::new(Csv(Spreadsheet::new(out)?)),
        _ => Box::new(Table { out, lang, undecided: false }),
    })
}

/// A row that another system wrote and owabi did not touch yet has no time.
fn since(row: &UnreachedRow) -> Option<i64> {
    (row.since != 0).then_some(row.since)
}

struct Json {
    out: Out,
    first: bool,
}

impl Page for Json {
    fn begin(&mut self) -> io::Result<()> {
        self.out.write_all(b"{\"rows\":[")
    }

    fn undecided(&mut self) -> io::Result<()> {
        self.first = true;
        self.out.write_all(b"],\n\"to_decide\":[")
    }

    fn row(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b",\n")?;
        }
        let Entry { row, remedy, done } = entry;
        let document = json!({
            "member_no": row.member_no,
            "name": row.name,
            "email": row.email,
            "given_email": row.given_email,
            "status": row.status.as_str(),
            "reason": row.reason,
            "since": since(row).map(japan::iso),
            "code": row.code,
            "enhanced": row.enhanced,
            "detail": row.detail,
            "corrected": row.corrected,
            "suggestion": remedy.as_str(),
            "done": done.iter().map(substitute::document).collect::<Vec<_>>(),
        });
        Ok(serde_json::to_writer(&mut self.out, &document)?)
    }

    fn end(&mut self, sum: &Sum) -> io::Result<()> {
        let of = |remedy| sum.of(remedy);
        let published: Vec<_> = sum.published.iter().map(substitute::document).collect();
        let published = json!(published);
        let sum = json!({
            "people": sum.people(),
            "letter": of(Remedy::Letter),
            "later": of(Remedy::Later),
            "look": of(Remedy::Look),
            "resend": of(Remedy::Resend),
            "done": sum.done,
            "decide": of(Remedy::Decide),
            "under_way": sum.under_way,
        });
        writeln!(self.out, "],\n\"published\":{published},\n\"sum\":{sum}}}")?;
        self.out.flush()
    }
}

struct Csv(Spreadsheet<Out>);

impl Page for Csv {
    fn begin(&mut self) -> io::Result<()> {
        let head =
            "member_no,name,email,given_email,status,reason,since,code,enhanced,detail,suggestion,corrected,done";
        self.0.row(head.split(','))
    }

    fn undecided(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let Entry { row, remedy, done } = entry;
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let cells = [
            row.member_no.clone(),
            row.name.clone(),
            text(&row.email),
            text(&row.given_email),
            row.status.to_string(),
            text(&row.reason),
            since(row).map(japan::iso).unwrap_or_default(),
            row.code.map(|code| code.to_string()).unwrap_or_default(),
            text(&row.enhanced),
            text(&row.detail),
            remedy.as_str().to_owned(),
            row.corrected.to_string(),
            in_short(done, Lang::En),
        ];
        self.0.row(cells)
    }

    fn end(&mut self, _: &Sum) -> io::Result<()> {
        self.0.finish()
    }
}

struct Table {
    out: Out,
    lang: Lang,
    /// The next row is the first of those in doubt.
    undecided: bool,
}

impl Table {
    fn say(&mut self, text: &Text) -> io::Result<()> {
        // A mail server's words may hold what moves a terminal's cursor.
        let line: String = text.of(self.lang).chars().map(plain).collect();
        writeln!(self.out, "{}", purged::shown(&line, self.lang))
    }
}

impl Page for Table {
    fn begin(&mut self) -> io::Result<()> {
        self.say(&say!(
            ja: "日時                 会員番号      status       氏名、アドレス、理由 → 次にすること",
            en: "since                member        status       name, address, why -> what to do"
        ))
    }

    fn undecided(&mut self) -> io::Result<()> {
        self.undecided = true;
        Ok(())
    }

    fn row(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        if std::mem::take(&mut self.undecided) {
            self.say(
                &say!(ja: "判断が必要な人(届いたかどうか分からない):", en: "to be decided (they may have got it):"),
            )?;
        }
        let done = in_short(&entry.done, self.lang);
        self.say(&line(entry.row, entry.remedy, &done))
    }

    fn end(&mut self, sum: &Sum) -> io::Result<()> {
        for text in summary(sum) {
            self.say(&text)?;
        }
        self.out.flush()
    }
}

fn line(row: &UnreachedRow, remedy: Remedy, done: &str) -> Text {
    let at = since(row).map_or("-".to_owned(), japan::short);
    let UnreachedRow { member_no: no, name, status, .. } = row;
    let given = row.given_email.as_deref().filter(|given| !given.is_empty());
    let address = row.email.as_deref().or(given).unwrap_or("-");
    let why = row.reason.as_deref().map_or_else(|| Text::same("-"), reason::words);
    let next = remedy.text(row.reason.as_deref());
    let code = row.code.map(|code| code.to_string());
    let said = diagnosis::words(code.as_deref(), row.enhanced.as_deref(), row.detail.as_deref());
    let said = if said.is_empty() { String::new() } else { format!("  [{}]", said.join(" ")) };
    // Somebody for whom something was done is not told to be written to once more.
    let next = if done.is_empty() { next } else { say!(ja: "対応済み: {done}", en: "done: {done}") };
    let (why_ja, why_en, ja, en) = (why.ja, why.en, next.ja, next.en);
    say!(
        ja: "{at:<19}  {no:<12}  {status:<11}  {name}  {address}  {why_ja} → {ja}{said}",
        en: "{at:<19}  {no:<12}  {status:<11}  {name}  {address}  {why_en} -> {en}{said}"
    )
}

fn summary(sum: &Sum) -> Vec<Text> {
    let people = sum.people();
    let [letter, later, look] = [Remedy::Letter, Remedy::Later, Remedy::Look].map(|remedy| sum.of(remedy));
    let (decide, open, corrected) = (sum.of(Remedy::Decide), sum.under_way, sum.of(Remedy::Resend));
    let mut lines = vec![say!(
        ja: "{people} 人: 書面 {letter}、後日再送 {later}、要確認 {look}",
        en: "{people} people: a letter {letter}, later {later}, look {look}"
    )];
    if corrected > 0 {
        lines.push(say!(
            ja: "うち、アドレスを訂正済みで再送を待つ人 {corrected}",
            en: "of them, {corrected} whose address was corrected wait for a resend"
        ));
    }
    if sum.done > 0 {
        let done = sum.done;
        lines.push(
            say!(ja: "うち、書面などで対応済みの人 {done}", en: "of them, {done} for whom something was done instead"),
        );
    }
    if let Some(row) = sum.published.first() {
        let (on, url) = (&row.on, row.url.as_deref().unwrap_or_default());
        let until = row.until.as_deref().unwrap_or_default();
        lines.push(say!(ja: "公表: {on} から {until} まで {url}", en: "published from {on} until {until}: {url}"));
    }
    if decide > 0 {
        lines.push(say!(ja: "ほかに、判断が必要な人 {decide}", en: "besides, {decide} to be decided"));
    }
    if open > 0 {
        lines.push(say!(
            ja: "まだ結果の出ていない人が {open} 人います。この一覧は増えることがあります。",
            en: "not finished with yet: {open}; this list may grow"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use owabi_core::lifecycle::Status;

    #[test]
    fn a_line_says_who_why_and_what_to_do_and_keeps_the_servers_words() {
        let row = UnreachedRow {
            id: 1,
            member_no: "10001".into(),
            name: "見本 太郎".into(),
            email: Some("a@example.jp".into()),
            given_email: None,
            status: Status::Bounced,
            reason: Some("mailbox_full".into()),
            since: 1_646_179_200_000,
            code: None,
            enhanced: Some("5.2.2".into()),
            detail: Some("over quota".into()),
            corrected: false,
        };
        let text = line(&row, Remedy::Later, "");
        let start = "2022-03-02 09:00:00  10001         bounced      見本 太郎  a@example.jp  ";
        assert_eq!(text.en, format!("{start}the mailbox is full -> send again later  [5.2.2 over quota]"));
        assert_eq!(text.ja, format!("{start}受信箱がいっぱい → 後日あらためて送る  [5.2.2 over quota]"));
        let doubled = UnreachedRow { code: Some(550), detail: Some("5.2.2 over quota".into()), ..row.clone() };
        assert!(line(&doubled, Remedy::Later, "").en.ends_with("  [550 5.2.2 over quota]"));
        assert!(line(&row, Remedy::Letter, "letter 2026-11-30").en.contains("full -> done: letter 2026-11-30  ["));
    }

    #[test]
    fn the_sum_counts_people_by_what_to_do_and_says_when_the_list_may_grow() {
        let by_remedy = [(Remedy::Letter, 3), (Remedy::Later, 2), (Remedy::Look, 1), (Remedy::Decide, 4)].into();
        let said = summary(&Sum { by_remedy, under_way: 5, done: 2, ..Sum::default() });
        let said: Vec<_> = said.iter().map(|text| text.en.as_str()).collect();
        let wanted = [
            "6 people: a letter 3, later 2, look 1",
            "of them, 2 for whom something was done instead",
            "besides, 4 to be decided",
            "not finished with yet: 5; this list may grow",
        ];
        assert_eq!(said, wanted);
        assert_eq!(summary(&Sum::default()).len(), 1);
    }
}
