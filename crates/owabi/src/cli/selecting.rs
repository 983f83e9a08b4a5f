//! Whom a verb concerns: the options that `resend` and `withdraw` share.

use super::exit::{Exit, Failure};
use super::say::{Text, say};
use super::session::Session;
use crate::config::Config;
use crate::{japan, keys};
use owabi_core::address::Address;
use owabi_core::ids::Pseudonyms;
use owabi_core::lifecycle::Status;
use owabi_core::notice::NoticeDefinition;
use owabi_core::roster::{List, RosterError, listed_number};
use owabi_store::{Selection, Store};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Unknown numbers that are named; the count goes on.
const NAMED: usize = 20;

/// Whom it concerns. Several options narrow each other.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Selecting {
    /// Only these statuses, separated by commas
    #[arg(long, value_name = "S,…", value_delimiter = ',')]
    pub(super) status: Vec<Status>,
    /// Only recipients of this mail domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only members of this cohort
    #[arg(long, value_name = "ID")]
    cohort: Option<String>,
    /// Only those with this reason, as `unreachable` shows it (`mailbox_full` …)
    #[arg(long, value_name = "WORD")]
    reason_code: Option<String>,
    /// Only those whose status changed since (2h, 2022-03-02, 2022-03-02T09:00)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those whose status changed by then; a day counts whole
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only this member number
    #[arg(long, value_name = "NO", conflicts_with = "file")]
    pub(super) member: Option<String>,
    /// Only the member numbers of this list: one a line, or CSV with a column 会員番号 or `member_no`
    #[arg(long, value_name = "LIST")]
    pub(super) file: Option<PathBuf>,
    /// Leave out numbers of the list that the notice does not have
    #[arg(long, requires = "file")]
    skip_unknown: bool,
}

/// A selection that was read.
pub(super) struct Asked {
    pub(super) selection: Selection,
    /// The selection as it is kept: as it was typed, without addresses.
    pub(super) words: Value,
    /// Numbers of the list that the notice does not have, and that are left out.
    pub(super) unknown: Vec<String>,
}

impl Selecting {
    /// Nothing was asked for: everybody.
    pub(super) fn is_empty(&self) -> bool {
        let texts = [&self.domain, &self.cohort, &self.reason_code, &self.since, &self.until, &self.member];
        self.status.is_empty() && self.file.is_none() && texts.iter().all(|text| text.is_none())
    }

    /// Reads the selection for `verb`. `statuses` are those that are meant, with what the verb adds.
    pub(super) async fn read(
        &self,
        (session, verb): (&Session, &str),
        store: &Store,
        (config, definition): (&Config, &NoticeDefinition),
        statuses: Vec<Status>,
    ) -> Result<Asked, Failure> {
        let now = session.now();
        let (numbers, headless) = self.numbers()?;
        let list = match (&self.file, &numbers) {
            (Some(_), Some(numbers)) => {
                Some(of_list(numbers, &keys::load(config, store).await?.pseudonyms(&definition.id)))
            }
            _ => None,
        };
        let unknown = match &numbers {
            Some(numbers) => match self.unknown(store, &definition.id, (numbers, headless)).await? {
                Unknown::LeftOut(unknown) => unknown,
                Unknown::Refused(failure, known) => {
                    self.record(session, store, (verb, &definition.id), list.as_ref(), known).await?;
                    return Err(failure);
                }
            },
            None => BTreeSet::new(),
        };
        let since = self.since.as_deref().map(|text| time("--since", text, japan::parse(text, now))).transpose()?;
        let until = self.until.as_deref().map(|text| time("--until", text, last_of(text, now))).transpose()?;
        let domain = self.domain.as_deref().map(domain).transpose()?;
        if let Some(cohort) = self.cohort.as_ref().filter(|cohort| definition.cohort(cohort).is_none()) {
            let known: Vec<&str> = definition.cohorts.iter().map(|cohort| cohort.id.as_str()).collect();
            let known = known.join(", ");
            return Err(Failure::new(
                Exit::Usage,
                say!(ja: "対象区分「{cohort}」はありません。あるもの: {known}", en: "there is no cohort {cohort:?}; the cohorts are: {known}"),
            ));
        }
        let row = match &self.member {
            Some(no) => store.member(&definition.id, &listed_number(no)).await?.map(|row| format!("#{}", row.id)),
            None => None,
        };
        let mut words = json!({
            "status": statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>(),
            "domain": domain,
            "cohort": self.cohort,
            "reason_code": self.reason_code,
            "since": self.since,
            "until": self.until,
            // Not the number: the ledger cannot be purged.
            "member": row,
            "list": list,
        });
        if let Some(words) = words.as_object_mut() {
            words.retain(|_, word| !word.is_null());
        }
        let member_nos = numbers.map(|numbers| numbers.into_iter().filter(|no| !unknown.contains(no)).collect());
        let (cohort, reason_code) = (self.cohort.clone(), self.reason_code.clone());
        let selection = Selection { statuses, domain, cohort, reason_code, since, until, member_nos };
        Ok(Asked { selection, words, unknown: unknown.into_iter().collect() })
    }

