//! Which numbers a seal covers.

use std::fmt;

/// Numbers of entries as ascending ranges with room between them: `1-100,103`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    /// The ranges of ascending numbers. A number that is not above the one before it is left out.
    pub fn of(numbers: impl IntoIterator<Item = i64>) -> Self {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if *last == number - 1 => *last = number,
                Some((_, last)) if *last >= number => {}
                _ => ranges.push((number, number)),
            }
        }
        Self(ranges)
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
            let above = ranges.last().is_none_or(|(_, before)| first - 1 > *before);
            if first < 1 || last < first || !above {
                return None;
            }
            ranges.push((first, last));
        }
        Some(Self(ranges)).filter(|ranges| ranges.to_string() == text)
    }

    /// The ranges, each from its first to its last number.
    pub fn as_slice(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Each number, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// How many numbers they are.
    pub fn count(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The smallest number.
    pub fn first(&self) -> Option<i64> {
        self.0.first().map(|(first, _)| *first)
    }

    /// The largest number.
    pub fn last(&self) -> Option<i64> {
        self.0.last().map(|(_, last)| *last)
    }

    /// Whether a number is among them.
    pub fn contains(&self, number: i64) -> bool {
        let at = self.0.partition_point(|(first, _)| *first <= number);
        at.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| *last >= number)
    }

    /// Adds others; the first number that is in both stops it.
    ///
    /// # Errors
    /// That number.
    pub fn add(&mut self, others: &Self) -> Result<(), i64> {
        others.0.iter().try_for_each(|(first, last)| self.add_one(*first, *last))
    }

    fn add_one(&mut self, first: i64, last: i64) -> Result<(), i64> {
        let at = self.0.partition_point(|(other, _)| *other < first);
        let below = at.checked_sub(1).and_then(|below| self.0.get(below)).copied();
        let above = self.0.get(at).copied();
        if below.is_some_and(|(_, end)| end >= first) {
            return Err(first);
        }
        if let Some((start, _)) = above
            && start <= last
        {
            return Err(start);
        }
        let joins_below = below.is_some_and(|(_, end)| end + 1 == first);
        let joins_above = above.is_some_and(|(start, _)| start == last + 1);
        let start = if joins_below { below.map_or(first, |(start, _)| start) } else { first };
        let end = if joins_above { above.map_or(last, |(_, end)| end) } else { last };
        let from = at - usize::from(joins_below);
        self.0.splice(from..at + usize::from(joins_above), [(start, end)]);
        Ok(())
    }

    /// The numbers from 1 up to the largest that are not among them.
    pub fn gaps(&self) -> Vec<(i64, i64)> {
        let ends = std::iter::once(0).chain(self.0.iter().map(|(_, last)| *last));
        let between = ends.zip(&self.0).map(|(before, (first, _))| (before + 1, first - 1));
        between.filter(|(first, last)| first <= last).collect()
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn ranges_are_read_in_their_one_form_only() {
        assert_eq!(Ranges::parse("1-100,103").unwrap().as_slice(), [(1, 100), (103, 103)]);
        for wrong in
            ["", "1-1", "2-1", "1,2", "3,1", "1-3,3", "1-3,4", "+1", "01", "1 -2", "0", "-1", "1,", "1-", "1-2-3"]
        {
            assert_eq!(Ranges::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn gaps_are_what_is_below_the_largest_and_not_covered() {
        assert_eq!(Ranges::parse("3-4,6,9-10").unwrap().gaps(), [(1, 2), (5, 5), (7, 8)]);
        assert_eq!(Ranges::default().gaps(), []);
    }

    proptest! {
        #[test]
        fn ranges_hold_what_a_set_would_hold(numbers in prop::collection::btree_set(1_i64..60, 0..40), more in prop::collection::btree_set(1_i64..60, 1..10)) {
            let mut ranges = Ranges::of(numbers.iter().copied());
            prop_assert_eq!(ranges.numbers().collect::<BTreeSet<_>>(), numbers.clone());
            prop_assert_eq!(ranges.count(), i64::try_from(numbers.len()).unwrap());
            if !numbers.is_empty() {
                prop_assert_eq!(Ranges::parse(&ranges.to_string()), Some(ranges.clone()));
            }
            prop_assert!((0..62).all(|number| ranges.contains(number) == numbers.contains(&number)));
            let both: Vec<i64> = numbers.intersection(&more).copied().collect();
            let added = ranges.add(&Ranges::of(more.iter().copied()));
            prop_assert_eq!(added.err(), both.first().copied());
            if both.is_empty() {
                prop_assert_eq!(ranges, Ranges::of(numbers.union(&more).copied()));
            }
        }
    }
}
