//! What must not stand on a Japanese screen.

/// A sentence of English: three words in a row that are neither names in capitals, nor quoted, nor somebody else's, which stand
/// in brackets.
pub(crate) fn is_english(text: &str) -> bool {
    let (mut depth, mut words) = (0_u32, 0);
    let mut own = String::new();
    for c in text.chars() {
        depth = match c {
            '「' | '(' => depth + 1,
            '」' | ')' => depth.saturating_sub(1),
            _ => depth,
        };
        own.push(if depth > 0 { '。' } else { c });
    }
    own.split(' ').any(|word| {
        let is_latin = word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
        let is_word = is_latin && word.bytes().any(|b| b.is_ascii_lowercase());
        words = if is_word { words + 1 } else { 0 };
        words == 3
    })
}