    /// Of members who are named, a count says how each stands: this is in the ledger first. Of others it does not.
    pub(super) async fn look(
        &self,
        session: &Session,
        store: &Store,
        (verb, notice): (&str, &str),
        asked: &Asked,
        rows: i64,
    ) -> Result<(), Failure> {
        if self.member.is_none() && self.file.is_none() {
            return Ok(());
        }
        self.record(session, store, (verb, notice), asked.words.get("list"), rows).await
    }

    async fn record(
        &self,
        session: &Session,
        store: &Store,
        (verb, notice): (&str, &str),
        list: Option<&Value>,
        rows: i64,
    ) -> Result<(), Failure> {
        let number = self.member.as_deref().map(listed_number);
        session.look(store, verb, &json!({ "notice": notice, "member": number, "list": list }), rows).await
    }

    fn numbers(&self) -> Result<(Option<BTreeSet<String>>, bool), Failure> {
        match (&self.member, &self.file) {
            (Some(no), _) => Ok((Some([listed_number(no)].into()), false)),
            (None, Some(file)) => {
                let list = read_list(file, &[])?;
                let numbers: BTreeSet<String> = list.rows.iter().map(|row| listed_number(&row.cells[0])).collect();
                let numbers: BTreeSet<String> = numbers.into_iter().filter(|no| !no.is_empty()).collect();
                if numbers.is_empty() {
                    let file = file.display();
                    return Err(Failure::new(
                        Exit::BadData,
                        say!(ja: "{file} に会員番号がありません。", en: "{file} names no member"),
                    ));
                }
                Ok((Some(numbers), !list.has_header && list.columns > 1))
            }
            (None, None) => Ok((None, false)),
        }
    }

    /// The numbers that the notice does not have.
    async fn unknown(
        &self,
        store: &Store,
        notice_id: &str,
        (numbers, headless): (&BTreeSet<String>, bool),
    ) -> Result<Unknown, Failure> {
        let asked: Vec<String> = numbers.iter().cloned().collect();
        let known = store.member_ids(notice_id, &asked).await?;
        let unknown: BTreeSet<String> = asked.into_iter().filter(|no| !known.contains_key(no)).collect();
        if unknown.is_empty() || self.skip_unknown {
            return Ok(Unknown::LeftOut(unknown));
        }
        if headless && known.is_empty() {
            let failure = Failure::with(
                Exit::BadData,
                say!(ja: "一覧に会員番号の列がありません。", en: "the list has no column with member numbers"),
                say!(ja: "見出しを「会員番号」か member_no にしてください。何も変更していません。", en: "head it 会員番号 or member_no; nothing was changed"),
            );
            return Ok(Unknown::Refused(failure, 0));
        }
        let (count, named) = (unknown.len(), named(&unknown));
        let what = say!(
            ja: "「{notice_id}」にいない会員番号が {count} 件あります: {named}",
            en: "{notice_id} does not have {count} of the member numbers: {named}"
        );
        let next = say!(
            ja: "番号を直してください。一覧のうち登録のない番号を除いて進めるには --skip-unknown を付けます。何も変更していません。",
            en: "correct them; --skip-unknown leaves out those of a list; nothing was changed"
        );
        let rows = i64::try_from(known.len()).unwrap_or(i64::MAX);
        Ok(Unknown::Refused(Failure::with(Exit::BadData, what, next), rows))
    }
}

