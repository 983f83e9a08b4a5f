//! The values of IMAP's grammar: words, strings, literals, lists.

/// Lists within lists; nothing that we ask for goes deeper than three.
const DEEPEST: usize = 20;

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    /// An atom, a number, a flag, NIL, `BODY[]<0>`.
    Word(String),
    /// A quoted string or a literal.
    Text(Vec<u8>),
    List(Vec<Value>),
}

impl Value {
    pub(super) fn word(self) -> Option<String> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    pub(super) fn list(self) -> Option<Vec<Self>> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// A string, however it was written; `None` for NIL.
    pub(super) fn octets(self) -> Option<Vec<u8>> {
        match self {
            Self::Word(word) if word.eq_ignore_ascii_case("NIL") => None,
            Self::Word(word) => Some(word.into_bytes()),
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }

    pub(super) fn text(self) -> Option<String> {
        String::from_utf8(self.octets()?).ok()
    }
}

/// Reads values one after the other; `None` is the end, or nonsense.
#[derive(Debug)]
pub(super) struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn next_value(&mut self) -> Option<Value> {
        self.value(0)
    }

    pub(super) fn word(&mut self) -> Option<String> {
        self.next_value()?.word()
    }

    pub(super) fn list(&mut self) -> Option<Vec<Value>> {
        self.next_value()?.list()
    }

    /// Everything that is left, in capitals.
    pub(super) fn words(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.word()).map(|word| word.to_ascii_uppercase()).collect()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        while let Some(rest) = self.rest.strip_prefix(b" ") {
            self.rest = rest;
        }
        match self.rest.first()? {
            b'(' if depth < DEEPEST => self.members(depth),
            b'"' => self.quoted(),
            b'{' => self.literal(),
            b'(' | b')' | b'\r' | b'\n' => None,
            _ => self.atom(),
        }
    }

    fn members(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.get(1..)?;
        let mut members = Vec::new();
        loop {
            while let Some(rest) = self.rest.strip_prefix(b" ") {
                self.rest = rest;
            }
            if let Some(rest) = self.rest.strip_prefix(b")") {
                self.rest = rest;
                return Some(Value::List(members));
            }
            members.push(self.value(depth + 1)?);
        }
    }

    fn quoted(&mut self) -> Option<Value> {
        let (mut text, mut at) = (Vec::new(), 1);
        loop {
            match self.rest.get(at)? {
                b'"' => break,
                b'\\' => {
                    text.push(*self.rest.get(at + 1)?);
                    at += 2;
                }
                octet => {
                    text.push(*octet);
                    at += 1;
                }
            }
        }
        self.rest = self.rest.get(at + 1..)?;
        Some(Value::Text(text))
    }

    fn literal(&mut self) -> Option<Value> {
        let line = self.rest.iter().position(|octet| *octet == b'\n')? + 1;
        let start = self.rest.get(line..)?;
        let length = usize::try_from(announced(self.rest.get(..line)?)?).ok()?;
        self.rest = start.get(length..)?;
        Some(Value::Text(start.get(..length)?.to_vec()))
    }

    /// Brackets may hold blanks.
    fn atom(&mut self) -> Option<Value> {
        let mut inside = false;
        let ends = |octet: &u8| {
            match octet {
                b'[' => inside = true,
                b']' => inside = false,
                _ => {}
            }
            matches!(octet, b'\r' | b'\n') || (!inside && matches!(octet, b' ' | b'(' | b')'))
        };
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let word = String::from_utf8_lossy(self.rest.get(..end)?).into_owned();
        self.rest = self.rest.get(end..)?;
        Some(Value::Word(word))
    }
}

/// The length of the literal that a line ends in: `… {5}`; one that no number holds is as long as can be.
pub(super) fn announced(line: &[u8]) -> Option<u64> {
    let line = line.trim_ascii_end().strip_suffix(b"}")?;
    let line = line.strip_suffix(b"+").unwrap_or(line);
    let digits = line.rsplit(|octet| *octet == b'{').next().filter(|digits| digits.len() < line.len())?;
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX))
}
