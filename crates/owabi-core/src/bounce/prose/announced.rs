//! Lines that announce the returned message.

use crate::bounce::lines::flat;
use crate::bounce::phrases;

/// A line like `--- Below this line is a copy of the message.`
pub(super) fn announces(line: &str) -> bool {
    let line = line.trim();
    if line.len() < 6 || line.len() > 200 || !line.contains(|c: char| c.is_alphabetic()) {
        return false;
    }
    let ruled = line.starts_with(['-', '=', '*', '_', '#', '+', '|', '‐', '―', 'ー', '─', '━', '＝', '－', '~'])
        && ruled_twice(line);
    let says = flat(line.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ')' | '）')));
    if says.contains('@') || says.contains("was received") {
        return false;
    }
    let whole = says.chars().count() <= 75
        && (line.ends_with([':', '.', '：', '。', '-', '=', '*', '―']) || !says.contains(". "));
    (ruled && phrases::between_rules().any(|phrase| says.contains(phrase)))
        || (whole
            && phrases::whole_lines().any(|phrase| says == phrase || says.strip_prefix(phrase).is_some_and(short_tail)))
}

fn ruled_twice(line: &str) -> bool {
    let mut chars = line.chars();
    let first = chars.next();
    first.is_some() && (chars.next() == first || line.chars().next_back() == first || !line.is_char_boundary(1))
}

/// `(truncated)`, `follows`, `of your message, including all headers`: nothing that makes it a sentence of its own.
fn short_tail(tail: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| tail.contains(word));
    let goes_on = tail.starts_with([' ', ',', '(', '（', 'の', 'は', 'を']);
    goes_on
        && tail.chars().count() <= 60
        && has(&[
            "follow",
            "below",
            "attached",
            "header",
            "part",
            "truncated",
            "includ",
            "lines",
            "message",
            "mail",
            "です",
        ])
        && !has(&[" not ", " could ", " was ", " were ", " has ", " can", "できま", "されま", "失敗"])
}
