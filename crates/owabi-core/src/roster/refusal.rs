//! Why a line, or a whole file, was not taken.

use super::Column;
use crate::address::Lang;
use serde::{Deserialize, Serialize};
use std::{fmt, io};

/// Why one line was refused. It goes back to the operator with its number and its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "refusal")]
pub enum Refusal {
    /// Bytes that the encoding does not have.
    Undecodable {
        /// Header of the column.
        column: String,
    },
    /// A character of the private use area (外字), which no other computer shows alike.
    Gaiji {
        /// Header of the column.
        column: String,
    },
    /// A NUL character.
    Nul {
        /// Header of the column.
        column: String,
    },
    /// A field over [`super::FIELD_LIMIT`], or a line over the limits of a line.
    TooLong {
        /// Header of the column where the limit was passed.
        column: String,
    },
    /// Text after a closing quotation mark: an earlier mark probably stands there by mistake.
    StrayQuote {
        /// Header of the column.
        column: String,
    },
    /// Not as many fields as the header has.
    Ragged {
        /// Fields in the header.
        expected: usize,
        /// Fields in the line.
        found: usize,
    },
    /// No member number, so the member cannot be told from others.
    BlankMemberNo,
    /// A member number over 100 characters or with control characters.
    BadMemberNo,
    /// No name, so there is nobody to greet.
    BlankName,
    /// A name over 200 characters.
    NameTooLong,
    /// A line break or another control character in the name.
    NameControl,
    /// A cohort that the notice does not have.
    UnknownCohort {
        /// What the line gives.
        given: String,
    },
    /// A time of payment that cannot be read.
    UnreadableDate {
        /// What the line gives.
        given: String,
    },
    /// The number of a member with another name and another address: two people under one number.
    AnotherPerson,
}

impl Refusal {
    /// One sentence for the operator.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::Undecodable { column } => lang.of(
                format!("「{column}」に、この文字コードでは読めないバイトがあります"),
                format!("`{column}` has bytes that this encoding does not have"),
            ),
            Self::Gaiji { column } => lang.of(
                format!("「{column}」に外字(私用領域の文字)があります"),
                format!("`{column}` has a private use character (gaiji)"),
            ),
            Self::Nul { column } => {
                lang.of(format!("「{column}」に NUL 文字があります"), format!("`{column}` has a NUL character"))
            }
            Self::TooLong { column } => lang.of(format!("「{column}」が長すぎます"), format!("`{column}` is too long")),
            Self::StrayQuote { column } => lang.of(
                format!("「{column}」の引用符が正しく閉じられていません"),
                format!("`{column}` has text after its closing quotation mark"),
            ),
            Self::Ragged { expected, found } => lang.of(
                format!("列の数が見出しと違います(見出し {expected} 列、この行 {found} 列)"),
                format!("it has {found} fields, the header has {expected}"),
            ),
            Self::UnknownCohort { given } => {
                lang.of(format!("お知らせに無い区分です: {given}"), format!("the notice has no such cohort: {given}"))
            }
            Self::UnreadableDate { given } if given.trim().is_empty() => {
                lang.of("支払日時が空です", "the time of payment is empty").to_owned()
            }
            Self::UnreadableDate { given } => lang.of(
                format!("支払日時を読み取れません: {given}"),
                format!("the time of payment cannot be read: {given}"),
            ),
            fixed => fixed.fixed_text(lang).to_owned(),
        }
    }

    fn fixed_text(&self, lang: Lang) -> &'static str {
        match self {
            Self::BlankMemberNo => lang.of("会員番号が空です", "the member number is empty"),
            Self::BadMemberNo => lang.of(
                "会員番号が長すぎるか、制御文字を含んでいます",
                "the member number is too long or has control characters",
            ),
            Self::BlankName => lang.of("氏名が空です", "the name is empty"),
            Self::AnotherPerson => lang.of(
                "同じ会員番号が、別の氏名・別のアドレスで先に登録されています。会員番号か氏名を直して、拒否された行のファイルを取り込んでください",
                "the same member number stands for another name and another address; correct the number or the name, and import the file of refused lines",
            ),
            Self::NameTooLong => lang.of("氏名が 200 文字を超えています", "the name is over 200 characters"),
            _ => {
                lang.of("氏名に改行などの制御文字があります", "the name has a line break or another control character")
            }
        }
    }
}

