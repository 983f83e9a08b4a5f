//! Ten thousand ways to change a ledger, on each database: every one is found, and named by its number.
//!
//! The triggers are out of the way, as they are for whoever has the file. Each case changes something, verifies, and puts
//! it back from a copy.

use super::place::{Ledger, Raw, keys};
use crate::support::postgres::Server;
use owabi::ledger::Bad;
use owabi_core::ledger::{Fault, Finding, Head, SealFault};
use owabi_core::lifecycle::Status;
use owabi_core::member::Member;
use owabi_core::people::Role;
use owabi_core::reply::Reply;
use owabi_store::{BatchRecord, Claimed, Group, Intent, NewRow, ReleaseRecord, Settle, Totals, UserChange};

const CASES: usize = 10_000;
const SEED: u64 = 0x6f77_6162_6921;
const NOTICE: &str = "n1";
const TABLES: [&str; 8] =
    ["ledger", "seals", "attempts", "intents", "receipts", "corrections", "substitutes", "resends"];

/// `SplitMix64`: the same cases every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A ledger of every kind of entry, sealed in many steps.
struct Full {
    ledger: Ledger,
    raw: Raw,
    head: Head,
    /// Numbers of entries.
    entries: Vec<i64>,
    /// Entries that name a row: the table, which row, the entry's number.
    rows: Vec<(&'static str, String, i64)>,
}

async fn members(ledger: &Ledger) {
    let batch = BatchRecord {
        id: "b1".into(),
        notice_id: NOTICE.into(),
        notice_title: "t".into(),
        actor: "tester".into(),
        file_name: "roster.csv".into(),
        file_sha256: "00".into(),
        encoding: "utf-8".into(),
        at: 1,
    };
    let row = |n: usize| NewRow {
        member: Member {
            member_no: format!("M{n}"),
            name: "山田".into(),
            email: Some(format!("u{}@example.jp", n + 1)),
            ..Member::default()
        },
        given_email: format!("u{}@example.jp", n + 1),
        unreachable: None,
    };
    let mut import = ledger.store.begin_import(batch).await.unwrap();
    import.write(&(0..16).map(row).collect::<Vec<_>>(), &[]).await.unwrap();
    import.commit(Totals { lines: 16, imported: 16, ..Totals::default() }).await.unwrap();
    let held = ledger.store.held_roster(NOTICE).await.unwrap();
    ledger.store.approve(NOTICE, "hanako", "f", &held.hash, "p", 3).await.unwrap();
    let record = ReleaseRecord {
        notice_id: NOTICE,
        fingerprint: "f",
        roster_hash: &held.hash,
        definition: "d",
        policy: "{}",
        rows: held.rows,
    };
    ledger.store.release(record, "tester", 10).await.unwrap();
}

fn intent(row: &Claimed) -> Intent {
    Intent {
        id: row.id,
        fence: row.fence,
        relay: "main".into(),
        rcpt_to: format!("u{}@example.jp", row.id),
        message_id: format!("m{}", row.id),
        envid: format!("e{}", row.number),
        mail_sha256: "ab".into(),
        mail_bytes: 100,
    }
}

fn settle(row: &Claimed) -> Settle {
    let accepted = row.id % 4 != 0;
    Settle {
        id: row.id,
        fence: row.fence,
        at: 40,
        outcome: if accepted { "accepted" } else { "failed" }.into(),
        status: if accepted { Status::Accepted } else { Status::Failed },
        due_at: None,
        spent: true,
        reason: None,
        plain_form: false,
        phase: Some("dot".into()),
        reply: Some(Reply::new(if accepted { 250 } else { 550 }, "2.0.0 Ok: queued as 4F1Bxy")),
        detail: None,
        tls: None,
        duration_ms: 5,
    }
}

/// What is not written by a dispatcher here; the triggers enter it.
const BY_PEOPLE: [&str; 6] = [
    "INSERT INTO receipts (member_id, round, number, at, source, evidence, part, matched_by, says, recipient, detail, status_before, status_after)
     SELECT id, 1, 1, 50, 'maildir', 'ev' || id, 0, 'envid', 'delayed', email, 'mailbox full', status, status FROM affected_members WHERE status = 'accepted'",
    "INSERT INTO corrections (member_id, at, actor, reason, old_email, new_email) SELECT id, 60, 'hanako', '電話', 'x' || email, email FROM affected_members WHERE id % 3 = 0",
    "INSERT INTO substitutes (notice_id, member_id, kind, on_day, note, actor, at) SELECT 'n1', id, 'letter', '2026-11-30', '書留', 'hanako', 70 FROM affected_members WHERE status = 'failed'",
    "INSERT INTO batches (id, notice_id, kind, actor, reason, at) VALUES ('b2', 'n1', 'resend', 'hanako', 'why', 80)",
    "INSERT INTO ledger (at, actor, kind, notice_id, body) VALUES (80, 'hanako', 'resend', 'n1', '{\"batch\":\"b2\",\"reason\":\"why\"}')",
    "INSERT INTO resends (member_id, round, batch_id, at, status_before, tries_before, fingerprint) SELECT id, 2, 'b2', 80, status, tries, 'f' FROM affected_members WHERE status = 'failed'",
];

impl Full {
    async fn new(ledger: Ledger) -> Self {
        let mut sealer = ledger.sealer().await;
        members(&ledger).await;
        sealer.seal(11).await.unwrap();
        for part in 0..4 {
            let rows = ledger.store.claim(NOTICE, 20, 600_000, 4).await.unwrap();
            let intents = Group { intents: rows.iter().map(intent).collect(), settles: vec![] };
            ledger.store.record(&intents, 30, 30, false).await.unwrap();
            let settles = Group { intents: vec![], settles: rows.iter().map(settle).collect() };
            assert_eq!(ledger.store.record(&settles, 40, 40, false).await.unwrap().settled.len(), 4);
            sealer.seal(40 + part).await.unwrap();
        }
        let mut raw = ledger.raw().await;
        for text in BY_PEOPLE {
            raw.run(text).await;
            sealer.seal(100).await.unwrap();
        }
        for n in 0..20 {
            ledger.enter(n).await;
            if n % 6 == 5 {
                sealer.seal(200).await.unwrap();
            }
        }
        sealer.seal(300).await.unwrap();
        raw.disarm().await;
        for table in TABLES {
            raw.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        }
        let entries = raw.numbers("SELECT seq FROM ledger ORDER BY seq").await.concat();
        let rows = rows(&mut raw).await;
        assert!(entries.len() > 60 && sealer.head().number > 10, "{} {:?}", entries.len(), sealer.head());
        Self { head: sealer.head(), ledger, raw, entries, rows }
    }

