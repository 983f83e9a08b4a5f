//! What the database itself noted of every claim, intent and outcome, and what must be true of it.

use crate::support::audit;
use crate::support::postgres::Database;
use owabi_smtp::capture::Captured;
use sqlx::{Connection as _, PgConnection, Row as _};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Daemons follow the database's clock to within 50 ms.
const CLOCKS: i64 = 100;
/// A relay reads a mail's end so long after it was written, at the most: it shares a busy machine.
const READING: i64 = 1_000;

/// What must select nothing. Claims, their ends, intents and outcomes of a member stand in the order of `seq`.
const NEVER: [(&str, &str); 9] = [
    ("a row was claimed that was not queued", "SELECT * FROM evidence WHERE kind = 'claim' AND was <> 'queued'"),
    (
        "a fence was given twice, or a smaller one later",
        "SELECT * FROM (SELECT *, lag(fence) OVER (PARTITION BY member_id ORDER BY seq) AS before
         FROM evidence WHERE kind = 'claim') c WHERE before >= fence",
    ),
    (
        "a row was claimed that somebody held, or let go by one who did not hold it",
        "SELECT * FROM (SELECT *, lag(kind, 1, 'end') OVER w AS before, lag(fence) OVER w AS held
         FROM evidence WHERE kind IN ('claim', 'end') WINDOW w AS (PARTITION BY member_id ORDER BY seq)) e
         WHERE kind = before OR (kind = 'end' AND fence <> held)",
    ),
    (
        "a claim was ended by another daemon before its lease was over, and not by its own outcome",
        "SELECT e.* FROM evidence e JOIN evidence c ON c.member_id = e.member_id AND c.kind = 'claim' AND c.fence = e.fence
         WHERE e.kind = 'end' AND c.role <> e.role AND e.at + $1 < e.lease_until AND NOT EXISTS
             (SELECT 1 FROM attempts a WHERE a.member_id = e.member_id AND a.number = e.number AND a.fence = e.fence)",
    ),
    (
        "an intent was granted to one who did not hold the row",
        "SELECT i.* FROM evidence i LEFT JOIN evidence c ON c.member_id = i.member_id AND c.kind = 'claim' AND c.fence = i.fence
         WHERE i.kind = 'intent' AND (c.role IS DISTINCT FROM i.role OR i.number <> c.number)",
    ),
    (
        "an intent was granted while an earlier one had no outcome",
        "SELECT i.* FROM evidence i WHERE i.kind = 'intent' AND EXISTS
             (SELECT 1 FROM evidence j WHERE j.kind = 'intent' AND j.member_id = i.member_id AND j.number < i.number AND NOT EXISTS
                 (SELECT 1 FROM evidence o WHERE o.kind = 'outcome' AND o.member_id = i.member_id AND o.number = j.number
                  AND o.seq < i.seq))",
    ),
    (
        "an outcome was written with a fence that was no longer the row's",
        "SELECT o.* FROM evidence o WHERE o.kind = 'outcome' AND o.fence IS NOT NULL AND o.fence IS DISTINCT FROM
             (SELECT c.fence FROM evidence c WHERE c.kind = 'claim' AND c.member_id = o.member_id AND c.seq < o.seq
              ORDER BY c.seq DESC LIMIT 1)",
    ),
    (
        "an intent was given up before its lease was over",
        "SELECT o.* FROM evidence o WHERE o.kind = 'outcome' AND o.fence IS NULL AND o.at + $1 <
             (SELECT c.lease_until FROM evidence c WHERE c.kind = 'claim' AND c.member_id = o.member_id AND c.seq < o.seq
              ORDER BY c.seq DESC LIMIT 1)",
    ),
    (
        "an intent has no outcome",
        "SELECT i.member_id FROM intents i WHERE NOT EXISTS
             (SELECT 1 FROM attempts a WHERE a.member_id = i.member_id AND a.number = i.number)",
    ),
];

/// The notes of one database.
pub(super) struct Evidence;

/// How much there is of what.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) claims: i64,
    pub(super) intents: i64,
    pub(super) outcomes: i64,
    pub(super) taken_over: i64,
    pub(super) by_an_ended_lease: i64,
    pub(super) from_a_spool_file: i64,
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claims, intents, outcomes, taken_over, by_an_ended_lease, from_a_spool_file } = self;
        write!(out, "{claims} claims, {intents} intents, {outcomes} outcomes, {taken_over} claims taken over, ")?;
        write!(out, "{by_an_ended_lease} in doubt by an ended lease, {from_a_spool_file} outcomes from a spool file")
    }
}

impl Evidence {
    /// From now on everything is noted; so many daemons may be told apart.
    pub(super) fn collect(database: &Database, daemons: usize) {
        database.psql(include_str!("evidence.sql"));
        let roles = (1..=daemons).map(|n| format!("CREATE ROLE {} LOGIN SUPERUSER;\n", Self::role(n)));
        database.psql(&roles.collect::<String>());
    }

