//! Header fields: ASCII only, folded at 76 columns, names and subjects as encoded words (RFC 2047).

use super::error::RenderError;
use crate::address::Address;
use base64::{Engine, engine::general_purpose::STANDARD};

const LINE: usize = 76;
const ENCODED_WORD: usize = 75;
const WORD_FRAME: usize = "=?UTF-8?B??=".len();

/// Refuses what could end a header field early: every control character, and the line separators of Unicode.
pub(super) fn refuse_control(field: &'static str, text: &str) -> Result<(), RenderError> {
    let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if text.contains(ends_line) { Err(RenderError::HeaderInjection { field }) } else { Ok(()) }
}

/// An address in header form: printable ASCII without angle brackets, spaces only inside quotes.
pub(super) fn refuse_odd_address(field: &'static str, address: &str) -> Result<(), RenderError> {
    refuse_odd_recipient(field, address, None)
}

/// As [`refuse_odd_address`], but the local part may be of any script when it is the member's `own` address (RFC 6532).
///
/// Such a mail needs SMTPUTF8, which the dispatcher asks for by the member's address; no other mail may be 8-bit.
pub(super) fn refuse_odd_recipient(field: &'static str, address: &str, own: Option<&str>) -> Result<(), RenderError> {
    refuse_control(field, address)?;
    let is_own = || own.and_then(|own| Address::from_stored(own).ok()).is_some_and(|own| own.envelope() == address);
    let printable = !address.contains(['<', '>']) && (address.is_ascii() || is_own());
    let spaced = address.contains([' ', ',', ';']) && !address.starts_with('"');
    let whole = address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if printable && whole && !spaced { Ok(()) } else { Err(RenderError::HeaderForm { field }) }
}

/// Writes `Name: text` for free text, such as a subject.
pub(super) fn push_text(out: &mut String, name: &str, text: &str) {
    out.push_str(name);
    out.push_str(": ");
    if is_plain(text, name.len() + 2, b" .,:()'/?!&+-") {
        out.push_str(text);
    } else {
        push_encoded(out, name.len() + 2, text);
    }
    out.push_str("\r\n");
}

/// Writes `Name: display name <address>`; the address alone when the name is empty.
pub(super) fn push_mailbox(out: &mut String, name: &str, display: &str, address: &str) {
    out.push_str(name);
    out.push_str(": ");
    let column = if display.is_empty() {
        name.len() + 2
    } else if is_plain(display, name.len() + 2, b" '-") {
        out.push_str(display);
        name.len() + 2 + display.len()
    } else {
        push_encoded(out, name.len() + 2, display)
    };
    if !display.is_empty() {
        let fits = column + address.len() + 3 <= LINE;
        out.push_str(if fits { " " } else { "\r\n " });
    }
    out.push('<');
    out.push_str(address);
    out.push_str(">\r\n");
}

/// Whether a text may stand as it is: short, ASCII, single inner spaces, nothing that a reader could take for syntax.
fn is_plain(text: &str, column: usize, also: &[u8]) -> bool {
    let usual = |b: u8| b.is_ascii_alphanumeric() || also.contains(&b);
    !text.is_empty()
        && column + text.len() <= LINE
        && text.bytes().all(usual)
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
        && !text.contains("=?")
}

/// Writes encoded words split between characters, one a line; answers the column after the last.
fn push_encoded(out: &mut String, column: usize, text: &str) -> usize {
    let mut column = column;
    let mut rest = text;
    loop {
        let word = ENCODED_WORD.min(LINE.saturating_sub(column));
        let bytes = word.saturating_sub(WORD_FRAME) / 4 * 3;
        let (now, later) = rest.split_at(rest.floor_char_boundary(bytes.max(4)));
        out.push_str("=?UTF-8?B?");
        let before = out.len();
        STANDARD.encode_string(now, out);
        out.push_str("?=");
        column += out.len() - before + "=?UTF-8?B?".len();
        rest = later;
        if rest.is_empty() {
            return column;
        }
        out.push_str("\r\n ");
        column = 1;
    }
}
