//! What a document names is there: tests, metrics, environment variables, keys of the configuration and of a notice, exit codes.

use super::markdown::{Document, all, find, root};
use owabi::cli::exit::Exit;
use owabi::health::metrics::FAMILIES;
use owabi_core::yaml::document as yaml;
use std::sync::OnceLock;

/// Words of other programs that look like the name of a test.
const OTHERS: [&str; 3] = ["owabi_destination_recipient_limit", "owabi_intake", "log_min_error_statement"];
/// What looks like a key of the configuration and is a file, or a key of an answer of `/health`.
const NO_KEYS: [&str; 4] = ["ledger.key", "ledger.body", "database.why", "database.ok"];
/// How the name of a file or a host ends that begins like a section.
const FILES: [&str; 8] = [".example.jp", ".key.head", ".pem", ".jsonl", ".md", ".csv", ".rs", ".service"];

/// The text of all programs and tests.
fn sources() -> &'static str {
    static SOURCES: OnceLock<String> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let mut files = Vec::new();
        find(&root(), &["rs", "sh", "py"], &mut files);
        files.extend(["x", "tests/bench/run"].map(|name| root().join(name)));
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    })
}

/// What is called like a family of `/metrics`; those of its samples end in more.
fn is_metric_name(code: &str) -> bool {
    let plain = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain && (code.starts_with("owabi_") || code.starts_with("process_")) && !OTHERS.contains(&code)
}

fn is_a_metric(code: &str) -> bool {
    FAMILIES.iter().any(|family| family.name == code)
}

/// A name of three underscores or more is a test's; `…` stands for the rest of one.
fn is_test_name(code: &str) -> bool {
    let plain = code.trim_matches('…');
    let is_name = plain.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_name
        && (plain.matches('_').count() > 2 || code != plain && plain.matches('_').count() > 1)
        && !OTHERS.contains(&code)
}

fn is_a_test(code: &str) -> bool {
    match (code.strip_prefix('…'), code.strip_suffix('…')) {
        (None, None) => sources().contains(&format!("fn {code}(")),
        (Some(end), _) => sources().contains(&format!("{end}(")),
        (_, Some(start)) => sources().contains(&format!("fn {start}")),
    }
}

/// `OWABI_SMTP__RELAYS__0__HOST` and the like stand for keys; all others are read somewhere.
fn is_a_variable(name: &str) -> bool {
    let path = name.trim_start_matches("OWABI_").to_lowercase();
    sources().contains(&format!("{name}\""))
        || sources().contains(&format!("{name}="))
        || is_a_key(&path.replace("__", "."))
}

/// The paths of all keys of the configuration and of a notice, without the numbers of lists.
fn keys() -> &'static Vec<String> {
    static KEYS: OnceLock<Vec<String>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let mut keys = Vec::new();
        for file in ["config/owabi.yaml", "config/notices/metaps-2022.yaml"] {
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            let document = yaml::typed(yaml::parse(file, &text).unwrap()).unwrap();
            paths(&document, "", &mut keys);
        }
        keys.extend(["policy.notify_success".to_owned()]);
        keys
    })
}

fn paths(value: &serde_json::Value, path: &str, into: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, held)| {
            into.push(below(key));
            paths(held, &below(key), into);
        }),
        serde_json::Value::Array(list) => list.iter().for_each(|held| paths(held, path, into)),
        _ => {}
    }
}

fn is_a_key(path: &str) -> bool {
    let without_numbers: Vec<&str> = path.split('.').filter(|part| part.parse::<u32>().is_err()).collect();
    keys().contains(&without_numbers.join("."))
}

/// `section.key` of a section that there is.
fn looks_like_a_key(code: &str) -> bool {
    let section = code.split_once('.').map(|(section, _)| section);
    let plain = code.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
    let is_file = NO_KEYS.contains(&code) || FILES.iter().any(|end| code.ends_with(end));
    plain && !is_file && section.is_some_and(is_a_key)
}

