//! Dates as people read them, in the notice's language.

use crate::notice::Language;
use jiff::civil::{Date, DateTime, Weekday};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `2022年3月2日`, with its weekday `2022年3月2日（水）`; `2 March 2022`, `Wednesday, 2 March 2022`.
pub(super) fn date(day: Date, weekday: bool, language: Language) -> String {
    let (year, month, number) = (day.year(), day.month(), day.day());
    let (short, long) = weekday_names(day.weekday());
    match (language, weekday) {
        (Language::Ja, false) => format!("{year}年{month}月{number}日"),
        (Language::Ja, true) => format!("{year}年{month}月{number}日（{short}）"),
        (Language::En, false) => format!("{number} {} {year}", month_name(month)),
        (Language::En, true) => format!("{long}, {number} {} {year}", month_name(month)),
    }
}

/// `2021年10月14日から2022年1月25日まで`; `14 October 2021 to 25 January 2022`.
pub(super) fn range(from: Date, to: Date, language: Language) -> String {
    let (first, last) = (date(from, false, language), date(to, false, language));
    match language {
        Language::Ja => format!("{first}から{last}まで"),
        Language::En => format!("{first} to {last}"),
    }
}

/// `2021年10月14日 9時30分`; `14 October 2021, 9:30`.
pub(super) fn date_time(at: DateTime, language: Language) -> String {
    let day = date(at.date(), false, language);
    match language {
        Language::Ja => format!("{day} {}時{:02}分", at.hour(), at.minute()),
        Language::En => format!("{day}, {}:{:02}", at.hour(), at.minute()),
    }
}

/// The day of `2021-10-14` or `2021-10-14T09:30:00`; `None` for anything else.
pub(super) fn day(text: &str) -> Option<Date> {
    text.split('T').next().filter(|day| day.len() == 10)?.parse().ok()
}

/// Day and time of `2021-10-14T09:30:00`; `None` when there is no time.
pub(super) fn moment(text: &str) -> Option<DateTime> {
    text.parse().ok().filter(|_| text.len() > 10)
}

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("")
}

fn weekday_names(weekday: Weekday) -> (&'static str, &'static str) {
    match weekday {
        Weekday::Monday => ("月", "Monday"),
        Weekday::Tuesday => ("火", "Tuesday"),
        Weekday::Wednesday => ("水", "Wednesday"),
        Weekday::Thursday => ("木", "Thursday"),
        Weekday::Friday => ("金", "Friday"),
        Weekday::Saturday => ("土", "Saturday"),
        Weekday::Sunday => ("日", "Sunday"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_written_as_each_language_writes_them() {
        let d = day("2022-03-02").expect("a day");
        assert_eq!(date(d, false, Language::Ja), "2022年3月2日");
        assert_eq!(date(d, true, Language::Ja), "2022年3月2日（水）");
        assert_eq!(date(d, true, Language::En), "Wednesday, 2 March 2022");
        assert_eq!(range(d, d, Language::En), "2 March 2022 to 2 March 2022");
        let t = moment("2021-10-14T09:05:00").expect("a time");
        assert_eq!(date_time(t, Language::Ja), "2021年10月14日 9時05分");
        assert_eq!(date_time(t, Language::En), "14 October 2021, 9:05");
    }

    #[test]
    fn what_is_no_day_is_no_day() {
        for text in ["", "2022-02-30", "2022/03/02", "soon", "2022-3-2"] {
            assert_eq!(day(text), None, "{text}");
        }
        assert_eq!(moment("2021-10-14"), None);
    }
}
