use crate::text::say;
use crate::yaml::both;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One fact of a notice: a text, a yes or no, a list or a group of facts. There is no "no value": an empty fact is refused when read.
///
/// Dates are texts, `2022-03-02`. Numbers are kept as they print; a number that must keep its leading zero is written in quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Fact {
    /// A text, date or number.
    Text(String),
    /// Yes or no, for `{{#if facts.…}}`.
    Flag(bool),
    /// Facts in an order that matters.
    List(Vec<Fact>),
    /// Facts by name.
    Group(BTreeMap<String, Fact>),
}

impl Fact {
    /// Every text below this fact with its path, `hotline.number` or `items[0]`.
    pub fn texts(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        self.collect(String::new(), &mut found);
        found
    }

    fn collect<'a>(&'a self, path: String, found: &mut Vec<(String, &'a str)>) {
        match self {
            Self::Text(text) => found.push((path, text)),
            Self::Flag(_) => {}
            Self::List(list) => {
                for (n, fact) in list.iter().enumerate() {
                    fact.collect(format!("{path}[{n}]"), found);
                }
            }
            Self::Group(group) => {
                let dot = if path.is_empty() { "" } else { "." };
                for (key, fact) in group {
                    fact.collect(format!("{path}{dot}{key}"), found);
                }
            }
        }
    }
}

/// The facts of a notice: a group that may be empty.
pub(super) fn empty() -> Fact {
    Fact::Group(BTreeMap::new())
}

impl<'de> Deserialize<'de> for Fact {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FactVisitor)
    }
}

struct FactVisitor;

impl<'de> Visitor<'de> for FactVisitor {
    type Value = Fact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = say!(ja: "文字列、日付、リスト、項目の組のどれか", en: "a fact: a text, a date, a list or a group of facts");
        f.write_str(&both(&text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Fact, E> {
        if text.trim().is_empty() {
            return self.visit_unit();
        }
        Ok(Fact::Text(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Fact, E> {
        let text = say!(ja: "値が空です。値を書くか、この項目を消してください。", en: "this fact is empty; give it a value or remove it");
        Err(E::custom(both(&text)))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Fact, E> {
        Ok(Fact::Flag(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Fact, E> {
        Ok(Fact::Text(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Fact, E> {
        Ok(Fact::Text(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Fact, E> {
        let text = say!(
            ja: "書いたとおりに印字されるよう、{number} を引用符で囲んでください。",
            en: "write {number} in quotes, so that it is printed as it stands"
        );
        Err(E::custom(both(&text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Fact, A::Error> {
        let mut list = Vec::new();
        while let Some(fact) = seq.next_element()? {
            list.push(fact);
        }
        Ok(Fact::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fact, A::Error> {
        let mut group = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let fact = map.next_value()?;
            if group.insert(key.clone(), fact).is_some() {
                let text = say!(
                    ja: "「{key}」が二度書かれています。一つにしてください。",
                    en: "duplicate fact `{key}`; a fact stands once"
                );
                return Err(de::Error::custom(both(&text)));
            }
        }
        Ok(Fact::Group(group))
    }
}
