//! One mail as it goes over the wire: its envelope commands and its body.

use crate::capabilities::Capabilities;
use bytes::Bytes;
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter, RcptParameter};
use memchr::memchr;
use owabi_core::outcome::Phase;
use owabi_core::reply::Reply;
use std::io::Write as _;

/// One mail to hand to the relay.
#[derive(Clone)]
pub struct Parcel {
    /// The caller's number for this mail; unique among the unfinished mails of a connection.
    pub id: u64,
    /// Envelope sender without angle brackets; empty for the null sender.
    pub mail_from: String,
    /// Envelope recipient without angle brackets, quoted where RFC 5321 demands it.
    pub rcpt_to: String,
    /// The attempt's ENVID (RFC 3461), plain; empty for none.
    pub envid: String,
    /// The recipient's address as the association wrote it, for ORCPT.
    pub orcpt: Option<String>,
    /// Whether a notification of success is asked for (RFC 3461 NOTIFY=SUCCESS), as well as those of failure and delay.
    pub notify_success: bool,
    /// Whether the envelope needs SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// The whole message, lines ended by CRLF, not dot-stuffed.
    pub body: Bytes,
}

impl std::fmt::Debug for Parcel {
    /// Shows no address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parcel").field("id", &self.id).field("octets", &self.body.len()).finish_non_exhaustive()
    }
}

/// Why a mail cannot even be offered to this relay, as the negative reply that the relay would have given.
///
/// The text says that the words are ours.
pub(crate) fn unspeakable(parcel: &Parcel, offers: &Capabilities) -> Option<(Phase, Reply)> {
    if parcel.smtputf8 && !offers.smtputf8 {
        return Some((
            Phase::Mail,
            Reply::new(550, "5.6.7 needs SMTPUTF8, which the relay does not offer (said by owabi)"),
        ));
    }
    let unfit = |address: &str| {
        address.chars().any(|c| c.is_control() || matches!(c, '<' | '>') || !(c.is_ascii() || parcel.smtputf8))
    };
    if unfit(&parcel.mail_from) {
        return Some((Phase::Mail, Reply::new(553, "5.1.7 the sender cannot be said in SMTP (said by owabi)")));
    }
    if unfit(&parcel.rcpt_to) {
        return Some((Phase::Rcpt, Reply::new(553, "5.1.3 the recipient cannot be said in SMTP (said by owabi)")));
    }
    None
}

