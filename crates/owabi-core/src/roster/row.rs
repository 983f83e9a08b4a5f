//! From one record to what it means: somebody affected, nobody affected, or a line to give back.

use super::cohort::{NotAffected, RosterCohort, Rules, fold};
use super::columns::{Columns, Shape};
use super::encoding::UNDECODABLE;
use super::paid_at::PaidAt;
use super::records::Record;
use super::refused::{own_columns, undo};
use super::{Refusal, RosterError, RosterOptions};
use crate::address::{Address, AddressProblem, Change, Lang, Warning, is_bidi_control};
use crate::member::{Member, Payment};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What one line came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody is owed a notice.
    Affected(Entry),
    /// A payment outside the notice's rules.
    NotAffected {
        /// The first thing that no rule names.
        why: NotAffected,
        /// What the line says there, at most 100 characters: the purpose, the method or the day.
        value: String,
        /// Its fields, as a refused line gives them back.
        raw: Vec<String>,
    },
    /// The line could not be taken.
    Refused {
        /// Why.
        reason: Refusal,
        /// Its fields as far as they could be read: at most 200, each of at most 1,000 characters.
        raw: Vec<String>,
    },
}

/// An affected member as one line gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The member, with at most this line's payment.
    pub member: Member,
    /// Why mail cannot reach the member; `member.email` is then `None`.
    pub unreachable: Option<AddressProblem>,
    /// The address cell as the roster gives it.
    pub given_email: String,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
    /// What was repaired.
    pub changes: Vec<RowChange>,
    /// The line's fields, as a refused line gives them back.
    pub raw: Vec<String>,
}

/// One repair of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum RowChange {
    /// Of the address.
    Address {
        /// Which.
        repair: Change,
    },
    /// The member number had full-width or invisible characters, or inner runs of space.
    MemberNo,
    /// Bidi controls were taken out of the name.
    NameBidi,
    /// 外字 were replaced by 〓, as asked for.
    Gaiji {
        /// Header of the column.
        column: String,
    },
}

impl RowChange {
    /// What was repaired, for the operator.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::Address { repair } => repair.text(lang).to_owned(),
            Self::MemberNo => lang.of("会員番号の全角文字や空白を直しました", "member number made plain").to_owned(),
            Self::NameBidi => {
                lang.of("氏名から文字方向の制御文字を除きました", "bidi controls removed from the name").to_owned()
            }
            Self::Gaiji { column } => lang
                .of(format!("「{column}」の外字を〓に置き換えました"), format!("gaiji in `{column}` replaced by 〓")),
        }
    }
}

/// Judges the records of one file.
pub(super) struct Judge {
    pub(super) columns: Columns,
    rules: Rules,
    cohorts: Vec<RosterCohort>,
    replace_gaiji: bool,
    /// The columns before the roster's own: those of a file of refused lines, whose cells are defused.
    before: usize,
}

impl Judge {
    pub(super) fn new(mut headers: Vec<String>, options: &RosterOptions) -> Result<Self, RosterError> {
        let before = own_columns(&headers);
        if before > 0 {
            headers = headers.split_off(before).iter().map(|header| undo(header).to_owned()).collect();
        }
        let columns = Columns::find(headers, &options.columns)?;
        let rules = Rules::new(&options.cohorts);
        Ok(Self { columns, rules, cohorts: options.cohorts.clone(), replace_gaiji: options.replace_gaiji, before })
    }