    /// What is found besides the triggers, which on SQLite are all out of the way: they are looked at last.
    async fn first_bad(&self) -> Option<Bad> {
        let found = self.ledger.check(Some(self.head.clone())).await.first_bad;
        found.filter(|bad| matches!(self.raw, Raw::Postgres(_)) || bad.fault() != "trigger_altered")
    }

    /// Puts these rows back as they were.
    async fn put_back(&mut self, touched: &[(&str, String)]) {
        for (table, rows) in touched {
            let (delete, again) =
                (format!("DELETE FROM {table}"), format!("INSERT INTO {table} SELECT * FROM kept_{table}"));
            self.raw.run(&format!("{delete} WHERE {rows}; {again} WHERE {rows}")).await;
        }
    }

    fn case(&self, random: &mut Random) -> Case {
        match random.below(12) {
            0..=2 => self.edited_entry(random),
            3 | 4 => self.edited_row(random),
            5 => self.deleted_row(random),
            6 => self.deleted_entry(random),
            7 => self.swapped_entries(random),
            8 => self.cut_entries(random),
            9 => self.edited_seal(random),
            10 => self.taken_seals(random),
            _ => self.swapped_seals(random),
        }
    }

    fn edited_entry(&self, random: &mut Random) -> Case {
        let seq = *random.one(&self.entries);
        let change = random.one(&[
            "at = at + 1",
            "actor = actor || '.'",
            "kind = kind || 'x'",
            "notice_id = 'other'",
            "body = body || ' '",
            "member_id = COALESCE(member_id, 0) + 1",
            "number = COALESCE(number, 0) + 100",
        ]);
        Case::entry(seq, format!("UPDATE ledger SET {change} WHERE seq = {seq}"), "ledger", format!("seq = {seq}"))
    }

