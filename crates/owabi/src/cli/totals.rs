//! What became of a roster's lines, in the same words wherever it is said.

use super::say::{Text, say};
use owabi_store::Totals;

/// The names of the parts, in the order of the arithmetic.
pub(crate) fn names() -> [Text; 6] {
    [
        say!(ja: "新規", en: "imported"),
        say!(ja: "合算", en: "merged"),
        say!(ja: "宛先なし", en: "unreachable"),
        say!(ja: "対象外", en: "not affected"),
        say!(ja: "登録済み", en: "already present"),
        say!(ja: "拒否", en: "refused"),
    ]
}

/// The parts of one import, in the same order.
pub(crate) fn counts(totals: &Totals) -> [i64; 6] {
    let Totals { lines: _, imported, merged, unreachable, not_affected, already_present, refused } = *totals;
    [imported, merged, unreachable, not_affected, already_present, refused]
}

/// `新規 3 + 合算 2 + …`, `3 imported + 2 merged + …`.
pub(crate) fn sum(totals: &Totals) -> Text {
    let parts = names().into_iter().zip(counts(totals));
    let parts: Vec<Text> = parts.map(|(Text { ja, en }, count)| say!(ja: "{ja} {count}", en: "{count} {en}")).collect();
    joined(&parts)
}

/// The names alone, as a sum.
pub(crate) fn names_joined() -> Text {
    joined(&names())
}

fn joined(parts: &[Text]) -> Text {
    let of = |side: fn(&Text) -> &str| parts.iter().map(side).collect::<Vec<_>>().join(" + ");
    Text { ja: of(|text| &text.ja), en: of(|text| &text.en) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_numbers() {
        let totals = Totals {
            lines: 21,
            imported: 1,
            merged: 2,
            unreachable: 3,
            not_affected: 4,
            already_present: 5,
            refused: 6,
        };
        assert!(totals.add_up());
        let Text { ja, en } = sum(&totals);
        assert_eq!(ja, "新規 1 + 合算 2 + 宛先なし 3 + 対象外 4 + 登録済み 5 + 拒否 6");
        assert_eq!(en, "1 imported + 2 merged + 3 unreachable + 4 not affected + 5 already present + 6 refused");
    }
}
