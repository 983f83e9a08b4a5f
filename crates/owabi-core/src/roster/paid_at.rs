//! The moment of a payment, in the many ways that Japanese exports write it. Always Japan time.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// A day, and the time of day if the roster gives one. Displayed as [`crate::member::Payment::paid_at`] stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidAt {
    /// The day in Japan.
    pub date: Date,
    /// The time of day in Japan, to the second.
    pub time: Option<Time>,
}

impl PaidAt {
    /// Reads `2021-10-14 09:30:00`, `2021/10/14 9:30`, `2021.10.14`, `2021年10月14日 9時30分`, `20211014`, `令和3年10月14日`,
    /// `R3.10.14` and the like, full-width or not; a UTC offset at the end is converted to Japan time. `None` for all else.
    pub fn parse(text: &str) -> Option<Self> {
        let folded: String;
        let text = if text.is_ascii() {
            text
        } else {
            folded = text.nfkc().collect();
            &folded
        };
        let mut cursor = Cursor { rest: text.trim() };
        let date = cursor.date()?;
        cursor.weekday();
        let time = if cursor.rest.is_empty() { None } else { Some(cursor.time()?) };
        let read = Self { date, time };
        let offset = cursor.offset();
        if cursor.rest.is_empty() { read.in_japan(offset) } else { None }
    }

    fn in_japan(self, offset: Option<Offset>) -> Option<Self> {
        let (Some(offset), Some(time)) = (offset, self.time) else { return Some(self) };
        let moment = offset.to_timestamp(DateTime::from_parts(self.date, time)).ok()?;
        let japan = moment.to_zoned(TimeZone::fixed(jiff::tz::offset(9))).datetime();
        Some(Self { date: japan.date(), time: Some(japan.time()) })
    }
}

impl fmt::Display for PaidAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.time {
            None => write!(f, "{}", self.date),
            Some(time) => write!(f, "{}T{:02}:{:02}:{:02}", self.date, time.hour(), time.minute(), time.second()),
        }
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn take(&mut self, mark: &str) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_any(&mut self, marks: &[&str]) -> bool {
        marks.iter().any(|mark| self.take(mark))
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn digits(&self) -> usize {
        self.rest.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// A number of at most `most` digits.
    fn number(&mut self, most: usize) -> Option<i16> {
        let digits = self.digits().min(most);
        let number = self.rest[..digits].parse().ok()?;
        self.rest = &self.rest[digits..];
        Some(number)
    }

    fn date(&mut self) -> Option<Date> {
        if matches!(self.digits(), 8 | 12 | 14) {
            return civil(self.number(4)?, self.number(2)?, self.number(2)?);
        }
        let year = self.year()?;
        let mark = ["-", "/", ".", "年"].into_iter().find(|mark| self.take(mark))?;
        self.spaces();
        let month = self.number(2)?;
        if !self.take(if mark == "年" { "月" } else { mark }) {
            return None;
        }
        self.spaces();
        let day = self.number(2)?;
        if mark == "年" && !self.take("日") {
            return None;
        }
        civil(year, month, day)
    }

    fn year(&mut self) -> Option<i16> {
        let before_first = if self.take_any(&["令和", "R", "r"]) {
            2018
        } else if self.take_any(&["平成", "H", "h"]) {
            1988
        } else {
            return if self.digits() == 4 { self.number(4) } else { None };
        };
        if self.take("元") { Some(before_first + 1) } else { self.number(2).map(|year| before_first + year) }
    }

    /// `(木)` or `(木曜日)`, which tells nothing new.
    fn weekday(&mut self) {
        let inside = self.rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
        if let Some((day, rest)) = inside.filter(|(day, _)| day.chars().count() <= 3) {
            self.rest =
                if "月火水木金土日".contains(day.chars().next().unwrap_or(' ')) { rest } else { self.rest };
        }
    }

    fn time(&mut self) -> Option<Time> {
        let packed = matches!(self.digits(), 4 | 6);
        if !packed {
            self.take("T");
            self.spaces();
        }
        let hour = self.number(2)?;
        if !packed && !self.take_any(&[":", "時"]) {
            return None;
        }
        let minute = self.number(2).or_else(|| self.rest.is_empty().then_some(0))?;
        self.take("分");
        self.take(":");
        let second = if self.digits() > 0 { self.number(2)? } else { 0 };
        self.take("秒");
        if self.take(".") {
            self.rest = &self.rest[self.digits()..];
        }
        let small = |number: i16| i8::try_from(number).ok();
        Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()
    }

    /// `Z`, `+09:00`, `+0900`, `JST`; an offset that makes no sense is left where it stands.
    fn offset(&mut self) -> Option<Offset> {
        self.spaces();
        if self.take("JST") {
            return None;
        }
        if self.take("Z") {
            return Some(Offset::UTC);
        }
        let begin = self.rest;
        let offset = self.signed_offset();
        self.rest = if offset.is_some() { self.rest } else { begin };
        offset
    }

    fn signed_offset(&mut self) -> Option<Offset> {
        let sign = if self.take("+") { 1 } else { self.take("-").then_some(-1)? };
        let hours = self.number(2)?;
        self.take(":");
        let minutes = self.number(2).unwrap_or(0);
        Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()
    }
}

fn civil(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
