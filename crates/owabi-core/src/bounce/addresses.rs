//! Addresses in prose and in fields.

/// Octets of a local part and of an address (RFC 5321 4.5.3.1), with room for servers that count otherwise.
const LONGEST_LOCAL: usize = 128;
const LONGEST: usize = 320;

/// An address and where it stands in its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) address: String,
    /// Where it begins, angle bracket and quotes included.
    pub(super) start: usize,
    /// Where what follows it begins.
    pub(super) end: usize,
}

/// Every address in `line`, in order.
pub(super) fn in_line(line: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut from = 0;
    for (at, _) in line.match_indices('@').take(200) {
        let Some(one) = around(line, from, at) else { continue };
        from = one.end;
        found.push(one);
    }
    found
}

/// The address whose `@` stands at `at`, not reaching back before `from`.
fn around(line: &str, from: usize, at: usize) -> Option<Found> {
    let start = local_start(line.get(from..at)?)? + from;
    let domain = domain(&line[at + 1..])?;
    let end = at + 1 + domain.len();
    let local = &line[start..at];
    if local.contains("//") || local.len() > LONGEST_LOCAL || end - start > LONGEST {
        return None;
    }
    let bracketed = line[..start].ends_with('<') && line[end..].starts_with('>');
    let (start, after) = if bracketed { (start - 1, end + 1) } else { (start, end) };
    let local = &line[if bracketed { start + 1 } else { start }..at];
    let (local, domain) =
        (local.trim_start_matches(['\'', '`', '=', '|', '*', '/']), domain.trim_end_matches(['.', '-']));
    let address = tidy(&format!("{local}@{domain}"));
    (!local.is_empty() && !domain.is_empty()).then_some(Found { address, start, end: after })
}

/// Where the local part begins that ends with `text`.
fn local_start(text: &str) -> Option<usize> {
    if let Some(quoted) = text.strip_suffix('"') {
        return quoted.rfind('"').filter(|at| quoted.len() - at > 1 && quoted.len() - at < LONGEST_LOCAL);
    }
    let start =
        text.rfind(|c: char| !is_local(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    (start < text.len()).then_some(start)
}

fn is_local(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

fn domain(text: &str) -> Option<&str> {
    if text.starts_with('[') {
        return text.find(']').filter(|end| (3..64).contains(end)).map(|end| &text[..=end]);
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    let domain = text[..end].trim_end_matches(['.', '-', '_']);
    (domain.starts_with(|c: char| c.is_ascii_alphanumeric()) && !domain.contains("..")).then_some(domain)
}

/// The address of a field like `rfc822; <a@b.jp> (comment)`, `LOCAL; someone` or `"a..b"@c.jp`.
pub(super) fn in_field(value: &str) -> Option<String> {
    let mut rest = value.trim();
    while let Some((kind, after)) = rest.split_once(';') {
        if kind.contains('@') || !kind.trim().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            break;
        }
        rest = after.trim();
    }
    if let Some(found) = in_line(rest).into_iter().next_back().filter(|_| rest.is_ascii()) {
        return Some(found.address);
    }
    let bare = rest.find('<').map_or(rest, |at| &rest[at + 1..]);
    let bare = bare.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default();
    (!bare.is_empty() && bare.len() <= LONGEST).then(|| tidy(bare))
}

/// Without quotes that the local part needs only in an envelope: a roster has `a..b@docomo.ne.jp`, a server
/// `"a..b"@docomo.ne.jp`.
fn tidy(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return address.to_owned() };
    let inside = local.strip_prefix('"').and_then(|local| local.strip_suffix('"'));
    match inside.filter(|inside| !inside.is_empty() && inside.chars().all(is_local)) {
        Some(inside) => format!("{inside}@{domain}"),
        None => address.to_owned(),
    }
}

/// What two spellings of one recipient have in common.
pub(super) fn key(address: &str) -> String {
    address.trim().to_lowercase()
}

/// xtext (RFC 3461 4) decoded: every `+HH`.
pub(super) fn xtext(value: &str) -> String {
    decoded(value, |_| true)
}

/// An address in xtext decoded. Only the two characters that xtext must write so are: in `a+20@b.jp` the plus is a plus.
pub(super) fn xtext_address(value: &str) -> String {
    decoded(value, |byte| matches!(byte, b'+' | b'='))
}

fn decoded(value: &str, wanted: impl Fn(u8) -> bool) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'+').and_then(|digits| std::str::from_utf8(digits).ok());
        let upper = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)));
        let byte = upper.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|byte| wanted(*byte));
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        in_line(line).into_iter().map(|found| found.address).collect()
    }

    #[test]
    fn addresses_are_found_among_brackets_quotes_and_japanese() {
        assert_eq!(found("宛先user@example.jpは、<b.c@example.com>: x"), ["user@example.jp", "b.c@example.com"]);
        assert_eq!(
            found("\"a..b.\"@docomo.ne.jp, 'x@y.example'. z@[192.0.2.1]"),
            ["a..b.@docomo.ne.jp", "x@y.example", "z@[192.0.2.1]"]
        );
        assert_eq!(found("see http://user@example.com and @ or a@ or @b.c"), Vec::<String>::new());
        assert_eq!(found("\"a b\"@example.jp"), ["\"a b\"@example.jp"]);
    }

    #[test]
    fn the_place_of_an_address_counts_its_brackets() {
        let line = "to <a@b.jp>: no";
        let one = &in_line(line)[0];
        assert_eq!((&line[..one.start], &line[one.end..]), ("to ", ": no"));
    }

    #[test]
    fn fields_name_their_address_in_many_ways() {
        for value in
            ["rfc822; a@b.jp", "RFC822;<a@b.jp>", "rfc822;rfc822;a@b.jp", "<a@b.jp> (A)", "a@b.jp", "\"A\" <a@b.jp>"]
        {
            assert_eq!(in_field(value).as_deref(), Some("a@b.jp"), "{value}");
        }
        assert_eq!(in_field("rfc822; \"a..b\"@c.jp").as_deref(), Some("a..b@c.jp"));
        assert_eq!(in_field("LOCAL; someone").as_deref(), Some("someone"));
        assert_eq!(in_field("utf-8; 太郎@例え.jp").as_deref(), Some("太郎@例え.jp"));
        assert_eq!(in_field("rfc822;"), None);
    }

    #[test]
    fn xtext_is_decoded_and_a_plus_stays_a_plus() {
        assert_eq!(xtext("QQ+2B+3D+20x+zz"), "QQ+= x+zz");
        assert_eq!(xtext_address("a+2Btag@b.jp"), "a+tag@b.jp");
        assert_eq!(xtext_address("a+20@b.jp"), "a+20@b.jp");
    }
}