fn missing(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    for (line, code) in document.code() {
        let name = code.split([':', '=']).next().unwrap();
        let what = if is_metric_name(&code) {
            if is_a_metric(&code) {
                continue;
            }
            "is no metric"
        } else if is_test_name(&code) && !is_a_test(&code) {
            "is no test"
        } else if looks_like_a_key(name) && !is_a_key(name) {
            "is no key of the configuration"
        } else {
            continue;
        };
        found.push(format!("{}:{line}: `{code}` {what}", document.path));
    }
    for (number, line) in document.text.lines().enumerate() {
        for rest in line.split("OWABI_").skip(1) {
            let end =
                rest.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_').unwrap_or(rest.len());
            let name = format!("OWABI_{}", &rest[..end]);
            if end > 0 && !is_a_variable(&name) {
                found.push(format!("{}:{}: {name} is no variable", document.path, number + 1));
            }
        }
    }
    for block in document.blocks().into_iter().filter(|block| block.language == "yaml") {
        found.extend(
            unknown_keys(&block.text)
                .into_iter()
                .map(|key| format!("{}:{}: {key} is no key", document.path, block.line)),
        );
    }
    found
}

/// The keys of a block of YAML that neither the configuration nor a notice has, if it is one of ours at all.
fn unknown_keys(text: &str) -> Vec<String> {
    let document: serde_json::Value = yaml::typed(yaml::parse("block", text).unwrap()).unwrap();
    let ours = document.as_object().is_some_and(|map| map.keys().any(|key| is_a_key(key)));
    let mut shown = Vec::new();
    paths(&document, "", &mut shown);
    shown.retain(|path| ours && !is_a_key(path));
    shown
}

/// A table whose first column is the exit code has all of them and no other.
fn other_codes(document: &Document) -> Vec<String> {
    let all: Vec<String> = Exit::ALL.iter().map(|exit| exit.code().to_string()).collect();
    let is_of_codes =
        |table: &&Vec<Vec<String>>| ["exit code", "終了コード"].contains(&table[0][0].to_lowercase().as_str());
    let codes =
        |table: &Vec<Vec<String>>| table[1..].iter().map(|row| row[0].trim_matches('`').to_owned()).collect::<Vec<_>>();
    let tables = document.tables();
    let differing = tables.iter().filter(is_of_codes).map(codes).filter(|shown| *shown != all);
    differing.map(|shown| format!("{}: exit codes {shown:?}, not {all:?}", document.path)).collect()
}

#[test]
fn every_test_variable_key_and_exit_code_that_a_document_names_is_there() {
    let found: Vec<String> =
        all().iter().flat_map(|document| [missing(document), other_codes(document)].concat()).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_promise_has_a_test() {
    for document in all().iter().filter(|document| document.path.starts_with("docs/promises")) {
        let tables = document.tables();
        let promises = tables.iter().flat_map(|table| &table[1..]);
        let without: Vec<&String> = promises.filter(|row| !row[1].contains('`')).map(|row| &row[0]).collect();
        assert!(without.is_empty() && !tables.is_empty(), "{}: {without:?}", document.path);
    }
}

#[test]
fn a_test_a_variable_a_key_and_a_code_that_are_not_there_are_found() {
    let text = "`the_moon_is_made_of_cheese` `every_test_variable_key_and_exit_code_that_a_document_names_is_there` `the_moon_is…` `owabi_moon_total` `owabi_alerts_total`\n\
                OWABI_MOON OWABI_CONFIG OWABI_DISPATCH__CLAIM OWABI_DISPATCH__MOON\n`receipts.moon` `receipts.patience` `policy.window: \"1\"`\n\
                ```yaml\nsmtp: { moon: 1, relays: [ { host: a } ] }\n```\n\n| Exit code | is |\n|---|---|\n| 0 | done |\n";
    let document = Document::of("a.md", text);
    let found = missing(&document).join("\n");
    let expected = [
        "a.md:1: `the_moon_is_made_of_cheese` is no test",
        "a.md:1: `the_moon_is…` is no test",
        "a.md:1: `owabi_moon_total` is no metric",
        "a.md:3: `receipts.moon` is no key of the configuration",
        "a.md:2: OWABI_MOON is no variable",
        "a.md:2: OWABI_DISPATCH__MOON is no variable",
        "a.md:5: smtp.moon is no key",
    ];
    assert_eq!(found, expected.join("\n"));
    assert_eq!(other_codes(&document).len(), 1);
}
