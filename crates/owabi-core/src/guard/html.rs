//! What a reader of the HTML body sees, and what the HTML body would load or lead to.
//!
//! Every letter passes here, so a harmless tag costs no allocation.

use std::borrow::Cow;

/// The visible text and the parts that a guard must judge.
#[derive(Default)]
pub(super) struct Page {
    /// Text as a reader sees it: entities resolved, blocks apart by a line end.
    pub(super) visible: String,
    /// The targets of links.
    pub(super) links: Vec<String>,
    /// Things that have no place in a notice.
    pub(super) forbidden: Vec<String>,
}

const INLINE: [&str; 10] = ["a", "b", "bdi", "code", "em", "i", "small", "span", "strong", "u"];
const HIDDEN: [&str; 3] = ["style", "title", "script"];
const FORBIDDEN: [&str; 22] = [
    "img", "script", "iframe", "frame", "frameset", "object", "embed", "applet", "form", "input", "button", "textarea",
    "select", "link", "base", "video", "audio", "source", "picture", "svg", "math", "template",
];

const LOADING: [&str; 10] =
    ["src", "srcset", "background", "poster", "action", "formaction", "ping", "data", "xlink:href", "srcdoc"];

/// Reads a page once, from front to back.
pub(super) fn read(html: &str) -> Page {
    let mut page = Page { visible: String::with_capacity(html.len() / 2), ..Page::default() };
    let mut rest = html;
    while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
        unescape(&rest[..at], &mut page.visible);
        rest = page.take_tag(&rest[at..]);
    }
    unescape(rest, &mut page.visible);
    page
}

impl Page {
    /// Takes one tag or comment, with the content of an element that is not shown; answers what follows.
    fn take_tag<'a>(&mut self, html: &'a str) -> &'a str {
        if let Some(comment) = html.strip_prefix("<!--") {
            return comment.find("-->").map_or("", |end| &comment[end + 3..]);
        }
        let end = tag_end(html);
        let inner = html[1..end].trim_end_matches('/');
        let after = html.get(end + 1..).unwrap_or("");
        let of_name = |(at, c): (usize, char)| !(c.is_ascii_whitespace() || (c == '/' && at > 0));
        let length = inner.char_indices().take_while(|pair| of_name(*pair)).map(|(_, c)| c.len_utf8()).sum();
        let name = &inner[..length];
        if !is_one_of(name.strip_prefix('/').unwrap_or(name), &INLINE) {
            self.visible.push('\n');
        }
        if !name.starts_with('/') {
            self.judge(name, &inner[length..]);
        }
        if is_one_of(name, &HIDDEN) { self.skip_hidden(name, after) } else { after }
    }

    fn skip_hidden<'a>(&mut self, name: &str, html: &'a str) -> &'a str {
        let closes = |at: &usize| {
            let tag = html.as_bytes().get(at + 2..at + 2 + name.len());
            html.as_bytes()[*at..].starts_with(b"</")
                && tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()))
        };
        let end = memchr::memchr_iter(b'<', html.as_bytes()).find(closes).unwrap_or(html.len());
        if name.eq_ignore_ascii_case("style") {
            self.judge_style(&html[..end]);
        }
        &html[end..]
    }

    fn judge(&mut self, name: &str, attributes: &str) {
        if is_one_of(name, &FORBIDDEN) {
            self.forbidden.push(format!("<{}>", name.to_ascii_lowercase()));
        }
        each_attribute(attributes, |key, value| {
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("href") {
                self.links.push(value.into_owned());
            } else if is("style") {
                self.judge_style(&value);
            } else if is("http-equiv") && !value.eq_ignore_ascii_case("content-type") {
                self.forbidden.push(format!("http-equiv={value}"));
            } else if is_one_of(key, &LOADING) || key.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("on")) {
                self.forbidden.push(format!("{}=", key.to_ascii_lowercase()));
            }
        });
    }

    fn judge_style(&mut self, style: &str) {
        if memchr::memchr3(b'(', b'@', b'\\', style.as_bytes()).is_none() {
            return;
        }
        let lower = style.to_ascii_lowercase();
        for word in ["url(", "image(", "image-set(", "expression(", "@import", "\\"] {
            if lower.contains(word) {
                self.forbidden.push(format!("style={word}"));
            }
        }
    }
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// The index of the `>` that ends the tag at the start, past quoted values; the end of the text if there is none.
fn tag_end(html: &str) -> usize {
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(next) = memchr::memchr3(b'>', b'"', b'\'', &bytes[at..]) {
        at += next;
        if bytes[at] == b'>' {
            return at;
        }
        let Some(length) = memchr::memchr(bytes[at], &bytes[at + 1..]) else { break };
        at += length + 2;
    }
    html.len()
}

