//! A mail of plain text to an operator. No member gets one.

use super::error::RenderError;
use super::header::{push_mailbox, push_text, refuse_control, refuse_odd_address, refuse_odd_recipient};
use super::mime::{push_base64, push_date, with_crlf};

/// What a plain mail says.
#[derive(Clone, Copy, Debug)]
pub struct PlainMail<'a> {
    /// The sender's address.
    pub from: &'a str,
    /// The recipient's address in header form.
    pub to: &'a str,
    /// One line.
    pub subject: &'a str,
    /// Lines ended by `\n`.
    pub body: &'a str,
    /// Without angle brackets.
    pub message_id: &'a str,
    /// Its date (epoch milliseconds).
    pub dated_at_ms: i64,
}

/// The whole message, lines ended by CRLF, 7-bit. It says that a machine wrote it, so that no machine answers.
///
/// # Errors
/// What cannot stand in a header field.
pub fn plain_mail(mail: &PlainMail<'_>) -> Result<Vec<u8>, RenderError> {
    refuse_control("subject", mail.subject)?;
    refuse_odd_address("from", mail.from)?;
    refuse_odd_recipient("to", mail.to, Some(mail.to))?;
    refuse_odd_address("message_id", mail.message_id)?;
    let mut out = String::new();
    push_date(&mut out, mail.dated_at_ms)?;
    push_mailbox(&mut out, "From", "", mail.from);
    push_mailbox(&mut out, "To", "", mail.to);
    push_text(&mut out, "Subject", mail.subject);
    for piece in ["Message-ID: <", mail.message_id, ">\r\n"] {
        out.push_str(piece);
    }
    out.push_str("MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nContent-Type: text/plain; charset=utf-8\r\n");
    out.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
    let mut out = out.into_bytes();
    push_base64(&mut out, &with_crlf(mail.body));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> PlainMail<'static> {
        PlainMail {
            from: "bounces@example.jp",
            to: "operator@example.jp",
            subject: "owabi: 一時停止",
            body: "止まりました。\n",
            message_id: "1@example.jp",
            dated_at_ms: 1_646_179_200_000,
        }
    }

    #[test]
    fn a_mail_to_an_operator_is_seven_bit_and_says_that_a_machine_wrote_it() {
        let text = String::from_utf8(plain_mail(&mail()).unwrap()).unwrap();
        let expected =
            "Date: Wed, 02 Mar 2022 09:00:00 +0900\r\nFrom: <bounces@example.jp>\r\nTo: <operator@example.jp>\r\n";
        assert!(text.starts_with(expected) && text.is_ascii(), "{text}");
        for line in [
            "Auto-Submitted: auto-generated\r\n",
            "Subject: =?UTF-8?B?",
            "\r\n\r\n5q2i44G+44KK44G+44GX44Gf44CCDQo=\r\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn nothing_in_it_can_end_a_header_field_early() {
        assert!(plain_mail(&PlainMail { subject: "a\r\nBcc: x@example.jp", ..mail() }).is_err());
        assert!(plain_mail(&PlainMail { to: "a@example.jp>\r\nBcc: x", ..mail() }).is_err());
    }
}