    fn edited_row(&self, random: &mut Random) -> Case {
        let (table, row, seq) = random.one(&self.rows);
        let change = match *table {
            "attempts" => *random.one(&[
                "at = at + 1",
                "reply = 'keyed:' || reply",
                "reply = NULL",
                "code = 251",
                "spent = NOT spent",
                "queue_id = 'Q'",
            ]),
            "intents" => random.one(&[
                "rcpt_to = 'other@example.jp'",
                "mail_sha256 = 'cd'",
                "fence = fence + 1",
                "message_id = 'x'",
            ]),
            "receipts" => random.one(&[
                "detail = 'x'",
                "recipient = NULL",
                "says = 'delivered'",
                "evidence = evidence || 'x'",
                "member_id = member_id + 1",
            ]),
            "corrections" => {
                random.one(&["new_email = 'm@example.jp'", "reason = ''", "actor = 'mallory'", "old_email = NULL"])
            }
            "substitutes" => {
                random.one(&["kind = 'visit'", "on_day = '2026-12-01'", "note = NULL", "url = 'https://example.jp'"])
            }
            _ => random.one(&["status_before = 'x'", "tries_before = 9", "fingerprint = 'g'", "at = 1"]),
        };
        Case::entry(*seq, format!("UPDATE {table} SET {change} WHERE {row}"), table, row.clone())
    }

    fn deleted_row(&self, random: &mut Random) -> Case {
        let (table, row, seq) = random.one(&self.rows);
        Case::entry(*seq, format!("DELETE FROM {table} WHERE {row}"), table, row.clone())
    }

    fn deleted_entry(&self, random: &mut Random) -> Case {
        let seq = *random.one(&self.entries);
        Case::entry(seq, format!("DELETE FROM ledger WHERE seq = {seq}"), "ledger", format!("seq = {seq}"))
    }

    fn swapped_entries(&self, random: &mut Random) -> Case {
        let (one, other) = (*random.one(&self.entries), *random.one(&self.entries));
        if one == other {
            return self.deleted_entry(random);
        }
        let sql = format!(
            "UPDATE ledger SET seq = -1 WHERE seq = {one}; UPDATE ledger SET seq = {one} WHERE seq = {other}; UPDATE ledger SET seq = {other} WHERE seq = -1"
        );
        Case::entry(one.min(other), sql, "ledger", format!("seq IN ({one}, {other})"))
    }

    fn cut_entries(&self, random: &mut Random) -> Case {
        let seq = *random.one(&self.entries);
        Case::entry(seq, format!("DELETE FROM ledger WHERE seq >= {seq}"), "ledger", format!("seq >= {seq}"))
    }

    fn edited_seal(&self, random: &mut Random) -> Case {
        let number = self.any_seal(random);
        let change = random.one(&[
            "at = at + 1",
            "last_seq = last_seq + 1",
            "entries = entries + 1",
            "text = text || ' '",
            "text = REPLACE(text, 'count: ', 'count: 1')",
            "text = REPLACE(text, 'queue: ', 'queue: x')",
            "signature = REPLACE(signature, 'a', 'b') || '0'",
            "signature = ''",
        ]);
        Case::seal(number, SealFault::Changed, format!("UPDATE seals SET {change} WHERE number = {number}"), number)
    }