/// The numbers that the notice does not have.
enum Unknown {
    LeftOut(BTreeSet<String>),
    /// Why nothing goes on, and how many of the numbers the notice has: whoever tries numbers learns both.
    Refused(Failure, i64),
}

/// The first of many numbers.
pub(super) fn named(numbers: &BTreeSet<String>) -> String {
    let more = if numbers.len() > NAMED { " …" } else { "" };
    numbers.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ") + more
}

/// The last moment that `--until` takes in: that which it names, or the last one of the day.
fn last_of(text: &str, now: i64) -> Option<i64> {
    let end = japan::parse_end(text, now)?;
    Some(if japan::parse(text, now) == Some(end) { end } else { end - 1 })
}

/// The list's content by its numbers alone: the same numbers in another file, or in another order, are the same list. Keyed: whoever
/// sees the ledger cannot find out by trying whether a number was on it.
fn of_list(numbers: &BTreeSet<String>, pseudonyms: &Pseudonyms) -> Value {
    let sorted: Vec<&str> = numbers.iter().map(String::as_str).collect();
    json!({ "members": numbers.len(), "hash": pseudonyms.of(&sorted.join("\n")) })
}

/// Reads a list of members.
pub(super) fn read_list(file: &Path, others: &[&[&str]]) -> Result<List, Failure> {
    let name = file.display();
    let opened = std::fs::File::open(file).map_err(|error| {
        Failure::new(Exit::BadData, say!(ja: "{name} を読めません: {error}", en: "{name} cannot be read: {error}"))
    })?;
    List::read(opened, others).map_err(|error: RosterError| {
        let (ja, en) = (error.text(owabi_core::address::Lang::Ja), error.text(owabi_core::address::Lang::En));
        Failure::new(Exit::BadData, say!(ja: "{name}: {ja}", en: "{name}: {en}"))
    })
}

fn time(option: &str, text: &str, read: Option<i64>) -> Result<i64, Failure> {
    read.ok_or_else(|| {
        let what = say!(ja: "{option} {text} を日時として読めません。", en: "{option} {text} is no time");
        Failure::with(Exit::Usage, what, Text::same("2022-03-02, 2022-03-02T09:00, 2h"))
    })
}

/// A domain as it is looked for: in lower case and A-labels, whatever the width of its letters.
pub(super) fn domain(text: &str) -> Result<String, Failure> {
    let bare = text.trim().trim_start_matches(['@', '＠']);
    let parsed = Address::parse(&format!("x@{bare}")).map_err(|_| {
        Failure::new(
            Exit::Usage,
            say!(ja: "--domain {text} はドメイン名ではありません。", en: "--domain {text} is no domain"),
        )
    })?;
    Ok(parsed.address.domain().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_looked_for_as_the_queue_has_it_however_it_was_typed() {
        for typed in ["例え.jp", "＠例え.jp", "@XN--R8JZ45G.JP", " ｘｎ--r8jz45g.jp "] {
            assert_eq!(domain(typed).ok().as_deref(), Some("xn--r8jz45g.jp"), "{typed}");
        }
        assert!(domain("no domain").is_err());
    }
}
