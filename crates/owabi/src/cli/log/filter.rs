//! What is looked for in the log.

use super::Options;
use crate::cli::exit::{Exit, Failure};
use crate::cli::say::{Text, say};
use crate::cli::selecting;
use crate::cli::session::{Session, unknown_notice};
use crate::cli::wrong_value::WrongValue;
use crate::japan;
use owabi_store::{LogFilter, Store};
use serde_json::{Value, json};

/// The words that an attempt's outcome may have; `none`: there is no outcome.
pub(super) const OUTCOMES: [&str; 6] = ["accepted", "deferred", "failed", "in_doubt", "not_sent", "none"];

/// `--since` and `--until` in epoch milliseconds.
pub(super) fn times(options: &Options, now: i64) -> Result<(Option<i64>, Option<i64>), Failure> {
    let read = |option: &'static str, text: &Option<String>, parse: fn(&str, i64) -> Option<i64>| {
        text.as_deref().map(|text| parse(text, now).ok_or_else(|| no_time(option, text))).transpose()
    };
    let since = read("--since", &options.since, japan::parse)?;
    Ok((since, read("--until", &options.until, japan::parse_end)?))
}

fn no_time(option: &str, text: &str) -> Failure {
    let what = say!(ja: "{option} {text} を日時として読めません。", en: "{option} {text} is no time");
    Failure::with(Exit::Usage, what, Text::same("2022-03-02, 2022-03-02T09:00, 2h"))
}

/// The filter of the options. What they name must be there: a slip of the pen is no empty list.
pub(super) async fn of(
    options: &Options,
    (since, until): (Option<i64>, Option<i64>),
    (session, store): (&Session, &Store),
) -> Result<LogFilter, Failure> {
    if let Some(id) = &options.notice {
        known_notice((session, store), id).await?;
    }
    if let Some(id) = &options.batch {
        known_batch(store, id).await?;
    }
    let members = match &options.member {
        Some(no) => Some(rows_of(store, options.notice.as_deref(), no).await?),
        None => None,
    };
    Ok(LogFilter {
        notice_id: options.notice.clone(),
        members,
        statuses: options.status.clone(),
        domain: options.domain.as_deref().map(selecting::domain).transpose()?,
        code: options.code,
        enhanced: options.enhanced.clone(),
        outcomes: options.outcome.clone(),
        batch: options.batch.clone(),
        since,
        until,
    })
}

/// What was asked for, for the ledger.
pub(super) fn asked(options: &Options, (since, until): (Option<i64>, Option<i64>)) -> Value {
    let status: Vec<&str> = options.status.iter().map(|status| status.as_str()).collect();
    let status = Some(status.join(",")).filter(|status| !status.is_empty());
    let mut asked = json!({ "notice": options.notice, "member": options.member, "status": status, "since": since });
    let outcome = Some(options.outcome.join(",")).filter(|outcome| !outcome.is_empty());
    let code = options.code.map(|(from, to)| format!("{from}-{to}"));
    let more = [("domain", options.domain.clone()), ("code", code), ("enhanced", options.enhanced.clone())];
    let further = [("outcome", outcome), ("batch", options.batch.clone())];
    for (key, value) in more.into_iter().chain(further).filter(|(_, value)| value.is_some()) {
        asked[key] = json!(value);
    }
    if let Some(until) = until {
        asked["until"] = json!(until);
    }
    asked
}

/// Refuses a notice that the database does not know: exit 2.
pub(in crate::cli) async fn known_notice((session, store): (&Session, &Store), id: &str) -> Result<(), Failure> {
    match store.notice(id).await? {
        Some(_) => Ok(()),
        None => Err(unknown_notice(session, store, id).await),
    }
}

async fn known_batch(store: &Store, id: &str) -> Result<(), Failure> {
    if store.batches("").await?.iter().any(|batch| batch.id == id) {
        return Ok(());
    }
    Err(Failure::with(
        Exit::Usage,
        say!(ja: "「{id}」という取り込み・再送はありません。", en: "there is no import or resend {id:?}"),
        say!(
            ja: "id は取り込みや再送のときに表示されます。`owabi report --notice ID` にも一覧があります。",
            en: "the id is said when it is made; `owabi report --notice ID` lists them"
        ),
    ))
}

/// The rows of one member number, in each notice that has it.
async fn rows_of(store: &Store, notice: Option<&str>, member_no: &str) -> Result<Vec<i64>, Failure> {
    let mut rows = Vec::new();
    for known in store.notices().await?.iter().filter(|known| notice.is_none_or(|id| id == known.id)) {
        rows.extend(store.member(&known.id, member_no).await?.map(|row| row.id));
    }
    rows.sort_unstable();
    Ok(rows)
}

/// A domain, as addresses are compared.
pub(super) fn domain(text: &str) -> Result<String, WrongValue> {
    let domain = text.trim_start_matches('@').to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || c == '.' || c == '-';
    if domain.is_empty() || !domain.chars().all(plain) {
        return Err(WrongValue(say!(ja: "ドメイン。例: docomo.ne.jp", en: "a domain, such as docomo.ne.jp")));
    }
    Ok(domain)
}

/// `550`, `55x`, `5xx` as the lowest and the highest code.
pub(super) fn code(text: &str) -> Result<(i64, i64), WrongValue> {
    let wrong = || WrongValue(say!(ja: "返答コード: 550、55x、5xx", en: "a reply code: 550, 55x or 5xx"));
    let digits = text.trim_end_matches(['x', 'X']);
    let open = text.len() - digits.len();
    let good = text.len() == 3 && !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse::<i64>().ok().filter(|_| good).ok_or_else(wrong)?;
    let span = [1, 10, 100][open];
    Ok((number * span, number * span + span - 1))
}

/// `5.1.1`, `5.1.x`, `5.x` as a pattern of LIKE.
pub(super) fn enhanced(text: &str) -> Result<String, WrongValue> {
    let wrong = || WrongValue(say!(ja: "拡張コード: 5.1.1、5.1.x、5.x", en: "an enhanced code: 5.1.1, 5.1.x or 5.x"));
    let (digits, open) =
        text.split_once(".x").map_or((text, false), |(digits, rest)| (digits, rest.replace(".x", "").is_empty()));
    let parts: Vec<&str> = digits.split('.').collect();
    let good = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()));
    match (good, open, parts.len()) {
        (true, false, 3) if digits == text => Ok(text.to_owned()),
        (true, true, 1 | 2) => Ok(format!("{digits}.%")),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_stands_for_itself_or_for_all_that_begin_like_it() {
        assert_eq!([code("550"), code("55x"), code("5xx")], [Ok((550, 550)), Ok((550, 559)), Ok((500, 599))]);
        for wrong in ["", "5", "xxx", "5x5", "5000", "five", "5x", "-55"] {
            assert!(code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_enhanced_code_stands_for_itself_or_for_all_that_begin_like_it() {
        let read = |text: &str| enhanced(text).ok();
        assert_eq!(read("5.1.1").as_deref(), Some("5.1.1"));
        assert_eq!([read("5.1.x"), read("5.x"), read("5.x.x")].map(Option::unwrap), ["5.1.%", "5.%", "5.%"]);
        for wrong in ["", "5", "5.1", "5.%", "5.1.1.1", "x", "5.1.1.x", "5.x.1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_domain_is_taken_with_or_without_its_sign_and_holds_no_wildcard() {
        assert_eq!(domain("@Docomo.ne.jp").as_deref(), Ok("docomo.ne.jp"));
        assert!(["", "%", "a_b.jp", "a@b.jp"].iter().all(|wrong| domain(wrong).is_err()));
    }
}
