//! Reads template sources for what rendering might not meet: a branch that no sample takes may still name a fact that does not exist.

use super::error::{TemplateError, no_helper, no_such};
use super::helpers::KNOWN;
use crate::text::{Text, say};
use serde_json::Value;
use std::collections::BTreeSet;

/// The key of a context that is no member's.
pub(super) const FOR_EVERYBODY: &str = "web";

/// Looks at every tag of a source. Answers the member fields that it names (`member.fields.X`).
///
/// # Errors
/// The first tag with unescaped output, a partial or decorator, an unknown helper, or a path below `facts` or `notice` that leads nowhere.
pub(super) fn read(file: &str, source: &str, root: &Value) -> Result<BTreeSet<String>, TemplateError> {
    let mut fields = BTreeSet::new();
    let mut at = 0;
    while let Some(open) = source[at..].find("{{").map(|n| at + n) {
        let (tag, end) = tag_at(source, open);
        read_tag(tag, root, &mut fields).map_err(|message| TemplateError::at(file, source, open, message))?;
        at = end;
    }
    Ok(fields)
}

/// The inside of the tag at `open` and where the source goes on.
fn tag_at(source: &str, open: usize) -> (&str, usize) {
    let (start, close) = if source[open..].starts_with("{{!--") { (open + 5, "--}}") } else { (open + 2, "}}") };
    let length = source[start..].find(close).unwrap_or(source.len() - start);
    let comment = source[open..].starts_with("{{!");
    (if comment { "" } else { &source[start..start + length] }, (start + length + close.len()).min(source.len()))
}

fn read_tag(tag: &str, root: &Value, fields: &mut BTreeSet<String>) -> Result<(), Text> {
    let tag = tag.trim_matches('~').trim();
    if tag.starts_with(['{', '&']) {
        return Err(say!(
            ja: "エスケープせずに出力しています。波かっこは二つにし、& は付けないでください。",
            en: "prints without escaping; use two braces and no `&`"
        ));
    }
    if tag.starts_with(['>', '*']) || tag.starts_with("#>") || tag.starts_with("#*") {
        return Err(say!(
            ja: "パーシャルとデコレーターは使えません。その内容をここに書いてください。",
            en: "partials and decorators are not available; write here what they hold"
        ));
    }
    let words = words(tag);
    if tag.starts_with('/') {
        return Ok(());
    }
    for (n, word) in words.iter().enumerate() {
        let calls = (n == 0 && (words.len() > 1 || tag.starts_with('#'))) || (n > 0 && words[n - 1] == "(");
        if calls && !KNOWN.contains(&word.as_str()) {
            return Err(no_helper(word));
        }
        check_path(word, root, fields)?;
    }
    Ok(())
}

/// The words of a tag: paths, helper names, the right sides of `key=value`, and opening brackets. Quoted texts are left out.
fn words(tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    let outside = tag.trim_start_matches(['#', '^']).split(['"', '\'']).step_by(2);
    for piece in outside.map(|text| text.replace('(', " ( ").replace(')', " ")) {
        let word = |word: &str| word.rsplit('=').next().unwrap_or("").to_owned();
        found.extend(piece.split_whitespace().map(word).filter(|word| !word.is_empty()));
    }
    found
}

fn check_path(word: &str, root: &Value, fields: &mut BTreeSet<String>) -> Result<(), Text> {
    let path = word.trim_start_matches("../").trim_start_matches("@root.").replace('/', ".");
    if root.get(FOR_EVERYBODY).is_some() && path.split('.').any(|key| key.trim_matches(['[', ']']) == "member") {
        return Err(say!(
            ja: "誰でも見られるページに会員の情報(member)は使えません。取り除いてください。",
            en: "a page for everybody knows no member; take it out"
        ));
    }
    if let Some(field) = path.strip_prefix("member.fields.") {
        fields.insert(field.trim_matches(['[', ']']).to_owned());
    }
    if !path.starts_with("facts.") && !path.starts_with("notice.") {
        return Ok(());
    }
    let found = path
        .split('.')
        .map(|key| key.trim_matches(['[', ']']))
        .try_fold(root, |value, key| key.parse::<usize>().ok().and_then(|n| value.get(n)).or_else(|| value.get(key)));
    found.map(|_| ()).ok_or_else(|| no_such(&path))
}
