use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A sender: `全日本野球協会 <info@example.jp>`, `info@example.jp` or `{ name: …, address: … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mailbox {
    /// The name that mail programs show; empty when there is none.
    pub name: String,
    /// The bare address.
    pub address: String,
}

impl Mailbox {
    fn from_text(text: &str) -> Self {
        let text = text.trim();
        let parts = text.strip_suffix('>').and_then(|inner| inner.rsplit_once('<'));
        let (name, address) = parts.unwrap_or(("", text));
        Self { name: name.trim().trim_matches('"').to_owned(), address: address.trim().to_owned() }
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            #[serde(default)]
            name: String,
            address: String,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Mailbox;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`Name <address>` or a mapping with `name` and `address`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mailbox, E> {
                Ok(Mailbox::from_text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mailbox, A::Error> {
                let Fields { name, address } = Fields::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Mailbox { name, address })
            }
        }
        from.deserialize_any(Either)
    }
}

/// Reads a text or a list of texts as a list.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    OneOrMany::deserialize(from).map(|list| list.0)
}

/// A list that may be written as one text.
pub(super) struct OneOrMany(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut list = Vec::new();
                while let Some(text) = seq.next_element()? {
                    list.push(text);
                }
                Ok(OneOrMany(list))
            }
        }
        from.deserialize_any(Either)
    }
}
