//! What receipts do to deliveries: the built program, a scripted relay, and bounces that the test itself drops into a Maildir.

mod again;
mod crashes;
mod doubt;
mod flood;
mod overtaken;
mod reversals;
mod secrecy;
mod shared;

use crate::support::audit::{Row, connect};
use crate::support::postgres::Database;
use crate::support::program::{Program, Running, roster};
use crate::support::world::{addresses, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Captured, Extensions, Script};
use serde_json::Value;
use sqlx::Row as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// The point at which the relay holds still.
const HERE: &str = "here";

/// One connection, one mail at a time.
const RELAY: &str = "smtp:\n  relays:\n    - { name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 1, in_flight: 1 }\n  bounce: { address: bounces@example.jp }\n";

/// What a bounce says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Delivered,
    Delayed,
    Failed,
    Full,
}

impl Says {
    /// Action, status and the server's words.
    fn fields(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Delivered => ("delivered", "2.0.0", "250 2.0.0 stored"),
            Self::Delayed => ("delayed", "4.4.1", "451 4.4.1 nobody answers there"),
            Self::Failed => ("failed", "5.1.1", "550 5.1.1 no such person here"),
            Self::Full => ("failed", "5.2.2", "552 5.2.2 the mailbox is full"),
        }
    }
}

/// A notification (RFC 3464) on a mail that the relay took. No two are the same.
fn bounce(mail: &Captured, says: Says) -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let (action, status, words) = says.fields();
    let (verp, envid, to) = (mail.mail_from(), mail.envelope.envid().unwrap_or("none"), mail.rcpt_to()[0]);
    format!(
        "Return-Path: <>\r\nDelivered-To: {verp}\r\nFrom: Mail Delivery System <MAILER-DAEMON@capture.example.jp>\r\nTo: {verp}\r\n\
         Subject: Delivery Status Notification\r\nDate: Sun, 22 Nov 2026 09:00:00 +0900\r\nMessage-ID: <n{number}@capture.example.jp>\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"part\"\r\n\r\n\
         --part\r\nContent-Type: text/plain\r\n\r\nThis is the mail system of capture.example.jp.\r\n\r\n<{to}>: {words}\r\n\
         --part\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; capture.example.jp\r\nOriginal-Envelope-Id: {envid}\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {words}\r\n\r\n--part--\r\n"
    )
}

/// An association that reads its bounces from a Maildir of its own, and the relay that works for it.
struct Office {
    relay: CaptureRelay,
    program: Program,
}

impl Office {
    /// With as many members, released and due. `receipts` is further configuration of that section.
    async fn with(members: usize, script: Script, receipts: &str) -> Self {
        let office = Self::empty(script, receipts).await;
        office.fill(members);
        office
    }

    /// Before anything is imported.
    async fn empty(script: Script, receipts: &str) -> Self {
        Self::made(script, receipts, |program| program).await
    }

    /// The same with the queue in `database`.
    async fn on(database: &Database, members: usize, script: Script, receipts: &str) -> Self {
        let office = Self::made(script, receipts, |program| program.on(database)).await;
        office.fill(members);
        office
    }

    async fn made(script: Script, receipts: &str, make: impl FnOnce(Program) -> Program) -> Self {
        let extensions = Extensions { chunking: false, ..Extensions::default() };
        let relay =
            CaptureRelay::start(CaptureOptions { extensions, script, ..CaptureOptions::default() }).await.unwrap();
        let more = format!("{RELAY}receipts: {{ maildir: bounces, {receipts} }}\n");
        Self::of(make(Program::new(relay.addr().port(), &more)), relay)
    }

    fn of(program: Program, relay: CaptureRelay) -> Self {
        let office = Self { relay, program };
        office.make_maildir();
        office
    }

    fn fill(&self, members: usize) {
        self.program.import(&self.program.write("roster.csv", &roster(&addresses(members))));
        self.program.release();
    }

    fn maildir(&self) -> PathBuf {
        self.program.path("bounces")
    }

    fn make_maildir(&self) {
        for name in ["new", "cur", "tmp"] {
            std::fs::create_dir_all(self.maildir().join(name)).unwrap();
        }
    }

    /// Delivers a mail as a mail server does: written aside, then moved into `new/`.
    fn deliver(&self, text: &str) {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("{:06}.test", LAST.fetch_add(1, Ordering::Relaxed));
        let written = self.maildir().join("tmp").join(&name);
        std::fs::write(&written, text).unwrap();
        std::fs::rename(written, self.maildir().join("new").join(name)).unwrap();
    }

    /// How many files lie in a folder of the Maildir.
    fn files(&self, folder: &str) -> usize {
        std::fs::read_dir(self.maildir().join(folder)).unwrap().count()
    }

    /// The mails of the member with this number in the roster, in the order of their arrival.
    fn mails(&self, member: usize) -> Vec<Captured> {
        let to = format!("u{member}@example.jp");
        self.relay.captured().into_iter().filter(|mail| mail.rcpt_to() == [to.as_str()]).collect()
    }

    fn start(&self) -> Running {
        self.program.start(&["run"])
    }

    /// A daemon that logs more.
    fn start_logging(&self, level: &str, arguments: &[&str]) -> Running {
        let mut command = self.program.command(arguments);
        command.env("OWABI_LOG", level);
        self.program.spawn(command)
    }

    /// One `run --until-idle`.
    fn run_once(&self) {
        let output = self.program.output(&["run", "--until-idle"]);
        assert!(output.status.success(), "{output:?}");
    }

    async fn row(&self, member: usize) -> Row {
        self.program.rows().await.swap_remove(member)
    }

    /// Waits until a member is there.
    async fn reaches(&self, member: usize, status: Status) {
        let there = async || self.row(member).await.status == status;
        assert!(eventually(&there).await, "{:#?}\n{}", self.program.rows().await, self.program.said());
    }

    /// What `member show` says of a member.
    fn shown(&self, member: usize) -> Value {
        self.program.json(&["member", "show", &format!("M{member:05}")])
    }

    /// What the receipts of a member say, in the order in which they were recorded.
    fn said_of(&self, member: usize) -> Vec<String> {
        let shown = self.shown(member);
        let receipts = shown["receipts"].as_array().unwrap();
        receipts.iter().map(|receipt| receipt["says"].as_str().unwrap().to_owned()).collect()
    }

    /// How many arrivals are in this state, by `status`.
    fn arrivals(&self, state: &str) -> i64 {
        self.program.json(&["status"])["arrivals"][state].as_i64().unwrap()
    }

    /// One number out of the database, past the program.
    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query(sql).fetch_one(&mut connect(&self.program.url()).await).await.unwrap().get(0)
    }
}
