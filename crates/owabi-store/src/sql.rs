//! The texts under `sql/` and their small expansions.
//!
//! - `/*rows $1: a bigint, b text*/` becomes a table made of one JSON array of arrays, given as parameter.
//! - `/*among $1*/` says that a text is one of a JSON array of arrays of one. PostgreSQL looks an array's elements up one
//!   by one, whatever its statistics say; a table it may compare with the whole queue.
//! - `/*keyed a.b*/` says that a column holds a keyed hash, or nothing.
//! - `/*skip locked*/`, `/*for update*/` and (weaker) `/*lock*/` lock rows (of table `m`) on PostgreSQL and are nothing on SQLite, which has one writer.
//! - `/*outcomes*/` is the table of a group's outcomes; `/*settled*/` those of them that were in time: on PostgreSQL what
//!   `settle_members` returns, within the one statement that [`record_group`] makes.
//! - `/*json array*/(…)` makes a JSON array of columns. `/*oldest transaction*/` is the oldest one that still runs, `/*next transaction*/`
//!   the one that begins next: on SQLite both are 0, nothing is committed there out of its order.
//! - `/*take what is due*/` ends a claim: the rows of `due` are being sent.
//! - `/*matching*/` is whom a selection matches, `/*resend class*/` what a resend makes of each of them.
//! - `/*triggers*/` is the triggers that are there and at work, each with what it does. PostgreSQL's are written as it dumps them, all
//!   parentheses said: versions 15, 16 and 18 were compared by hand and write the same octets, also after a dump was restored. The tests
//!   see the one version that they have.
//! - `/*clock*/` is the database's clock in epoch milliseconds.

use serde_json::Value;
use std::sync::OnceLock;

/// Which database a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// How a writing transaction begins.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// How a transaction begins that all daemons wait for: whoever is stopped in its midst does not hold them up for long.
    pub(crate) fn begin_brief(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => {
                "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'; SET LOCAL statement_timeout = '3s'"
            }
        }
    }

    /// How a transaction of administration begins, which may touch a million rows: no statement timeout cuts it off.
    pub(crate) fn begin_unhurried(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN; SET LOCAL statement_timeout = 0",
        }
    }

    /// How a look begins that may read a whole notice: it keeps nobody from writing, and no statement timeout cuts it off.
    pub(crate) fn begin_look(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN READ ONLY; SET LOCAL statement_timeout = 0",
        }
    }

    /// The same for a transaction that must end with exactly the rows that it began with: what others insert meanwhile
    /// it does not touch, and what they change ends it (code 40001). SQLite has one writer anyway.
    pub(crate) fn begin_unchanging(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0",
        }
    }

    /// How a transaction begins that only counts, all of it at one moment: its statements read whole tables, and may hash and
    /// sort them.
    pub(crate) fn begin_to_read(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                 SET LOCAL enable_hashjoin = on; SET LOCAL enable_sort = on"
            }
        }
    }

    /// How a transaction begins that reads one state bit by bit, and that may wait long for what the program does between two
    /// statements.
    pub(crate) fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0"
            }
        }
    }

    /// How a transaction begins that nobody writes beside, and that may wait long for what the program does between two
    /// statements.
    pub(crate) fn begin_alone(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0; \
                 LOCK TABLE meta, notices, batches, affected_members, intents, attempts, findings, preflights, approvals, \
                 receipts, arrivals, sources, releases, resends, corrections, substitutes, users, ledger, seals \
                 IN SHARE ROW EXCLUSIVE MODE"
            }
        }
    }
}

/// One statement: its file's text and, once asked for, its text for each database.
pub(crate) struct Statement {
    text: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Statement {
    const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The text for `dialect`.
    pub(crate) fn on(&'static self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite.get_or_init(|| expand(self.text, dialect)),
            Dialect::Postgres => self.postgres.get_or_init(|| expand(self.text, dialect)),
        }
    }
}

/// The columns of an outcome, in the order of `Settle`'s row.
const OUTCOME: &str = "id bigint, fence bigint, at bigint, outcome text, status text, due_at bigint, spent bigint, why text, \
     plain_form bigint, phase text, code bigint, enhanced text, reply text, queue_id text, tls text, duration_ms bigint";

/// Those of them that the attempt keeps.
const OUTCOME_KEPT: [&str; 11] =
    ["at", "outcome", "spent", "why", "phase", "code", "enhanced", "reply", "queue_id", "tls", "duration_ms"];

