//! A server's words for a person: reply code, enhanced code and text, of which the text often begins with the codes itself.

/// The words that are there, none twice: a code that leads the text is not put before it once more. The text stays whole.
pub(super) fn words<'a>(code: Option<&'a str>, enhanced: Option<&'a str>, text: Option<&'a str>) -> Vec<&'a str> {
    let text = text.filter(|text| !text.is_empty());
    let lead: Vec<&str> = text.unwrap_or_default().split([' ', '-', '\n']).take(2).collect();
    let code = code.filter(|code| lead.first() != Some(code));
    let enhanced = enhanced.filter(|enhanced| match (code, lead.as_slice()) {
        (_, [first, ..]) if first == enhanced => false,
        (None, [_, second]) => second != enhanced,
        _ => true,
    });
    [code, enhanced, text].into_iter().flatten().filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_said_once_and_the_text_stays_whole() {
        for (code, enhanced, text, said) in [
            (Some("550"), Some("5.1.1"), Some("5.1.1 no such user"), "550 5.1.1 no such user"),
            (Some("550"), Some("5.1.1"), Some("no such user"), "550 5.1.1 no such user"),
            (None, Some("5.1.1"), Some("550 5.1.1 no such user"), "550 5.1.1 no such user"),
            (None, Some("5.1.1"), Some("550-5.1.1 no such\n550 5.1.1 user"), "550-5.1.1 no such\n550 5.1.1 user"),
            (Some("550"), Some("5.1.1"), Some("550 5.1.1 no such user"), "550 5.1.1 no such user"),
            (Some("550"), Some("5.1.1"), Some("5.1.10 null MX"), "550 5.1.1 5.1.10 null MX"),
            (None, Some("5.0.0"), Some("550 5.1.1 no such user"), "5.0.0 550 5.1.1 no such user"),
            (Some("550"), Some("5.7.1"), Some("see 5.7.1"), "550 5.7.1 see 5.7.1"),
            (Some("550"), None, Some(""), "550"),
            (None, None, None, ""),
        ] {
            assert_eq!(words(code, enhanced, text).join(" "), said);
        }
    }
}