    /// The database role of the n-th daemon.
    pub(super) fn role(n: usize) -> String {
        format!("daemon_{n}")
    }

    /// How many members are in a final state.
    pub(super) fn finished(database: &Database) -> usize {
        let text = "SELECT COUNT(*) FROM affected_members WHERE status IN ('accepted', 'failed')";
        database.psql(text).parse().unwrap()
    }

    /// How many mails this daemon may have sent without saying what became of them.
    pub(super) fn open_intents_of(database: &Database, role: &str) -> usize {
        let text = format!(
            "SELECT COUNT(*) FROM evidence i WHERE i.kind = 'intent' AND i.role = '{role}' AND NOT EXISTS
             (SELECT 1 FROM attempts a WHERE a.member_id = i.member_id AND a.number = i.number)"
        );
        database.psql(&text).parse().unwrap()
    }

    /// How many connections this process had for itself, as it said itself; `None`: it has not said anything yet.
    pub(super) fn connections_of(database: &Database, process: u32) -> Option<usize> {
        let part = "(shares::json ->> 'relay:main:connections')::float::int";
        let said = database
            .psql(&format!("SELECT {part} FROM daemons WHERE pid = {process} ORDER BY started_at DESC LIMIT 1"));
        said.parse().ok()
    }

    /// Nobody worked on what was another's.
    pub(super) async fn judge(database: &Database) -> Counts {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        sqlx::query("ANALYZE").execute(&mut connection).await.unwrap();
        for (what, query) in NEVER {
            let rows = format!("SELECT COUNT(*), MIN(to_json(found)::text) FROM ({query}) found WHERE $1 = $1");
            let row = sqlx::query(sqlx::AssertSqlSafe(rows)).bind(CLOCKS).fetch_one(&mut connection).await.unwrap();
            let (count, first): (i64, Option<String>) = (row.get(0), row.get(1));
            assert_eq!(count, 0, "{what}: {first:?}");
        }
        counts(&mut connection).await
    }

    /// Each mail arrived under an intent of its own, once, and while its lease lasted. The relay started at `started`.
    pub(super) async fn judge_mails(database: &Database, captured: &[Captured], started: i64) {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let text = "SELECT i.envid, i.rcpt_to, c.lease_until FROM intents i
                    JOIN evidence c ON c.kind = 'claim' AND c.member_id = i.member_id AND c.fence = i.fence";
        let rows = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
        let intents: HashMap<String, (String, i64)> =
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
        let mut seen = HashSet::new();
        for mail in captured {
            let envid = mail.envelope.envid().unwrap();
            let (rcpt_to, lease_until) =
                intents.get(envid).unwrap_or_else(|| panic!("a mail without an intent: {envid}"));
            assert_eq!(mail.rcpt_to(), [rcpt_to.as_str()]);
            assert!(seen.insert(envid), "one intent, two mails: {envid}");
            let late = started + i64::try_from(mail.at.as_millis()).unwrap() - lease_until;
            assert!(late <= READING, "a mail left {late} ms after its lease: {envid}");
        }
    }

    /// Who got more than one mail, and who may have: the latter contain the former.
    pub(super) fn told_twice<'a>(rows: &'a [audit::Row], captured: &[Captured]) -> (usize, Vec<&'a audit::Row>) {
        let mut mails: HashMap<&str, usize> = HashMap::new();
        for mail in captured {
            *mails.entry(mail.envelope.rcpt_to()[0]).or_default() += 1;
        }
        let twice = rows.iter().filter(|row| mails.get(row.email.as_str()).is_some_and(|count| *count > 1));
        assert!(twice.clone().all(|row| row.possible_duplicate));
        (twice.count(), rows.iter().filter(|row| row.possible_duplicate).collect())
    }
}

async fn counts(connection: &mut PgConnection) -> Counts {
    let text = "SELECT COUNT(*) FILTER (WHERE kind = 'claim'), COUNT(*) FILTER (WHERE kind = 'intent'),
            COUNT(*) FILTER (WHERE kind = 'outcome'),
            COUNT(*) FILTER (WHERE kind = 'end' AND at >= lease_until AND NOT EXISTS
                (SELECT 1 FROM attempts a WHERE a.member_id = e.member_id AND a.number = e.number AND a.fence = e.fence)),
            COUNT(*) FILTER (WHERE kind = 'outcome' AND fence IS NULL),
            COUNT(*) FILTER (WHERE kind = 'outcome' AND role <>
                (SELECT c.role FROM evidence c WHERE c.kind = 'claim' AND c.member_id = e.member_id AND c.fence = e.fence))
        FROM evidence e";
    let row = sqlx::query(text).fetch_one(connection).await.unwrap();
    Counts {
        claims: row.get(0),
        intents: row.get(1),
        outcomes: row.get(2),
        taken_over: row.get(3),
        by_an_ended_lease: row.get(4),
        from_a_spool_file: row.get(5),
    }
}
