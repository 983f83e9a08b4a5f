//! What the report says, once for both languages and both ways to write it.

mod authority;
mod head;
mod not_told;
mod pauses;
mod resends;
mod roster;
mod told;

use super::Report;
use crate::cli::say::{Text, say};

/// A part of the report under one heading.
#[derive(Clone, Debug)]
pub struct Section {
    /// The heading.
    pub title: Text,
    /// What stands below it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// A sentence or some.
    Text(Text),
    /// What does not add up.
    Alarm(Text),
    /// Rows and columns.
    Table(Table),
    /// An SVG for paper; its caption.
    Chart(Text, Text),
}

/// Rows below a head.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The columns' names; empty: the first column names the rows.
    pub head: Vec<Text>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// One a column.
    pub cells: Vec<Cell>,
    /// How it stands out.
    pub weight: Weight,
}

/// How a row stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Not at all.
    Plain,
    /// A part of the row above.
    Part,
    /// A sum.
    Sum,
}

/// What stands in a cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Words.
    Text(Text),
    /// A count.
    Number(i64),
    /// A hash or an id.
    Code(String),
}

impl From<Text> for Cell {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Cell {
    fn same(text: impl Into<String>) -> Self {
        Self::Text(Text::same(text))
    }
}

fn row(cells: impl IntoIterator<Item = Cell>) -> Row {
    Row { cells: cells.into_iter().collect(), weight: Weight::Plain }
}

fn part(cells: impl IntoIterator<Item = Cell>) -> Row {
    Row { weight: Weight::Part, ..row(cells) }
}

fn sum(cells: impl IntoIterator<Item = Cell>) -> Row {
    Row { weight: Weight::Sum, ..row(cells) }
}

/// A row of a name and a count.
fn counted(name: Text, count: i64) -> Row {
    row([name.into(), count.into()])
}

/// The whole report.
pub fn sections(report: &Report) -> Vec<Section> {
    vec![
        head::section(report),
        authority::section(report),
        roster::section(report),
        told::section(report),
        not_told::section(report),
        pauses::section(report),
        resends::section(report),
        meanings(),
    ]
}

fn meanings() -> Section {
    Section {
        title: say!(ja: "用語の意味", en: "What the words mean"),
        blocks: vec![
            Block::Text(say!(
                ja: "受付: 中継サーバーがメールを引き受けたこと。届いたこと、読まれたことを意味しません。",
                en: "accepted: the relay took responsibility for the mail. It does not mean delivered, nor read."
            )),
            Block::Text(say!(
                ja: "配達の証拠あり: 受信側のサーバーが受け取ったという記録があること。読まれたことを意味しません。",
                en: "delivered: there is a record that the recipient's server took the mail. It does not mean read."
            )),
            Block::Text(say!(
                ja: "不達の知らせなし: 不達通知の届く受信箱を確認した日までに、不達通知がなかったこと。届いたという証拠ではありません。",
                en: "no bounce by a day: the mailbox for bounces was read up to that day and there was none. It is no evidence of delivery."
            )),
            Block::Text(say!(
                ja: "不達: 受付の後で、届かなかったという知らせがあったこと。送信失敗: 受け付けられなかったこと。",
                en: "bounced: after its acceptance the mail was reported as not delivered. failed: it was not accepted."
            )),
            Block::Text(say!(
                ja: "結果不明: メールが出たかもしれず、返答が失われたこと。重複の可能性: 結果不明の後などに送り直し、同じメールが二度届いたかもしれないこと。",
                en: "in doubt: the mail may have left, and the reply was lost. possible duplicate: it was sent again, after a doubt for instance, and may have come twice."
            )),
            Block::Text(say!(
                ja: "文面の指紋: お知らせの雛形と事実の SHA-256。一字でも変われば異なります。時刻はすべて日本時間です。",
                en: "fingerprint: the SHA-256 of the notice's templates and facts; one changed character changes it. All times are Japan time."
            )),
        ],
    }
}
