//! The one place where arrivals are matched and recorded, whatever their source.

use super::decide::{Decision, Rules, decide, decide_by_hand};
use super::item::{Item, What};
use super::matching::{Seen, folded};
use super::troubles::Troubles;
use super::{Arrival, Verdict};
use crate::cli::say::say;
use crate::clock::now_ms;
use crate::config::Config;
use crate::dispatch::harmless;
use crate::service::Pulse;
use owabi_core::bounce::Kind;
use owabi_core::ids::Keys;
use owabi_core::lifecycle::Status;
use owabi_core::receipt::Says;
use owabi_store::{ArrivalRow, ByPerson, Received, SourceName, Store, StoreError};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Octets of content that are written together, about.
const WEIGHT: usize = 4 << 20;
/// How often, and how long each time, an arrival waits for the outcome of a mail that is being sent, before it is parked.
const WAITS: usize = 3;
const WAIT: Duration = Duration::from_millis(300);
/// How often members may change under a decision before the database is said to be busy.
const TRIES: usize = 20;
/// Arrivals that a further look takes from the database at once.
const PAGE: i64 = 500;

/// Where arrivals are matched and recorded.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    store: Store,
    rules: Arc<Rules>,
    host: String,
    troubles: Troubles,
    /// A daemon reads the sources all the time.
    follows: bool,
    /// Of the loop that hands things over.
    pulse: Option<Pulse>,
}

impl Intake {
    /// An intake into `store`, by the configuration's rules.
    pub(crate) fn new(config: &Config, store: Store, keys: Keys) -> Self {
        let rules = Rules { keys, relayed_counts: config.receipts.relayed_is_delivered };
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { store, rules: Arc::new(rules), host, troubles: Troubles::default(), follows: false, pulse: None }
    }

    /// Reads, matches and records what arrived from `source`; the verdicts are in the order of the arrivals.
    ///
    /// # Errors
    /// `Unavailable`: not all of it is recorded; hand the same over again.
    pub(crate) async fn take(&self, source: &str, arrivals: Vec<Arrival>) -> Result<Vec<Verdict>, StoreError> {
        let source = source.to_owned();
        let read = move || arrivals.into_iter().map(|arrival| Item::read(arrival, &source)).collect();
        let Ok(items): Result<Vec<Item>, _> = tokio::task::spawn_blocking(read).await else {
            return Err(StoreError::ChangedMeanwhile);
        };
        self.take_items(&items, WAITS).await
    }

