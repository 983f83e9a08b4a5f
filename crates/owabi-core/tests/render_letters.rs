//! What members read, and what keeps a wrong letter from being written.

#![expect(clippy::expect_used, reason = "the helpers of a test may fail it")]

mod notice_support;

use notice_support::{SHIPPED, definition, member, renderer, small, sources};
use owabi_core::guard::visible_text;
use owabi_core::render::{RenderError, Renderer};

fn letter_text(name: &str, payments: &[(&str, &str)]) -> String {
    let letter = renderer("metaps-2022").letter(&member(name, payments)).expect("a letter");
    format!("{}\n--\n{}", letter.subject, letter.text)
}

#[test]
fn a_member_who_paid_the_registration_fee_reads_of_that_payment() {
    insta::assert_snapshot!(letter_text("髙橋 一郎", &[("registration", "2021-10-14T09:30:00")]));
}

#[test]
fn a_member_who_paid_for_a_course_reads_of_that_payment() {
    insta::assert_snapshot!(letter_text("山﨑 花子", &[("course", "2021-11-03T20:15:00")]));
}

#[test]
fn a_member_with_several_payments_of_both_kinds_reads_of_all_of_them() {
    let payments = [("registration", "2021-10-25T23:59:59"), ("registration", "2022-01-10"), ("course", "2021-12-01")];
    insta::assert_snapshot!(letter_text("渡邉 健", &payments));
}

#[test]
fn an_english_notice_is_written_in_english() {
    let mut sample = member("Alex Morgan", &[]);
    sample.cohorts = vec!["web".into()];
    let letter = renderer("generic-breach").letter(&sample).expect("a letter");
    insta::assert_snapshot!(format!("{}\n--\n{}", letter.subject, letter.text));
}

#[test]
fn a_later_registration_is_not_called_newly_found() {
    let late = letter_text("見本 太郎", &[("registration", "2021-10-26")]);
    let early = letter_text("見本 太郎", &[("registration", "2021-10-25")]);
    let newly = |text: &str| text.replace('\n', "").contains("（下記１．（ア））");
    assert!(!newly(&late) && newly(&early));
}

#[test]
fn every_shipped_notice_is_without_problems_and_passes_its_own_guard() {
    for id in SHIPPED {
        let definition = definition(id);
        assert_eq!(definition.validate(), [], "{id}");
        assert_eq!(definition.check_stem(id), None);
        assert_eq!(renderer(id).check(), Ok(vec![]), "{id}");
    }
}

#[test]
fn every_fact_of_every_shipped_notice_is_told() {
    for id in SHIPPED {
        let renderer = renderer(id);
        let all = renderer.samples().last().expect("a sample").clone();
        let text = renderer.letter(&all).expect("a letter").text.replace(['\n', '　', ' '], "");
        for (path, fact) in renderer.definition().facts.texts() {
            let (ja, en) = (japanese_date(fact), english_date(fact));
            let told = [fact, &ja, &en].iter().any(|words| text.contains(&words.replace(' ', "")));
            assert!(told, "{id}: facts.{path}: {fact}");
        }
    }
}

fn japanese_date(fact: &str) -> String {
    let parts: Vec<&str> = fact.split('-').collect();
    match parts[..] {
        [y, m, d] if y.len() == 4 => format!("{y}年{}月{}日", m.trim_start_matches('0'), d.trim_start_matches('0')),
        _ => fact.to_owned(),
    }
}

fn english_date(fact: &str) -> String {
    let months = ["March", "April"];
    let parts: Vec<&str> = fact.split('-').collect();
    match parts[..] {
        [y, m @ ("03" | "04"), d] => {
            format!("{} {} {y}", d.trim_start_matches('0'), months[usize::from(m == "04")])
        }
        _ => fact.to_owned(),
    }
}

#[test]
fn text_and_html_say_the_same() {
    for id in SHIPPED {
        let renderer = renderer(id);
        for sample in renderer.samples() {
            let letter = renderer.letter(sample).expect("a letter");
            let squeeze = |text: &str| text.replace(char::is_whitespace, "");
            similar(&squeeze(&letter.text), &squeeze(&visible_text(&letter.html)), id);
        }
    }
}

fn similar(text: &str, html: &str, id: &str) {
    let same = text.chars().zip(html.chars()).take_while(|(a, b)| a == b).count();
    let near = |text: &str| text.chars().skip(same.saturating_sub(15)).take(40).collect::<String>();
    assert!(text == html, "{id}: text `{}`, HTML `{}`", near(text), near(html));
}

#[test]
fn lines_of_the_text_body_are_at_most_36_full_width_characters_long() {
    for id in SHIPPED {
        let renderer = renderer(id);
        for sample in renderer.samples() {
            for line in renderer.letter(sample).expect("a letter").text.lines() {
                let columns: usize = line.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum();
                assert!(columns <= 72 || line.contains("https://"), "{id}: {columns}: {line}");
            }
        }
    }
}

#[test]
fn no_line_begins_or_ends_against_japanese_custom() {
    let renderer = renderer("metaps-2022");
    for sample in renderer.samples() {
        for line in renderer.letter(sample).expect("a letter").text.lines().filter(|line| !line.is_empty()) {
            assert!(!line.starts_with(['、', '。', '」', '）', '≫', 'ー', 'っ', 'ょ']), "{line}");
            assert!(!line.ends_with(['「', '（', '≪', '【']), "{line}");
        }
    }
}

