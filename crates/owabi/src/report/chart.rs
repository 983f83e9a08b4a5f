//! The two charts, as SVG for black and white paper. Text in them is escaped; nothing is loaded.

use super::words::number;
use super::{Report, html::escape};
use crate::cli::say::{Text, say};
use crate::japan;
use owabi_core::address::Lang;
use std::fmt::Write;

const WIDTH: i64 = 680;
const LEFT: i64 = 76;
const RIGHT: i64 = 664;
const TOP: i64 = 26;
const BOTTOM: i64 = 218;
const MINUTE: i64 = 60_000;

/// How many were told by when; `None` when nobody was.
pub(super) fn progress(report: &Report) -> Option<Text> {
    let mut minutes: Vec<(i64, i64)> =
        report.rows.told.iter().filter_map(|told| Some((told.minute?, told.count))).collect();
    minutes.sort_unstable();
    let (first, last) = (minutes.first()?.0, minutes.last()?.0 + 1);
    let draw = |lang| draw_progress(&minutes, (first, last), lang);
    Some(Text { ja: draw(Lang::Ja), en: draw(Lang::En) })
}

fn draw_progress(minutes: &[(i64, i64)], (first, last): (i64, i64), lang: Lang) -> String {
    let total: i64 = minutes.iter().map(|(_, count)| count).sum();
    let (step, top) = scale(total);
    let x = |minute: i64| LEFT + (RIGHT - LEFT) * (minute - first) / (last - first);
    let y = |count: i64| {
        BOTTOM - i64::try_from(i128::from(BOTTOM - TOP) * i128::from(count) / i128::from(top)).unwrap_or(0)
    };
    let title = say!(ja: "通知の進み方", en: "Progress of telling");
    let (from, to, people) = (japan::short(first * MINUTE), japan::short(last * MINUTE), number(total));
    let described = say!(
        ja: "{from} から {to} までに、累計 {people} 人にメールで通知した。",
        en: "From {from} to {to}, {people} people in all were told by mail."
    );
    let mut svg = open(BOTTOM + 54, title.of(lang), described.of(lang));
    for count in (0..=top / step).map(|n| n * step) {
        let (y, label) = (y(count), number(count));
        let _ = write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{RIGHT}\" y2=\"{y}\"/>");
        let _ = write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LEFT - 8, y + 4);
    }
    for (minute, label) in ticks(first, last) {
        let x = x(minute);
        let anchor = if x > RIGHT - 40 {
            "end"
        } else if x < LEFT + 40 {
            "start"
        } else {
            "middle"
        };
        let _ = write!(svg, "<line class=\"axis\" x1=\"{x}\" y1=\"{BOTTOM}\" x2=\"{x}\" y2=\"{}\"/>", BOTTOM + 5);
        let _ = write!(svg, "<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>", BOTTOM + 20);
    }
    let _ = write!(svg, "<path class=\"axis\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/>");
    let _ = write!(svg, "<path class=\"curve\" d=\"{}\"/>", curve(minutes, x, y));
    let axis = say!(ja: "時刻(日本時間)", en: "time (Japan)");
    let people = say!(ja: "人", en: "people");
    let _ = write!(svg, "<text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">{}</text>", BOTTOM + 44, axis.of(lang));
    let _ = write!(svg, "<text x=\"{}\" y=\"14\" text-anchor=\"end\">{}</text></svg>", LEFT - 8, people.of(lang));
    svg
}

/// A stair: what is told within a minute is told at its end. One step for each place on paper, however many minutes.
fn curve(minutes: &[(i64, i64)], x: impl Fn(i64) -> i64, y: impl Fn(i64) -> i64) -> String {
    let mut path = format!("M{} {}", x(minutes.first().map_or(0, |first| first.0)), y(0));
    let (mut sofar, mut steps) = (0, Vec::<(i64, i64)>::new());
    for (minute, count) in minutes {
        sofar += count;
        let (at, height) = (x(minute + 1), y(sofar));
        match steps.last_mut() {
            Some(step) if step.0 == at => step.1 = height,
            _ => steps.push((at, height)),
        }
    }
    for (at, height) in steps {
        let _ = write!(path, "H{at}V{height}");
    }
    path
}

/// The distance of the lines and the highest of them: 1, 2 or 5 times a power of ten, so that there are two to five.
fn scale(total: i64) -> (i64, i64) {
    let mut step = 1;
    for factor in [2, 5, 10].into_iter().cycle() {
        if step * 5 >= total || step > i64::MAX / 100 {
            break;
        }
        let base = 10_i64.pow(step.ilog10());
        step = base * factor;
    }
    (step, (total.max(1) + step - 1) / step * step)
}

