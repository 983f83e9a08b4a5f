//! Finds what may be a card number: 13 to 19 digits, in groups or not, half or full width, that pass Luhn's check.

const SHORTEST: usize = 13;
const LONGEST: usize = 19;

/// Whether the digits at `start`, with those that follow in groups, hold what may be a card number; and where they end.
pub(super) fn number_at(bytes: &[u8], start: usize) -> (bool, usize) {
    let run = Run::read(bytes, start);
    (run.digits.len() >= SHORTEST && run.has_card(), run.end)
}

/// The digit at the start, 0 to 9, and its length in bytes.
fn digit(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [d @ b'0'..=b'9', ..] => Some((d - b'0', 1)),
        [0xEF, 0xBC, d @ 0x90..=0x99, ..] => Some((d - 0x90, 3)),
        _ => None,
    }
}

/// The length of one separator: space, hyphen, full-width space, or one of the hyphens that Japanese input produces.
fn separator(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b' ' | b'-', ..] => Some(1),
        [0xC2, 0xA0, ..] => Some(2),
        [0xE3, 0x80, 0x80, ..] | [0xEF, 0xBC, 0x8D, ..] | [0xE2, 0x80, 0x90..=0x95, ..] | [0xE2, 0x88, 0x92, ..] => {
            Some(3)
        }
        _ => None,
    }
}

/// Digits with single separators between groups.
struct Run {
    digits: Vec<u8>,
    /// Where groups begin, as indexes into `digits`, and the end.
    groups: Vec<usize>,
    end: usize,
}

impl Run {
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut run = Self { digits: Vec::new(), groups: vec![0], end: start };
        loop {
            if let Some((value, length)) = digit(&bytes[run.end..]) {
                run.digits.push(value);
                run.end += length;
            } else if let Some(length) = separator(&bytes[run.end..]).filter(|n| digit(&bytes[run.end + n..]).is_some())
            {
                run.groups.push(run.digits.len());
                run.end += length;
            } else {
                run.groups.push(run.digits.len());
                return run;
            }
        }
    }

    /// Any whole groups side by side may be the number: a year may stand before or behind it.
    fn has_card(&self) -> bool {
        let ends =
            |from: usize| self.groups.iter().filter(move |to| (SHORTEST..=LONGEST).contains(&to.saturating_sub(from)));
        self.groups.iter().any(|from| ends(*from).any(|to| passes_luhn(&self.digits[*from..*to])))
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let value = |(n, d): (usize, &u8)| match (n % 2, *d) {
        (0, d) => d,
        (_, d @ 0..=4) => d * 2,
        (_, d) => d * 2 - 9,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(value).map(u32::from).sum();
    sum > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    fn found_in(text: &str) -> bool {
        crate::guard::scan::scan(text).card
    }

    #[test]
    fn a_card_number_is_found_in_every_usual_writing() {
        for text in [
            "4111111111111111",
            "番号は4111 1111 1111 1111です",
            "4111-1111-1111-1111",
            "４１１１　１１１１　１１１１　１１１１",
            "378282246310005",
            "2022 4111 1111 1111 1111 2022",
            "4222222222222",
        ] {
            assert!(found_in(text), "{text}");
        }
    }

    #[test]
    fn other_digits_are_not_card_numbers() {
        for text in [
            "4111111111111112",
            "0120-816-620",
            "2021-10-14 09:30:00",
            "0000000000000000",
            "411111111111",
            "",
            "令和４年",
        ] {
            assert!(!found_in(text), "{text}");
        }
    }
}
