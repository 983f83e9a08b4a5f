//! What an IMAP server says, as far as it matters to us; the rest is [`Response::Other`], never an error.

use super::value::{Value, Values};

/// One response.
#[derive(Debug, PartialEq)]
pub(super) enum Response {
    /// `+`: go on.
    Continue,
    /// The end of the command with this tag.
    Done(String, Said),
    /// A word of its own: greeting, note, goodbye.
    Note(Said),
    Capability(Vec<String>),
    /// So many mails are in the folder.
    Exists(u32),
    /// The mail of this number is gone, and those behind it moved up.
    Expunge(u32),
    Fetch(Fetched),
    List(Listed),
    /// Where one's own folders live: what their names begin with.
    Namespace(String),
    Other,
}

/// OK, NO, BAD, BYE or PREAUTH. Its text is not kept: it may hold a user's name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) status: Status,
    /// What stood in brackets, as in `UIDVALIDITY 7`; empty when nothing did.
    pub(super) code: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// What is known of a mail.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fetched {
    pub(super) number: u32,
    pub(super) uid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) flags: Option<Vec<String>>,
    pub(super) body: Option<Vec<u8>>,
}

/// A folder.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub(super) attributes: Vec<String>,
    pub(super) delimiter: Option<String>,
    /// As the server writes it: in modified UTF-7.
    pub(super) name: String,
}

impl Said {
    /// The argument of this code, as 7 in `UIDVALIDITY 7`.
    pub(super) fn argument(&self, code: &str) -> Option<&str> {
        let (name, argument) = self.code.split_once(' ')?;
        name.eq_ignore_ascii_case(code).then_some(argument)
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        self.code.split(' ').next().is_some_and(|name| name.eq_ignore_ascii_case(code))
    }
}

impl Response {
    /// Reads one whole response, literals included.
    pub(super) fn parse(raw: &[u8]) -> Self {
        if raw.starts_with(b"+") {
            return Self::Continue;
        }
        let Some((tag, rest)) = word(raw) else { return Self::Other };
        match (tag.as_str(), said(rest)) {
            ("*", Some(said)) => Self::Note(said),
            ("*", None) => data(rest).unwrap_or(Self::Other),
            (_, Some(said)) => Self::Done(tag, said),
            (_, None) => Self::Other,
        }
    }

    /// Whether this line may announce a literal: free text may end in what only looks like one.
    pub(super) fn may_hold_literals(line: &[u8]) -> bool {
        line.strip_prefix(b"* ").is_some_and(|rest| said(rest).is_none())
    }
}

fn said(rest: &[u8]) -> Option<Said> {
    let (status, text) = word(rest)?;
    let status = match status.to_ascii_uppercase().as_str() {
        "OK" => Status::Ok,
        "NO" => Status::No,
        "BAD" => Status::Bad,
        "BYE" => Status::Bye,
        "PREAUTH" => Status::PreAuth,
        _ => return None,
    };
    let text = String::from_utf8_lossy(text);
    let code = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    Some(Said { status, code: code.map_or_else(String::new, |(code, _)| code.to_owned()) })
}

/// The first word of a line, and what follows its blank.
fn word(line: &[u8]) -> Option<(String, &[u8])> {
    let line = line.trim_ascii_end();
    let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
    let word = String::from_utf8(line.get(..end)?.to_vec()).ok()?;
    (!word.is_empty()).then(|| (word, line.get(end + 1..).unwrap_or_default()))
}

fn data(rest: &[u8]) -> Option<Response> {
    let mut values = Values::new(rest);
    let first = values.word()?;
    if let Ok(number) = first.parse::<u32>() {
        return match values.word()?.to_ascii_uppercase().as_str() {
            "EXISTS" => Some(Response::Exists(number)),
            "EXPUNGE" => Some(Response::Expunge(number)),
            "FETCH" => fetched(number, values.list()?).map(Response::Fetch),
            _ => None,
        };
    }
    match first.to_ascii_uppercase().as_str() {
        "CAPABILITY" => Some(Response::Capability(values.words())),
        "LIST" => Some(Response::List(Listed {
            attributes: values.list()?.into_iter().filter_map(Value::word).collect(),
            delimiter: values.next_value()?.text(),
            name: values.next_value()?.text()?,
        })),
        "NAMESPACE" => {
            let personal =
                values.list().and_then(|spaces| spaces.into_iter().next()?.list()?.into_iter().next()?.text());
            Some(Response::Namespace(personal.unwrap_or_default()))
        }
        _ => None,
    }
}

