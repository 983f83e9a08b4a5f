//! Header fields, of mails, of MIME parts and of delivery-status groups.

use mail_parser::{DateTime, MessageParser};

/// More fields than this no real mail has.
const MOST_FIELDS: usize = 1_000;
/// Octets of one field that are kept.
const LONGEST: usize = 16_384;

/// Fields in their order, names in lower case, values unfolded but not decoded.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of `block`; lines that belong to none are passed over.
    pub(super) fn of(block: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut open = false;
        for line in block.lines() {
            // A value that ends with a semicolon goes on, even where the fold has lost its white space.
            let waits = open && fields.last().is_some_and(|(_, value)| value.ends_with(';')) && named(line).is_none();
            if line.starts_with([' ', '\t']) || waits {
                if let Some((_, value)) = fields.last_mut().filter(|(_, value)| open && value.len() < LONGEST) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            let field = named(line).filter(|_| fields.len() < MOST_FIELDS);
            open = field.is_some();
            fields.extend(field.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())));
        }
        Self(fields)
    }

    /// The first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Every field of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first field of this name with its encoded words (RFC 2047) decoded.
    pub(super) fn shown(&self, name: &str) -> String {
        self.first(name).map(words_decoded).unwrap_or_default()
    }

    /// The field `Date` as epoch milliseconds.
    pub(super) fn dated_at(&self) -> Option<i64> {
        let date = DateTime::parse_rfc822(self.first("date")?)?;
        date.is_valid().then(|| date.to_timestamp().saturating_mul(1_000))
    }
}

/// `Name: value`, the name of the characters that RFC 5322 lets field names have.
pub(super) fn named(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_end();
    let fits = !name.is_empty() && name.len() <= 76 && name.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some((name, value))
}

/// `value` with its encoded words decoded.
pub(super) fn words_decoded(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    let field = format!("Subject: {value}\n\n");
    let parsed = MessageParser::new().parse_headers(field.as_bytes());
    parsed.as_ref().and_then(|mail| mail.subject()).unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_fields_are_one_and_names_do_not_care_about_case() {
        let fields = Fields::of("Subject: a\n b\nno field\n not folded\nX-A: 1\nx-a: 2");
        assert_eq!(fields.first("subject"), Some("a b"));
        assert_eq!(fields.all("x-a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn encoded_words_are_decoded_for_show() {
        assert_eq!(Fields::of("Subject: =?iso-2022-jp?B?GyRCRl5LXBsoQg==?= x").shown("subject"), "曇本 x");
        assert_eq!(Fields::of("Subject: =?broken").shown("subject"), "=?broken");
    }

    #[test]
    fn a_date_is_read_with_its_zone() {
        let dated = |value: &str| Fields::of(&format!("Date: {value}")).dated_at();
        assert_eq!(dated("Thu, 29 Apr 2010 23:45:10 +0900 (JST)"), Some(1_272_552_310_000));
        assert_eq!(dated("yesterday"), None);
    }
}