/// What a claim makes of the rows of `due`, and what it says of them. Doubts are those of the present round.
const TAKE_DUE: &str = "UPDATE affected_members SET status = 'sending', fence = fence + 1, due_at = $1 + $3, updated_at = $1 FROM \
     due WHERE affected_members.id = due.id RETURNING affected_members.id, member_no, name, email, cohorts, \
     payments, fields, queued_at, attempts, tries, fence, round, possible_duplicate, plain_form, due_at, CASE \
     WHEN possible_duplicate THEN (SELECT COUNT(*) FROM attempts a WHERE a.member_id = affected_members.id AND \
     a.outcome = 'in_doubt' AND COALESCE(a.reason, '') <> 'lease_ended' AND a.number > COALESCE((SELECT \
     r.tries_before FROM resends r WHERE r.member_id = affected_members.id AND r.round = affected_members.round), \
     0)) ELSE 0 END";

/// Whom a selection matches, whatever their status; table `m`, the first eight parameters as `Selection` binds them.
const MATCHING: &str = "m.notice_id = $1 AND ($2 = '' OR lower(m.email) LIKE '%@' || $2) \
     AND ($3 = '' OR replace(m.cohorts, '\"' || $3 || '\"', '') <> m.cohorts) \
     AND ($4 = '' OR m.reason = $4 OR substr(m.reason, 1, length($4) + 1) = $4 || ':') \
     AND m.updated_at >= $5 AND m.updated_at <= $6 \
     AND ($7 = 0 OR m.member_no IN (SELECT r.no FROM /*rows $8: no text*/ r))";

/// Why a matching member is not sent to again, or `selected`. $9 the statuses that are asked for, $10 <> 0 when told members are asked
/// for by name, $11 and $12 the batch's selection and reason: the same request never chooses anybody twice. Whoever was in no roster
/// that was released has a mail that nobody approved.
const RESEND_CLASS: &str = "CASE WHEN m.status = 'in_doubt' THEN 'in_doubt' \
     WHEN m.status = 'sending' THEN 'under_way' \
     WHEN m.status IN ('queued', 'held') THEN 'waiting' \
     WHEN m.status IN ('accepted', 'delivered') AND NOT ($10 <> 0 AND m.status /*among $9*/) THEN 'told' \
     WHEN m.status = 'withdrawn' AND NOT m.status /*among $9*/ THEN 'withdrawn' \
     WHEN NOT m.status /*among $9*/ THEN 'other_status' \
     WHEN m.queued_at IS NULL AND (m.status = 'withdrawn' OR NOT EXISTS \
         (SELECT 1 FROM batches i JOIN releases l ON l.notice_id = i.notice_id AND l.at >= i.at WHERE i.id = m.batch_id)) \
         THEN 'never_released' \
     WHEN m.email IS NULL THEN 'no_address' \
     WHEN EXISTS (SELECT 1 FROM resends e JOIN batches b ON b.id = e.batch_id \
                  WHERE e.member_id = m.id AND b.selection = $11 AND b.reason = $12) THEN 'already_resent' \
     ELSE 'selected' END";

pub(crate) fn expand(text: &str, dialect: Dialect) -> String {
    let outcomes = format!("/*rows $1: {OUTCOME}*/");
    let settled = format!("(SELECT r.*, m.tries FROM {outcomes} r JOIN affected_members m ON m.id = r.id)");
    let with_outcome = format!(", r.{}", OUTCOME_KEPT.join(", r."));
    let words: [(&str, &str, &str); 14] = [
        ("/*take what is due*/", TAKE_DUE, TAKE_DUE),
        ("/*matching*/", MATCHING, MATCHING),
        ("/*resend class*/", RESEND_CLASS, RESEND_CLASS),
        ("/*outcomes*/", &outcomes, &outcomes),
        ("/*settled*/", &settled, "settled"),
        ("/*with the outcome*/", "", &with_outcome),
        ("/*skip locked*/", "", "FOR NO KEY UPDATE OF m SKIP LOCKED"),
        ("/*for update*/", "", "FOR UPDATE"),
        ("/*lock*/", "", "FOR NO KEY UPDATE"),
        (
            "/*triggers*/",
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
            "SELECT CAST(t.tgname AS TEXT), CONCAT_WS(' ',
                  REPLACE(pg_get_triggerdef(t.oid), QUOTE_IDENT(n.nspname) || '.', ''),
                  l.lanname, p.prosecdef, p.prosrc, ARRAY_TO_STRING(p.proconfig, ' '))
              FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
              WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND pg_table_is_visible(c.oid)",
        ),
        ("/*json array*/", "json_array", "json_build_array"),
        ("/*oldest transaction*/", "0", "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)"),
        ("/*next transaction*/", "0", "CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)"),
        (
            "/*clock*/",
            "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        ),
    ];
    let mut text = text.to_owned();
    for (marker, sqlite, postgres) in words {
        text = text.replace(marker, if dialect == Dialect::Sqlite { sqlite } else { postgres });
    }
    while let Some(written_out) =
        expand_rows(&text, dialect).or_else(|| expand_among(&text, dialect)).or_else(|| expand_keyed(&text))
    {
        text = written_out;
    }
    text
}

