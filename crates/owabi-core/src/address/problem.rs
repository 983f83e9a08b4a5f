//! Why mail cannot reach an address.

use super::Lang;
use serde::{Deserialize, Serialize};

/// Why a member is unreachable by mail. Such a member is still owed a notice, by letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum AddressProblem {
    /// The roster gives no address: empty, or a word that says so (`なし`, `不明`, `n/a`).
    Blank,
    /// The roster gives something that is no address.
    Invalid {
        /// The first rule that it breaks.
        reason: Invalid,
    },
}

/// The rule that an address breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalid {
    /// A line break or another control character.
    Control,
    /// No `@`.
    NoAt,
    /// Several addresses in one cell.
    Several,
    /// Nothing before the `@`.
    NoLocalPart,
    /// Nothing after the `@`.
    NoDomain,
    /// A dot at the start or end of the local part, or two together, outside the carriers.
    Dots,
    /// A character that the local part may not have unquoted.
    LocalCharacter,
    /// A quoted local part that is not closed, or has a character that may not be quoted.
    Quoting,
    /// A domain that is no sequence of letters, digits and hyphens, nor convertible to one.
    Domain,
    /// `[…]` that is no IPv4 or IPv6 address.
    Literal,
    /// Local part over 64 octets, label over 63, or the whole over 254.
    TooLong,
    /// Not in normal form (only from storage).
    NotNormalised,
}

impl AddressProblem {
    /// One sentence for the operator.
    pub fn text(self, lang: Lang) -> &'static str {
        match self {
            Self::Blank => lang.of("メールアドレスの記載がありません", "no mail address is given"),
            Self::Invalid { reason } => reason.text(lang),
        }
    }
}

impl Invalid {
    /// One sentence for the operator.
    pub fn text(self, lang: Lang) -> &'static str {
        let (ja, en) = match self {
            Self::Control => ("改行などの制御文字が含まれています", "it has a line break or another control character"),
            Self::NoAt => ("「@」がありません", "it has no @"),
            Self::Several => ("一つの欄に複数のアドレスがあります", "the cell holds several addresses"),
            Self::NoLocalPart => ("「@」の前が空です", "nothing stands before the @"),
            Self::NoDomain => ("「@」の後が空です", "nothing stands after the @"),
            Self::Dots => ("「@」の前のドットの位置が正しくありません", "the dots before the @ are misplaced"),
            Self::LocalCharacter => ("「@」の前に使えない文字があります", "a character before the @ is not allowed"),
            Self::Quoting => ("引用符の使い方が正しくありません", "the quotation marks are wrong"),
            Self::Domain => ("ドメイン名が正しくありません", "the domain is not valid"),
            Self::Literal => ("角括弧内の IP アドレスが正しくありません", "the IP address in brackets is not valid"),
            Self::TooLong => ("アドレスが長すぎます", "it is too long"),
            Self::NotNormalised => ("正規化されていないアドレスです", "it is not in normal form"),
        };
        lang.of(ja, en)
    }
}

impl From<Invalid> for AddressProblem {
    fn from(reason: Invalid) -> Self {
        Self::Invalid { reason }
    }
}
