//! A YAML document before it has a type: overrides are laid on it, mistakes struck out of it and found in its text.

use super::{YamlError, without_place, words};
use crate::text::Text;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_path_to_error::Segment;
use std::fmt;

pub use serde_yaml::{Mapping, Value};

/// One step from a map or list to what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a map.
    Key(String),
    /// A place in a list, from 0.
    Index(usize),
}

/// Reads a whole document without asking what it means; an empty one is null.
///
/// # Errors
/// Bad syntax, with line and column.
pub fn parse(file_name: &str, text: &str) -> Result<Value, YamlError> {
    serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map(|at| (at.line(), at.column()));
        YamlError { place, ..YamlError::at(file_name, "", words::of_syntax(&without_place(&error))) }
    })
}

/// Gives a document its type.
///
/// # Errors
/// The key's path and what is wrong there; [`locate`] finds its line.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, (Vec<Step>, Text)> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let steps = e.path().iter().filter_map(step_of).collect();
        (steps, words::of_value(&without_path(e.inner().to_string(), &e.path().to_string())))
    })
}

fn step_of(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn without_path(message: String, path: &str) -> String {
    message.strip_prefix(&format!("{path}: ")).map(str::to_owned).unwrap_or(message)
}

/// Writes steps as people read them: `smtp.relays[0].port`.
pub fn path_of(steps: &[Step]) -> String {
    let parts = steps.iter().enumerate().map(|(n, step)| match step {
        Step::Index(n) => format!("[{n}]"),
        Step::Key(key) if n == 0 => key.clone(),
        Step::Key(key) => format!(".{key}"),
    });
    parts.collect::<Vec<_>>().concat()
}

/// Reads a path as [`path_of`] writes it.
pub fn steps_of(path: &str) -> Vec<Step> {
    let parts = path.split(['.', '[']).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.strip_suffix(']').and_then(|n| n.parse().ok()) {
            Some(n) => Step::Index(n),
            None => Step::Key(part.to_owned()),
        })
        .collect()
}

/// Takes away what `path` leads to; false when that is not there.
pub fn strike(document: &mut Value, path: &[Step]) -> bool {
    match path {
        [] => false,
        [Step::Key(key)] => document.as_mapping_mut().is_some_and(|map| map.remove(key.as_str()).is_some()),
        [Step::Index(n)] => match document.as_sequence_mut() {
            Some(list) if *n < list.len() => {
                list.remove(*n);
                true
            }
            _ => false,
        },
        [Step::Key(key), rest @ ..] => document.get_mut(key.as_str()).is_some_and(|held| strike(held, rest)),
        [Step::Index(n), rest @ ..] => document.get_mut(*n).is_some_and(|held| strike(held, rest)),
    }
}

/// Line and column (from 1) of what `path` leads to, or of the nearest thing above it that the text has.
pub fn locate(text: &str, path: &[Step]) -> Option<(usize, usize)> {
    (0..=path.len()).rev().find_map(|depth| {
        let error = Find(&path[..depth]).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
        let at = error.location().filter(|_| error.to_string().contains(Find::HERE))?;
        Some((at.line(), at.column()))
    })
}

/// Walks down to the end of its steps and fails there on purpose: the reader adds the place to the error.
#[derive(Clone, Copy)]
struct Find<'a>(&'a [Step]);

impl Find<'_> {
    const HERE: &'static str = "<found it>";

    fn stop<E: serde::de::Error>(self) -> Result<(), E> {
        if self.0.is_empty() { Err(E::custom(Self::HERE)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.stop()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.stop()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.stop()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.stop()
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.stop()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.stop()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.stop()?;
        let wanted = match self.0.first() {
            Some(Step::Index(n)) => *n,
            _ => usize::MAX,
        };
        for _ in 0..wanted {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        list.next_element_seed(Find(&self.0[1..])).map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.stop()?;
        while let Some(key) = map.next_key::<String>()? {
            if self.0.first() == Some(&Step::Key(key)) {
                map.next_value_seed(Find(&self.0[1..]))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom("not there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a: 1\nb:\n  - { c: x }\n  - c: true\n    d: ~\n";

    fn at(path: &[Step]) -> Option<(usize, usize)> {
        locate(TEXT, path)
    }

    fn key(name: &str) -> Step {
        Step::Key(name.into())
    }

    #[test]
    fn the_place_of_a_key_is_the_place_of_its_value() {
        assert_eq!(at(&[key("a")]), Some((1, 4)));
        assert_eq!(at(&[key("b"), Step::Index(0), key("c")]), Some((3, 10)));
        assert_eq!(at(&[key("b"), Step::Index(1), key("d")]), Some((5, 8)));
    }

    #[test]
    fn a_key_that_is_not_there_has_the_place_of_what_should_hold_it() {
        assert_eq!(at(&[key("b"), Step::Index(1), key("e")]), Some((4, 5)));
        assert_eq!(at(&[key("z"), key("y")]), Some((1, 1)));
    }

    #[test]
    fn a_path_reads_like_a_path() {
        assert_eq!(path_of(&[key("b"), Step::Index(1), key("d")]), "b[1].d");
    }
}
