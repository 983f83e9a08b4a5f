//! Notice files: what is liberal, what is refused, and that every problem is listed.

#![expect(clippy::expect_used, reason = "the helpers of a test may fail it")]

use owabi_core::notice::{Breaker, Fact, InDoubt, NoticeDefinition, Severity};
use owabi_core::yaml::Span;

const MINIMAL: &str = "
id: n-1
title: A notice
language: ja
from: \"全日本野球協会 <info@example.jp>\"
reply_to: { name: 窓口, address: help@example.jp }
facts: {}
cohorts: []
roster: { columns: { member_no: 会員番号, email: [メール, email] } }
allowed_urls: []
required_phrases: []
policy: { approvals_required: 0 }
";

fn parse(yaml: &str) -> Result<NoticeDefinition, String> {
    NoticeDefinition::parse("n-1.yaml", yaml).map_err(|error| error.to_string())
}

fn with(line: &str) -> Result<NoticeDefinition, String> {
    let key = line.split(':').next().expect("a key");
    let kept: Vec<&str> = MINIMAL.lines().filter(|old| !old.starts_with(&format!("{key}:"))).collect();
    parse(&format!("{}\n{line}\n", kept.join("\n")))
}

#[test]
fn a_minimal_notice_is_read_and_only_its_empty_phrases_are_warned_of() {
    let notice = parse(MINIMAL).expect("a notice");
    let problems = notice.validate();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].severity, problems[0].path.as_str()), (Severity::Warning, "required_phrases"));
    assert_eq!((notice.from.name.as_str(), notice.from.address.as_str()), ("全日本野球協会", "info@example.jp"));
    assert_eq!(notice.reply_to.name, "窓口");
    assert_eq!(notice.roster.columns.member_no, ["会員番号"]);
    assert_eq!(notice.template_dir(), "n-1");
}

#[test]
fn a_policy_that_is_left_out_sends_nothing_by_surprise() {
    let yaml = "id: n\ntitle: t\nlanguage: en\nfrom: a@example.jp\nreply_to: a@example.jp\n";
    let policy = parse(yaml).expect("a notice").policy;
    assert_eq!((policy.approvals_required, policy.canary, policy.window), (1, 0, None));
    assert_eq!(policy.in_doubt, InDoubt::ResendAfter(Span::hours(1)));
    assert_eq!(policy.breaker, Some(Breaker { failure_share: 0.2, after: 50 }));
}

#[test]
fn a_policy_is_read_in_all_its_shapes() {
    let policy = |text: &str| with(&format!("policy: {text}")).map(|notice| notice.policy);
    assert_eq!(policy("{ in_doubt: hold }").expect("hold").in_doubt, InDoubt::Hold);
    let later = policy("{ in_doubt: { resend_after: 90m } }").expect("a span").in_doubt;
    assert_eq!(later, InDoubt::ResendAfter(Span::minutes(90)));
    assert_eq!(policy("{ breaker: off }").expect("off").breaker, None);
    assert_eq!(policy("{ breaker: { after: 9 } }").expect("a breaker").breaker.map(|b| b.after), Some(9));
    let window = policy("{ window: \"09:00-21:00\" }").expect("a window").window.expect("a window");
    assert_eq!(window.to_string(), "09:00-21:00");
    assert!(window.contains(540) && window.contains(1_259) && !window.contains(1_260) && !window.contains(539));
}

#[test]
fn mistakes_in_the_form_name_line_and_path() {
    let wrong = |line: &str, words: &str| {
        let error = with(line).expect_err(line);
        assert!(error.starts_with("n-1.yaml:") && error.contains(words), "{line}: {error}");
    };
    wrong("policy: { canaries: 1 }", "unknown field `canaries`, expected one of `approvals_required`");
    wrong("policy: { in_doubt: maybe }", "policy.in_doubt");
    wrong("policy: { in_doubt: { after: 1h } }", "resend_after");
    wrong("policy: { window: \"21:00-09:00\" }", "09:00-21:00");
    wrong("policy: { window: \"9-21\" }", "09:00-21:00");
    wrong("policy: { breaker: { share: 1 } }", "failure_share");
    wrong("language: fr", "language");
    wrong("facts: { hotline: { number: } }", "facts.hotline.number: this fact is empty");
    wrong("facts: { a: x, a: y }", "duplicate");
    wrong("facts: { rate: 1.50 }", "in quotes");
    wrong("retention: 30", "duration");
    wrong(
        "cohorts: [{ id: a, title: A, rule: { purpose: x, paid_from: soon } }]",
        "`soon` is no day such as 2021-10-14",
    );
    wrong("roster: { columns: { phone: 電話 } }", "unknown field `phone`");
    wrong("colour: red", "unknown field `colour`");
}

#[test]
fn facts_are_kept_as_they_stand() {
    let notice =
        with("facts: { day: 2022-03-02, number: 0120-816-620, count: 3, quoted: \"0120\", yes: true, list: [a, b] }");
    let facts = notice.expect("a notice").facts;
    let texts = facts.texts();
    let expected =
        [("count", "3"), ("day", "2022-03-02"), ("list[0]", "a"), ("list[1]", "b"), ("number", "0120-816-620")];
    for (n, (path, text)) in expected.into_iter().enumerate() {
        assert_eq!(texts[n], (path.to_owned(), text));
    }
    assert!(matches!(facts, Fact::Group(group) if group["yes"] == Fact::Flag(true)));
}

#[test]
fn all_problems_are_listed_and_not_only_the_first() {
    let yaml = "
id: Not A Slug
title: ' '
language: ja
from: nobody
reply_to: \"a@example.jp\\r\\nBcc: b@example.jp\"
facts: { day: 2022-02-30 }
cohorts:
  - { id: a, title: A, rule: { purpose: x, method: [y], paid_from: 2022-01-02, paid_to: 2022-01-01 } }
  - { id: a, title: '', rule: { purpose: [], method: y, paid_to: 2022-01-01 } }
roster: { columns: { name: x, email: x } }
allowed_urls: [ftp://example.jp]
required_phrases: ['']
test_addresses: [x]
policy: { approvals_required: 3, breaker: { failure_share: 2 } }
";
    let problems = parse(yaml).expect("well-formed").validate();
    for path in [
        "id",
        "title",
        "from",
        "reply_to",
        "facts.day",
        "cohorts[0].rule.paid_to",
        "cohorts[1].id",
        "cohorts[1].title",
        "cohorts[1].rule.purpose",
        "roster.columns.email",
        "allowed_urls[0]",
        "required_phrases[0]",
        "test_addresses[0]",
        "policy.approvals_required",
        "policy.breaker.failure_share",
    ] {
        assert!(problems.iter().any(|problem| problem.path == path), "{path}: {problems:#?}");
    }
}

#[test]
fn the_id_must_be_the_name_of_the_file() {
    let notice = parse(MINIMAL).expect("a notice");
    assert_eq!(notice.check_stem("n-1"), None);
    let problem = notice.check_stem("other").expect("a problem").in_file("other.yaml");
    assert_eq!(problem.to_string(), "other.yaml: id: the id `n-1` and the file's name `other` must be the same");
}

#[test]
fn test_mails_go_only_to_listed_addresses() {
    let notice = with("test_addresses: [Me@example.jp]").expect("a notice");
    assert!(notice.is_test_address("me@example.jp") && !notice.is_test_address("you@example.jp"));
}