#[test]
fn templates_hold_no_fact_twice() {
    let sources = sources("metaps-2022");
    for source in [&sources.subject, &sources.text, &sources.html] {
        for (path, fact) in definition("metaps-2022").facts.texts() {
            // Words of the language itself may stand as a fact and in a sentence.
            let common = ["脆弱性", "毎日", "再発行", "カード再発行", "カード番号", "有効期限"];
            assert!(common.contains(&fact) || !source.contains(fact), "facts.{path} is typed in a template: {fact}");
        }
    }
}

#[test]
fn the_same_member_gets_the_same_letter() {
    let member = member("髙橋 一郎", &[("course", "2021-11-03")]);
    let (one, two) = (renderer("metaps-2022"), renderer("metaps-2022"));
    assert_eq!(one.letter(&member), two.letter(&member));
    assert_eq!(one.letter(&member), one.letter(&member));
}

#[test]
fn one_member_never_sees_what_was_rendered_for_another() {
    let renderer = renderer("metaps-2022");
    let plain = renderer.letter(&member("鈴木", &[])).expect("a letter");
    renderer.letter(&member("渡邉 健", &[("course", "2021-12-01")])).expect("a letter");
    assert_eq!(renderer.letter(&member("鈴木", &[])), Ok(plain));
}

fn mistake(text: &str) -> String {
    small(text, "<p></p>").expect_err(text).to_string()
}

#[test]
fn a_missing_value_is_named_with_file_and_line() {
    assert_eq!(
        mistake("a\nb {{member.nam}}"),
        "body.txt.hbs:2:3: there is no `member.nam`; correct the name, or add it to the notice or the roster"
    );
    assert_eq!(
        mistake("a\n {{facts.hotlin}}"),
        "body.txt.hbs:2:2: there is no `facts.hotlin`; correct the name, or add it to the notice or the roster"
    );
    let html = small("", "<p>\n\n{{member.nam}}</p>").expect_err("a mistake");
    assert_eq!((html.file.as_str(), html.line), ("body.html.hbs", 3));
}

#[test]
fn a_missing_value_in_a_condition_or_in_a_branch_never_taken_is_found() {
    for text in [
        "{{#if facts.nope}}x{{/if}}",
        "{{#if member.nope}}x{{/if}}",
        "{{#unless member.nope}}x{{/unless}}",
        "{{#if (eq member.nope \"x\")}}x{{/if}}",
        "{{#if (and facts.yes member.nope)}}x{{/if}}",
        "{{#each member.nope}}x{{/each}}",
        "{{#unless facts.yes}}{{facts.nope}}{{/unless}}",
        "{{#unless facts.yes}}{{shout member.name}}{{/unless}}",
        "{{#if member.in.b}}{{member.nope}}{{/if}}",
        "{{#each member.payments}}{{nope}}{{/each}}",
        "{{#each member.cohorts}}{{../nope}}{{/each}}",
    ] {
        mistake(text);
    }
}

#[test]
fn a_helper_with_a_wrong_argument_fails_loudly() {
    assert!(mistake("\n{{date facts.hotline.number}}").contains("body.txt.hbs:2:"));
    assert!(mistake("{{date facts.day weekday=true}}{{date}}").contains("date"));
    assert!(mistake("{{join facts.day}}").contains("`join` wants a list"));
    assert!(mistake("{{date_range facts.day}}").contains("date_range"));
    assert!(mistake("{{any_paid facts.list facts.day facts.day}}").contains("any_paid"));
}

#[test]
fn unescaped_output_partials_and_broken_syntax_are_refused() {
    for html in
        ["{{{member.name}}}", "{{&member.name}}", "{{> other}}", "{{#if facts.yes}}", "{{/if}}", "{{member.name"]
    {
        assert!(small("", html).is_err(), "{html}");
    }
}

#[test]
fn a_cohort_that_the_notice_does_not_have_is_an_error() {
    let answer = renderer("generic-breach").letter(&member("A", &[("other", "2021-10-14")]));
    assert_eq!(answer, Err(RenderError::UnknownCohort("other".into())));
}

#[test]
fn a_field_of_the_roster_may_be_printed_and_must_then_be_there() {
    let renderer = small("{{member.fields.prefecture}}", "<p></p>").expect("compiled");
    let mut member = member("A", &[]);
    assert!(matches!(renderer.letter(&member), Err(RenderError::Template(_))));
    member.fields.insert("prefecture".into(), "東京都".into());
    assert_eq!(renderer.letter(&member).expect("a letter").text, "東京都");
}

#[test]
fn fingerprints_change_with_one_byte_and_not_with_the_policy() {
    let (mut definition, mut sources) = (definition("metaps-2022"), sources("metaps-2022"));
    let first = renderer("metaps-2022");
    definition.policy.canary += 1;
    let other_policy = Renderer::compile(&definition, &sources).expect("compiled");
    assert_eq!(first.fingerprint(), other_policy.fingerprint());
    sources.text.push('\n');
    let other_text = Renderer::compile(&definition, &sources).expect("compiled");
    assert_ne!(first.template_hash(), other_text.template_hash());
    assert_eq!(first.facts_hash(), other_text.facts_hash());
    definition.title.push('。');
    let other_fact = Renderer::compile(&definition, &sources).expect("compiled");
    assert_ne!(other_text.facts_hash(), other_fact.facts_hash());
    assert_ne!(other_text.fingerprint(), other_fact.fingerprint());
    assert_eq!(first.fingerprint_hex().len(), 64);
}

#[test]
fn moving_a_byte_between_templates_changes_the_hash() {
    let definition = definition("generic-breach");
    let mut sources = sources("generic-breach");
    let first = Renderer::compile(&definition, &sources).expect("compiled").template_hash();
    let moved = sources.subject.pop().expect("a line end");
    sources.text.insert(0, moved);
    assert_ne!(first, Renderer::compile(&definition, &sources).expect("compiled").template_hash());
}
