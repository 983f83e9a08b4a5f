//! What stands for a personal value after a purge: to people a keyed hash says nothing.

use super::say::Text;
use owabi_core::address::Lang;
use owabi_core::ids::is_pseudonym;
use std::borrow::Cow;

const MARK: &str = "keyed:";
/// The mark and its 64 digits.
const LENGTH: usize = 70;

/// A line with a word in the place of each keyed hash.
pub(crate) fn shown(line: &str, lang: Lang) -> Cow<'_, str> {
    if !line.contains(MARK) {
        return Cow::Borrowed(line);
    }
    let word = Text { ja: "(削除済み)".to_owned(), en: "(purged)".to_owned() };
    let (mut rest, mut text) = (line, String::new());
    while let Some(at) = rest.find(MARK) {
        let whole = rest.get(at..at + LENGTH).filter(|value| is_pseudonym(value));
        text.push_str(&rest[..at]);
        text.push_str(if whole.is_some() { word.of(lang) } else { MARK });
        rest = &rest[at + if whole.is_some() { LENGTH } else { MARK.len() }..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_hash_is_shown_as_purged_and_what_only_looks_like_one_stays() {
        let hash = format!("keyed:{}", "0a".repeat(32));
        assert_eq!(shown(&format!("M1  {hash}  ({hash})"), Lang::En), "M1  (purged)  ((purged))");
        assert_eq!(shown(&format!("宛先 {hash}"), Lang::Ja), "宛先 (削除済み)");
        for other in ["", "keyed:", "keyed:髙", &hash[..69], &hash.to_uppercase()] {
            assert_eq!(shown(other, Lang::Ja), other);
        }
    }
}
