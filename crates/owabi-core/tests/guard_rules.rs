//! Every rule of the facts guard, both ways.

use owabi_core::guard::{Guard, GuardProblem, GuardRules, Part};
use owabi_core::render::Letter;

const TEXT: &str = "Dear Alex,\ncall 0120-816-620, see https://example.jp/form.\n";
const HTML: &str = "<p>Dear Alex,<br>call <a href=\"tel:0120816620\">0120-816-620</a>, see \
                    <a href='https://example.jp/form'>https://example.jp/form</a>.</p>";

fn guard() -> Guard {
    let rules = GuardRules {
        required_phrases: vec!["call 0120-816-620".into(), "0120-816-620".into()],
        allowed_urls: vec!["https://example.jp/form".into()],
        telephones: vec!["0120-816-620".into()],
        addresses: vec!["help@example.jp".into()],
    };
    Guard::new(&rules)
}

fn letter(subject: &str, text: &str, html: &str) -> Letter {
    Letter { subject: subject.into(), text: text.into(), html: html.into() }
}

fn with_text(more: &str) -> Vec<GuardProblem> {
    guard().check("Alex", &letter("Subject", &format!("{TEXT}{more}"), HTML))
}

fn with_html(more: &str) -> Vec<GuardProblem> {
    guard().check("Alex", &letter("Subject", TEXT, &format!("{HTML}{more}")))
}

#[test]
fn a_right_letter_passes() {
    assert_eq!(with_text(""), []);
    assert_eq!(with_text("Addresses like help@example.jp, nullify, undefinedness and [1] are fine."), []);
    assert_eq!(with_html("<a href='mailto:help@example.jp'>help</a> <img-less>&lt;img&gt;"), []);
}

#[test]
fn a_required_phrase_may_be_broken_over_lines_and_must_be_there_in_both_parts() {
    let broken = letter("S", "Dear Alex, call 0120-\n816-620", HTML);
    assert_eq!(guard().check("Alex", &broken), []);
    let missing = guard().check("Alex", &letter("S", "Dear Alex, 0120-816-620", "<p>Alex, 0120-<b>816</b>-620</p>"));
    let phrase = |part| GuardProblem::PhraseMissing(part, "call 0120-816-620".into());
    assert_eq!(missing, [phrase(Part::Text), phrase(Part::Html)]);
}

#[test]
fn a_phrase_hidden_in_a_comment_title_or_style_does_not_count() {
    let html = "<title>call 0120-816-620</title><!-- call 0120-816-620 --><p>Alex</p>";
    let found = guard().check("Alex", &letter("S", TEXT, html));
    assert_eq!(found.iter().filter(|p| matches!(p, GuardProblem::PhraseMissing(Part::Html, _))).count(), 2);
}

#[test]
fn a_card_number_is_found_wherever_it_stands() {
    let card = |part| vec![GuardProblem::CardNumber(part)];
    assert_eq!(with_text("4111 1111 1111 1111"), card(Part::Text));
    assert_eq!(with_text("４１１１－１１１１－１１１１－１１１１"), card(Part::Text));
    assert_eq!(with_html("<p>4111<b>1111</b>1111&#49;111</p>"), card(Part::Html));
    assert_eq!(guard().check("Alex", &letter("4111111111111111", TEXT, HTML)), card(Part::Subject));
    assert_eq!(with_text("4111 1111 1111 1112, 2021-10-14 09:30:00"), []);
}

#[test]
fn leftovers_of_templates_and_missing_values_are_found() {
    assert_eq!(with_text("{{member.name}}"), [GuardProblem::Braces(Part::Text)]);
    assert_eq!(with_html("<p>}}</p>"), [GuardProblem::Braces(Part::Html)]);
    for (text, word) in [("undefined", "undefined"), ("Null.", "null"), ("[object Object]", "[object"), ("NaN", "NaN")]
    {
        assert_eq!(with_text(text), [GuardProblem::Unresolved(Part::Text, word)], "{text}");
    }
}

#[test]
fn a_member_called_null_can_be_written_to() {
    let named = |text: &str| text.replace("Alex", "Null {{x}}");
    assert_eq!(guard().check("Null {{x}}", &letter("S", &named(TEXT), &named(HTML))), []);
}

#[test]
fn a_url_that_is_not_listed_is_found_in_text_links_and_visible_html() {
    for url in [
        "https://example.jp/form2",
        "http://example.jp/form",
        "https://example.jp/",
        "HTTPS://EVIL.test/x",
        "www.evil.test",
        "ftp://example.jp/form",
        "https://example.jp/form?u=1",
    ] {
        assert_eq!(with_text(url), [GuardProblem::UrlNotAllowed(Part::Text, url.into())]);
        assert_eq!(with_html(&format!("<p>{url}</p>")), [GuardProblem::UrlNotAllowed(Part::Html, url.into())]);
    }
    let link = with_html("<a href='https://evil.test/'>https://example.jp/form</a>");
    assert_eq!(link, [GuardProblem::UrlNotAllowed(Part::Html, "https://evil.test/".into())]);
    assert_eq!(with_text("（https://example.jp/form）をご覧ください。"), []);
}

#[test]
fn links_lead_only_to_known_numbers_and_addresses() {
    for link in [
        "tel:0120-000-000",
        "mailto:evil@example.jp",
        "javascript:alert(1)",
        "evil.test/x",
        "//evil.test",
        "#top",
        "data:x",
    ] {
        let found = with_html(&format!("<a href=\"{link}\">x</a>"));
        assert_eq!(found, [GuardProblem::LinkNotAllowed(link.into())]);
    }
    assert_eq!(with_html("<a href=\"tel:0120-816-620\">x</a>"), []);
}

#[test]
fn images_scripts_and_forms_are_forbidden() {
    for html in
        ["<img alt=x>", "<script>1</script>", "<form></form>", "<iframe></iframe>", "<p style='background:url(x)'></p>"]
    {
        assert!(matches!(with_html(html)[..], [GuardProblem::Forbidden(_)]), "{html}");
    }
}

#[test]
fn a_missing_name_is_found() {
    assert_eq!(guard().check("  ", &letter("S", TEXT, HTML)), [GuardProblem::EmptyName]);
    let found = guard().check("Robin", &letter("S", TEXT, HTML));
    assert_eq!(found, [GuardProblem::NameMissing(Part::Text), GuardProblem::NameMissing(Part::Html)]);
}

#[test]
fn empty_parts_are_found_and_every_problem_is_told() {
    let found = guard().check("Alex", &letter(" ", "", "<img src=x>4111111111111111"));
    assert!(found.contains(&GuardProblem::Empty(Part::Subject)) && found.contains(&GuardProblem::Empty(Part::Text)));
    assert!(found.contains(&GuardProblem::CardNumber(Part::Html)) && found.len() >= 6, "{found:?}");
}

#[test]
fn a_problem_is_told_in_both_languages_and_without_the_number_found() {
    let problem = GuardProblem::CardNumber(Part::Text);
    assert_eq!(problem.text().ja, "テキスト本文に、カード番号とみられる数字があります。");
    assert_eq!(problem.to_string(), "the text body holds digits that may be a card number");
}
