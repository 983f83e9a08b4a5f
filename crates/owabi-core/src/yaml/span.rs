//! Durations as files write them: `250ms`, `30s`, `5m`, `4h`, `5d`, or several in a row: `1h30m`.

use super::both;
use crate::text::{Text, say};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Unit names with their length in milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration of whole milliseconds, at most a century.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// What is wrong with the text of a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a duration: write a number and a unit, such as 250ms, 30s, 5m, 4h, 5d or 1h30m")]
pub struct SpanError(String);

impl SpanError {
    /// The error in both languages.
    pub fn text(&self) -> Text {
        let text = &self.0;
        say!(
            ja: "「{text}」は期間ではありません。250ms、30s、5m、4h、5d、1h30m のように、数と単位で書いてください。",
            en: "{self}"
        )
    }
}

impl Span {
    const MAX: u64 = 100 * 365 * 86_400_000;

    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `n` seconds.
    pub const fn seconds(n: u32) -> Self {
        Self(n as u64 * 1_000)
    }

    /// `n` minutes.
    pub const fn minutes(n: u32) -> Self {
        Self(n as u64 * 60_000)
    }

    /// `n` hours.
    pub const fn hours(n: u32) -> Self {
        Self(n as u64 * 3_600_000)
    }

    /// `n` days of 24 hours.
    pub const fn days(n: u16) -> Self {
        Self(n as u64 * 86_400_000)
    }

    /// As the standard library's duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// As milliseconds, for sums with epoch milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0.cast_signed()
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.duration()
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        sum_of_parts(text.trim()).filter(|ms| *ms <= Self::MAX).map(Self).ok_or_else(|| SpanError(text.to_owned()))
    }
}

/// Adds up `<number><unit>` pairs; `None` when there is none, or anything else between them.
fn sum_of_parts(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() || text.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        rest = after;
    }
    Some(total)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, length)| self.0 >= *length && self.0.is_multiple_of(*length));
        let (unit, length) = whole.unwrap_or(&("s", 1_000));
        write!(f, "{}{unit}", self.0 / length)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = say!(ja: "期間(30s、5m、4h、5d など)", en: "a duration such as 30s, 5m, 4h or 5d");
                f.write_str(&both(&text))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(|error: SpanError| E::custom(both(&error.text())))
            }
        }
        from.deserialize_str(Text)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, ms) in
            [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("4h", 14_400_000), ("5d", 432_000_000), ("0s", 0)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.as_millis(), span.to_string().as_str()), (ms, text));
        }
        assert_eq!("1h30m".parse::<Span>().unwrap().to_string(), "90m");
    }

    #[test]
    fn a_duration_without_unit_or_with_another_one_is_refused() {
        for text in ["", "5", "m", "-5m", "5 m", "1.5h", "5w", "5m3", "99999999999999999999d", "9999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bare_number_in_yaml_is_refused_with_an_example() {
        let error = crate::yaml::parse::<Span>("f", "30").unwrap_err();
        assert!(error.to_string().contains("is not a duration"), "{error}");
    }
}
