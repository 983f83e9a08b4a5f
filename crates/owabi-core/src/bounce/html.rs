//! The text of an HTML page, line by line: enough to find addresses and phrases, nothing to look at.

/// Elements after which a line ends.
const BLOCKS: [&str; 14] =
    ["br", "p", "div", "tr", "td", "th", "li", "table", "title", "h1", "h2", "h3", "pre", "blockquote"];
/// Elements whose content is no text.
const HIDDEN: [&str; 4] = ["style", "script", "head", "template"];
const ENTITIES: [(&str, &str); 7] =
    [("lt", "<"), ("gt", ">"), ("amp", "&"), ("quot", "\""), ("nbsp", " "), ("apos", "'"), ("commat", "@")];

/// Some servers call plain text HTML.
pub(super) fn is_page(text: &str) -> bool {
    let marks = ["<html", "<body", "<br", "<p>", "<p ", "<div", "<td", "<pre", "<span", "</"];
    let lower = super::lines::cut(text, 20_000).to_ascii_lowercase();
    marks.iter().any(|mark| lower.contains(mark))
}

/// The text of `page`; line ends of its source mean spaces.
pub(super) fn text_of(page: &str) -> String {
    let mut out = String::with_capacity(page.len() / 2);
    let mut rest = page;
    // A name that is never closed is not looked for again: the time stays linear.
    let mut unclosed: Vec<String> = Vec::new();
    while let Some(at) = rest.find('<') {
        push(&mut out, &rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else { return out };
        let name = element(&rest[1..end]);
        rest = &rest[end + 1..];
        if HIDDEN.contains(&name.as_str()) && !unclosed.contains(&name) {
            match at_closing(rest, &name) {
                Some(closing) => rest = closing,
                None => unclosed.push(name),
            }
        } else if BLOCKS.contains(&name.trim_start_matches('/')) {
            out.push('\n');
        }
    }
    push(&mut out, rest);
    out
}

/// From `</name` on; `None` when the element is never closed: a forgotten end hides nothing.
fn at_closing<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    let closing = format!("</{name}");
    let found = rest
        .match_indices("</")
        .find(|(at, _)| rest.get(*at..*at + closing.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(&closing)));
    found.map(|(at, _)| &rest[at..])
}

fn element(tag: &str) -> String {
    let name = tag.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
    super::lines::cut(name.trim_end_matches('/'), 20).to_ascii_lowercase()
}

/// Appends text: line ends of the source mean spaces, entities are resolved.
fn push(out: &mut String, text: &str) {
    let mut pieces = text.split('&');
    spaced(out, pieces.next().unwrap_or_default());
    for piece in pieces {
        let entity = piece.split_once(';').filter(|(name, _)| name.len() <= 8);
        let resolved = entity.and_then(|(name, rest)| Some((character(name)?, rest)));
        let (character, rest) = resolved.unwrap_or_else(|| ("&".to_owned(), piece));
        out.push_str(&character);
        spaced(out, rest);
    }
}

fn spaced(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
}

fn character(entity: &str) -> Option<String> {
    let Some(number) = entity.strip_prefix('#') else {
        return ENTITIES.iter().find(|(name, _)| *name == entity).map(|(_, text)| (*text).to_owned());
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?).filter(|c| !c.is_control()).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_entities_and_line_ends_of_blocks_are_kept_and_the_rest_is_not() {
        let page =
            "<html><head><style>p { a@b.c }</style></head><p>Not\ndelivered to &lt;a@b.c&gt;<br/>x&#64;y.z<!-- > -->";
        let text = text_of(page);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, ["Not delivered to <a@b.c>", "x@y.z"]);
    }

    #[test]
    fn a_page_that_never_closes_what_it_opens_still_shows_its_text() {
        assert!(text_of("<head><p>shown").contains("shown"));
        assert!(!text_of("a <b").contains('<'));
    }
}
