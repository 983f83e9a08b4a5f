//! Evidence: a bundle that proves a notice without owabi's database, its check, and the mails that left, rebuilt.

pub mod archive;
pub mod bundle;
pub mod check;
mod compare;
mod mails;
mod members;
pub(crate) mod person;
mod placed;
pub mod rebuild;
mod roster;
mod rows;

/// What every file of a bundle that is not numbered is called, in the order in which they stand in it.
pub(crate) mod name {
    pub(crate) const README: &str = "README.txt";
    pub(crate) const CHECK: &str = "check.sh";
    pub(crate) const KEY: &str = "ledger.pub.pem";
    pub(crate) const ROSTER: &str = "roster.csv";
    pub(crate) const BATCHES: &str = "batches.jsonl";
    pub(crate) const RELEASES: &str = "notice/releases.jsonl";
    pub(crate) const APPROVALS: &str = "notice/approvals.jsonl";
    pub(crate) const PREFLIGHTS: &str = "notice/preflights.jsonl";
    pub(crate) const MAILS: &str = "mails.csv";
    pub(crate) const LEDGER: &str = "ledger.jsonl";
    pub(crate) const PSEUDONYM: &str = "keys/pseudonym.key";
    pub(crate) const MANIFEST: &str = "MANIFEST";
    pub(crate) const SIGNATURE: &str = "MANIFEST.sig";
    /// Optional: written by the report when there is one.
    pub(crate) const REPORT: [&str; 2] = ["report.html", "report.json"];
    /// The kinds of entries that name a row, and the file that has these rows in the order of the ledger.
    pub(crate) const ROWS: [(&str, &str); 5] = [
        ("attempt", "attempts.jsonl"),
        ("receipt", "receipts.jsonl"),
        ("resent", "resends.jsonl"),
        ("correction", "corrections.jsonl"),
        ("substitute", "substitutes.jsonl"),
    ];
    /// The files of one release, in `notice/1/`, `notice/2/`, ….
    pub(crate) const TEXTS: [&str; 4] = ["notice.yaml", "subject.txt.hbs", "body.txt.hbs", "body.html.hbs"];

    /// `seals/00000001` without its ending.
    pub(crate) fn seal(number: i64) -> String {
        format!("seals/{number:08}")
    }
}
