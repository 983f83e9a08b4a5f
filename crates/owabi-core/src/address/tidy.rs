//! Undoing what spreadsheets, forms and copying do to an address.

use super::{AddressProblem, Invalid, Lang};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// One kind of repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Full-width or other compatibility characters became plain ones (NFKC).
    Width,
    /// Spaces around the address, or a carriage return after it.
    Trimmed,
    /// Zero-width characters, byte order marks, bidi controls.
    Invisible,
    /// `<…>`, with or without a display name before it.
    Brackets,
    /// `mailto:`.
    Scheme,
    /// Quotation marks around the whole address.
    Quotes,
}

impl Change {
    /// What was repaired, for the operator.
    pub fn text(self, lang: Lang) -> &'static str {
        let (ja, en) = match self {
            Self::Width => ("全角文字を半角に直しました", "full-width characters made plain"),
            Self::Trimmed => ("前後の空白を除きました", "surrounding space removed"),
            Self::Invisible => ("見えない文字を除きました", "invisible characters removed"),
            Self::Brackets => ("表示名と山括弧を除きました", "display name and angle brackets removed"),
            Self::Scheme => ("「mailto:」を除きました", "mailto: removed"),
            Self::Quotes => ("囲みの引用符を除きました", "surrounding quotation marks removed"),
        };
        lang.of(ja, en)
    }
}

/// An address without its wrappings, and what they were.
pub(super) struct Tidied {
    pub(super) text: String,
    pub(super) changes: Vec<Change>,
}

/// Takes the wrappings off. A line feed is never one: it may be the start of a forged SMTP command or header.
pub(super) fn tidy(raw: &str) -> Result<Tidied, AddressProblem> {
    let mut tidied = Tidied { text: raw.to_owned(), changes: Vec::new() };
    let cut = raw.strip_suffix('\r').unwrap_or(raw).trim_matches(['\t', ' ']);
    tidied.becomes(cut.to_owned(), Change::Trimmed);
    if cut.chars().any(char::is_control) {
        return if cut.trim().is_empty() { Err(AddressProblem::Blank) } else { Err(Invalid::Control.into()) };
    }
    tidied.plain_characters();
    while tidied.unwrap_once() {}
    if is_placeholder(&tidied.text) { Err(AddressProblem::Blank) } else { Ok(tidied) }
}

impl Tidied {
    fn becomes(&mut self, text: String, change: Change) -> bool {
        let changed = text != self.text;
        if changed && !self.changes.contains(&change) {
            self.changes.push(change);
        }
        self.text = text;
        changed
    }

    fn plain_characters(&mut self) {
        if self.text.is_ascii() {
            return;
        }
        let visible = self.text.chars().filter(|c| !is_invisible(*c)).collect();
        self.becomes(visible, Change::Invisible);
        // A space is not told as a change of width: trimming tells it.
        let spaced: String = self.text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        self.becomes(spaced.trim().to_owned(), Change::Trimmed);
        let plain = self.text.nfkc().collect();
        self.becomes(plain, Change::Width);
    }

    fn unwrap_once(&mut self) -> bool {
        let trimmed = self.text.trim().to_owned();
        self.becomes(trimmed, Change::Trimmed);
        if let Some(inner) = in_brackets(&self.text) {
            return self.becomes(inner.to_owned(), Change::Brackets);
        }
        if let Some(inner) = in_quotes(&self.text) {
            return self.becomes(inner.to_owned(), Change::Quotes);
        }
        let scheme = self.text.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("mailto:"));
        scheme && self.becomes(self.text[7..].split('?').next().unwrap_or("").to_owned(), Change::Scheme)
    }
}

/// `田中 <tanaka@example.jp>`: the inside, when the display name is not another address.
fn in_brackets(text: &str) -> Option<&str> {
    let (display, inner) = text.strip_suffix('>')?.split_once('<')?;
    let display = display.trim();
    (!inner.contains('<') && (!display.contains('@') || display == inner)).then_some(inner)
}

/// `"tanaka@example.jp"` or `'…'`: the inside, when it is an address by itself and has no such mark of its own.
fn in_quotes(text: &str) -> Option<&str> {
    let inside = |mark: char| text.strip_prefix(mark)?.strip_suffix(mark).filter(|inner| !inner.contains(mark));
    inside('"').or_else(|| inside('\'')).filter(|inner| inner.contains('@'))
}

/// Characters that turn the direction of text, so that a name or an address reads other than it is.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that take no room: they are never meant in an address, a number or a rule.
pub(crate) fn is_invisible(c: char) -> bool {
    is_bidi_control(c) || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Words that people write where they have no address.
const PLACEHOLDERS: [&str; 34] = [
    "なし",
    "無し",
    "ナシ",
    "無",
    "ない",
    "無い",
    "不明",
    "未登録",
    "未記入",
    "未設定",
    "未入力",
    "未定",
    "不要",
    "空欄",
    "非公開",
    "特になし",
    "該当なし",
    "登録なし",
    "記載なし",
    "メールなし",
    "アドレスなし",
    "持っていない",
    "持っていません",
    "ありません",
    "none",
    "null",
    "nil",
    "nothing",
    "n/a",
    "n.a.",
    "na",
    "no",
    "unknown",
    "undefined",
];

/// Whether a cell says "there is none": nothing, a word for it, or only dashes and the like.
pub(super) fn is_placeholder(text: &str) -> bool {
    let bare = text.trim().trim_matches(['(', ')', '[', ']', '「', '」', '<', '>']);
    let bare: Cow<'_, str> = if bare.is_ascii() { bare.to_ascii_lowercase().into() } else { bare.nfkc().collect() };
    let only_marks = bare.chars().all(|c| {
        matches!(c, '-' | 'ー' | '―' | '‐' | '–' | '—' | '−' | '*' | '×' | '?' | '.' | '/' | '_' | '・' | ' ')
    });
    only_marks || PLACEHOLDERS.contains(&bare.as_ref()) || bare == "x" || bare == "0"
}
