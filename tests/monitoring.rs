//! What is shipped for Prometheus and Grafana names only what `/metrics` has, and does what it says.

use crate::support::promtool;
use owabi::health::metrics::{Described, FAMILIES, Kind};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(shipped(name)).unwrap()
}

fn promtool_is_content(arguments: &[&str], name: &str) {
    let file = shipped(name);
    promtool::is_content(&[arguments, &[file.to_str().unwrap()]].concat(), "");
}

fn family(name: &str) -> Option<&'static Described> {
    static LISTED: [Described; FAMILIES.len()] = FAMILIES;
    LISTED.iter().find(|of| {
        let end = name.strip_prefix(of.name);
        end.is_some_and(|end| {
            end.is_empty() || of.kind == Kind::Histogram && ["_bucket", "_sum", "_count"].contains(&end)
        })
    })
}

/// Every metric of an expression, with the labels in its braces.
fn metrics(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = ["owabi_", "process_"].into_iter().flat_map(|prefix| expression.match_indices(prefix));
    let one = |(at, _): (usize, &str)| {
        let name: String = expression[at..].chars().take_while(|c| is_name(*c)).collect();
        let braces = expression[at + name.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels =
            braces.map_or("", |(within, _)| within).split(',').filter_map(|pair| pair.split(['=', '!']).next());
        let labels = labels.map(str::trim).filter(|label| !label.is_empty());
        (name, labels.map(str::to_owned).collect())
    };
    begins.map(one).collect()
}

/// Labels that Prometheus adds itself.
const SCRAPED: [&str; 3] = ["job", "instance", "le"];

#[track_caller]
fn names_what_is_there(expression: &str) -> usize {
    let found = metrics(expression);
    for (name, labels) in &found {
        let of = family(name).unwrap_or_else(|| panic!("{name} is no metric: {expression}"));
        for label in labels {
            assert!(of.labels.contains(&label.as_str()) || SCRAPED.contains(&label.as_str()), "{label}: {expression}");
        }
    }
    found.len()
}

#[test]
fn the_shipped_alerts_are_rules_that_ring_when_they_should_and_not_else() {
    promtool_is_content(&["check", "rules"], "prometheus/alerts.yml");
    promtool_is_content(&["test", "rules"], "prometheus/alerts.test.yml");
    promtool_is_content(&["check", "config"], "prometheus/scrape.example.yml");
}

#[test]
fn each_alert_has_a_severity_says_what_to_do_in_two_languages_and_is_tested() {
    let (rules, tests) = (text("prometheus/alerts.yml"), text("prometheus/alerts.test.yml"));
    let rules: Vec<_> = rules.split("      - alert: ").skip(1).collect();
    assert!(rules.len() > 10);
    for rule in rules {
        let name = rule.lines().next().unwrap();
        assert!(rule.contains("severity: critical") || rule.contains("severity: warning"), "{rule}");
        for part in ["summary: ", "summary_ja: ", "description: ", "description_ja: "] {
            assert!(rule.contains(part), "{part}: {rule}");
        }
        assert!(rule.contains("`owabi ") || rule.contains("`curl "), "{name} says nothing to do");
        assert!(tests.contains(&format!("alertname: {name}\n        exp_alerts:\n")), "{name} is not tested");
        let expression = rule.lines().skip_while(|line| !line.contains("expr:")).nth(1).unwrap();
        assert!(names_what_is_there(expression) > 0 || name == "OwabiDown", "{rule}");
    }
}

#[test]
fn the_shipped_dashboard_can_be_imported_and_names_what_is_there() {
    let dashboard: Value = serde_json::from_str(&text("grafana/owabi.json")).unwrap();
    assert_eq!(dashboard["__inputs"][0]["pluginId"], "prometheus");
    let panels = dashboard["panels"].as_array().unwrap();
    let (mut places, mut told) = (BTreeSet::new(), 0);
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(title.contains(" / ") && !title.is_ascii(), "in two languages: {title}");
        assert!(places.insert((panel["gridPos"]["x"].as_i64(), panel["gridPos"]["y"].as_i64())), "{title}");
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            told += names_what_is_there(expression);
            let in_seconds = expression.contains("_seconds") && !expression.contains("_seconds_count");
            assert_eq!(unit == "s", in_seconds, "{title}: {unit}");
            assert_eq!(unit == "bytes", expression.contains("_bytes"), "{title}: {unit}");
        }
    }
    assert!(panels.len() > 10 && told >= panels.len());
}
