use crate::text::{Text, say};
use std::fmt;

/// A part of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The subject line.
    Subject,
    /// The plain text body.
    Text,
    /// The HTML body.
    Html,
}

impl Part {
    fn text(self) -> Text {
        match self {
            Self::Subject => say!(ja: "件名", en: "the subject"),
            Self::Text => say!(ja: "テキスト本文", en: "the text body"),
            Self::Html => say!(ja: "HTML 本文", en: "the HTML body"),
        }
    }
}

/// Why a rendered letter may not leave. Display is the English sentence; neither language shows a member's name or a number found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardProblem {
    /// Nothing stands there.
    Empty(Part),
    /// The member has no name, so the letter would address nobody.
    EmptyName,
    /// The member's name does not stand in the part.
    NameMissing(Part),
    /// A required phrase does not stand in the part.
    PhraseMissing(Part, String),
    /// 13 to 19 digits that pass the check of card numbers (Luhn).
    CardNumber(Part),
    /// `{{` or `}}` of a template is left over.
    Braces(Part),
    /// A word that a program writes when a value is missing.
    Unresolved(Part, &'static str),
    /// A URL that is not on the list.
    UrlNotAllowed(Part, String),
    /// A `tel:` or `mailto:` link that leads to none of the notice's numbers or addresses, or a link of another kind.
    LinkNotAllowed(String),
    /// An image, script, form, frame or anything else that loads, sends or hides.
    Forbidden(String),
}

impl GuardProblem {
    /// The sentence in both languages.
    pub fn text(&self) -> Text {
        let Text { ja, en } = self.part().text();
        match self {
            Self::Empty(_) => say!(ja: "{ja}が空です。", en: "{en} is empty"),
            Self::EmptyName => say!(ja: "会員の氏名がありません。", en: "the member has no name"),
            Self::NameMissing(_) => {
                say!(ja: "{ja}に会員の氏名がありません。", en: "the member's name does not stand in {en}")
            }
            Self::PhraseMissing(_, phrase) => {
                say!(ja: "{ja}に、欠かせない文言「{phrase}」がありません。", en: "{en} lacks the required phrase `{phrase}`")
            }
            Self::CardNumber(_) => {
                say!(ja: "{ja}に、カード番号とみられる数字があります。", en: "{en} holds digits that may be a card number")
            }
            Self::Braces(_) => {
                say!(ja: "{ja}に、テンプレートの波かっこが残っています。", en: "{en} holds braces of a template")
            }
            Self::Unresolved(_, word) => say!(
                ja: "{ja}に「{word}」があります。値が抜けているようです。",
                en: "{en} holds `{word}`, as if a value were missing"
            ),
            Self::UrlNotAllowed(_, url) => {
                say!(ja: "{ja}に、許可されていない URL があります: {url}", en: "{en} holds a URL that is not allowed: {url}")
            }
            Self::LinkNotAllowed(link) => {
                say!(ja: "{ja}に、許可されていないリンクがあります: {link}", en: "{en} links to `{link}`, which is not allowed")
            }
            Self::Forbidden(what) => {
                say!(ja: "{ja}に、お知らせでは使えないものがあります: {what}", en: "{en} holds {what}, which is forbidden in a notice")
            }
        }
    }

    /// Where it stands; links are only in HTML, and a name that is missing is missing everywhere.
    fn part(&self) -> Part {
        match self {
            Self::Empty(part)
            | Self::NameMissing(part)
            | Self::PhraseMissing(part, _)
            | Self::CardNumber(part)
            | Self::Braces(part)
            | Self::Unresolved(part, _)
            | Self::UrlNotAllowed(part, _) => *part,
            Self::EmptyName | Self::LinkNotAllowed(_) | Self::Forbidden(_) => Part::Html,
        }
    }
}

impl fmt::Display for GuardProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().en)
    }
}
