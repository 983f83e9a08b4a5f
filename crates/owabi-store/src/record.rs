//! The heart: intents and outcomes, many together in one commit. Each is guarded by status and fence, an intent by its lease too.

use crate::error::StoreError;
use crate::open::{Pools, Store};
use crate::recording::Recording;
use crate::sql::{DURABLE, Dialect, INTEND, SETTLE_ATTEMPTS, SETTLE_MEMBERS, json_rows, record_group};
use owabi_core::lifecycle::Status;
use owabi_core::reply::Reply;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::sqlite::SqlitePool;
use std::borrow::{Borrow, Cow};
use std::collections::HashSet;

/// A row under one claim: its id and the claim's fencing token.
pub type Claim = (i64, i64);

/// An intent that is durable, of a notice that was released at that moment: only for this may a member's body leave. The
/// store alone makes them, and each permits once.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Grant(Claim);

impl Grant {
    /// The claim whose body may leave.
    pub fn claim(&self) -> Claim {
        self.0
    }
}

impl Borrow<Claim> for Grant {
    fn borrow(&self) -> &Claim {
        &self.0
    }
}

/// The wish to let one body leave.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The row's id.
    pub id: i64,
    /// The claim's fencing token.
    pub fence: i64,
    /// The relay's name.
    pub relay: String,
    /// The recipient as it goes over the wire.
    pub rcpt_to: String,
    /// Without angle brackets.
    pub message_id: String,
    /// RFC 3461.
    pub envid: String,
    /// Lower-case hexadecimal SHA-256 of the message's bytes.
    pub mail_sha256: String,
    /// The message's size in octets.
    pub mail_bytes: i64,
}

/// The outcome of one attempt and the row's new state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The row's id.
    pub id: i64,
    /// The claim's fencing token.
    pub fence: i64,
    /// When the outcome was known.
    pub at: i64,
    /// The attempt's word (`owabi_core::settle::Word`).
    pub outcome: Cow<'static, str>,
    /// The row's new status.
    pub status: Status,
    /// When the row is due again.
    pub due_at: Option<i64>,
    /// The attempt counts against the limit.
    pub spent: bool,
    /// Why, in one word.
    pub reason: Option<Cow<'static, str>>,
    /// The next attempt uses the address's other form.
    pub plain_form: bool,
    /// Where in the SMTP session it was decided.
    pub phase: Option<Cow<'static, str>>,
    /// The relay's reply.
    pub reply: Option<Reply>,
    /// What else there is to say when the relay said nothing.
    pub detail: Option<String>,
    /// The TLS version and cipher, if any.
    pub tls: Option<String>,
    /// From the first byte of this mail to its reply, in milliseconds.
    pub duration_ms: i64,
}

/// What is committed together.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Bodies that wish to leave.
    pub intents: Vec<Intent>,
    /// Outcomes.
    pub settles: Vec<Settle>,
}

/// What the commit did.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The claims whose intent is durable: exactly their bodies may leave.
    pub granted: HashSet<Grant>,
    /// The claims whose outcome is durable. One that is missing came too late: the lease was over.
    pub settled: HashSet<Claim>,
}

/// The parameters that the statements of a group share.
struct Parameters {
    outcomes: String,
    intents: String,
    now: i64,
}

impl Parameters {
    fn new(group: &Group, now: i64, lease_at_least: i64) -> Self {
        // A refusal can overtake its mail's intent. Then nothing will leave any more, and the intent is written whatever
        // is left of the lease, so that the log knows what was said to whom.
        let settled: HashSet<Claim> = group.settles.iter().map(Settle::claim).collect();
        let until = |intent: &Intent| if settled.contains(&intent.claim()) { i64::MIN } else { lease_at_least };
        let intents = json_rows(group.intents.iter().map(|intent| intent.row(until(intent))));
        Self { outcomes: json_rows(group.settles.iter().map(Settle::row)), intents, now }
    }
}

impl Intent {
    fn claim(&self) -> Claim {
        (self.id, self.fence)
    }

    /// The columns in the order of `intend.sql`.
    fn row(&self, lease_at_least: i64) -> Value {
        json!([
            self.id,
            self.fence,
            lease_at_least,
            self.relay,
            self.rcpt_to,
            self.message_id,
            self.envid,
            self.mail_sha256,
            self.mail_bytes
        ])
    }
}

impl Settle {
    /// The claim that it settles.
    pub fn claim(&self) -> Claim {
        (self.id, self.fence)
    }