    /// One seal, or it and all after it.
    fn taken_seals(&self, random: &mut Random) -> Case {
        let number = self.any_seal(random);
        if number < self.head.number && random.below(2) == 0 {
            let sql = format!("DELETE FROM seals WHERE number = {number}");
            return Case::seal(number, SealFault::Missing, sql, number);
        }
        Case::seal(number, SealFault::CutOff, format!("DELETE FROM seals WHERE number >= {number}"), number)
    }

    fn swapped_seals(&self, random: &mut Random) -> Case {
        let (one, other) = (self.any_seal(random), self.any_seal(random));
        if one == other {
            return self.edited_seal(random);
        }
        let sql = format!(
            "UPDATE seals SET number = -1 WHERE number = {one}; UPDATE seals SET number = {one} WHERE number = {other}; UPDATE seals SET number = {other} WHERE number = -1"
        );
        let first = one.min(other);
        Case::seal(first, SealFault::Changed, sql, first)
    }

    fn any_seal(&self, random: &mut Random) -> i64 {
        i64::try_from(random.below(usize::try_from(self.head.number).unwrap())).unwrap() + 1
    }
}

/// A change, what must be said about it, and which rows it touches.
struct Case {
    sql: String,
    expected: Expected,
    touched: Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Expected {
    Entry(i64),
    Seal(i64, SealFault),
}

impl Case {
    fn entry(seq: i64, sql: String, table: &'static str, rows: String) -> Self {
        Self { sql, expected: Expected::Entry(seq), touched: vec![(table, rows)] }
    }