/// The text with its first table of rows written out; `None` when there is none.
fn expand_rows(text: &str, dialect: Dialect) -> Option<String> {
    let (before, rest) = text.split_once("/*rows ")?;
    let (marker, after) = rest.split_once("*/")?;
    let (parameter, columns) = marker.split_once(':')?;
    Some(format!("{before}{}{after}", table_of_rows(parameter.trim(), columns, dialect)))
}

/// The text with its first `among` written out; `None` when there is none.
fn expand_among(text: &str, dialect: Dialect) -> Option<String> {
    let (before, rest) = text.split_once("/*among ")?;
    let (parameter, after) = rest.split_once("*/")?;
    let table = table_of_rows(parameter, "among text", dialect);
    Some(match dialect {
        Dialect::Sqlite => format!("{before}IN {table}{after}"),
        Dialect::Postgres => format!("{before}= ANY (ARRAY{table}){after}"),
    })
}

/// The text with its first `keyed` written out; `None` when there is none. The triggers of the schema say the same.
fn expand_keyed(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("/*keyed ")?;
    let (column, after) = rest.split_once("*/")?;
    Some(format!(
        "{before}COALESCE(LENGTH({column}) = 70 AND SUBSTR({column}, 1, 6) = 'keyed:' \
         AND LTRIM(SUBSTR({column}, 7), '0123456789abcdef') = '', TRUE){after}"
    ))
}

fn table_of_rows(parameter: &str, columns: &str, dialect: Dialect) -> String {
    let column = |(at, column): (usize, &str)| {
        let (name, kind) = column.trim().split_once(' ').unwrap_or((column.trim(), "text"));
        match dialect {
            Dialect::Sqlite => format!("value ->> {at} AS {name}"),
            Dialect::Postgres => format!("(value ->> {at})::{kind} AS {name}"),
        }
    };
    let columns: Vec<String> = columns.split(',').enumerate().map(column).collect();
    let source = match dialect {
        Dialect::Sqlite => format!("jsonb_each({parameter})"),
        Dialect::Postgres => format!("jsonb_array_elements({parameter}::jsonb)"),
    };
    format!("(SELECT {} FROM {source})", columns.join(", "))
}

/// The three statements of a group as one, for PostgreSQL: one round trip, and one snapshot for all of them.
///
/// Rows: whether it is an intent (else an outcome), the row's id, the claim's fence.
pub(crate) fn record_group() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    let on = |statement: &'static Statement| statement.on(Dialect::Postgres);
    TEXT.get_or_init(|| {
        format!(
            "WITH granted AS ({}), settled AS ({}), logged AS ({}) \
             SELECT TRUE, member_id, fence FROM granted UNION ALL SELECT FALSE, id, fence FROM settled",
            on(&INTEND),
            on(&SETTLE_MEMBERS),
            on(&SETTLE_ATTEMPTS)
        )
    })
}

/// How many rows all pages of the log have together: counted by the text of the page, so that both mean the same.
pub(crate) fn log_count(dialect: Dialect) -> &'static str {
    static TEXTS: [OnceLock<String>; 2] = [OnceLock::new(), OnceLock::new()];
    let text = &TEXTS[usize::from(dialect == Dialect::Postgres)];
    text.get_or_init(|| format!("SELECT COUNT(*) FROM ({}) AS page", LOG_PAGE.on(dialect)))
}

/// One JSON array of arrays, for a `/*rows …*/` marker.
///
/// PostgreSQL stores no NUL in a text; in what a relay or a roster says it stands as U+FFFD.
pub(crate) fn json_rows(rows: impl Iterator<Item = Value>) -> String {
    let mut text = String::from("[");
    for mut row in rows {
        if text.len() > 1 {
            text.push(',');
        }
        row.as_array_mut().into_iter().flatten().for_each(without_nul);
        text.push_str(&row.to_string());
    }
    text.push(']');
    text
}

fn without_nul(value: &mut Value) {
    if let Value::String(text) = value
        && text.contains('\0')
    {
        *text = text.replace('\0', "\u{fffd}");
    }
}

macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) static $name: Statement = Statement::new(include_str!(concat!("../sql/", $file, ".sql")));)*
        /// Every statement with its file's name, so that a test can prepare them all.
        #[cfg(test)]
        pub(crate) static ALL: &[(&str, &Statement)] = &[$(($file, &$name)),*];
    };
}

statements! {
    APPROVAL_INSERT = "approval_insert";
    APPROVALS = "approvals";
    APPROVALS_VOID = "approvals_void";
    ARRIVAL = "arrival";
    ARRIVAL_CONTENT = "arrival_content";
    ARRIVAL_COUNTS = "arrival_counts";
    ARRIVAL_UPSERT = "arrival_upsert";
    ARRIVALS_LIKE = "arrivals_like";
    ARRIVALS_OPEN = "arrivals_open";
    ASKED_MEMBERS = "asked_members";
    BATCH_BY_FILE = "batch_by_file";
    BATCH_INSERT = "batch_insert";
    BATCH_TOTALS = "batch_totals";
    CANARY_DUE = "canary_due";
    CANARY_PASS = "canary_pass";
    CANARY_ROWS = "canary_rows";
    BATCHES = "batches";
    CLAIM = "claim";
    CLAIM_LISTED = "claim_listed";
    CLOCK = "clock";
    CORRECT_MEMBER = "correct_member";
    CORRECTION_INSERT = "correction_insert";
    CORRECTIONS_OF = "corrections_of";
    COUNTS = "counts";
    DAEMON_BEAT = "daemon_beat";
    DAEMON_LEAVES = "daemon_leaves";
    DAEMONS = "daemons";
    DURABLE = "durable";
    EVIDENCE_APPROVALS = "evidence_approvals";
    EVIDENCE_BATCHES = "evidence_batches";
    EVIDENCE_CORRECTIONS = "evidence_corrections";
    EVIDENCE_ENTRIES = "evidence_entries";
    EVIDENCE_INTENTS = "evidence_intents";
    EVIDENCE_MEMBERS = "evidence_members";
    EVIDENCE_PLACES = "evidence_places";
    EVIDENCE_PREFLIGHTS = "evidence_preflights";
    EVIDENCE_RELEASES = "evidence_releases";
    EVIDENCE_RESENDS = "evidence_resends";
    EVIDENCE_SEALS = "evidence_seals";
    FAIL_UNSENT = "fail_unsent";
    FINDINGS_INSERT = "findings_insert";
    FLEET_LOCK = "fleet_lock";
    GIVE_BACK = "give_back";
    IMPORTERS = "importers";
    HOLD_SET = "hold_set";
    INSERT_MEMBERS = "insert_members";
    INTEND = "intend";
    KNOWN_EVIDENCE = "known_evidence";
    KNOWN_MEMBERS = "known_members";
    LEDGER_ADDRESSES = "ledger_addresses";
    LEDGER_AMONG = "ledger_among";
    LEDGER_APPEND = "ledger_append";
    LEDGER_BESIDE = "ledger_beside";
    LEDGER_ENTRIES = "ledger_entries";
    LEDGER_LOOSE = "ledger_loose";
    LEDGER_MEMBERS = "ledger_members";
    LEDGER_NEWEST = "ledger_newest";
    LEDGER_TRIGGERS = "ledger_triggers";
    LEDGER_TRANSACTIONS = "ledger_transactions";
    LOG_MEMBERS = "log_members";
    LOG_MEMBERS_OF = "log_members_of";
    LOG_PAGE = "log_page";
    LOGIN_DONE = "login_done";
    LOGIN_TRY = "login_try";
    MATCHING_COUNTS = "matching_counts";
    MEMBER_BY_NO = "member_by_no";
    MEMBER_IDS = "member_ids";
    MEMBERS_BY_EMAIL = "members_by_email";
    MEMBERS_BY_QUEUE_ID = "members_by_queue_id";
    MEMBERS_PAGE = "members_page";
    MERGE_MEMBERS = "merge_members";
    META_FIRST = "meta_first";
    META_GET = "meta_get";
    META_LOCK = "meta_lock";
    META_SET = "meta_set";
    NEXT_DUE = "next_due";
    NOTICE_KEPT = "notice_kept";
    NOTICE_KNOWN = "notice_known";
    NOTICE_RELEASE = "notice_release";
    NOTICE_RELEASED = "notice_released";
    NOTICE_STATE = "notice_state";
    NOTICE_UPSERT = "notice_upsert";
    NOTICES = "notices";
    OTHER_TEXT_WAITS = "other_text_waits";
    PREFLIGHT_INSERT = "preflight_insert";
    PREFLIGHT_LATEST = "preflight_latest";
    PURGE_ARRIVALS = "purge_arrivals";
    PURGE_BATCHES = "purge_batches";
    PURGE_BEGIN = "purge_begin";
    NOTICE_LOCK = "notice_lock";
    ARRIVALS_LATE = "arrivals_late";
    CLEAR_AFTER_PURGE = "clear_after_purge";
    PURGE_COUNTS = "purge_counts";
    PURGE_FINDINGS = "purge_findings";
    PURGE_NOTICE = "purge_notice";
    PURGE_PAGE = "purge_page";
    PURGE_READ_ATTEMPTS = "purge_read_attempts";
    PURGE_READ_CORRECTIONS = "purge_read_corrections";
    PURGE_READ_INTENTS = "purge_read_intents";
    PURGE_READ_MEMBERS = "purge_read_members";
    PURGE_READ_RECEIPTS = "purge_read_receipts";
    PURGE_READ_SUBSTITUTES = "purge_read_substitutes";
    PURGE_STATE = "purge_state";
    PURGE_WRITE_ATTEMPTS = "purge_write_attempts";
    PURGE_WRITE_CORRECTIONS = "purge_write_corrections";
    PURGE_WRITE_INTENTS = "purge_write_intents";
    PURGE_WRITE_MEMBERS = "purge_write_members";
    PURGE_WRITE_RECEIPTS = "purge_write_receipts";
    PURGE_WRITE_SUBSTITUTES = "purge_write_substitutes";
    QUIET = "quiet";
    RECEIPT_INSERT = "receipt_insert";
    RECEIPT_MEMBERS = "receipt_members";
    RECEIPTS_OF = "receipts_of";
    RELEASE_INSERT = "release_insert";
    RELEASE_MEMBERS = "release_members";
    SEAL_INSERT = "seal_insert";
    SEAL_LEAVES = "seal_leaves";
    SEAL_LOCK = "seal_lock";
    SEAL_NEWEST = "seal_newest";
    SEALS_AFTER = "seals_after";
    REPORT_APPROVALS = "report_approvals";
    REPORT_MEMBERS = "report_members";
    REPORT_NOTICE = "report_notice";
    REPORT_PAUSES = "report_pauses";
    REPORT_PUBLICATIONS = "report_publications";
    REPORT_RELEASES = "report_releases";
    REPORT_RESENDS = "report_resends";
    REPORT_SEAL = "report_seal";
    REPORT_SUBSTITUTES = "report_substitutes";
    REPORT_TOLD = "report_told";
    RESEND_LIKE = "resend_like";
    RESEND_LOOK = "resend_look";
    RESEND_MEMBERS = "resend_members";
    RESEND_RECORD = "resend_record";
    RESEND_TOTAL = "resend_total";
    RESENDS_OF = "resends_of";
    RESOLVE_MEMBER = "resolve_member";
    SEND_AGAIN = "send_again";
    SETTLE_ATTEMPTS = "settle_attempts";
    SETTLE_MEMBERS = "settle_members";
    SHARED_ADDRESSES = "shared_addresses";
    SOURCE_FOLLOW = "source_follow";
    SOURCE_FORGET = "source_forget";
    SOURCE_LOOKED = "source_looked";
    SOURCE_POSITION = "source_position";
    SOURCE_REMEMBER = "source_remember";
    SOURCE_TROUBLE = "source_trouble";
    SOURCE_UNFOLLOW = "source_unfollow";
    SOURCES = "sources";
    STANDINGS = "standings";
    SUBSTITUTE_BY_ID = "substitute_by_id";
    SUBSTITUTE_INSERT = "substitute_insert";
    SUBSTITUTE_PUBLISH = "substitute_publish";
    SUBSTITUTE_REVOKE = "substitute_revoke";
    SUBSTITUTES = "substitutes";
    SUBSTITUTES_OF = "substitutes_of";
    TAKE_IN_MEMBERS = "take_in_members";
    TAKE_OVER_ATTEMPTS = "take_over_attempts";
    TAKE_OVER_DOUBT = "take_over_doubt";
    TAKE_OVER_QUEUE = "take_over_queue";
    UNREACHABLE_PAGE = "unreachable_page";
    USER_PUT = "user_put";
    USERS = "users";
    USERS_TO_CHANGE = "users_to_change";
    WATCHED_FAILED = "watched_failed";
    WATCHED_KNOWN = "watched_known";
    WITHDRAW_CLAIMED = "withdraw_claimed";
    WITHDRAW_MEMBERS = "withdraw_members";
    WITHDRAW_QUEUED = "withdraw_queued";
    WITHDRAW_SELECTED = "withdraw_selected";
}

#[cfg(test)]
mod tests;
