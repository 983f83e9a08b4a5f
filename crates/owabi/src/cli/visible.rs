//! What others wrote, on its way to a terminal: servers' words, the DNS, certificates, files.

use owabi_core::address::is_bidi_control;
use std::borrow::Cow;

/// The text with U+FFFD in the place of every character that a terminal would obey, or that turns the direction of text; line
/// ends and tabs stay.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let stays = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_bidi_control(c));
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if stays(c) { c } else { char::REPLACEMENT_CHARACTER };
    Cow::Owned(text.replace("\r\n", "\n").chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_and_ordinary_text_is_as_it_was() {
        for (text, shown) in [
            ("お詫び \u{30}\n\tok", "お詫び \u{30}\n\tok"),
            ("\u{1b}]0;x\u{7}", "\u{fffd}]0;x\u{fffd}"),
            ("\u{9b}2J", "\u{fffd}2J"),
            ("fine\rbroken", "fine\u{fffd}broken"),
            ("a\r\nb", "a\nb"),
            ("pj.\u{202e}elpmaxe", "pj.\u{fffd}elpmaxe"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }
}
