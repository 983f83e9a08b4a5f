//! Every kind of mistake in a notice or its templates, in Japanese and in English side by side.
#![expect(clippy::expect_used, reason = "the helpers of a test may fail it")]

#[path = "../../../tests/support/english.rs"]
mod english;
mod notice_support;

use english::is_english;
use notice_support::{STAMP, member, small};
use owabi_core::guard::{GuardProblem, Part};
use owabi_core::member::Member;
use owabi_core::notice::NoticeDefinition;
use owabi_core::render::{RenderError, Renderer, Stamp, TemplateSources, WebPage};
use owabi_core::text::Text;
use std::fmt::Write;

const FINE: &str = "
id: n-1
title: A notice
language: ja
from: a@example.jp
reply_to: a@example.jp
required_phrases: [x]
";

/// The notice with these lines instead of those that have the same keys.
fn with(lines: &str) -> String {
    let is_replaced = |old: &str| lines.lines().any(|line| old.split(':').next() == line.split(':').next());
    let kept: Vec<&str> = FINE.lines().filter(|old| !is_replaced(old)).collect();
    format!("{}\n{lines}\n", kept.join("\n"))
}

/// What is said of a notice: of its form, or of all that it means.
fn of_notice(text: &str) -> Vec<Text> {
    match NoticeDefinition::parse("n-1.yaml", text) {
        Err(error) => vec![error.text()],
        Ok(notice) => notice.validate().into_iter().map(|problem| problem.in_file("n-1.yaml").text()).collect(),
    }
}

/// Mistakes in YAML's form, then in a value, then in what it means.
const NOTICES: [&str; 41] = [
    "facts: { a: x",
    "facts: [x",
    "facts: 'x",
    "facts:\n  a: x\n y: z",
    "facts:\n  a: 'x' y",
    "facts:\n\ta: x",
    "facts: @x",
    "facts: %x",
    "facts: *x",
    "facts:\n  - x\n  y",
    "facts: a: b",
    "facts: \"\\q\"",
    "facts: {}\n---\nfacts: {}",
    "title: t\ntitle: t",
    "colour: red",
    "policy: { canaries: 1 }",
    "language: fr",
    "language: [ja]",
    "from: {}",
    "from: 7",
    "facts: { a: x, a: y }",
    "facts: { a: }",
    "facts: { a: 1.50 }",
    "cohorts: { id: a }",
    "cohorts: [{ id: a, title: A, rule: { purpose: x, method: y, paid_from: soon } }]",
    "cohorts: [{ id: a, title: A, rule: { purpose: { x: y } } }]",
    "policy: { approvals_required: -1 }",
    "policy: { in_doubt: maybe }",
    "policy: { in_doubt: { after: 1h } }",
    "policy: { window: \"21:00-09:00\" }",
    "policy: { breaker: sometimes }",
    "policy: { breaker: { failure_share: half } }",
    "policy: { notify_success: perhaps }",
    "retention: 30",
    "retention: 5w",
    "id: Not A Slug\ntitle: ' '\nfrom: nobody\nreply_to: \"a\\x07 <a@example.jp>\"\ntest_addresses: [x]",
    "facts: x",
    "facts: { day: 2022-02-30, bell: \"\\x07\", template: '{{facts.day}}' }",
    "cohorts:\n  - { id: a, title: '', rule: { purpose: x, method: [y], paid_from: 2022-01-02, paid_to: 2022-01-01 } }\n  - { id: a, title: A, rule: {} }\n  - { id: ä, title: A }",
    "roster: { columns: { name: [x, ' '], email: x } }\nallowed_urls: [ftp://example.jp, 'https://a b']\nrequired_phrases: ['']",
    "required_phrases: []\npolicy: { approvals_required: 3, breaker: { failure_share: 2 } }",
];

/// Mistakes in a template.
const TEMPLATES: [&str; 23] = [
    "{{member.nam}}",
    "{{facts.hotlin}}",
    "{{#each member.payments}}{{nope}}{{/each}}",
    "{{#if member.nope}}x{{/if}}",
    "{{#unless member.nope}}x{{/unless}}",
    "{{shout member.name}}",
    "{{{member.name}}}",
    "{{&member.name}}",
    "{{> other}}",
    "{{#if facts.yes}}x{{/each}}",
    "{{#if facts.yes}}x",
    "{{/if}}",
    "{{member.name",
    "{{date \"x}}",
    "{{date}}",
    "{{date \"soon\"}}",
    "{{date facts.hotline.number}}",
    "{{date_range facts.day}}",
    "{{date_time facts.yes}}",
    "{{join facts.day}}",
    "{{join member.payments}}",
    "{{any_paid facts.list facts.day facts.day}}",
    "{{eq facts.day}}",
];

fn of_template(source: &str) -> Text {
    small(source, "<p></p>").expect_err(source).text()
}