    /// The bytes of the name cell.
    pub(super) fn name_of<'r>(&self, record: &'r Record) -> &'r [u8] {
        record.field(self.before + self.columns.name)
    }

    /// A cell as the roster gave it.
    fn cell<'t>(&self, text: &'t str) -> &'t str {
        if self.before > 0 { undo(text) } else { text }
    }

    /// The header of a record's field, for the operator.
    fn header(&self, index: usize) -> String {
        let own = index.checked_sub(self.before).and_then(|index| self.columns.headers.get(index));
        own.cloned().unwrap_or_else(|| (index + 1).to_string())
    }

    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    pub(super) fn verdict(&mut self, record: &Record) -> Verdict {
        match self.read(record) {
            Ok(Ok(entry)) => Verdict::Affected(Entry { raw: self.raw_fields(record), ..entry }),
            Ok(Err((why, value))) => Verdict::NotAffected { why, value, raw: self.raw_fields(record) },
            Err(reason) => Verdict::Refused { reason, raw: self.raw_fields(record) },
        }
    }

    fn read(&mut self, record: &Record) -> Result<Result<Entry, Outside>, Refusal> {
        let mut fields = self.fields(record)?;
        let payment = match self.payment(&fields)? {
            Ok(payment) => payment,
            Err(outside) => return Ok(Err(outside)),
        };
        let gaiji = self.replace_or_refuse_gaiji(&mut fields)?;
        let mut entry = self.entry(&fields)?;
        entry.changes.extend(gaiji);
        match payment {
            Some((payment, cohorts)) => {
                entry.member.payments.push(payment);
                entry.member.cohorts = cohorts;
            }
            None => entry.member.cohorts = self.listed_cohorts(&fields)?,
        }
        Ok(Ok(entry))
    }

    /// The fields as text, when the record is whole.
    fn fields<'r>(&self, record: &'r Record) -> Result<Vec<Cow<'r, str>>, Refusal> {
        let column = |index: usize| self.header(index);
        if let Some(index) = record.too_long {
            return Err(Refusal::TooLong { column: column(index) });
        }
        if let Some(index) = record.stray_quote {
            return Err(Refusal::StrayQuote { column: column(index) });
        }
        let mut fields = Vec::with_capacity(record.len());
        for index in self.before..record.len() {
            let text =
                std::str::from_utf8(record.field(index)).map_err(|_| Refusal::Undecodable { column: column(index) })?;
            if !text.is_ascii() && text.contains(UNDECODABLE) {
                return Err(Refusal::Undecodable { column: column(index) });
            }
            if memchr::memchr(0, text.as_bytes()).is_some() {
                return Err(Refusal::Nul { column: column(index) });
            }
            fields.push(Cow::Borrowed(self.cell(text)));
        }
        let (expected, found) = (self.columns.headers.len(), fields.len());
        if expected == found { Ok(fields) } else { Err(Refusal::Ragged { expected, found }) }
    }

    fn replace_or_refuse_gaiji(&self, fields: &mut [Cow<'_, str>]) -> Result<Vec<RowChange>, Refusal> {
        let mut changes = Vec::new();
        for (field, column) in fields.iter_mut().zip(&self.columns.headers) {
            if field.is_ascii() || !field.contains(is_gaiji) {
                continue;
            }
            if !self.replace_gaiji {
                return Err(Refusal::Gaiji { column: column.clone() });
            }
            *field = Cow::Owned(field.replace(is_gaiji, "〓"));
            changes.push(RowChange::Gaiji { column: column.clone() });
        }
        Ok(changes)
    }

    #[expect(
        clippy::type_complexity,
        reason = "nothing for a plain list, a payment with its cohorts, or why it concerns nobody"
    )]
    fn payment(&mut self, fields: &[Cow<'_, str>]) -> Result<Result<Option<(Payment, Vec<String>)>, Outside>, Refusal> {
        let Shape::PaymentExport { purpose, method, paid_at } = self.columns.shape else { return Ok(Ok(None)) };
        let given = &fields[paid_at];
        let paid_at = PaidAt::parse(given).ok_or_else(|| Refusal::UnreadableDate { given: shorten(given, 100) })?;
        // Whether such a payment is affected cannot be told, so 〓 is no way out here.
        if let Some(unclear) = [purpose, method].into_iter().find(|index| fields[*index].contains(is_gaiji)) {
            return Err(Refusal::Gaiji { column: self.columns.headers[unclear].clone() });
        }
        let (purpose, method) = (fields[purpose].trim(), fields[method].trim());
        let cohorts = match self.rules.cohorts(purpose, method, &paid_at) {
            Ok(cohorts) => cohorts,
            Err(why) => return Ok(Err((why, outside(why, purpose, method, &paid_at)))),
        };
        let cohort = cohorts.first().cloned().unwrap_or_default();
        let payment =
            Payment { paid_at: paid_at.to_string(), cohort, purpose: purpose.to_owned(), method: method.to_owned() };
        Ok(Ok(Some((payment, cohorts))))
    }

    fn entry(&self, fields: &[Cow<'_, str>]) -> Result<Entry, Refusal> {
        let mut changes = Vec::new();
        let member_no = member_no(&fields[self.columns.member_no], &mut changes)?;
        let name = name(&fields[self.columns.name], &mut changes)?;
        let given_email = fields[self.columns.email].clone().into_owned();
        let further =
            self.columns.further.iter().map(|(index, header)| (header.clone(), fields[*index].clone().into_owned()));
        let mut member = Member { member_no, name, fields: further.collect(), ..Member::default() };
        let (unreachable, warnings) = match Address::parse(&given_email) {
            Ok(parsed) => {
                member.email = Some(parsed.address.as_str().to_owned());
                changes.extend(parsed.changes.into_iter().map(|repair| RowChange::Address { repair }));
                (None, parsed.warnings)
            }
            Err(problem) => (Some(problem), Vec::new()),
        };
        Ok(Entry { member, unreachable, given_email, warnings, changes, raw: Vec::new() })
    }

    /// The cohorts that a plain list names by id or title, several with `;` or `、` between, in the notice's order.
    fn listed_cohorts(&self, fields: &[Cow<'_, str>]) -> Result<Vec<String>, Refusal> {
        let Shape::PlainList { cohort: Some(cohort) } = self.columns.shape else { return Ok(Vec::new()) };
        let cell = fold(&fields[cohort]);
        let named: Vec<&str> = cell.split([';', '、', '|']).map(str::trim).filter(|name| !name.is_empty()).collect();
        let is = |cohort: &RosterCohort, name: &str| cohort.id == name || fold(&cohort.title) == name;
        if let Some(unknown) = named.iter().find(|name| !self.cohorts.iter().any(|cohort| is(cohort, name))) {
            return Err(Refusal::UnknownCohort { given: shorten(unknown, 100) });
        }
        let member_of = |cohort: &&RosterCohort| named.iter().any(|name| is(cohort, name));
        Ok(self.cohorts.iter().filter(member_of).map(|cohort| cohort.id.clone()).collect())
    }

    /// The fields to give back; what could not be decoded shows as U+FFFD.
    fn raw_fields(&self, record: &Record) -> Vec<String> {
        let lossy = |index| String::from_utf8_lossy(record.field(index)).replace(UNDECODABLE, "\u{fffd}");
        (self.before..record.len()).take(200).map(|index| shorten(self.cell(&lossy(index)), 1000)).collect()
    }
}

/// Why a payment concerns nobody, and what it says there.
type Outside = (NotAffected, String);

fn outside(why: NotAffected, purpose: &str, method: &str, paid_at: &PaidAt) -> String {
    match why {
        NotAffected::Purpose => shorten(purpose, 100),
        NotAffected::Method => shorten(method, 100),
        NotAffected::Day => paid_at.date.to_string(),
    }
}

/// Private use characters: CP932's user-defined rows decode to U+E000 and up.
fn is_gaiji(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

fn member_no(given: &str, changes: &mut Vec<RowChange>) -> Result<String, Refusal> {
    let folded = fold(given);
    if folded.is_empty() {
        return Err(Refusal::BlankMemberNo);
    }
    if given.contains(['\r', '\n']) || folded.chars().any(char::is_control) || folded.chars().count() > 100 {
        return Err(Refusal::BadMemberNo);
    }
    if folded != given.trim() {
        changes.push(RowChange::MemberNo);
    }
    Ok(folded.into_owned())
}

/// The name unchanged but for the space around it and bidi controls: variant selectors and joiners carry meaning.
fn name(given: &str, changes: &mut Vec<RowChange>) -> Result<String, Refusal> {
    let is_margin = |c: char| matches!(c, ' ' | '\t' | '\u{a0}' | '\u{3000}' | '\u{200b}' | '\u{feff}');
    if given.is_ascii() {
        return check_name(given.trim_matches(is_margin)).map(str::to_owned);
    }
    let visible: String = given.chars().filter(|c| !is_bidi_control(*c)).collect();
    if visible.len() < given.len() {
        changes.push(RowChange::NameBidi);
    }
    check_name(visible.trim_matches(is_margin)).map(str::to_owned)
}

fn check_name(name: &str) -> Result<&str, Refusal> {
    if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Refusal::NameControl);
    }
    if name.is_empty() {
        return Err(Refusal::BlankName);
    }
    if name.chars().nth(200).is_some() { Err(Refusal::NameTooLong) } else { Ok(name) }
}

fn shorten(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