fn each_attribute(mut text: &str, mut tell: impl FnMut(&str, Cow<'_, str>)) {
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let length = text.find(|c: char| c == '=' || c == '/' || c.is_ascii_whitespace()).unwrap_or(text.len());
        if length == 0 {
            return;
        }
        let key = &text[..length];
        text = text[length..].trim_start();
        let value = text.strip_prefix('=').map(|rest| attribute_value(rest.trim_start()));
        let (raw, rest) = value.unwrap_or(("", text));
        text = rest;
        tell(key, unescaped(raw));
    }
}

/// The value at the start and what follows it.
fn attribute_value(text: &str) -> (&str, &str) {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = &text[1..];
        return inner.find(quote).map_or((inner, ""), |end| (&inner[..end], &inner[end + 1..]));
    }
    text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()))
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    unescape(text, &mut plain);
    Cow::Owned(plain)
}

fn unescape(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        into.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        let entity = end.and_then(|end| resolve(&rest[1..end]).map(|c| (c, end + 1)));
        let (c, length) = entity.unwrap_or(('&', 1));
        into.push(c);
        rest = &rest[length..];
    }
    into.push_str(rest);
}

fn resolve(entity: &str) -> Option<char> {
    if let Some(number) = entity.strip_prefix('#') {
        let hexadecimal = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
        return char::from_u32(hexadecimal.unwrap_or_else(|| number.parse()).ok()?);
    }
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn visible_text_is_what_a_reader_sees() {
        let page = read(
            "<head><title>T</title><style>p{}</style></head><p>a &amp;lt; <b>b</b></p><!-- c --><td>1</td><td>2 &#x3D;</td>",
        );
        assert_eq!(page.visible.split_whitespace().collect::<Vec<_>>(), ["a", "&lt;", "b", "1", "2", "="]);
        assert!(page.forbidden.is_empty() && page.links.is_empty());
    }

    #[test]
    fn links_are_read_in_every_quoting() {
        let page = read("<a href=\"https://a/?x=1&amp;y\">x</a><A HREF='tel:1'>y</A><a class=z href=http://b/ >z</a>");
        assert_eq!(page.links, ["https://a/?x=1&y", "tel:1", "http://b/"]);
    }

    #[test]
    fn what_loads_or_runs_is_forbidden() {
        for html in [
            "<img alt=''>",
            "<IMG/src=x>",
            "<script>x</script>",
            "<p onclick='x'>",
            "<td background='x'>",
            "<p style='background:URL(x)'>",
            "<style>@import 'x'</style>",
            "<p style='background:u\\72l(x)'>",
            "<STYLE>p{background:URL(x)}</Style>",
            "<meta http-equiv=refresh content=1>",
            "<form>",
            "<link rel=stylesheet>",
        ] {
            assert!(!read(html).forbidden.is_empty(), "{html}");
        }
    }

    #[test]
    fn broken_html_ends() {
        for html in ["<", "<a href=\"x", "<!--", "&", "&#x110000;", "<style>", "<a =x>", "</", "<>", "&amp"] {
            read(html);
        }
    }
}
