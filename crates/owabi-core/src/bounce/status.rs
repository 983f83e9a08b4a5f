//! Status codes: enhanced ones (RFC 3463) and basic ones (RFC 5321), wherever a server writes them.

use crate::reply::Enhanced;

/// An enhanced code that says something, or one like `5.0.0` that only gives its class.
pub(super) fn is_vague(code: Enhanced) -> bool {
    code.subject == 0 && code.detail == 0
}

/// The code that a field `Status` begins with.
pub(super) fn of_field(value: &str) -> Option<Enhanced> {
    Enhanced::at_start_of(value).or_else(|| enhanced(value).next())
}

/// Every enhanced failure code in `text`. Numbers of hosts and versions have more parts, or other neighbours.
pub(super) fn enhanced(text: &str) -> impl Iterator<Item = Enhanced> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    let words = text.split(move |c: char| !inside(c)).flat_map(|word| {
        let word = word.trim_end_matches('.');
        // `550-5.1.1` is how a reply of several lines goes on.
        word.split_once('-').filter(|(code, _)| code.len() == 3).map_or(word, |(_, rest)| rest).split('-').take(1)
    });
    words.filter(|word| word.bytes().filter(|b| *b == b'.').count() == 2).filter_map(|word| {
        let code = Enhanced::at_start_of(word)?;
        (code.class != 2 && code.subject <= 7).then_some(code)
    })
}

/// The fullest enhanced code in `text`.
pub(super) fn fullest(text: &str) -> Option<Enhanced> {
    enhanced(text).find(|code| !is_vague(*code)).or_else(|| enhanced(text).next())
}

/// The first basic failure code that stands where replies do: at the start, or after a mark like `said:`.
pub(super) fn basic(text: &str) -> Option<u16> {
    let marks = [' ', ':', '(', '#', '"', '\'', '<', '>', '=', '\n', '['];
    let mut starts = std::iter::once(0).chain(text.match_indices(marks).map(|(at, _)| at + 1));
    starts.find_map(|start| basic_at(text, start))
}

fn basic_at(text: &str, start: usize) -> Option<u16> {
    let digits = text.get(start..start + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let code: u16 = digits.parse().ok()?;
    let fits = matches!(code / 10, 42 | 43 | 44 | 45 | 47 | 50 | 51 | 52 | 53 | 54 | 55 | 57);
    let after = text[start + 3..].chars().next();
    let ends = after
        .is_none_or(|c| c.is_whitespace() || matches!(c, '-' | ':' | ')' | '.' | ',' | ';' | ']' | '"' | '\'' | '>'));
    (fits && ends && introduced(&text[..start])).then_some(code)
}

/// What stands before a reply code: nothing, punctuation, or a word for it. `after 450 minutes` is none.
fn introduced(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '"', '\'', '<']);
    let end = before.chars().next_back();
    if end.is_none_or(|c| matches!(c, ':' | ',' | '(' | '#' | '>' | '=' | '\n' | '[' | ';' | '-')) {
        return true;
    }
    let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    ["code", "error", "said", "smtp", "response", "reply", "replied", "returned", "status", "with"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(text: &str) -> Option<String> {
        fullest(text).map(|code| code.to_string())
    }

    #[test]
    fn enhanced_codes_are_found_where_servers_write_them() {
        for text in ["550 5.1.1 no", "550-5.1.1 no", "(#5.1.1)", "said: 5.1.1", "x; 5.0.0 550 5.1.1.", "<5.1.1>"] {
            assert_eq!(full(text).as_deref(), Some("5.1.1"), "{text}");
        }
        assert_eq!(full("5.0.0 only").as_deref(), Some("5.0.0"));
        for text in ["host 5.1.1.9", "v5.1.1", "2.1.5 fine", "5.9.1", "4.76", "4.16.55.1", "5.1.1.example.jp"] {
            assert_eq!(full(text), None, "{text}");
        }
    }

    #[test]
    fn basic_codes_are_replies_and_not_numbers() {
        for text in [
            "550 no",
            "said: 550 no",
            "[192.0.2.1] said: 550-no",
            "SMTP error 550",
            "(550)",
            "smtp; 550 no",
            "<<< 550 no",
        ] {
            assert_eq!(basic(text), Some(550), "{text}");
        }
        for text in ["after 450 minutes", "port 587", "1550 x", "550th", "499 x", "540x"] {
            assert_eq!(basic(text), None, "{text}");
        }
    }
}
