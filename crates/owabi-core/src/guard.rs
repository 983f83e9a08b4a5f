//! The facts guard: reads a rendered letter as a member would and refuses it when a required phrase is missing, or when it holds what
//! a notice must never hold. It knows nothing of templates, so a mistake in one cannot hide a mistake in the other.

mod cards;
mod html;
mod problem;

pub use problem::{GuardProblem, Part};

use crate::render::Letter;
use aho_corasick::{AhoCorasick, BuildError};
use std::collections::HashSet;
use std::ops::Range;

/// What a guard is built from: phrases and URLs as they must stand, with facts already put in.
#[derive(Clone, Debug, Default)]
pub struct GuardRules {
    /// Each must stand in the text and in the HTML; white space is ignored.
    pub required_phrases: Vec<String>,
    /// The only URLs that may stand anywhere, compared exactly.
    pub allowed_urls: Vec<String>,
    /// Telephone numbers that `tel:` links may lead to, compared by their digits.
    pub telephones: Vec<String>,
    /// Addresses that `mailto:` links may lead to.
    pub addresses: Vec<String>,
}

/// A guard, built once for a notice and used for every letter.
pub struct Guard {
    phrases: Vec<String>,
    required: AhoCorasick,
    signs: AhoCorasick,
    allowed_urls: HashSet<String>,
    allowed_links: HashSet<String>,
}

/// Signs of trouble, looked for in one pass. The first two are braces, then words, then the marks of URLs.
const SIGNS: [&str; 8] = ["{{", "}}", "undefined", "null", "NaN", "[object", "://", "www."];
const FIRST_WORD: usize = 2;
const FIRST_URL: usize = 6;

impl Guard {
    /// Builds a guard.
    ///
    /// # Errors
    /// Only when the phrases are too many for the searching automaton.
    pub fn new(rules: &GuardRules) -> Result<Self, BuildError> {
        let squeezed = rules.required_phrases.iter().map(|phrase| squeeze(phrase));
        let telephones = rules.telephones.iter().map(|number| format!("tel:{}", digits(number)));
        let addresses = rules.addresses.iter().map(|address| format!("mailto:{address}"));
        Ok(Self {
            phrases: rules.required_phrases.clone(),
            required: AhoCorasick::new(squeezed)?,
            signs: AhoCorasick::builder().ascii_case_insensitive(true).build(SIGNS)?,
            allowed_urls: rules.allowed_urls.iter().cloned().collect(),
            allowed_links: telephones.chain(addresses).collect(),
        })
    }

    /// Every reason why this letter may not go to a member of this name; empty when it may.
    pub fn check(&self, name: &str, letter: &Letter) -> Vec<GuardProblem> {
        let page = html::read(&letter.html);
        let mut found = Vec::new();
        if squeeze(name).is_empty() {
            found.push(GuardProblem::EmptyName);
        }
        for (part, text) in [(Part::Subject, &letter.subject), (Part::Text, &letter.text), (Part::Html, &page.visible)]
        {
            self.check_signs(part, text, name, &mut found);
            if part != Part::Subject {
                self.check_phrases(part, text, name, &mut found);
            }
        }
        found.extend(page.forbidden.into_iter().map(GuardProblem::Forbidden));
        found.extend(page.links.into_iter().filter_map(|link| self.check_link(link)));
        found
    }

    fn check_phrases(&self, part: Part, text: &str, name: &str, found: &mut Vec<GuardProblem>) {
        let squeezed = squeeze(text);
        if squeezed.is_empty() {
            return found.push(GuardProblem::Empty(part));
        }
        if memchr::memmem::find(&squeezed, &squeeze(name)).is_none() {
            found.push(GuardProblem::NameMissing(part));
        }
        let mut stands = vec![false; self.phrases.len()];
        self.required.find_overlapping_iter(&squeezed).for_each(|hit| stands[hit.pattern().as_usize()] = true);
        let missing = self.phrases.iter().zip(stands).filter(|(_, stands)| !stands);
        found.extend(missing.map(|(phrase, _)| GuardProblem::PhraseMissing(part, phrase.clone())));
    }

