//! The facts guard: reads a rendered letter as a member would and refuses it when a required phrase is missing, or when it holds what
//! a notice must never hold. It knows nothing of templates, so a mistake in one cannot hide a mistake in the other.

mod cards;
mod html;
mod problem;
mod scan;

pub use problem::{GuardProblem, Part};

use crate::render::Letter;
use memchr::memmem::{self, Finder};
use scan::{Sign, scan};
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
    required: Vec<(String, Finder<'static>)>,
    allowed_urls: HashSet<String>,
    allowed_links: HashSet<String>,
}

impl Guard {
    /// Builds a guard.
    pub fn new(rules: &GuardRules) -> Self {
        let finder = |phrase: &String| (phrase.clone(), Finder::new(&scan(phrase).squeezed).into_owned());
        let telephones = rules.telephones.iter().map(|number| format!("tel:{}", digits(number)));
        let addresses = rules.addresses.iter().map(|address| format!("mailto:{address}"));
        Self {
            required: rules.required_phrases.iter().map(finder).collect(),
            allowed_urls: rules.allowed_urls.iter().cloned().collect(),
            allowed_links: telephones.chain(addresses).collect(),
        }
    }

    /// Every reason why this letter may not go to a member of this name; empty when it may.
    pub fn check(&self, name: &str, letter: &Letter) -> Vec<GuardProblem> {
        let page = html::read(&letter.html);
        let mut found = Vec::new();
        let name = Name { text: name, squeezed: scan(name).squeezed };
        if name.squeezed.is_empty() {
            found.push(GuardProblem::EmptyName);
        }
        for (part, text) in [(Part::Subject, &letter.subject), (Part::Text, &letter.text), (Part::Html, &page.visible)]
        {
            self.check_part(part, text, &name, &mut found);
        }
        found.extend(page.forbidden.into_iter().map(GuardProblem::Forbidden));
        found.extend(page.links.into_iter().filter_map(|link| self.check_link(link)));
        found
    }

    /// Every reason why this page may not be shown to everybody: as [`Guard::check`], for an HTML page that addresses nobody.
    pub fn check_page(&self, html: &str) -> Vec<GuardProblem> {
        let page = html::read(html);
        let mut found = Vec::new();
        self.check_part(Part::Html, &page.visible, &Name { text: "", squeezed: Vec::new() }, &mut found);
        found.extend(page.forbidden.into_iter().map(GuardProblem::Forbidden));
        found.extend(page.links.into_iter().filter_map(|link| self.check_link(link)));
        found
    }

    fn check_part(&self, part: Part, text: &str, name: &Name<'_>, found: &mut Vec<GuardProblem>) {
        let scanned = scan(text);
        if scanned.squeezed.is_empty() {
            return found.push(GuardProblem::Empty(part));
        }
        if scanned.card {
            found.push(GuardProblem::CardNumber(part));
        }
        self.check_signs(part, text, &scanned.signs, name, found);
        if part != Part::Subject {
            self.check_words(part, &scanned.squeezed, name, found);
        }
    }

    fn check_words(&self, part: Part, squeezed: &[u8], name: &Name<'_>, found: &mut Vec<GuardProblem>) {
        if memmem::find(squeezed, &name.squeezed).is_none() {
            found.push(GuardProblem::NameMissing(part));
        }
        let missing = self.required.iter().filter(|(_, finder)| finder.find(squeezed).is_none());
        found.extend(missing.map(|(phrase, _)| GuardProblem::PhraseMissing(part, phrase.clone())));
    }

    fn check_signs(
        &self,
        part: Part,
        text: &str,
        signs: &[(usize, Sign)],
        name: &Name<'_>,
        found: &mut Vec<GuardProblem>,
    ) {
        let mut judged_to = 0;
        for (at, sign) in signs.iter().copied().filter(|(_, sign)| !name.holds(*sign)) {
            let problem = match sign {
                Sign::Braces(_) => Some(GuardProblem::Braces(part)),
                Sign::Word(word) if is_part_of_word(text, at, word) => None,
                Sign::Word(word) => Some(GuardProblem::Unresolved(part, word)),
                Sign::Url(_) if at < judged_to => None,
                Sign::Url(_) => {
                    let url = url_around(text, at);
                    judged_to = url.end;
                    let url = &text[url];
                    (!self.allowed_urls.contains(url)).then(|| GuardProblem::UrlNotAllowed(part, url.to_owned()))
                }
            };
            found.extend(problem.filter(|problem| !found.contains(problem)));
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

/// The name a letter must address.
struct Name<'a> {
    text: &'a str,
    squeezed: Vec<u8>,
}

impl Name<'_> {
    /// A member may be called Null, and may have written braces into a form; the letter then says so rightly.
    fn holds(&self, sign: Sign) -> bool {
        let own = || self.text.to_ascii_lowercase().contains(&sign.text().to_ascii_lowercase());
        !matches!(sign, Sign::Url(_)) && own()
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn is_part_of_word(text: &str, at: usize, word: &str) -> bool {
    let before = text[..at].bytes().next_back();
    let after = text[at + word.len()..].bytes().next();
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
