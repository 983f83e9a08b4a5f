//! The log for a person at a terminal: what happened first, how it went in aligned columns, then everybody's own words.

use super::{Out, Page, known, plain};
use crate::cli::member::story::outcome;
use crate::cli::purged;
use crate::cli::reason;
use crate::cli::say::say;
use crate::japan;
use console::Term;
use owabi_core::address::Lang;
use owabi_core::lifecycle::Status;
use owabi_store::LogRow;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Columns from which on an attempt is one line; in less it is two.
const WIDE: usize = 132;

/// One line an attempt; on a narrow terminal the second half of it goes below.
pub(super) struct Table {
    out: Out,
    lang: Lang,
    /// `None`: not a terminal, nothing is broken.
    columns: Option<usize>,
    empty: bool,
}

impl Table {
    pub(super) fn new(out: Out, lang: Lang) -> Self {
        let columns = Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        Self { out, lang, columns, empty: true }
    }
}

impl Page for Table {
    fn begin(&mut self) -> io::Result<()> {
        let head = match self.lang {
            Lang::Ja => ["日時", "会員番号", "現在", "回", "結果", "コード", "宛先", "中継・理由・返答"],
            Lang::En => ["at", "member", "status", "#", "outcome", "code", "to", "relay, reason, reply"],
        };
        writeln!(self.out, "{}", joined(&head.map(str::to_owned), self.columns))
    }

    fn row(&mut self, row: &LogRow) -> io::Result<()> {
        self.empty = false;
        writeln!(self.out, "{}", line(row, self.lang, self.columns))
    }

    fn end(&mut self) -> io::Result<()> {
        if self.empty {
            let none = say!(ja: "該当する記録はありません。", en: "nothing matches");
            writeln!(self.out, "{}", none.of(self.lang))?;
        }
        self.out.flush()
    }
}

fn line(row: &LogRow, lang: Lang, columns: Option<usize>) -> String {
    let code = [row.code.map(|code| code.to_string()), row.enhanced.clone()];
    let code = code.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let twice = say!(ja: "[重複の可能性] ", en: "[possible duplicate] ");
    let twice = if row.possible_duplicate { twice.of(lang) } else { "" };
    let to = row.rcpt_to.as_deref().or(row.email.as_deref()).unwrap_or("-");
    let what = if row.attempt == 0 { "-".to_owned() } else { outcome(row.outcome.as_deref()).of(lang).to_owned() };
    let cells = [
        known(row).map_or("-".to_owned(), japan::short),
        row.member_no.clone(),
        row.status.clone(),
        row.attempt.to_string(),
        what,
        if code.is_empty() { "-".to_owned() } else { code },
        to.to_owned(),
        format!("{twice}{}", said(row, lang)),
    ];
    joined(&cells.map(|cell| purged::shown(&cell, lang).into_owned()), columns)
}

/// Relay, reason, reply, and what else is known of the session.
fn said(row: &LogRow, lang: Lang) -> String {
    // What came back is newer than what the relay said.
    let bounced = row.status_reason.as_deref().filter(|_| row.status == Status::Bounced.as_str());
    let why = bounced.or(row.reason.as_deref()).or(row.status_reason.as_deref().filter(|_| row.reply.is_none()));
    let why = why.map(|word| reason::words(word).of(lang).to_owned());
    let reply = row.reply.as_ref().map(|reply| format!("\"{reply}\""));
    let queue_id = row.queue_id.as_ref().map(|id| format!("id={id}"));
    let took = row.duration_ms.map(|ms| format!("{ms} ms"));
    let phase = row.phase.clone().filter(|_| row.outcome.as_deref() != Some("accepted"));
    let words = [row.relay.clone(), why, reply, queue_id, phase, took, row.tls.clone()];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The cells in columns as wide as they are for most rows; a wider cell moves the rest of its line alone.
fn joined(cells: &[String; 8], columns: Option<usize>) -> String {
    const WIDTHS: [usize; 7] = [19, 10, 11, 2, 9, 9, 26];
    let below = columns.is_some_and(|columns| columns < WIDE);
    let mut line = String::new();
    for (at, cell) in cells.iter().enumerate() {
        // Strangers' words may hold what moves a terminal's cursor.
        let cell: String = cell.chars().map(plain).collect();
        if below && at == WIDTHS.len() {
            line.truncate(line.trim_end().len());
            line += "\n    ";
        }
        line += &cell;
        let wanted = WIDTHS.get(at).map_or(0, |width| width.saturating_sub(cell.width()) + 2);
        line += &" ".repeat(wanted);
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> LogRow {
        LogRow {
            member_id: 1,
            notice: "n".into(),
            member_no: "会員１".into(),
            email: Some("a@example.jp".into()),
            status: "failed".into(),
            attempt: 2,
            at: 1_646_179_200_000,
            relay: Some("main".into()),
            code: Some(550),
            enhanced: Some("5.1.1".into()),
            reply: Some("5.1.1 No such\u{1b}[2J user".into()),
            outcome: Some("failed".into()),
            possible_duplicate: true,
            message_id: Some("m".into()),
            queue_id: Some("4F1B".into()),
            reason: Some("bad_address".into()),
            phase: Some("rcpt".into()),
            tls: Some("TLSv1.3".into()),
            duration_ms: Some(12),
            mail_sha256: None,
            envid: None,
            rcpt_to: None,
            status_reason: None,
            name: "見本 太郎".into(),
            given_email: None,
        }
    }

    #[test]
    fn an_attempt_is_one_line_with_everything_that_is_known_of_it() {
        let text = line(&row(), Lang::En, None);
        let wanted = "2022-03-02 09:00:00  会員１      failed       2   failed     550 5.1.1  a@example.jp                \
                      [possible duplicate] main, there is no such address, \"5.1.1 No such [2J user\", id=4F1B, rcpt, 12 ms, TLSv1.3";
        assert_eq!(text, wanted);
        assert_eq!(line(&row(), Lang::En, Some(WIDE)), wanted);
    }

    #[test]
    fn on_a_narrow_terminal_the_words_stand_below() {
        let text = line(&row(), Lang::Ja, Some(80));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].ends_with("a@example.jp") && lines[1].starts_with("    [重複の可能性] main, 宛先"), "{text}");
    }

    #[test]
    fn full_width_characters_take_two_columns_and_those_after_them_stay_aligned() {
        let plain = line(&LogRow { member_no: "100001".into(), ..row() }, Lang::Ja, None);
        let place = |text: &str| text.split("failed").next().unwrap().width();
        assert_eq!(place(&plain), place(&line(&row(), Lang::Ja, None)));
    }
}
