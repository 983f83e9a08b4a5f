//! What an import noticed: counted by kind, kept in the database, the first ones shown.

use owabi_core::address::{Lang, Warning};
use owabi_core::roster::{self, Entry, Refusal};
use owabi_store::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// So many findings are shown; the counts go on.
const SHOWN: usize = 100;
/// So many findings of one kind are kept in the database. Refused lines are all kept.
const KEPT: u64 = 10_000;

/// Something about a line that a person should see.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Found {
    /// The line in the file, from 1.
    pub line: u64,
    /// One word.
    pub kind: &'static str,
    /// The member, if the line names one.
    pub member_no: Option<String>,
    /// One sentence.
    pub detail: String,
}

/// Lines of members who were withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WithdrawnLines {
    /// How many stay so.
    pub lines: u64,
    /// How many of these were never released, and can be held again.
    pub never_released: u64,
    /// The first of their numbers.
    pub member_nos: BTreeSet<String>,
    /// How many members were held again.
    pub taken_in: u64,
}

/// So many numbers of withdrawn members are named.
const NAMED: usize = 21;

/// The findings of one import.
pub(super) struct Findings {
    lang: Lang,
    withdrawn: WithdrawnLines,
    shown: Vec<Found>,
    kinds: BTreeMap<&'static str, u64>,
    new: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(lang: Lang) -> Self {
        Self { lang, withdrawn: WithdrawnLines::default(), shown: Vec::new(), kinds: BTreeMap::new(), new: Vec::new() }
    }

    pub(super) fn refused(&mut self, line: u64, reason: &Refusal, raw: &[String]) {
        let text = reason.text(self.lang);
        let whole = serde_json::json!({ "reason": text, "fields": raw }).to_string();
        self.add(line, "refused", None, text, Some(whole));
    }

    /// What one line's address and cells gave reason to say.
    pub(super) fn of_entry(&mut self, line: u64, entry: &Entry) {
        let no = &entry.member.member_no;
        for warning in &entry.warnings {
            let kind = match warning {
                Warning::LikelyTypo { .. } => "likely_typo",
                Warning::MixedScript => "mixed_script",
                Warning::UnusualDomain => "unusual_domain",
            };
            self.add(line, kind, Some(no), warning.text(self.lang), None);
        }
        for change in &entry.changes {
            self.add(line, "repaired", Some(no), change.text(self.lang), None);
        }
    }

    pub(super) fn of_merge(&mut self, line: u64, member_no: &str, finding: roster::Finding, entry: &Entry) {
        use roster::Finding as F;
        // Whoever asks by this address is that member, too.
        let whole = entry.member.email.clone().filter(|_| finding == F::AddressDiffers);
        let (kind, ja, en) = match finding {
            F::NameDiffers => (
                "name_differs",
                "同じ会員番号で氏名が違います。先の氏名のままにしました",
                "the same number with another name; the known name stays",
            ),
            F::AddressDiffers => (
                "address_differs",
                "同じ会員番号でアドレスが違います。先のアドレスのままにしました",
                "the same number with another address; the known address stays",
            ),
            F::AddressTaken => (
                "address_taken",
                "届くアドレスがなかった会員に、この行のアドレスを採りました",
                "the member had no usable address; this line's was taken",
            ),
            F::FurtherPaymentAfterSend => (
                "further_payment_after_send",
                "送信済みのお知らせには書かれていない支払いです",
                "a payment that the notice, already sent, does not name",
            ),
        };
        let text = if self.lang == Lang::Ja { ja } else { en };
        self.add(line, kind, Some(member_no), text.to_owned(), whole);
    }

    /// A line of a member who was withdrawn and stays so.
    pub(super) fn withdrawn(&mut self, line: u64, member_no: &str, never_released: bool) {
        self.withdrawn.lines += 1;
        self.withdrawn.never_released += u64::from(never_released);
        if self.withdrawn.member_nos.len() < NAMED {
            self.withdrawn.member_nos.insert(member_no.to_owned());
        }
        let (ja, en) = ("取り下げた会員です。取り下げのままにしました", "the member was withdrawn, and stays so");
        let text = if self.lang == Lang::Ja { ja } else { en };
        self.add(line, "withdrawn", Some(member_no), text.to_owned(), None);
    }

    /// A line by which a member who was withdrawn is held again.
    pub(super) fn taken_in(&mut self, line: u64, member_no: &str) {
        self.withdrawn.taken_in += 1;
        let (ja, en) = (
            "取り下げていた会員を、この行のとおりに保留へ戻しました",
            "the member was withdrawn, and is held again as this line says",
        );
        let text = if self.lang == Lang::Ja { ja } else { en };
        self.add(line, "taken_in", Some(member_no), text.to_owned(), None);
    }

    fn add(&mut self, line: u64, kind: &'static str, no: Option<&str>, detail: String, whole: Option<String>) {
        let count = self.kinds.entry(kind).or_default();
        *count += 1;
        let member_no = no.map(str::to_owned);
        if *count <= KEPT || whole.is_some() {
            let detail = whole.unwrap_or_else(|| detail.clone());
            let line = i64::try_from(line).unwrap_or(i64::MAX);
            self.new.push(Finding { line, kind: kind.to_owned(), member_no: member_no.clone(), detail });
        }
        if self.shown.len() < SHOWN {
            self.shown.push(Found { line, kind, member_no, detail });
        }
    }

    /// What is not in the database yet.
    pub(super) fn take_new(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.new)
    }

    pub(super) fn into_parts(self) -> (Vec<Found>, BTreeMap<&'static str, u64>, WithdrawnLines) {
        (self.shown, self.kinds, self.withdrawn)
    }
}
