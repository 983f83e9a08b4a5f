//! `check`: lines of the configuration that everybody must write anew, and nobody did.

use super::Found;
use crate::cli::say::say;
use crate::cli::session::Session;
use crate::config::{COMMENTED, Config};

/// What marks such a line in the shipped configuration.
const MARK: &str = "# yours";

pub(super) fn check(session: &Session, config: &Config, found: &mut Found) {
    let Ok(text) = std::fs::read_to_string(&config.file) else { return };
    let file = config.file.display();
    for (number, line) in as_shipped(&text) {
        found.warning(
            session,
            "configuration",
            &say!(
                ja: "{file} の {number} 行目: 例のままです({line})。ご自分の値に書き換えてください。",
                en: "{file}, line {number}: still the example ({line}); write your own"
            ),
        );
    }
}

/// The marked lines that are as they were shipped, without their comments.
fn as_shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let value = |line: &'static str| line.split_once(MARK).map(|(value, _)| value.trim());
    let shipped: Vec<&str> = COMMENTED.lines().filter_map(value).filter(|value| !value.is_empty()).collect();
    let lines = text.lines().zip(1..).filter(|(line, _)| line.contains(MARK));
    lines.filter_map(move |(line, number)| {
        let value = line.split_once(MARK)?.0.trim();
        shipped.contains(&value).then_some((number, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_lines_that_nobody_has_changed_are_named() {
        let shipped: Vec<&str> = as_shipped(COMMENTED).map(|(_, line)| line).collect();
        assert_eq!(shipped, ["host: smtp.example.jp", "address: bounces@example.jp"]);
        let edited = COMMENTED.replace("host: smtp.example.jp ", "host: relay.nagaoka.example ");
        let left: Vec<(usize, &str)> = as_shipped(&edited).collect();
        assert_eq!(left.len(), 1);
        assert_eq!(edited.lines().nth(left[0].0 - 1).unwrap().trim_start().find(left[0].1), Some(0));
    }
}
