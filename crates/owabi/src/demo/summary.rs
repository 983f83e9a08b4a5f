//! What the demonstration did, in sums that anybody can check.

use super::sealed::Sealed;
use super::site::NOTICE;
use crate::cli::Session;
use crate::cli::exit::Exit;
use crate::cli::say::{Text, say};
use crate::cli::totals;
use owabi_core::lifecycle::Status;
use owabi_store::Totals;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The result of one demonstration.
pub(super) struct Summary<'a> {
    pub(super) dir: &'a Path,
    pub(super) totals: Totals,
    pub(super) counts: BTreeMap<Status, i64>,
    /// Files in the relay's Maildir.
    pub(super) mails: i64,
    pub(super) ledger: Sealed,
    pub(super) seconds: f64,
}

impl Summary<'_> {
    fn count(&self, status: Status) -> i64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    /// Lines are the sum of what became of them, members too, and every accepted mail lies in the Maildir once.
    fn adds_up(&self) -> bool {
        let members = self.totals.imported + self.totals.unreachable;
        let told = self.count(Status::Accepted) + self.count(Status::Failed) + self.count(Status::Unreachable);
        self.totals.add_up() && members == told && self.mails == self.count(Status::Accepted)
    }

    /// Prints the summary and what to try next.
    pub(super) fn tell(&self, session: &Session) -> Exit {
        self.tell_sums(session);
        let dir = self.dir.display();
        let seconds = self.seconds;
        // As it was started: after `./x demo` the program is not on the PATH.
        let program = std::env::args().next().unwrap_or_else(|| "owabi".to_owned());
        session.tell(&say!(
            ja: "\n{seconds:.1} 秒。メールは {dir}/mails/new、拒否した行は {dir}/refused.csv にあります。\n\n次に試すこと:\n  {program} --config {dir}/owabi.yaml status\n  {program} --config {dir}/owabi.yaml log --status failed\n  {program} --config {dir}/owabi.yaml member show 10010\n  {program} --config {dir}/owabi.yaml unreachable --notice {NOTICE}\n  {program} --config {dir}/owabi.yaml ledger verify\n  {program} --config {dir}/owabi.yaml preview --notice {NOTICE} --member 10010 --out {dir}/preview\n  rm -r {dir}    (片付け)",
            en: "\n{seconds:.1} s. The mails lie in {dir}/mails/new, refused lines in {dir}/refused.csv.\n\nTry next:\n  {program} --config {dir}/owabi.yaml status\n  {program} --config {dir}/owabi.yaml log --status failed\n  {program} --config {dir}/owabi.yaml member show 10010\n  {program} --config {dir}/owabi.yaml unreachable --notice {NOTICE}\n  {program} --config {dir}/owabi.yaml ledger verify\n  {program} --config {dir}/owabi.yaml preview --notice {NOTICE} --member 10010 --out {dir}/preview\n  rm -r {dir}    (to clean up)"
        ));
        session.answer(&self.document());
        if self.adds_up() {
            return if self.ledger.ok { Exit::Done } else { Exit::Failed };
        }
        session
            .warn(&say!(ja: "合計が合いません。owabi の不具合です。", en: "the sums do not add up: a defect of owabi"));
        Exit::Failed
    }

    fn tell_sums(&self, session: &Session) {
        let (lines, Text { ja, en }) = (self.totals.lines, totals::sum(&self.totals));
        let members = self.totals.imported + self.totals.unreachable;
        let (accepted, failed) = (self.count(Status::Accepted), self.count(Status::Failed));
        let (letter, mails) = (self.count(Status::Unreachable), self.mails);
        session.tell(&say!(
            ja: "\n名簿 {lines} 行 = {ja}\n対象 {members} 人 = 受付 {accepted} + 送信失敗 {failed} + 書面が必要 {letter}\n中継サーバーに届いたメール {mails} 通 = 受付 {accepted}",
            en: "\n{lines} lines = {en}\n{members} members = {accepted} accepted + {failed} failed + {letter} to be told by letter\n{mails} mails in the relay's Maildir = {accepted} accepted"
        ));
    }

    fn document(&self) -> Value {
        let counts: Map<String, Value> =
            Status::ALL.iter().map(|status| (status.as_str().to_owned(), self.count(*status).into())).collect();
        json!({
            "notice": NOTICE,
            "counts": counts,
            "seconds": self.seconds,
            "import": self.totals,
            "mails": self.mails,
            "adds_up": self.adds_up(),
            "ledger": { "ok": self.ledger.ok, "entries": self.ledger.head.entries, "head": self.ledger.head.to_string() },
            "dir": self.dir,
        })
    }
}