    /// The columns in the order of `settle_members.sql` and `settle_attempts.sql`.
    fn row(&self) -> Value {
        let (code, enhanced, queue_id) = match &self.reply {
            Some(reply) => (Some(reply.code), reply.enhanced().map(|code| code.to_string()), reply.queue_id()),
            None => (None, None, None),
        };
        let text = self.reply.as_ref().map(|reply| reply.text.as_str()).or(self.detail.as_deref());
        json!([
            self.id,
            self.fence,
            self.at,
            self.outcome,
            self.status.as_str(),
            self.due_at,
            i64::from(self.spent),
            self.reason,
            i64::from(self.plain_form),
            self.phase,
            code,
            enhanced,
            text,
            queue_id,
            self.tls,
            self.duration_ms
        ])
    }
}

/// Sorts rows of (is it an intent, id, fence) into the answer, for either database's row type.
macro_rules! recorded {
    ($rows:expr) => {{
        let mut recorded = Recorded::default();
        for row in &$rows {
            let (is_intent, claim): (bool, Claim) = (row.get(0), (row.get(1), row.get(2)));
            if is_intent {
                recorded.granted.insert(Grant(claim));
            } else {
                recorded.settled.insert(claim);
            }
        }
        recorded
    }};
}

impl Store {
    /// Commits a group of intents and outcomes. On PostgreSQL this is one statement: one round trip.
    ///
    /// An intent is granted only while the lease has until `lease_at_least` and the notice is released. The same group
    /// may be recorded again: with `again`, after an error that left open whether it was committed, what the earlier try
    /// wrote is found by claim and counts as recorded.
    ///
    /// # Errors
    /// `Unavailable`: nothing is known to be durable, try again with the same group. `Refused`: a statement broke a rule;
    /// nothing is durable.
    pub async fn record(
        &self,
        group: &Group,
        now: i64,
        lease_at_least: i64,
        again: bool,
    ) -> Result<Recorded, StoreError> {
        let parameters = Parameters::new(group, now, lease_at_least);
        let mut recorded = match &self.pools {
            Pools::Sqlite { writer, .. } => record_on_sqlite(writer, group, parameters, again).await?,
            Pools::Postgres { recording, .. } => record_on_postgres(recording, &parameters, again).await?,
        };
        // Nothing of a mail that is settled leaves any more.
        group.settles.iter().for_each(|settle| _ = recorded.granted.remove(&settle.claim()));
        Ok(recorded)
    }
}

async fn record_on_sqlite(
    pool: &SqlitePool,
    group: &Group,
    mut with: Parameters,
    again: bool,
) -> Result<Recorded, StoreError> {
    let dialect = Dialect::Sqlite;
    let mut recorded = Recorded::default();
    let mut tx = pool.begin_with(dialect.begin()).await?;
    macro_rules! run {
        ($statement:expr) => {
            sqlx::query($statement.on(dialect)).bind(&with.outcomes).bind(&with.intents).bind(with.now)
        };
    }
    if !group.intents.is_empty() {
        let rows = run!(INTEND).fetch_all(&mut *tx).await?;
        recorded.granted = rows.iter().map(|row| Grant((row.get(0), row.get(1)))).collect();
    }
    if !group.settles.is_empty() {
        let rows = run!(SETTLE_MEMBERS).fetch_all(&mut *tx).await?;
        recorded.settled = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if recorded.settled.len() < group.settles.len() {
            let in_time = group.settles.iter().filter(|settle| recorded.settled.contains(&settle.claim()));
            with.outcomes = json_rows(in_time.map(Settle::row));
        }
        run!(SETTLE_ATTEMPTS).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    if again {
        let with = Parameters::new(group, 0, 0);
        let found = sqlx::query(DURABLE.on(dialect)).bind(&with.outcomes).bind(&with.intents);
        recorded = recorded!(found.fetch_all(pool).await?);
    }
    Ok(recorded)
}

async fn record_on_postgres(recording: &Recording, with: &Parameters, again: bool) -> Result<Recorded, StoreError> {
    recording
        .run(async |connection| {
            let write = sqlx::query(record_group()).bind(&with.outcomes).bind(&with.intents).bind(with.now);
            let mut recorded = recorded!(write.fetch_all(&mut *connection).await?);
            if again {
                let found = sqlx::query(DURABLE.on(Dialect::Postgres)).bind(&with.outcomes).bind(&with.intents);
                recorded = recorded!(found.fetch_all(&mut *connection).await?);
            }
            Ok(recorded)
        })
        .await
}
