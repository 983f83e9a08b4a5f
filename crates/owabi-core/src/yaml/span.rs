use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time as files write it: `250ms`, `30s`, `5m`, `4h`, `5d`. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// A span of whole milliseconds; a negative number counts as none.
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    /// A span of whole seconds; a negative number counts as none, one beyond the range as the longest span.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1_000))
    }

    /// The span in milliseconds, as the database keeps it.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The span for timers.
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }
}

/// A text that is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write a whole number and a unit, such as 250ms, 30s, 5m, 4h or 5d")]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let number: i64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(*factor).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let (unit, factor) = UNITS.iter().find(|(_, factor)| self.0 % factor == 0).copied().unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 30s, 5m, 4h or 5d")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
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
    fn a_span_is_written_as_it_was_read() {
        for text in ["250ms", "30s", "5m", "4h", "5d", "90m", "0s"] {
            assert_eq!(text.parse::<Span>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_span_counts_milliseconds() {
        assert_eq!("4h".parse::<Span>().expect("4h").as_millis(), 14_400_000);
        assert_eq!(Span::from_secs(30).as_duration().as_secs(), 30);
    }

    #[test]
    fn a_span_without_a_unit_or_out_of_range_is_refused_with_an_example() {
        for text in ["30", "", "h", "1.5h", "-1s", "5 m", "1h30m", "99999999999999999d", "٣s"] {
            let error = text.parse::<Span>().expect_err(text);
            assert!(error.to_string().contains("30s"), "{error}");
        }
    }

    #[test]
    fn a_bare_number_in_yaml_is_refused_with_an_example() {
        let error = crate::yaml::parse::<Span>("f", "30").expect_err("a number");
        assert!(error.to_string().contains("is not a duration"), "{error}");
    }
}
