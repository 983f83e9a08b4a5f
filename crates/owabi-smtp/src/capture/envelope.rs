//! The envelope of one mail, as the client gave it.

/// One ESMTP parameter of MAIL or RCPT, such as `NOTIFY=FAILURE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The keyword in upper case.
    pub key: String,
    /// What stood after `=`, exactly.
    pub value: Option<String>,
}

/// One accepted recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The address between the angle brackets, exactly.
    pub address: String,
    /// NOTIFY, ORCPT and the like.
    pub params: Vec<Param>,
}

/// Sender, recipients and parameters of one mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The address between the angle brackets of MAIL; empty for `<>`.
    pub mail_from: String,
    /// SIZE, BODY, RET, ENVID and the like.
    pub params: Vec<Param>,
    /// The recipients that were accepted. While a RCPT is judged, its recipient is the last one.
    pub recipients: Vec<Recipient>,
}

impl Envelope {
    /// The value of one parameter of MAIL; the key is in upper case.
    pub fn param(&self, key: &str) -> Option<&str> {
        find(&self.params, key)
    }

    /// The DSN envelope id, still in xtext.
    pub fn envid(&self) -> Option<&str> {
        self.param("ENVID")
    }

    /// The addresses of all recipients.
    pub fn rcpt_to(&self) -> Vec<&str> {
        self.recipients.iter().map(|recipient| recipient.address.as_str()).collect()
    }
}

impl Recipient {
    /// The value of one parameter of RCPT; the key is in upper case.
    pub fn param(&self, key: &str) -> Option<&str> {
        find(&self.params, key)
    }

    /// What stands after the last `@`; empty without one.
    pub fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

fn find<'a>(params: &'a [Param], key: &str) -> Option<&'a str> {
    params.iter().find(|param| param.key == key)?.value.as_deref()
}

/// Reads `<address> KEY=value KEY`. `None` when it is not well-formed.
pub(super) fn parse_path(text: &str) -> Option<(String, Vec<Param>)> {
    let inner = text.trim_start_matches(' ').strip_prefix('<')?;
    let end = closing_bracket(inner)?;
    let (address, rest) = (inner.get(..end)?, inner.get(end + 1..)?);
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    Some((address.to_owned(), rest.split_ascii_whitespace().map(parse_param).collect()))
}

fn parse_param(text: &str) -> Param {
    match text.split_once('=') {
        Some((key, value)) => Param { key: key.to_ascii_uppercase(), value: Some(value.to_owned()) },
        None => Param { key: text.to_ascii_uppercase(), value: None },
    }
}

/// The first `>` that is not inside a quoted local part.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The reverse of [`parse_path`].
pub(super) fn write_path(address: &str, params: &[Param]) -> String {
    let mut text = format!("<{address}>");
    for param in params {
        text.push(' ');
        text.push_str(&param.key);
        if let Some(value) = &param.value {
            text.push('=');
            text.push_str(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_local_part_may_hold_a_bracket_and_a_space() {
        let (address, params) = parse_path(r#"<"a> ..b"@docomo.ne.jp> notify=NEVER"#).unwrap();
        assert_eq!(address, r#""a> ..b"@docomo.ne.jp"#);
        assert_eq!(params, [Param { key: "NOTIFY".into(), value: Some("NEVER".into()) }]);
    }

    #[test]
    fn a_path_without_brackets_or_with_text_glued_to_it_is_refused() {
        for bad in ["a@example.jp", "<a@example.jp", "<a@example.jp>X=1", ""] {
            assert_eq!(parse_path(bad), None, "{bad}");
        }
    }
}