/// Places of the time axis that people know: whole hours, midnights, or the two ends when it is short.
fn ticks(first: i64, last: i64) -> Vec<(i64, String)> {
    const SPANS: [i64; 14] = [1, 2, 5, 10, 30, 60, 120, 360, 720, 1_440, 2_880, 10_080, 43_200, 129_600];
    const JAPAN: i64 = 9 * 60;
    let span = SPANS.into_iter().find(|span| (last - first) / span <= 5).unwrap_or((last - first) / 5);
    let begin = (first + JAPAN + span - 1).div_euclid(span) * span - JAPAN;
    let mut day = String::new();
    let label = |minute: i64| {
        let at = japan::short(minute * MINUTE);
        let (date, time) = at.split_at(at.len().min(10));
        let whole = span >= 1_440 || std::mem::replace(&mut day, date.to_owned()) != date;
        let time = time.get(1..6).unwrap_or_default();
        let text = match (whole, span >= 1_440) {
            (_, true) => date.to_owned(),
            (true, false) => format!("{} {time}", date.get(5..).unwrap_or_default()),
            (false, false) => time.to_owned(),
        };
        (minute, text)
    };
    (0..=(last - begin).max(-1) / span).map(|n| begin + n * span).filter(|minute| *minute <= last).map(label).collect()
}

/// How many of the most frequent reasons have a bar of their own.
const BARS: usize = 8;
const BAR: i64 = 26;
const BARS_LEFT: i64 = 300;

/// How often which reason; `None` when there is none.
pub(super) fn reasons(reasons: &[(Text, i64)]) -> Option<Text> {
    let most = reasons.iter().map(|(_, count)| *count).max().filter(|most| *most > 0)?;
    let mut bars: Vec<(Text, i64)> = reasons.iter().take(BARS).cloned().collect();
    let rest: i64 = reasons.iter().skip(BARS).map(|(_, count)| count).sum();
    if rest > 0 {
        bars.push((say!(ja: "そのほか", en: "others"), rest));
    }
    let most = most.max(rest);
    let draw = |lang| draw_reasons(&bars, most, lang);
    Some(Text { ja: draw(Lang::Ja), en: draw(Lang::En) })
}

fn draw_reasons(bars: &[(Text, i64)], most: i64, lang: Lang) -> String {
    let title = say!(ja: "届かなかった理由", en: "Why mail did not reach them");
    let said = bars.iter().map(|(why, count)| format!("{} {}", why.of(lang), number(*count)));
    let described = said.collect::<Vec<_>>().join(if lang == Lang::Ja { "、" } else { ", " });
    let rows = i64::try_from(bars.len()).unwrap_or(0);
    let mut svg = open(rows * BAR + 30, title.of(lang), &described);
    for (at, (why, count)) in (0..).zip(bars) {
        let (y, count_text) = (at * BAR + 4, number(*count));
        let wide = i128::from(WIDTH - BARS_LEFT - 90) * i128::from(*count) / i128::from(most);
        let wide = i64::try_from(wide).unwrap_or(0).max(1);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            BARS_LEFT - 8,
            y + 14,
            escape(why.of(lang))
        );
        let _ = write!(svg, "<rect class=\"bar\" x=\"{BARS_LEFT}\" y=\"{y}\" width=\"{wide}\" height=\"18\"/>");
        let _ = write!(svg, "<text x=\"{}\" y=\"{}\">{count_text}</text>", BARS_LEFT + wide + 6, y + 14);
    }
    let end = rows * BAR + 4;
    let _ = write!(svg, "<path class=\"axis\" d=\"M{BARS_LEFT} 0V{end}\"/>");
    let people = say!(ja: "人数", en: "people");
    let _ = write!(svg, "<text x=\"{BARS_LEFT}\" y=\"{}\">{}</text></svg>", end + 18, people.of(lang));
    svg
}

fn open(height: i64, title: &str, described: &str) -> String {
    let (title, described) = (escape(title), escape(described));
    format!(
        "<svg role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" xmlns=\"http://www.w3.org/2000/svg\"><title>{title}</title><desc>{described}</desc>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_chart_are_round_numbers_and_the_highest_is_not_below_the_last_count() {
        for (total, wanted) in
            [(0, (1, 1)), (1, (1, 1)), (5, (1, 5)), (7, (2, 8)), (12, (5, 15)), (1_000_000, (200_000, 1_000_000))]
        {
            assert_eq!(scale(total), wanted, "{total}");
        }
        assert!((1..100_000).all(|total| scale(total).1 >= total && scale(total).1 / scale(total).0 <= 5));
    }

    #[test]
    fn the_time_axis_has_round_times_of_japan() {
        let nine = 1_646_179_200 / 60;
        let labels = |last| ticks(nine, last).into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(nine + 1), ["03-02 09:00", "09:01"]);
        assert_eq!(labels(nine + 240), ["03-02 09:00", "10:00", "11:00", "12:00", "13:00"]);
        assert_eq!(labels(nine + 3 * 1_440), ["2022-03-03", "2022-03-04", "2022-03-05"]);
    }

    #[test]
    fn a_million_minutes_are_no_more_steps_than_there_are_places() {
        let minutes: Vec<(i64, i64)> = (0..1_000_000).map(|minute| (minute, 1)).collect();
        let svg = draw_progress(&minutes, (0, 1_000_000), Lang::En);
        assert!(svg.len() < 20_000 && svg.contains("1,000,000 people in all"), "{}", svg.len());
    }

    #[test]
    fn a_reason_cannot_leave_its_place() {
        let svg = reasons(&[(Text::same("</text><script>"), 1)]).unwrap();
        assert!(!svg.ja.contains("<script>") && svg.en.contains("&lt;script&gt;"));
        assert!(reasons(&[]).is_none());
    }
}