fn fetched(number: u32, items: Vec<Value>) -> Option<Fetched> {
    let mut found = Fetched { number, ..Fetched::default() };
    let mut items = items.into_iter();
    while let Some(item) = items.next() {
        let (name, value) = (item.word()?.to_ascii_uppercase(), items.next()?);
        match name.as_str() {
            "UID" => found.uid = value.word()?.parse().ok(),
            "RFC822.SIZE" => found.size = value.word()?.parse().ok(),
            "FLAGS" => found.flags = Some(value.list()?.into_iter().filter_map(Value::word).collect()),
            name if name.starts_with("BODY[]") => found.body = value.octets(),
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(status: Status, code: &str) -> Response {
        Response::Note(Said { status, code: code.to_owned() })
    }

    #[test]
    fn words_of_the_server_are_told_from_its_data() {
        let done = Said { status: Status::No, code: "AUTHENTICATIONFAILED".to_owned() };
        let cases: [(&[u8], Response); 12] = [
            (b"+ idling\r\n", Response::Continue),
            (b"+\r\n", Response::Continue),
            (b"* OK ready {12}\r\n", note(Status::Ok, "")),
            (b"* ok [UIDVALIDITY 7] fine\r\n", note(Status::Ok, "UIDVALIDITY 7")),
            (b"* BYE\r\n", note(Status::Bye, "")),
            (b"* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n", note(Status::PreAuth, "CAPABILITY IMAP4rev1")),
            (b"A7 NO [AUTHENTICATIONFAILED] taro@example.jp\r\n", Response::Done("A7".to_owned(), done)),
            (b"* 23 EXISTS\r\n", Response::Exists(23)),
            (b"* 4 EXPUNGE\r\n", Response::Expunge(4)),
            (b"* CAPABILITY IMAP4rev1 MOVE\r\n", Response::Capability(vec!["IMAP4REV1".into(), "MOVE".into()])),
            (b"* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\n", Response::Namespace("INBOX.".to_owned())),
            (b"* NAMESPACE NIL NIL NIL\r\n", Response::Namespace(String::new())),
        ];
        for (raw, expected) in cases {
            assert_eq!(Response::parse(raw), expected, "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn a_folder_is_read_with_its_delimiter_however_it_is_written() {
        let list = |raw: &[u8]| match Response::parse(raw) {
            Response::List(listed) => (listed.attributes.len(), listed.delimiter, listed.name),
            other => panic!("{other:?}"),
        };
        assert_eq!(list(b"* LIST (\\Noselect) \"/\" \"\"\r\n"), (1, Some("/".to_owned()), String::new()));
        assert_eq!(list(b"* LIST () \"\\\\\" a\r\n"), (0, Some("\\".to_owned()), "a".to_owned()));
        assert_eq!(list(b"* LIST () NIL {3}\r\na b\r\n"), (0, None, "a b".to_owned()));
    }

    #[test]
    fn a_mail_is_read_whatever_its_octets_and_whatever_else_is_said_of_it() {
        let raw = b"* 2 FETCH (UID 9 FLAGS (\\Seen $owabi) MODSEQ (12) RFC822.SIZE 5 BODY[]<0> {5}\r\na)\0\r\n)\r\n";
        let Response::Fetch(mail) = Response::parse(raw) else { panic!("not a mail") };
        assert_eq!((mail.number, mail.uid, mail.size), (2, Some(9), Some(5)));
        assert_eq!(mail.flags.unwrap(), ["\\Seen", "$owabi"]);
        assert_eq!(mail.body.unwrap(), b"a)\0\r\n");
        let Response::Fetch(quoted) = Response::parse(b"* 1 FETCH (BODY[]<0> \"a\\\"b\" UID 3)\r\n") else { panic!() };
        assert_eq!((quoted.uid, quoted.body.unwrap()), (Some(3), b"a\"b".to_vec()));
        let Response::Fetch(gone) = Response::parse(b"* 1 FETCH (UID 3 BODY[] NIL)\r\n") else { panic!() };
        assert_eq!(gone.body, None);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let deep = [b"* 1 FETCH ".to_vec(), vec![b'('; 100_000]].concat();
        let cases: [&[u8]; 9] = [
            b"\r\n",
            b"* \r\n",
            b"*\r\n",
            b"\xff\xfe\r\n",
            b"* 99999999999 EXISTS\r\n",
            b"* 1 FETCH (UID\r\n",
            b"* 1 FETCH (BODY[] {99}\r\nshort)\r\n",
            b"* LIST\r\n",
            &deep,
        ];
        for raw in cases {
            assert_eq!(Response::parse(raw), Response::Other, "{}", String::from_utf8_lossy(&raw[..raw.len().min(60)]));
        }
    }

    proptest! {
        #[test]
        fn a_mail_comes_out_as_it_went_in_and_no_octets_break_the_reader(body: Vec<u8>, noise: Vec<u8>) {
            let mut raw = format!("* 7 FETCH (UID 3 BODY[]<0> {{{}}}\r\n", body.len()).into_bytes();
            raw.extend(&body);
            raw.extend(b" FLAGS (\\Seen))\r\n");
            let mail = Fetched { number: 7, uid: Some(3), size: None, flags: Some(vec!["\\Seen".to_owned()]), body: Some(body) };
            prop_assert_eq!(Response::parse(&raw), Response::Fetch(mail));
            for start in [&b""[..], b"* ", b"* 1 FETCH (", b"* LIST ", b"o1 ", b"* NAMESPACE "] {
                Response::parse(&[start, &noise, b"\r\n"].concat());
            }
        }
    }

    #[test]
    fn only_data_may_hold_literals() {
        assert!(Response::may_hold_literals(b"* 1 FETCH (BODY[] {5}\r\n"));
        for line in [&b"* OK see {5}\r\n"[..], b"A1 NO {5}\r\n", b"+ {5}\r\n"] {
            assert!(!Response::may_hold_literals(line));
        }
    }
}
