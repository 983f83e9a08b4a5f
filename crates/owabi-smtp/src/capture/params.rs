//! Which parameters of MAIL and RCPT a strict relay refuses.

use super::envelope::Param;
use super::options::Extensions;
use super::session::Refusal;

const UNSUPPORTED: Refusal = (555, "5.5.4 Unsupported option");

/// What is wrong with MAIL; `offered` is `None` after HELO.
pub(super) fn mail_refusal(sender: &str, params: &[Param], offered: Option<&Extensions>) -> Option<Refusal> {
    let utf8 = params.iter().any(|param| param.key == "SMTPUTF8");
    if !utf8 && !sender.is_ascii() {
        return Some((553, "5.6.7 Must declare SMTPUTF8 to send unicode address"));
    }
    params.iter().find_map(|param| mail_param_refusal(param, offered))
}

fn mail_param_refusal(param: &Param, offered: Option<&Extensions>) -> Option<Refusal> {
    let Some(offered) = offered else { return Some(UNSUPPORTED) };
    let value = param.value.as_deref().unwrap_or_default();
    match param.key.as_str() {
        "SIZE" => offered.size.map_or(Some(UNSUPPORTED), |limit| size_refusal(value, limit)),
        "BODY" if offered.eight_bit_mime => unless(
            ["7BIT", "8BITMIME"].iter().any(|body| value.eq_ignore_ascii_case(body)),
            (501, "5.5.4 Bad BODY parameter"),
        ),
        "SMTPUTF8" if offered.smtputf8 => unless(param.value.is_none(), (501, "5.5.4 Bad SMTPUTF8 parameter")),
        "RET" if offered.dsn => {
            unless(["FULL", "HDRS"].iter().any(|ret| value.eq_ignore_ascii_case(ret)), (501, "5.5.4 Bad RET parameter"))
        }
        "ENVID" if offered.dsn => unless(
            !value.is_empty() && value.len() <= 100 && is_xtext(value),
            (501, "5.5.4 Bad ENVID parameter syntax"),
        ),
        _ => Some(UNSUPPORTED),
    }
}

fn size_refusal(value: &str, limit: usize) -> Option<Refusal> {
    match value.parse::<usize>() {
        Ok(size) if limit > 0 && size > limit => Some((552, "5.3.4 Message size exceeds fixed limit")),
        Ok(_) => None,
        Err(_) => Some((501, "5.5.4 Bad message size syntax")),
    }
}

/// What is wrong with RCPT; `offered` is `None` after HELO.
pub(super) fn rcpt_refusal(
    address: &str,
    utf8: bool,
    params: &[Param],
    offered: Option<&Extensions>,
) -> Option<Refusal> {
    if !utf8 && !address.is_ascii() {
        return Some((553, "5.6.7 Must declare SMTPUTF8 to send unicode address"));
    }
    params.iter().find_map(|param| rcpt_param_refusal(param, offered))
}

fn rcpt_param_refusal(param: &Param, offered: Option<&Extensions>) -> Option<Refusal> {
    let value = param.value.as_deref().unwrap_or_default();
    if !offered.is_some_and(|offered| offered.dsn) {
        return Some(UNSUPPORTED);
    }
    match param.key.as_str() {
        "NOTIFY" => unless(is_notify(value), (501, "5.5.4 Error: Bad NOTIFY parameter syntax")),
        "ORCPT" => unless(is_orcpt(value), (501, "5.5.4 Bad ORCPT parameter syntax")),
        _ => Some(UNSUPPORTED),
    }
}

fn unless(fine: bool, refusal: Refusal) -> Option<Refusal> {
    (!fine).then_some(refusal)
}

fn is_notify(value: &str) -> bool {
    value.eq_ignore_ascii_case("NEVER")
        || value
            .split(',')
            .all(|word| ["SUCCESS", "FAILURE", "DELAY"].iter().any(|known| word.eq_ignore_ascii_case(known)))
}

fn is_orcpt(value: &str) -> bool {
    let parts = value.split_once(';');
    parts.is_some_and(|(kind, address)| !kind.is_empty() && !address.is_empty() && is_xtext(address))
}

/// RFC 3461 section 4.
fn is_xtext(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(b));
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'+' => is_hex(bytes.get(at + 1)) && is_hex(bytes.get(at + 2)),
        b'=' => false,
        _ => byte.is_ascii_graphic(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_escapes_plus_and_equals() {
        assert!(is_xtext("QQ314159+2B"));
        for bad in ["a+b", "a=b", "a b", "+2b", "+2"] {
            assert!(!is_xtext(bad), "{bad}");
        }
    }

    #[test]
    fn notify_takes_never_alone() {
        assert!(is_notify("NEVER") && is_notify("success,FAILURE"));
        assert!(!is_notify("NEVER,FAILURE") && !is_notify(""));
    }
}