/// Why a file cannot be read, or not any further.
#[derive(Debug)]
pub enum RosterError {
    /// The reader that was handed in failed.
    Io(io::Error),
    /// The file has no line with anything on it.
    Empty,
    /// The file is a workbook of Excel or another archive, no text.
    Workbook,
    /// The header has bytes that the encoding does not have: the encoding is probably another one.
    UnreadableHeader,
    /// Columns that this kind of file needs are not there.
    MissingColumns {
        /// What is wanted.
        missing: Vec<Column>,
        /// The headers that are there.
        found: Vec<String>,
    },
    /// Several headers name the same column.
    DuplicateColumn {
        /// What they name.
        column: Column,
        /// The headers.
        found: Vec<String>,
    },
    /// A payment export for a notice without cohort rules: nobody could be affected.
    NoRules,
    /// The file ends inside quotation marks; what follows the mark was not read as lines.
    UnclosedQuote {
        /// The physical line, from 1, where the mark was opened.
        line: u64,
    },
}

impl RosterError {
    /// One or two sentences for the operator.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::Io(error) => {
                lang.of(format!("ファイルを読めません: {error}"), format!("the file cannot be read: {error}"))
            }
            Self::Empty => lang.of("ファイルに行がありません", "the file has no lines").to_owned(),
            Self::Workbook => lang
                .of(
                    "Excel のブック(または圧縮ファイル)です。Excel で「CSV UTF-8(コンマ区切り)」として保存し、その CSV を指定してください",
                    "this is an Excel workbook (or another archive): save it in Excel as \"CSV UTF-8\", and give that file",
                )
                .to_owned(),
            Self::UnreadableHeader => lang
                .of(
                    "見出し行を読めません。CSV などの文字のファイルか、文字コードが合っているかを確かめてください",
                    "the header cannot be read: check that it is a text file such as CSV, and its encoding",
                )
                .to_owned(),
            Self::MissingColumns { missing, found } => {
                let wanted: Vec<String> = missing.iter().map(|column| column.names().join(" / ")).collect();
                let (wanted, found) = (wanted.join("; "), headers_only(found, lang));
                lang.of(
                    format!("必要な列がありません: {wanted}。ファイルの列: {found}"),
                    format!("columns are missing: {wanted}. The file has: {found}"),
                )
            }
            Self::DuplicateColumn { column, found } => {
                let (name, found) = (column.text(lang), headers_only(found, lang));
                lang.of(
                    format!("「{name}」にあたる列が複数あります: {found}"),
                    format!("several columns mean `{name}`: {found}"),
                )
            }
            Self::NoRules => lang
                .of(
                    "支払データですが、お知らせに対象の条件がありません",
                    "a payment export, but the notice has no cohort rule",
                )
                .to_owned(),
            Self::UnclosedQuote { line } => lang.of(
                format!("{line} 行目で開いた引用符が閉じられないままファイルが終わりました"),
                format!("the quotation mark opened on line {line} is never closed"),
            ),
        }
    }
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl std::error::Error for RosterError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for RosterError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
/// The headers for a message; a first line that holds a member's data is no header line, and is not quoted.
fn headers_only(found: &[String], lang: Lang) -> String {
    let data = |cell: &String| cell.contains(['@', '＠']) || cell.chars().filter(char::is_ascii_digit).count() > 3;
    if found.iter().any(data) {
        return lang.of("(見出し行がないようです)".to_owned(), "(there seems to be no header line)".to_owned());
    }
    found.join(", ")
}
