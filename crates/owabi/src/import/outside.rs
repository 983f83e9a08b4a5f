//! The lines that are not affected, counted by what they say: one odd blank in a purpose leaves its payer out, and a person must see it.

use owabi_core::roster::NotAffected;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Values of one reason that are counted apart; memory must not grow with the file.
const COUNTED: usize = 1_000;
/// Of these, the most frequent are named.
const NAMED: usize = 20;

/// The lines that one reason leaves out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outside {
    /// The reason.
    pub why: NotAffected,
    /// How many lines.
    pub lines: i64,
    /// What they say there (purpose, method or day), and how many say it: the most frequent first, at most 20.
    pub values: Vec<(String, i64)>,
    /// How many lines say something else.
    pub others: i64,
}

/// Counts while the file is read.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<NotAffected, Counted>);

#[derive(Default)]
struct Counted {
    lines: i64,
    values: HashMap<String, i64>,
}

impl Counts {
    pub(super) fn add(&mut self, why: NotAffected, value: String) {
        let counted = self.0.entry(why).or_default();
        counted.lines += 1;
        if let Some(lines) = counted.values.get_mut(&value) {
            *lines += 1;
        } else if counted.values.len() < COUNTED {
            counted.values.insert(value, 1);
        }
    }

    pub(super) fn into_outside(self) -> Vec<Outside> {
        self.0.into_iter().map(|(why, counted)| counted.into_outside(why)).collect()
    }
}

impl Counted {
    fn into_outside(self, why: NotAffected) -> Outside {
        let mut values: Vec<_> = self.values.into_iter().collect();
        values.sort_by(|(a, of_a), (b, of_b)| (Reverse(of_a), a).cmp(&(Reverse(of_b), b)));
        values.truncate(NAMED);
        let others = self.lines - values.iter().map(|(_, lines)| lines).sum::<i64>();
        Outside { why, lines: self.lines, values, others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_values_are_named_and_the_others_counted_however_many_there_are() {
        let mut counts = Counts::default();
        for n in 0..3_000 {
            counts.add(NotAffected::Purpose, format!("p{n}"));
        }
        for value in ["クレジット", "クレジット カード", "クレジット カード"] {
            counts.add(NotAffected::Method, value.to_owned());
        }
        let [purpose, method] = &counts.into_outside()[..] else { panic!() };
        assert_eq!((purpose.lines, purpose.values.len(), purpose.others), (3_000, NAMED, 2_980));
        assert_eq!(method.values, [("クレジット カード".to_owned(), 2), ("クレジット".to_owned(), 1)]);
        assert_eq!(method.others, 0);
    }
}
