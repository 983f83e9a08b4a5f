use crate::notice::Language;
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
    fn english(self) -> &'static str {
        match self {
            Self::Subject => "the subject",
            Self::Text => "the text body",
            Self::Html => "the HTML body",
        }
    }

    fn japanese(self) -> &'static str {
        match self {
            Self::Subject => "件名",
            Self::Text => "テキスト本文",
            Self::Html => "HTML本文",
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
    /// The sentence in a language.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Ja => self.japanese(),
            Language::En => self.english(),
        }
    }

    /// The English sentence, without a full stop.
    pub fn english(&self) -> String {
        match self {
            Self::Empty(part) => format!("{} is empty", part.english()),
            Self::EmptyName => "the member has no name".to_owned(),
            Self::NameMissing(part) => format!("the member's name does not stand in {}", part.english()),
            Self::PhraseMissing(part, phrase) => format!("{} lacks the required phrase `{phrase}`", part.english()),
            Self::CardNumber(part) => format!("{} holds digits that may be a card number", part.english()),
            Self::Braces(part) => format!("{} holds braces of a template", part.english()),
            Self::Unresolved(part, word) => format!("{} holds `{word}`, as if a value were missing", part.english()),
            Self::UrlNotAllowed(part, url) => format!("{} holds a URL that is not allowed: {url}", part.english()),
            Self::LinkNotAllowed(link) => format!("the HTML body links to `{link}`, which is not allowed"),
            Self::Forbidden(what) => format!("the HTML body holds {what}, which is forbidden in a notice"),
        }
    }

    /// The Japanese sentence, without a full stop.
    pub fn japanese(&self) -> String {
        match self {
            Self::Empty(part) => format!("{}が空です", part.japanese()),
            Self::EmptyName => "会員の氏名がありません".to_owned(),
            Self::NameMissing(part) => format!("{}に会員の氏名がありません", part.japanese()),
            Self::PhraseMissing(part, phrase) => format!("{}に必須の文言「{phrase}」がありません", part.japanese()),
            Self::CardNumber(part) => format!("{}にカード番号とみられる数字があります", part.japanese()),
            Self::Braces(part) => format!("{}にテンプレートの波括弧が残っています", part.japanese()),
            Self::Unresolved(part, word) => format!("{}に値の欠落を示す「{word}」があります", part.japanese()),
            Self::UrlNotAllowed(part, url) => format!("{}に許可されていないURLがあります：{url}", part.japanese()),
            Self::LinkNotAllowed(link) => format!("HTML本文に許可されていないリンク「{link}」があります"),
            Self::Forbidden(what) => format!("HTML本文に通知では禁止されている要素（{what}）があります"),
        }
    }
}

impl fmt::Display for GuardProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}
