//! Why the value of an argument is wrong: what belongs there, in both languages.

use super::say::{Text, say};
use crate::sender::dns::BadResolver;
use owabi_core::lifecycle::{Status, UnknownStatus};
use owabi_core::people::{Role, UnknownRole};
use owabi_core::yaml::SpanError;
use std::error::Error;
use std::net::AddrParseError;
use std::num::ParseIntError;

/// What the parsers of this program's own arguments say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.en)]
pub(super) struct WrongValue(pub(super) Text);

/// What any parser says; one that is not known is shown as it is.
pub(super) fn why(error: &(dyn Error + 'static)) -> Text {
    let known = error.downcast_ref::<WrongValue>().map(|WrongValue(text)| text.ja.clone());
    let ja = known.or_else(|| of_type(error)).or_else(|| of_range(&error.to_string()));
    let en = error.to_string();
    Text { ja: ja.unwrap_or_else(|| en.clone()), en }
}

fn of_type(error: &(dyn Error + 'static)) -> Option<String> {
    Some(if error.is::<SpanError>() {
        "期間は 250ms、30s、5m、4h、5d、1h30m のように、数と単位で書きます".to_owned()
    } else if error.is::<UnknownStatus>() {
        let words = Status::ALL.map(Status::as_str).join("、");
        format!("指定できる状況: {words}")
    } else if error.is::<UnknownRole>() {
        let words = Role::ALL.map(Role::as_str).join("、");
        format!("指定できる役割: {words}")
    } else if error.is::<BadResolver>() {
        "IP アドレス(192.0.2.53、192.0.2.53:5353、[2001:db8::53]:53)か system と書きます".to_owned()
    } else if error.is::<ParseIntError>() {
        "整数を書きます".to_owned()
    } else if error.is::<AddrParseError>() {
        "IP アドレスを書きます".to_owned()
    } else {
        return None;
    })
}

/// clap's `0 is not in 1..=9`.
fn of_range(said: &str) -> Option<String> {
    let (_, range) = said.split_once(" is not in ")?;
    Some(format!("{range} の範囲で書きます"))
}

/// The error of a parser whose argument takes one of these words.
pub(super) fn one_of(words: &[&str]) -> WrongValue {
    let (ja, en) = (words.join("、"), words.join(", "));
    WrongValue(say!(ja: "指定できるもの: {ja}", en: "one of {en}"))
}