    async fn take_items(&self, items: &[Item], waits: usize) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(items.len());
        let mut rest = items;
        while !rest.is_empty() {
            self.beat();
            let (now, later) = rest.split_at(together(rest));
            match self.take_group(now, waits).await {
                Ok(taken) => verdicts.extend(taken),
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(_) => verdicts.extend(self.take_singly(now).await?),
            }
            rest = later;
        }
        Ok(verdicts)
    }

    /// One that cannot be recorded as it is must not keep back the others: a person looks at it.
    async fn take_singly(&self, items: &[Item]) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            let verdict = match self.take_group(std::slice::from_ref(item), 0).await {
                Ok(verdicts) => verdicts.first().copied().unwrap_or(Verdict::Review),
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(evidence = item.sha256, error = harmless(&error), "a receipt cannot be recorded");
                    let arrivals = vec![item.row("review", Some("unrecordable"), None, true)];
                    self.store.receive(&Received { arrivals, ..Received::default() }, now_ms()).await?;
                    Verdict::Review
                }
            };
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    /// Decides on what the database says now, and records it unless that has changed meanwhile.
    async fn take_group(&self, items: &[Item], mut waits: usize) -> Result<Vec<Verdict>, StoreError> {
        for _ in 0..TRIES {
            let Decision { received, verdicts } = loop {
                let seen = self.look(items).await?;
                let mut decision = decide(items, &seen, &self.rules);
                conceal(&mut decision.received, &seen, &self.rules.keys);
                if waits == 0 || !decision.waits() {
                    break decision;
                }
                waits -= 1;
                tokio::time::sleep(WAIT).await;
            };
            if received == Received::default() || self.store.receive(&received, now_ms()).await? {
                return Ok(verdicts);
            }
            tokio::time::sleep(WAIT / 10).await;
        }
        Err(StoreError::ChangedMeanwhile)
    }

    /// What the database knows of those who may be meant.
    async fn look(&self, items: &[Item]) -> Result<Seen, StoreError> {
        let hashes: Vec<String> = items.iter().map(|item| item.sha256.clone()).collect();
        let mut seen = Seen { known: self.store.known_evidence(&hashes).await?, ..Seen::default() };
        let mut rows: BTreeSet<i64> = items.iter().flat_map(|item| item.clues().rows().collect::<Vec<_>>()).collect();
        for (address, id) in self.addressed(items).await? {
            seen.by_email.entry(address).or_default().push(id);
            rows.insert(id);
        }
        for (queue_id, id) in self.queued_as(items).await? {
            seen.by_queue_id.entry(queue_id).or_default().push(id);
            rows.insert(id);
        }
        let rows: Vec<i64> = rows.into_iter().collect();
        if !rows.is_empty() {
            seen.members = self.store.standings(&rows).await?.into_iter().map(|member| (member.id, member)).collect();
        }
        Ok(seen)
    }

    /// The rows with the addresses of bounces that carry no token.
    async fn addressed(&self, items: &[Item]) -> Result<Vec<(String, i64)>, StoreError> {
        let is_bounce = |item: &&Item| matches!(&item.what, What::Mail(_, reading) if reading.kind == Kind::Bounce);
        let mut wanted: HashMap<String, String> = HashMap::new();
        for item in items.iter().filter(is_bounce).filter(|item| item.clues().tokens.is_empty()) {
            for address in item.words().iter().flat_map(|word| [word.original, word.recipient]).flatten() {
                let folded = folded(address);
                // The roster may hold the address quoted.
                let quoted = folded.rsplit_once('@').map(|(local, domain)| format!("\"{local}\"@{domain}"));
                wanted.extend(quoted.map(|quoted| (quoted, folded.clone())));
                wanted.insert(folded.clone(), folded);
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<String> = wanted.keys().cloned().collect();
        let found = self.store.members_by_email(&asked).await?;
        Ok(found.into_iter().filter_map(|(id, email)| Some((wanted.get(&email)?.clone(), id))).collect())
    }

    /// The rows of log lines whose Message-ID is not known.
    async fn queued_as(&self, items: &[Item]) -> Result<Vec<(String, i64)>, StoreError> {
        let unnamed = |item: &Item| match &item.what {
            What::Log(line) if line.message_id.is_none() => Some((item.source.clone(), line.queue_id.clone())),
            _ => None,
        };
        let unnamed: BTreeSet<(String, String)> = items.iter().filter_map(unnamed).collect();
        let Some((source, _)) = unnamed.first().cloned() else { return Ok(Vec::new()) };
        let ids: Vec<String> = unnamed.into_iter().filter(|one| one.0 == source).map(|one| one.1).collect();
        self.store.members_by_queue_id(&source, &ids).await
    }

    /// Looks again at what waits for the outcome of its mail. Returns how many found their member.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn take_parked(&self) -> Result<usize, StoreError> {
        self.take_again("parked").await
    }

    /// Looks again at what waits for a person: a newer owabi may understand it. Returns how many found their member.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn take_reviewed(&self) -> Result<usize, StoreError> {
        self.take_again("review").await
    }

    async fn take_again(&self, state: &str) -> Result<usize, StoreError> {
        let (mut settled, mut from, mut looked_at) = (0, 0, BTreeSet::new());
        loop {
            let mut page = self.store.arrivals(state, from, PAGE).await?;
            page.retain(|row| !looked_at.contains(&row.sha256));
            let Some(last) = page.last() else { return Ok(settled) };
            from = last.at;
            looked_at.extend(page.iter().map(|row| row.sha256.clone()));
            let sending = self.being_sent(&page).await?;
            for row in page.iter().filter(|row| !row.member_id.is_some_and(|id| sending.contains(&id))) {
                self.beat();
                settled += usize::from(self.take_kept(row).await? == Verdict::Matched);
            }
        }
    }

    /// The members of these arrivals whose mails are being sent: what is parked for them goes on waiting.
    async fn being_sent(&self, page: &[ArrivalRow]) -> Result<BTreeSet<i64>, StoreError> {
        let ids: BTreeSet<i64> =
            page.iter().filter(|row| row.state == "parked").filter_map(|row| row.member_id).collect();
        let standings = self.store.standings(&ids.into_iter().collect::<Vec<_>>()).await?;
        let sending = standings.into_iter().filter(|member| member.status == Status::Sending);
        Ok(sending.map(|member| member.id).collect())
    }

    /// What was kept is read anew; what cannot be read any more waits for a person.
    async fn take_kept(&self, listed: &ArrivalRow) -> Result<Verdict, StoreError> {
        let Some(whole) = self.store.arrival(&listed.sha256).await? else { return Ok(Verdict::Ignored) };
        let kept = tokio::task::spawn_blocking(move || Item::kept(whole)).await.ok().flatten();
        let Some(item) = kept else {
            // Its content stays as it is.
            let (state, why) = ("review".to_owned(), Some("unreadable".to_owned()));
            let arrivals = vec![ArrivalRow { state, why, ..listed.clone() }];
            self.store.receive(&Received { arrivals, ..Received::default() }, now_ms()).await?;
            return Ok(Verdict::Review);
        };
        Ok(self.take_items(&[item], 0).await?.first().copied().unwrap_or(Verdict::Review))
    }

    /// Records a person's word on what waits for review: this arrival says `says` of this member. `false`: it is not
    /// waiting, or the member's own mail is just being sent. The person's reason stands with the receipt, which a purge reaches.
    ///
    /// # Errors
    /// `Unavailable`; `Row` when there is no such row; `DecidedMeanwhile`.
    pub(crate) async fn take_by_hand(
        &self,
        row: ArrivalRow,
        (member_id, says, reason): (i64, Says, Option<&str>),
        by_person: &ByPerson,
    ) -> Result<bool, StoreError> {
        let Some(item) = Item::kept(row) else { return Ok(false) };
        for _ in 0..TRIES {
            let members = self.store.standings(&[member_id]).await?;
            let seen =
                Seen { members: members.into_iter().map(|member| (member.id, member)).collect(), ..Seen::default() };
            if !seen.members.contains_key(&member_id) {
                return Err(StoreError::Row {
                    id: member_id,
                    what: say!(ja: "その行はありません", en: "there is no such row"),
                });
            }
            let mut decision = decide_by_hand(&item, member_id, says, &seen, &self.rules);
            if decision.waits() {
                return Ok(false);
            }
            // The same mail may speak of several members.
            for receipt in &mut decision.received.receipts {
                receipt.part = member_id;
                let words = [receipt.detail.take(), reason.map(str::to_owned)];
                receipt.detail =
                    Some(words.into_iter().flatten().collect::<Vec<_>>().join(" / ")).filter(|words| !words.is_empty());
            }
            conceal(&mut decision.received, &seen, &self.rules.keys);
            decision.received.by_person = Some(by_person.clone());
            if self.store.receive(&decision.received, now_ms()).await? {
                return Ok(true);
            }
        }
        Err(StoreError::ChangedMeanwhile)
    }

    /// Says that everything that had arrived by `began_at` (epoch milliseconds) was taken: a mail in doubt is not sent
    /// again before its sources were looked at. `remaining` is what is wrong with the source all the same.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn looked(&self, source: &str, began_at: i64, remaining: Option<&str>) -> Result<(), StoreError> {
        self.beat();
        self.store.source_looked(self.source(source), began_at, remaining).await?;
        match remaining {
            Some(what) if self.troubles.begin(source, what, now_ms()) => {
                tracing::warn!(source, what, "not all is well with a source");
            }
            None if self.troubles.end(source) => tracing::info!(source, "a source can be read again"),
            _ => {}
        }
        Ok(())
    }

    /// Says that a source cannot be read, for status and the log: once, until it works again or something else is wrong.
    /// `what` has no addresses.
    pub(crate) fn trouble(&self, source: &str, what: &str) {
        self.beat();
        if self.troubles.begin(source, what, now_ms()) {
            tracing::warn!(source, what, "a source of receipts cannot be read; trying again");
        }
        if !self.troubles.is_unrecorded(source) {
            return;
        }
        let (intake, source, what) = (self.clone(), source.to_owned(), what.to_owned());
        tokio::spawn(async move {
            match intake.store.source_trouble(intake.source(&source), &what, now_ms()).await {
                Ok(()) => intake.troubles.recorded(&source),
                Err(error) => tracing::debug!(source, error = harmless(&error), "its trouble cannot be recorded yet"),
            }
        });
    }

    /// Where a source that is read from some place on left off; `None`: never read.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn position(&self, source: &str) -> Result<Option<String>, StoreError> {
        self.beat();
        self.store.source_position(&self.host, source).await
    }

    /// Remembers a position; after `take`, never before.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn remember(&self, source: &str, position: &str) -> Result<(), StoreError> {
        self.beat();
        self.store.remember_position(self.source(source), position, now_ms()).await
    }

    /// The same intake for a loop with a pulse: handing over proves that it goes on.
    pub(super) fn beating(self, pulse: Pulse) -> Self {
        Self { pulse: Some(pulse), ..self }
    }

    /// The loop that hands things over goes on.
    pub(super) fn beat(&self) {
        self.pulse.iter().for_each(Pulse::beat);
    }

    /// The same intake, which tells of trouble here.
    pub(crate) fn telling(self, troubles: Troubles) -> Self {
        Self { troubles, ..self }
    }

    /// The intake of a daemon, which goes on reading its sources.
    pub(crate) fn following(self) -> Self {
        Self { follows: true, ..self }
    }

    /// A daemon begins to read exactly these sources.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn follow(&self, sources: &[String]) -> Result<(), StoreError> {
        let names: Vec<SourceName<'_>> = sources.iter().map(|name| self.source(name)).collect();
        self.store.follow_sources(&self.host, &names, now_ms()).await
    }

    fn source<'a>(&'a self, name: &'a str) -> SourceName<'a> {
        let bounces = !name.starts_with("maillog:") && name != "journal";
        SourceName { host: &self.host, name, bounces, followed: self.follows }
    }
}

/// What comes late for a member whose notice was purged says nothing of a person: keyed hashes. The store keeps
/// nothing of the mail itself.
fn conceal(received: &mut Received, seen: &Seen, keys: &Keys) {
    for receipt in &mut received.receipts {
        if let Some(member) = seen.members.get(&receipt.member_id).filter(|member| member.purged) {
            let pseudonyms = keys.pseudonyms(&member.notice_id);
            for value in [&mut receipt.recipient, &mut receipt.detail] {
                *value = value.take().map(|value| pseudonyms.of(&value));
            }
        }
    }
}

/// How many of the first items are written together.
fn together(items: &[Item]) -> usize {
    let mut weight = 0;
    let fits = |item: &&Item| {
        weight += item.weight();
        weight <= WEIGHT
    };
    items.iter().take(super::BATCH).take_while(fits).count().max(1)
}
