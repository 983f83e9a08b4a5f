use crate::text::say;
use crate::yaml::both;
use serde::de::{self, MapAccess, Visitor};
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
                f.write_str(&both(&say!(
                    ja: "「名前 <アドレス>」か、name と address の組",
                    en: "`Name <address>` or a mapping with `name` and `address`"
                )))
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