/// Appends the MAIL command.
pub(crate) fn write_mail(out: &mut Vec<u8>, parcel: &Parcel, offers: &Capabilities) {
    let mut line = format!("MAIL FROM:<{}>", parcel.mail_from);
    let mut add = |parameter: MailParameter| {
        line.push(' ');
        line.push_str(&parameter.to_string());
    };
    if offers.size.is_some() {
        add(MailParameter::Size(parcel.body.len()));
    }
    if parcel.smtputf8 {
        // The To field then holds octets above 127 (RFC 6532).
        add(MailParameter::Body(MailBodyParameter::EightBitMime));
        add(MailParameter::SmtpUtfEight);
    }
    if offers.dsn {
        add(MailParameter::Other { keyword: "RET".to_owned(), value: Some("HDRS".to_owned()) });
        if is_dsn_value(&parcel.envid) {
            add(MailParameter::Other { keyword: "ENVID".to_owned(), value: Some(parcel.envid.clone()) });
        }
    }
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the RCPT command.
pub(crate) fn write_rcpt(out: &mut Vec<u8>, parcel: &Parcel, offers: &Capabilities) {
    let mut line = format!("RCPT TO:<{}>", parcel.rcpt_to);
    let mut add = |keyword: &str, value: String| {
        line.push(' ');
        line.push_str(&RcptParameter::Other { keyword: keyword.to_owned(), value: Some(value) }.to_string());
    };
    if offers.dsn {
        add("NOTIFY", if parcel.notify_success { "SUCCESS,FAILURE,DELAY" } else { "FAILURE,DELAY" }.to_owned());
        if let Some(original) = parcel.orcpt.as_deref().filter(|address| is_dsn_value(address)) {
            add("ORCPT", format!("rfc822;{original}"));
        }
    }
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends `BDAT n LAST` and the body as it is (RFC 3030).
pub(crate) fn write_chunk(out: &mut Vec<u8>, body: &[u8]) {
    // Writing to memory cannot fail.
    let _ = write!(out, "BDAT {} LAST\r\n", body.len());
    out.extend_from_slice(body);
}

/// Appends the body with its dots stuffed (RFC 5321 section 4.5.2), a line end if it lacks one, and the final dot.
pub(crate) fn write_dotted(out: &mut Vec<u8>, body: &[u8]) {
    out.reserve(body.len() + body.len() / 64 + 8);
    let mut rest = body;
    while !rest.is_empty() {
        if rest[0] == b'.' {
            out.push(b'.');
        }
        let stop = next_dotted_line(rest);
        out.extend_from_slice(&rest[..stop]);
        rest = &rest[stop..];
    }
    if !body.is_empty() && !body.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
}

/// Where the next line that begins with a dot starts, or the end.
fn next_dotted_line(text: &[u8]) -> usize {
    let mut from = 1;
    while let Some(dot) = text.get(from..).and_then(|rest| memchr(b'.', rest)) {
        let at = from + dot;
        if text[at - 1] == b'\n' {
            return at;
        }
        from = at + 1;
    }
    text.len()
}

/// Printable ASCII of a length that ENVID and ORCPT may have; anything else is left out of the command.
fn is_dsn_value(text: &str) -> bool {
    (1..=500).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::SizeLimit;

    fn parcel() -> Parcel {
        Parcel {
            id: 1,
            mail_from: "bounces+t0k@owabi.test".to_owned(),
            rcpt_to: "\"a..b\"@docomo.test".to_owned(),
            envid: "a=1+2".to_owned(),
            orcpt: Some("a..b+x@docomo.test".to_owned()),
            notify_success: false,
            smtputf8: false,
            body: Bytes::from_static(b"A: b\r\n\r\nc\r\n"),
        }
    }

    #[test]
    fn envelope_commands_say_what_the_relay_understands_and_no_more() {
        let all = Capabilities { dsn: true, size: Some(SizeLimit::Unnamed), ..Capabilities::default() };
        let said = |offers: &Capabilities, notify_success| {
            let (mut out, parcel) = (Vec::new(), Parcel { notify_success, ..parcel() });
            write_mail(&mut out, &parcel, offers);
            write_rcpt(&mut out, &parcel, offers);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            said(&all, true),
            "MAIL FROM:<bounces+t0k@owabi.test> SIZE=11 RET=HDRS ENVID=a+3D1+2B2\r\n\
             RCPT TO:<\"a..b\"@docomo.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a..b+2Bx@docomo.test\r\n"
        );
        assert_eq!(
            said(&Capabilities::default(), true),
            "MAIL FROM:<bounces+t0k@owabi.test>\r\nRCPT TO:<\"a..b\"@docomo.test>\r\n"
        );
        assert!(said(&all, false).contains(" NOTIFY=FAILURE,DELAY "));
    }

    #[test]
    fn every_line_that_begins_with_a_dot_is_stuffed() {
        for (body, wire) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a.b\r\n.c\r\n..d\r\n", "a.b\r\n..c\r\n...d\r\n.\r\n"),
            ("a\r\n.\r\nQUIT", "a\r\n..\r\nQUIT\r\n.\r\n"),
            ("a\n.\nb", "a\n..\nb\r\n.\r\n"),
        ] {
            let mut out = Vec::new();
            write_dotted(&mut out, body.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), wire, "{body:?}");
        }
    }

    #[test]
    fn an_address_cannot_smuggle_a_command() {
        for bad in ["a@b\r\nDATA", "a@b> X=<c", "a\0@b", "鈴木@b.test"] {
            let spoiled = Parcel { rcpt_to: bad.to_owned(), ..parcel() };
            assert_eq!(unspeakable(&spoiled, &Capabilities::default()).unwrap().0, Phase::Rcpt, "{bad:?}");
        }
        assert_eq!(unspeakable(&parcel(), &Capabilities::default()), None);
    }

    #[test]
    fn a_parcel_prints_no_address() {
        assert_eq!(format!("{:?}", parcel()), "Parcel { id: 1, octets: 11, .. }");
    }
}
