//! Times as people in Japan read them, and back.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use owabi_core::yaml::Span;

const OFFSET: Offset = Offset::constant(9);
const DAY_MS: i64 = 86_400_000;

/// `2022-03-02T09:00:00.000+09:00`.
pub fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| String::new(),
        |at| format!("{}+09:00", OFFSET.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S%.3f")),
    )
}

/// `2022-03-02 09:00:00`.
pub fn short(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| String::new(), |at| OFFSET.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// `2022-03-02`.
pub fn day(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| String::new(), |at| OFFSET.to_datetime(at).strftime("%Y-%m-%d").to_string())
}

/// Epoch milliseconds of `2022-03-02`, `2022-03-02T09:00`, either with an offset, or of a span before `now` (`2h`).
pub fn parse(text: &str, now: i64) -> Option<i64> {
    if let Ok(span) = text.parse::<Span>() {
        return now.checked_sub(span.as_millis());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let local = text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)))?;
    let nine_hours = SignedDuration::from_hours(9);
    let utc = local.checked_sub(nine_hours).ok()?;
    Offset::UTC.to_timestamp(utc).ok().map(Timestamp::as_millisecond)
}

/// As [`parse`], for the end of a time: a day alone ends when the next one begins.
pub fn parse_end(text: &str, now: i64) -> Option<i64> {
    let day = text.len() == "2022-03-02".len() && text.parse::<Date>().is_ok();
    Some(parse(text, now)? + if day { DAY_MS } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_an_offset_is_japan_time() {
        let nine = 1_646_179_200_000;
        assert_eq!(iso(nine), "2022-03-02T09:00:00.000+09:00");
        for text in ["2022-03-02T09:00", "2022-03-02 09:00:00", "2022-03-02T09:00:00+09:00", "2022-03-02T00:00:00Z"] {
            assert_eq!(parse(text, 0), Some(nine), "{text}");
        }
        assert_eq!(parse("2022-03-02", 0), Some(nine - 9 * 3_600_000));
        assert_eq!([day(nine - 9 * 3_600_000), day(nine - 9 * 3_600_000 - 1)], ["2022-03-02", "2022-03-01"]);
        assert_eq!(parse("2h", nine), Some(nine - 2 * 3_600_000));
        assert_eq!(parse("yesterday", nine), None);
        let midnight = nine + 15 * 3_600_000;
        assert_eq!([parse_end("2022-03-02", 0), parse_end("2022-03-02T09:00", 0)], [Some(midnight), Some(nine)]);
        assert_eq!(parse_end("2h", nine), parse("2h", nine));
    }
}
