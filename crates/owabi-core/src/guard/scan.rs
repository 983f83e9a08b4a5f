//! One pass over a text: what remains without white space, where signs of trouble stand, and whether a card number does.

use super::cards;

/// A sign of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// What is left of a template.
    Braces(&'static str),
    /// What a program writes when a value is missing.
    Word(&'static str),
    /// What a URL has.
    Url(&'static str),
}

impl Sign {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Braces(text) | Self::Word(text) | Self::Url(text) => text,
        }
    }
}

const SIGNS: [Sign; 8] = [
    Sign::Braces("{{"),
    Sign::Braces("}}"),
    Sign::Word("undefined"),
    Sign::Word("null"),
    Sign::Word("NaN"),
    Sign::Word("[object"),
    Sign::Url("://"),
    Sign::Url("www."),
];

/// What a pass found.
pub(super) struct Scan {
    /// The text's bytes without white space, so that line ends and layout do not matter.
    pub(super) squeezed: Vec<u8>,
    /// Signs and the bytes where they begin.
    pub(super) signs: Vec<(usize, Sign)>,
    /// Whether there may be a card number.
    pub(super) card: bool,
}

#[derive(Clone, Copy)]
enum Class {
    Plain,
    Blank,
    Digit,
    Sign,
    Multibyte,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Plain; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'\t'..=b'\r' | b' ' => Class::Blank,
            b'0'..=b'9' => Class::Digit,
            b'{' | b'}' | b'[' | b':' | b'u' | b'U' | b'n' | b'N' | b'w' | b'W' => Class::Sign,
            0x80.. => Class::Multibyte,
            _ => Class::Plain,
        };
        if byte == 0xFF {
            return table;
        }
        byte += 1;
    }
}

/// Reads a text once, character by character.
pub(super) fn scan(text: &str) -> Scan {
    let bytes = text.as_bytes();
    let mut found = Scan { squeezed: Vec::with_capacity(bytes.len()), signs: Vec::new(), card: false };
    let (mut kept_to, mut number_to, mut at) = (0, 0, 0);
    while at < bytes.len() {
        let (step, class) = character(&bytes[at..]);
        match class {
            Class::Blank => {
                found.squeezed.extend_from_slice(&bytes[kept_to..at]);
                kept_to = at + step;
            }
            Class::Digit if at >= number_to => {
                let (card, end) = cards::number_at(bytes, at);
                found.card |= card;
                number_to = end;
            }
            Class::Sign => found.signs.extend(sign_at(&bytes[at..]).map(|sign| (at, sign))),
            _ => {}
        }
        at += step;
    }
    found.squeezed.extend_from_slice(&bytes[kept_to..]);
    found
}

/// The length and class of the character at the start.
fn character(bytes: &[u8]) -> (usize, Class) {
    match CLASSES[usize::from(bytes[0])] {
        Class::Multibyte => {}
        class => return (1, class),
    }
    match bytes {
        [0xC2, 0x85 | 0xA0, ..] => (2, Class::Blank),
        [0xE3, 0x80, 0x80, ..] | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..] => (3, Class::Blank),
        [0xEF, 0xBC, 0x90..=0x99, ..] => (3, Class::Digit),
        [0xF0..=0xFF, ..] => (4, Class::Plain),
        [0xE0..=0xEF, ..] => (3, Class::Plain),
        _ => (2, Class::Plain),
    }
}

fn sign_at(bytes: &[u8]) -> Option<Sign> {
    let stands = |sign: &Sign| {
        let start = bytes.get(..sign.text().len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(sign.text().as_bytes()))
    };
    SIGNS.into_iter().find(stands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signs_are_found_in_any_case_and_in_order() {
        let found: Vec<_> =
            scan("あ{{ｘ NULL http://WWW.a").signs.into_iter().map(|(at, sign)| (at, sign.text())).collect();
        assert_eq!(found, [(3, "{{"), (9, "null"), (18, "://"), (21, "www.")]);
    }

    proptest! {
        #[test]
        fn squeezing_removes_white_space_and_nothing_else(text in "\\PC{0,60}|[ a\u{3000}あ\u{a0}\u{85}\u{2003}\u{1680}\n\r\t]{0,60}") {
            let ogham = '\u{1680}';
            let expected: String = text.chars().filter(|c| !c.is_whitespace() || *c == ogham || *c == '\u{205f}').collect();
            prop_assert_eq!(String::from_utf8(scan(&text).squeezed).expect("whole characters"), expected);
        }
    }
}
