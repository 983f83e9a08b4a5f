//! One spelling of line ends, so that a mail reads the same whatever carried it.

use super::OCTETS;

/// `bytes` with every CRLF, CR and LF as LF, without NUL, at most [`OCTETS`] long. CRs that pile up before one LF are one
/// line end: some gateways add one at each hop.
pub(super) fn unified(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().min(OCTETS));
    let mut waiting_crs = 0_usize;
    for &byte in bytes {
        match byte {
            b'\r' => waiting_crs += 1,
            b'\n' => {
                waiting_crs = 0;
                out.push(b'\n');
            }
            _ => {
                out.extend(std::iter::repeat_n(b'\n', waiting_crs.min(OCTETS)));
                waiting_crs = 0;
                if byte != 0 {
                    out.push(byte);
                }
            }
        }
        if out.len() >= OCTETS {
            break;
        }
    }
    out.extend(std::iter::repeat_n(b'\n', waiting_crs.min(OCTETS)));
    out.truncate(OCTETS);
    out
}

/// `text` on one line, its white space single, in lower case: how phrases are looked for. Nothing is put between two
/// characters of a script that is written without spaces.
pub(super) fn flat(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = true;
            continue;
        }
        let together = out.chars().next_back().is_none_or(unspaced) && unspaced(c);
        if gap && !out.is_empty() && !together {
            out.push(' ');
        }
        gap = false;
        out.extend(c.to_lowercase());
    }
    out
}

fn unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

/// The first `limit` characters.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    text.char_indices().nth(limit).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_end_becomes_one() {
        for mail in ["a\n\nb\n", "a\r\n\r\nb\r\n", "a\r\rb\r", "a\r\r\n\r\r\nb\r\r\n"] {
            assert_eq!(unified(mail.as_bytes()), b"a\n\nb\n", "{mail:?}");
        }
        assert_eq!(unified(b"a\0b"), b"ab");
    }

    #[test]
    fn a_phrase_is_found_across_a_line_break_in_any_script() {
        assert_eq!(flat("Could  not\n  be Delivered"), "could not be delivered");
        assert_eq!(flat("送信\nできません"), "送信できません");
    }

    #[test]
    fn a_huge_mail_is_cut() {
        assert_eq!(unified(&vec![b'\r'; OCTETS * 3]).len(), OCTETS);
        assert_eq!(unified(&vec![b'x'; OCTETS + 5]).len(), OCTETS);
    }
}