    fn check_signs(&self, part: Part, text: &str, name: &str, found: &mut Vec<GuardProblem>) {
        if part == Part::Subject && text.trim().is_empty() {
            found.push(GuardProblem::Empty(part));
        }
        if cards::found_in(text) {
            found.push(GuardProblem::CardNumber(part));
        }
        let mut judged_to = 0;
        for hit in self.signs.find_iter(text) {
            let sign = hit.pattern().as_usize();
            if sign < FIRST_URL {
                let problem = judge_sign(part, text, sign, &hit.range(), name);
                found.extend(problem.filter(|problem| !found.contains(problem)));
            } else if hit.start() >= judged_to {
                let at = url_around(text, hit.start());
                judged_to = at.end;
                let url = &text[at];
                let wrong = !self.allowed_urls.contains(url);
                found.extend(wrong.then(|| GuardProblem::UrlNotAllowed(part, url.to_owned())));
            }
        }
    }

    fn check_link(&self, link: String) -> Option<GuardProblem> {
        let known = match link.split_once(':') {
            Some(("tel", number)) => self.allowed_links.contains(&format!("tel:{}", digits(number))),
            Some(("mailto", _)) => self.allowed_links.contains(&link),
            Some(("https" | "http", _)) if !self.allowed_urls.contains(&link) => {
                return Some(GuardProblem::UrlNotAllowed(Part::Html, link));
            }
            Some(("https" | "http", _)) => true,
            _ => false,
        };
        (!known).then_some(GuardProblem::LinkNotAllowed(link))
    }
}

fn judge_sign(part: Part, text: &str, sign: usize, at: &Range<usize>, name: &str) -> Option<GuardProblem> {
    let own = name.to_ascii_lowercase().contains(&SIGNS[sign].to_ascii_lowercase());
    match sign {
        // A member may be called Null, and may have written braces into a form; the letter then says so rightly.
        _ if own => None,
        ..FIRST_WORD => Some(GuardProblem::Braces(part)),
        _ if is_part_of_word(text, at) => None,
        _ => Some(GuardProblem::Unresolved(part, SIGNS[sign])),
    }
}

/// The text's bytes without white space, so that line ends and layout do not matter.
fn squeeze(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut kept = Vec::with_capacity(bytes.len());
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        let blank = blank_at(&bytes[at..]);
        if blank > 0 {
            kept.extend_from_slice(&bytes[from..at]);
            from = at + blank;
        }
        at += blank.max(1);
    }
    kept.extend_from_slice(&bytes[from..]);
    kept
}

/// The length of the white space character at the start, 0 if there is none. No other character has these bytes inside.
fn blank_at(bytes: &[u8]) -> usize {
    match bytes {
        [b'\t'..=b'\r' | b' ', ..] => 1,
        [0xC2, 0x85 | 0xA0, ..] => 2,
        [0xE3, 0x80, 0x80, ..] | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..] => 3,
        _ => 0,
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn is_part_of_word(text: &str, at: &Range<usize>) -> bool {
    let before = text[..at.start].bytes().next_back();
    let after = text[at.end..].bytes().next();
    [before, after].into_iter().flatten().any(|b| b.is_ascii_alphanumeric())
}

/// The URL that the sign at `at` belongs to: back over the scheme, forward over what may stand in a URL.
fn url_around(text: &str, at: usize) -> Range<usize> {
    let of_url = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    let of_scheme = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    let start = at - text.as_bytes()[..at].iter().rev().take_while(|b| of_scheme(b)).count();
    let length = text.as_bytes()[start..].iter().take_while(|b| of_url(**b)).count();
    let url = text[start..start + length].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
    start..start + url.len()
}

/// Reads what a reader sees of an HTML page, for tests that hold text and HTML against each other.
pub fn visible_text(html: &str) -> String {
    html::read(html).visible
}
