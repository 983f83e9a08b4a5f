//! Paragraphs of plain text: source lines are joined and broken again at a width, by the rules of Japanese line ends (kinsoku).

/// 34 full-width characters; closing punctuation may hang one character further.
pub(super) const WIDTH: usize = 68;
const HANG: usize = 2;
const NO_START: &str =
    "、。，．・：；？！?!,.:;)]}）］｝〕〉》」』】≫”’々ー～〜ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ％";
const NO_END: &str = "（［｛〔〈《「『【≪“‘([{";

/// Joins source lines into one: with a space between words of the Latin script, with nothing between Japanese characters.
pub(super) fn join_lines(source: &str) -> String {
    let trim = |line: &'_ str| line.trim_matches([' ', '\t', '\r']).len();
    let mut joined = String::with_capacity(source.len());
    for line in source.lines().filter(|line| trim(line) > 0) {
        let line = line.trim_matches([' ', '\t', '\r']);
        let latin = |c: Option<char>| c.is_some_and(|c| !is_wide(c));
        if latin(joined.chars().next_back()) && latin(line.chars().next()) {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

/// Breaks one line into several of at most `width` columns, each ended by a line feed, the first led by `first`, the others by `rest`.
pub(super) fn wrap(line: &str, width: usize, first: &str, rest: &str) -> String {
    let mut out = String::with_capacity(line.len() + line.len() / 16 + 8);
    let (mut start, mut column, mut opportunity) = (0, columns(first), None);
    let mut before = None;
    for (at, c) in line.char_indices() {
        if at > start && before.is_some_and(|b| may_break(b, c)) {
            opportunity = Some(at);
        }
        column += char_columns(c);
        let limit = if matches!(c, '、' | '。' | '，' | '．') { width + HANG } else { width };
        if let Some(cut) = opportunity.filter(|_| column > limit && c != ' ') {
            push_line(&mut out, if start == 0 { first } else { rest }, &line[start..cut]);
            (start, opportunity) = (cut, None);
            column = columns(rest) + columns(&line[cut..at + c.len_utf8()]);
        }
        before = Some(c);
    }
    push_line(&mut out, if start == 0 { first } else { rest }, &line[start..]);
    out
}

fn push_line(out: &mut String, lead: &str, line: &str) {
    out.push_str(lead);
    out.push_str(line.trim_end_matches(' '));
    out.push('\n');
}

fn may_break(before: char, after: char) -> bool {
    if NO_START.contains(after) || NO_END.contains(before) || after == ' ' || char_columns(after) == 0 {
        return false;
    }
    // A figure stays with its unit (2022年), a Latin name with what belongs to it (MP社).
    let unit = before.is_ascii_alphanumeric() && ('\u{4e00}'..='\u{9fff}').contains(&after);
    before == ' ' || !unit && (is_wide(before) || is_wide(after))
}

fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// How many columns a character takes in the fixed-width fonts that Japanese mail programs use.
pub(super) fn char_columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFE00..=0xFE0F | 0xE0100..=0xE01EF => 0,
        0x0..0x1100 | 0xFF61..=0xFF9F => 1,
        _ => 2,
    }
}

fn is_wide(c: char) -> bool {
    char_columns(c) == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn japanese_lines_never_begin_with_closing_or_end_with_opening_characters() {
        let text = "あいうえ「おかき」くけこ、さしすせそ。ちょっと（たちつてと）なにぬねの。";
        for width in 6..30 {
            for line in wrap(text, width, "", "").lines() {
                let (first, last) = (line.chars().next().expect("text"), line.chars().next_back().expect("text"));
                assert!(!NO_START.contains(first) && !NO_END.contains(last), "{width}: {line}");
            }
        }
    }

    #[test]
    fn latin_words_and_urls_stay_whole() {
        let text = "See the report at https://example.jp/a-very-long-address-of-a-report and call us.";
        let wrapped = wrap(text, 30, "", "  ");
        assert!(wrapped.contains("https://example.jp/a-very-long-address-of-a-report\n"), "{wrapped}");
    }

    #[test]
    fn source_lines_join_as_their_script_wants() {
        assert_eq!(join_lines("  あい\n  うえ\n"), "あいうえ");
        assert_eq!(join_lines("one\n  two\n"), "one two");
        assert_eq!(join_lines("　字下げ\nした"), "　字下げした");
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[あ-ん、。「」a-z ]{0,200}", width in 4_usize..80) {
            let strip = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(strip(&wrap(&text, width, "", "")), strip(&text));
        }
    }
}