    fn seal(number: i64, fault: SealFault, sql: String, from: i64) -> Self {
        Self { sql, expected: Expected::Seal(number, fault), touched: vec![("seals", format!("number >= {from}"))] }
    }
}

impl Expected {
    fn is(&self, found: Option<&Bad>) -> bool {
        match (self, found) {
            (Self::Entry(seq), Some(Bad::Sealed(Finding::Entry { seq: named, fault }))) => {
                seq == named && *fault != Fault::Inserted
            }
            (Self::Seal(number, fault), Some(Bad::Sealed(Finding::Seal { number: named, fault: why }))) => {
                number == named && fault == why
            }
            _ => false,
        }
    }
}

/// Every row that an entry names, with the number of the first entry that does.
async fn rows(raw: &mut Raw) -> Vec<(&'static str, String, i64)> {
    let mut rows = Vec::new();
    for (kind, table) in [("receipt", "receipts"), ("correction", "corrections"), ("substitute", "substitutes")] {
        for row in raw.numbers(&format!("SELECT seq, number FROM ledger WHERE kind = '{kind}'")).await {
            rows.push((table, format!("id = {}", row[1]), row[0]));
        }
    }
    for (kind, tables, number) in
        [("attempt", vec!["attempts", "intents"], "number"), ("resent", vec!["resends"], "round")]
    {
        for row in raw.numbers(&format!("SELECT seq, member_id, number FROM ledger WHERE kind = '{kind}'")).await {
            for table in &tables {
                rows.push((*table, format!("member_id = {} AND {number} = {}", row[1], row[2]), row[0]));
            }
        }
    }
    rows
}

async fn every_change_is_named(ledger: Ledger) {
    let mut full = Full::new(ledger).await;
    assert_eq!(full.first_bad().await, None);
    let mut random = Random(SEED);
    for n in 0..CASES {
        let case = full.case(&mut random);
        full.raw.run(&case.sql).await;
        let found = full.first_bad().await;
        assert!(case.expected.is(found.as_ref()), "case {n}: {}: {:?} but {found:?}", case.sql, case.expected);
        full.put_back(&case.touched).await;
    }
    assert_eq!(full.first_bad().await, None, "everything was put back");
}

async fn a_purge_is_no_change_and_an_inserted_entry_is_one(ledger: Ledger) {
    let mut full = Full::new(ledger).await;
    let pseudonyms = keys().pseudonyms(NOTICE);
    let purged = |text: &str| pseudonyms.of(text);
    let texts = [
        format!("UPDATE attempts SET reply = '{}' WHERE reply LIKE '2%'", purged("2.0.0 Ok: queued as 4F1Bxy")),
        format!("UPDATE receipts SET detail = '{}'", purged("mailbox full")),
        format!("UPDATE corrections SET reason = '{}'", purged("電話")),
        format!("UPDATE substitutes SET note = '{}'", purged("書留")),
    ];
    for text in texts {
        full.raw.run(&text).await;
        assert_eq!(full.first_bad().await, None, "{text}");
    }
    for id in full.raw.numbers("SELECT member_id FROM intents").await.concat() {
        let hash = purged(&format!("u{id}@example.jp"));
        let of_row = format!(
            "SET email = '{hash}' WHERE id = {id} AND NOT EXISTS (SELECT 1 FROM corrections c WHERE c.member_id = affected_members.id)"
        );
        full.raw
            .run(&format!(
                "UPDATE intents SET rcpt_to = '{hash}' WHERE member_id = {id}; UPDATE affected_members {of_row}"
            ))
            .await;
    }
    assert_eq!(full.first_bad().await, None);
    full.raw.run("UPDATE intents SET rcpt_to = 'keyed:' || mail_sha256 WHERE member_id = 2").await;
    assert!(full.first_bad().await.is_some(), "not the hash of what stood there");
    full.put_back(&[("intents", "member_id = 2".to_owned())]).await;
    full.raw.run("INSERT INTO ledger (seq, at, actor, kind, body) VALUES (-5, 1, 'mallory', 'note', '{}')").await;
    let inserted = Finding::Entry { seq: -5, fault: Fault::Inserted };
    assert_eq!(full.first_bad().await, Some(Bad::Sealed(inserted)));
}

/// What somebody does outside the ledger, how it is undone, and what must be said of it.
const OUTSIDE: [(&str, &str, &str); 18] = [
    (
        "DELETE FROM affected_members WHERE id = 16",
        "INSERT INTO affected_members SELECT * FROM kept_affected_members WHERE id = 16",
        "member_gone",
    ),
    (
        "INSERT INTO affected_members (notice_id, member_no, name, batch_id) VALUES ('n1', 'X', 'x', 'b1')",
        "DELETE FROM affected_members WHERE member_no = 'X'",
        "members_differ",
    ),
    (
        "INSERT INTO corrections (member_id, at, actor, reason, new_email) SELECT id, 99, 'x', 'x', email FROM affected_members WHERE id = 5",
        "DELETE FROM corrections WHERE at = 99",
        "not_entered",
    ),
    (
        "INSERT INTO substitutes (notice_id, member_id, kind, on_day, actor, at) VALUES ('n1', 1, 'letter', '2026-11-30', 'x', 99)",
        "DELETE FROM substitutes WHERE at = 99",
        "not_entered",
    ),
    (
        "INSERT INTO resends (member_id, round, batch_id, at, status_before, tries_before, fingerprint) VALUES (1, 7, 'b2', 80, 'failed', 1, 'f')",
        "DELETE FROM resends WHERE round = 7",
        "not_entered",
    ),
    (
        "UPDATE affected_members SET email = 'other@example.jp' WHERE id = 1",
        "UPDATE affected_members SET email = 'u1@example.jp' WHERE id = 1",
        "address_differs",
    ),
    (
        "UPDATE affected_members SET email = 'other@example.jp' WHERE id = 3",
        "UPDATE affected_members SET email = 'u3@example.jp' WHERE id = 3",
        "address_differs",
    ),
    (
        "INSERT INTO users (name, role, created_at, updated_at) VALUES ('mallory', 'admin', 1, 1)",
        "DELETE FROM users WHERE name = 'mallory'",
        "user",
    ),
    ("UPDATE users SET role = 'auditor'", "UPDATE users SET role = 'admin'", "user"),
    ("UPDATE users SET disabled = TRUE", "UPDATE users SET disabled = FALSE", "user"),
    ("UPDATE users SET os_user = 'mallory'", "UPDATE users SET os_user = 'hanako'", "user"),
    ("UPDATE notices SET state = 'paused'", "UPDATE notices SET state = 'released'", "state"),
    ("UPDATE notices SET legal_hold = 'x'", "UPDATE notices SET legal_hold = NULL", "hold"),
    ("UPDATE notices SET purged_at = 5", "UPDATE notices SET purged_at = NULL", "purge"),
    ("INSERT INTO meta (key, value) VALUES ('copying', '1')", "DELETE FROM meta WHERE key = 'copying'", "copying"),
    (
        "UPDATE batches SET reason = 'other' WHERE id = 'b2'",
        "UPDATE batches SET reason = 'why' WHERE id = 'b2'",
        "resend",
    ),
    (
        "UPDATE batches SET imported = 15, merged = 1 WHERE id = 'b1'",
        "UPDATE batches SET imported = 16, merged = 0 WHERE id = 'b1'",
        "import",
    ),
    ("UPDATE releases SET actor = 'x'", "UPDATE releases SET actor = 'tester'", "release"),
];

async fn what_no_entry_explains_is_named(ledger: Ledger) {
    let mut full = Full::new(ledger).await;
    full.raw.run("CREATE TABLE kept_affected_members AS SELECT * FROM affected_members").await;
    let add = UserChange::Add { role: Role::Admin, os_user: Some("hanako".into()), password: None };
    full.ledger.store.change_user("hanako", &add, "root", 400).await.unwrap().unwrap();
    for (change, undo, word) in OUTSIDE {
        assert_eq!(full.first_bad().await, None, "before {change}");
        full.raw.run(change).await;
        let found = full.first_bad().await;
        let said = found.as_ref().map(|bad| match bad {
            Bad::Beside(mismatch) => mismatch.what.as_str(),
            other => other.fault(),
        });
        assert_eq!(said, Some(word), "{change}: {found:?}");
        full.raw.run(undo).await;
    }
    if matches!(full.raw, Raw::Postgres(_)) {
        full.raw.run("ALTER TABLE attempts DISABLE TRIGGER attempts_enter").await;
        assert_eq!(full.first_bad().await.map(|bad| bad.fault()), Some("trigger_missing"));
        full.raw.run("ALTER TABLE attempts ENABLE TRIGGER attempts_enter").await;
    }
    assert_eq!(full.first_bad().await, None, "everything was put back");
}

async fn seals_that_are_all_gone_are_missed(ledger: Ledger) {
    ledger.enter(1).await;
    assert_eq!(ledger.check(None).await.first_bad, None, "it was never sealed");
    ledger.run("INSERT INTO meta (key, value) VALUES ('ledger_key', 'x')").await;
    assert_eq!(ledger.check(None).await.first_bad, Some(Bad::SealsGone));
    ledger.sealer().await.seal(2).await.unwrap();
    assert_eq!(ledger.check(None).await.first_bad, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_entry_explains_is_named_on_sqlite() {
    what_no_entry_explains_is_named(Ledger::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_entry_explains_is_named_on_postgres() {
    what_no_entry_explains_is_named(Ledger::on_postgres(Server::shared().database()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seals_that_are_all_gone_are_missed_on_both_databases() {
    seals_that_are_all_gone_are_missed(Ledger::on_sqlite().await).await;
    seals_that_are_all_gone_are_missed(Ledger::on_postgres(Server::shared().database()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_each_of_ten_thousand_changes_is_named_on_sqlite() {
    every_change_is_named(Ledger::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_5_each_of_ten_thousand_changes_is_named_on_postgres() {
    every_change_is_named(Ledger::on_postgres(Server::shared().database()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_is_no_change_and_an_inserted_entry_is_one_on_sqlite() {
    a_purge_is_no_change_and_an_inserted_entry_is_one(Ledger::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_is_no_change_and_an_inserted_entry_is_one_on_postgres() {
    a_purge_is_no_change_and_an_inserted_entry_is_one(Ledger::on_postgres(Server::shared().database()).await).await;
}
