//! Which column of a roster is which.

use super::RosterError;
use crate::address::Lang;
use crate::yaml::one_or_many;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Accepted header names, by field. Names given here go before the built-in ones (`会員番号`, `member_no` …), which stay
/// accepted where no given name is found. Headers are compared after NFKC, without surrounding space, in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnMap {
    /// The member's number; required.
    #[serde(deserialize_with = "one_or_many")]
    pub member_no: Vec<String>,
    /// The member's name; required.
    #[serde(deserialize_with = "one_or_many")]
    pub name: Vec<String>,
    /// The mail address; required.
    #[serde(deserialize_with = "one_or_many")]
    pub email: Vec<String>,
    /// The cohort, in a plain list only.
    #[serde(deserialize_with = "one_or_many")]
    pub cohort: Vec<String>,
    /// What was paid for.
    #[serde(deserialize_with = "one_or_many")]
    pub purpose: Vec<String>,
    /// How it was paid.
    #[serde(deserialize_with = "one_or_many")]
    pub method: Vec<String>,
    /// When it was paid.
    #[serde(deserialize_with = "one_or_many")]
    pub paid_at: Vec<String>,
}

impl ColumnMap {
    /// Every field by its key in the notice file, with the names given for it.
    pub fn fields(&self) -> [(&'static str, &[String]); 7] {
        Column::ALL.map(|column| (column.names()[1], column.given(self)))
    }
}

/// A column that owabi knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The member's number.
    MemberNo,
    /// The member's name.
    Name,
    /// The mail address.
    Email,
    /// The cohort of a plain list.
    Cohort,
    /// What was paid for.
    Purpose,
    /// How it was paid.
    Method,
    /// When it was paid.
    PaidAt,
}

impl Column {
    const ALL: [Self; 7] =
        [Self::MemberNo, Self::Name, Self::Email, Self::Cohort, Self::Purpose, Self::Method, Self::PaidAt];

    /// The built-in header names; the first is Japanese, the second English.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::MemberNo => {
                &["会員番号", "member_no", "会員no", "会員no.", "会員id", "member no", "member id", "member_id"]
            }
            Self::Name => &["氏名", "name", "名前", "お名前", "会員氏名", "full name", "full_name"],
            Self::Email => {
                &["メールアドレス", "email", "メール", "e-mail", "eメール", "mail", "email address", "email_address"]
            }
            Self::Cohort => &["コホート", "cohort", "区分", "対象区分"],
            Self::Purpose => &["支払内容", "purpose", "お支払内容", "支払い内容"],
            Self::Method => &["支払方法", "method", "お支払方法", "支払い方法", "payment method", "payment_method"],
            Self::PaidAt => &["支払日時", "paid_at", "支払日", "お支払日時", "支払い日時", "paid at"],
        }
    }

    /// The name to show to an operator.
    pub fn text(self, lang: Lang) -> String {
        lang.of(self.names()[0], self.names()[1]).to_owned()
    }

    fn given(self, map: &ColumnMap) -> &[String] {
        match self {
            Self::MemberNo => &map.member_no,
            Self::Name => &map.name,
            Self::Email => &map.email,
            Self::Cohort => &map.cohort,
            Self::Purpose => &map.purpose,
            Self::Method => &map.method,
            Self::PaidAt => &map.paid_at,
        }
    }

    /// Where this column stands; `None` when it is not there.
    fn find(self, headers: &[String], map: &ColumnMap) -> Result<Option<usize>, RosterError> {
        let given: Vec<String> = self.given(map).iter().map(|name| plain(name)).collect();
        let builtin: Vec<String> = self.names().iter().map(|name| plain(name)).collect();
        let at =
            |names: &[String]| (0..headers.len()).filter(|i| names.contains(&plain(&headers[*i]))).collect::<Vec<_>>();
        let found = Some(at(&given)).filter(|found| !found.is_empty()).unwrap_or_else(|| at(&builtin));
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(RosterError::DuplicateColumn {
                column: self,
                found: found.iter().map(|i| headers[*i].clone()).collect(),
            }),
        }
    }
}

/// A header as it is compared.
pub(super) fn plain(header: &str) -> String {
    header
        .nfkc()
        .collect::<String>()
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
        .to_lowercase()
}

/// What a file's columns say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line a member.
    PlainList,
    /// One line a payment.
    PaymentExport,
}

/// The columns of one file.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) member_no: usize,
    pub(super) name: usize,
    pub(super) email: usize,
    pub(super) shape: Shape,
    /// Index and header of each column kept in the member's fields.
    pub(super) further: Vec<(usize, String)>,
    pub(super) headers: Vec<String>,
}

/// What the kind of file adds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    PlainList { cohort: Option<usize> },
    PaymentExport { purpose: usize, method: usize, paid_at: usize },
}

impl Columns {
    pub(super) fn find(headers: Vec<String>, map: &ColumnMap) -> Result<Self, RosterError> {
        let mut at = [None; 7];
        for (place, column) in at.iter_mut().zip(Column::ALL) {
            *place = column.find(&headers, map)?;
        }
        let [Some(member_no), Some(name), Some(email), cohort, purpose, method, paid_at] = at else {
            return Err(missing(&[0, 1, 2], &at, headers));
        };
        let shape = match (purpose, method, paid_at) {
            (None, None, None) => Shape::PlainList { cohort },
            (Some(purpose), Some(method), Some(paid_at)) => Shape::PaymentExport { purpose, method, paid_at },
            _ => return Err(missing(&[4, 5, 6], &at, headers)),
        };
        let further = further(&headers, &used(member_no, name, email, shape));
        Ok(Self { member_no, name, email, shape, further, headers })
    }

    pub(super) fn kind(&self) -> Kind {
        match self.shape {
            Shape::PlainList { .. } => Kind::PlainList,
            Shape::PaymentExport { .. } => Kind::PaymentExport,
        }
    }
}

fn missing(wanted: &[usize], at: &[Option<usize>; 7], found: Vec<String>) -> RosterError {
    let missing = wanted.iter().filter(|i| at[**i].is_none()).map(|i| Column::ALL[*i]).collect();
    RosterError::MissingColumns { missing, found }
}

fn used(member_no: usize, name: usize, email: usize, shape: Shape) -> Vec<usize> {
    let mut used = vec![member_no, name, email];
    match shape {
        Shape::PlainList { cohort } => used.extend(cohort),
        Shape::PaymentExport { purpose, method, paid_at } => used.extend([purpose, method, paid_at]),
    }
    used
}

/// Columns to keep by their header; a column without one cannot be named, a repeated one gets a number.
fn further(headers: &[String], used: &[usize]) -> Vec<(usize, String)> {
    let mut kept: Vec<(usize, String)> = Vec::new();
    for (index, header) in
        headers.iter().enumerate().filter(|(i, header)| !used.contains(i) && !header.trim().is_empty())
    {
        let base = header.trim();
        let numbered = |n: usize| if n == 1 { base.to_owned() } else { format!("{base} ({n})") };
        let free = (1..=headers.len()).map(numbered).find(|name| kept.iter().all(|(_, taken)| taken != name));
        kept.extend(free.map(|name| (index, name)));
    }
    kept
}