/// Mistakes in the templates that stand inside of a notice, and in the page for the site.
fn of_the_rest() -> Vec<(&'static str, Text)> {
    let page = |source: &str| {
        let notice = NoticeDefinition::parse("n-1.yaml", FINE).expect("a notice");
        WebPage::render(&notice, source).expect_err(source).text()
    };
    let inside = |line: &str| {
        let notice = NoticeDefinition::parse("n-1.yaml", &with(line)).expect(line);
        let [subject, text, html] = ["x"; 3].map(str::to_owned);
        Renderer::compile(&notice, &TemplateSources { subject, text, html }).expect_err(line).text()
    };
    let cohort = "cohorts: [{ id: a, title: A, paragraph: \"x\\n{{nope}}\" }]";
    vec![
        ("{{member.name}} in web.html.hbs", page("{{member.name}}")),
        (cohort, inside(cohort)),
        ("required_phrases: ['{{facts.nope}}']", inside("required_phrases: ['{{facts.nope}}']")),
    ]
}

/// Why a mail cannot be written for a member.
fn of_members() -> Vec<(&'static str, Text)> {
    let renderer = small("{{member.fields.city}}", "<p></p>").expect("a renderer");
    let wrong = |member: &Member, stamp: Stamp<'_>| renderer.mail(member, &stamp).expect_err("a mistake").text();
    let mut good = member("A", &[]);
    let without = wrong(&good, STAMP);
    good.fields.insert("city".into(), "A".into());
    let problems = vec![GuardProblem::EmptyName, GuardProblem::Empty(Part::Text)];
    vec![
        ("a column that the roster lacks", without),
        ("a cohort that the notice lacks", wrong(&member("A", &[("x", "2022-03-02")]), STAMP)),
        ("a control character in the name", wrong(&member("A\r\nBcc: b", &[]), STAMP)),
        ("a control character in a header", RenderError::HeaderInjection { field: "subject" }.text()),
        ("an address that is none", RenderError::HeaderForm { field: "to" }.text()),
        ("a time that is none", RenderError::Date(i64::MAX).text()),
        ("two problems of the facts guard", RenderError::Guard(problems).text()),
    ]
}

/// Every problem of the facts guard.
fn of_guard() -> [GuardProblem; 10] {
    let part = Part::Subject;
    [
        GuardProblem::Empty(part),
        GuardProblem::EmptyName,
        GuardProblem::NameMissing(Part::Text),
        GuardProblem::PhraseMissing(Part::Html, "0120-816-620".into()),
        GuardProblem::CardNumber(part),
        GuardProblem::Braces(part),
        GuardProblem::Unresolved(part, "null"),
        GuardProblem::UrlNotAllowed(part, "https://example.jp/".into()),
        GuardProblem::LinkNotAllowed("ftp://example.jp/".into()),
        GuardProblem::Forbidden("<img>".into()),
    ]
}

/// What was wrong, and what is said of it.
fn everything() -> Vec<(String, Text)> {
    let of_notices = NOTICES.iter().flat_map(|line| {
        let said = of_notice(&with(line));
        assert!(!said.is_empty(), "{line}");
        said.into_iter().map(move |text| ((*line).to_owned(), text))
    });
    let others = of_the_rest().into_iter().chain(of_members()).map(|(what, text)| (what.to_owned(), text));
    let stem = NoticeDefinition::parse("other.yaml", FINE).expect("a notice").check_stem("other");
    [("# nothing".to_owned(), of_notice("# nothing\n").remove(0))]
        .into_iter()
        .chain(of_notices)
        .chain([("other.yaml".to_owned(), stem.expect("a problem").in_file("other.yaml").text())])
        .chain(TEMPLATES.iter().map(|source| ((*source).to_owned(), of_template(source))))
        .chain(others)
        .chain(of_guard().into_iter().map(|problem| (format!("{problem:?}"), problem.text())))
        .collect()
}

#[test]
fn every_mistake_is_said_in_japanese_and_in_english() {
    let (mut table, mut before) = (String::new(), String::new());
    for (what, Text { ja, en }) in everything() {
        if what != before {
            write!(table, "\n{what}\n").expect("written");
        }
        write!(table, "  {ja}\n  {en}\n").expect("written");
        before = what;
    }
    insta::assert_snapshot!(table);
}

#[test]
fn no_mistake_leaves_an_english_sentence_on_a_japanese_screen() {
    for (what, Text { ja, en }) in everything() {
        assert!(!is_english(&ja), "{what}: {ja} / {en}");
        assert!(ja.chars().any(|c| ('ぁ'..='ん').contains(&c)), "{what}: {ja}");
    }
}

#[test]
fn both_languages_name_the_same_place() {
    for (what, Text { ja, en }) in everything() {
        let place = |text: &str| text.split(": ").next().unwrap_or_default().to_owned();
        let has_place = ja.starts_with("n-1.yaml") || ja.starts_with("body.");
        assert!(!has_place || place(&ja) == place(&en), "{what}: {ja} / {en}");
    }
}

#[test]
fn an_english_sentence_is_told_from_names_and_from_words_of_others() {
    assert!(is_english("n.yaml: id: the file is empty") && is_english("件名: must not be empty"));
    assert!(!is_english("読めません(did not find expected key)。「the file is empty」 from: reply_to: x"));
}
