//! Whether a notice may be released: what was looked at and approved must be what is there now.

use crate::library::LoadedNotice;
use crate::preflight;
use owabi_core::ids::hex;
use owabi_core::people::Action;
use owabi_store::{PreflightRow, ReleaseRecord, Roster, Store, StoreError, User};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// A release that nothing stands against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Of template and facts.
    pub fingerprint: String,
    /// Of the held rows.
    pub roster_hash: String,
    /// Of the sending policy.
    pub policy_hash: String,
    /// Rows that will be queued.
    pub rows: i64,
}

/// What changed since the preflight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A template file.
    Template,
    /// A fact, the sender, a cohort's text, a URL or a required phrase.
    Facts,
    /// Template or facts; which of them was not recorded.
    Text,
    /// The held rows.
    Roster,
    /// How many must approve, when mails may leave, what pauses the notice, and what becomes of mails in doubt.
    Policy,
}

/// What stands against a release or an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No preflight was made.
    NoPreflight,
    /// The latest preflight found problems in so many rows.
    Problems(i64),
    /// Something is not what the latest preflight saw.
    Changed(Vec<Changed>),
    /// Nobody is held.
    Nobody,
    /// So many approved; so many are needed.
    Approvals {
        /// Who approved exactly this.
        have: Vec<String>,
        /// How many are needed.
        need: u8,
        /// Who approved what was there before something changed.
        before: Vec<String>,
        /// What changed since then.
        changed: Vec<Changed>,
    },
}

/// The hashes that the fingerprint is made of, so that a change can be named.
#[derive(Debug, Deserialize, Serialize)]
struct Parts {
    fingerprint: String,
    template: String,
    facts: String,
    /// Missing from preflights of before the policy was looked at: that counts as changed.
    #[serde(default)]
    policy: String,
}

/// The notice's policy as JSON: the form that is hashed, and kept with a release.
fn policy(notice: &LoadedNotice) -> String {
    json!(notice.renderer.definition().policy).to_string()
}

/// The hash (lower-case hexadecimal) of the notice's policy, which a preflight sees and an approval names.
pub fn policy_hash(notice: &LoadedNotice) -> String {
    owabi_store::policy_hash(&policy(notice))
}

/// Notes what the preflight's fingerprint was made of.
pub(crate) async fn remember_parts(
    store: &Store,
    notice: &LoadedNotice,
    report: &preflight::Report,
) -> Result<(), StoreError> {
    let renderer = &notice.renderer;
    let (template, facts) = (hex(&renderer.template_hash()), hex(&renderer.facts_hash()));
    let parts = Parts { fingerprint: report.fingerprint.clone(), template, facts, policy: policy_hash(notice) };
    let text = serde_json::to_string(&parts).unwrap_or_default();
    store.set_meta(&format!("preflight:{}", renderer.definition().id), &text).await
}

/// Whether the latest preflight is clean and saw exactly what is there now.
///
/// # Errors
/// The database's; `Ok(Err(_))` names the obstacle.
pub async fn looked_at(store: &Store, notice: &LoadedNotice) -> Result<Result<Ready, Obstacle>, StoreError> {
    let renderer = &notice.renderer;
    let id = &renderer.definition().id;
    let Some(latest) = store.latest_preflight(id).await? else { return Ok(Err(Obstacle::NoPreflight)) };
    let Roster { hash: roster_hash, rows } = store.held_roster(id).await?;
    if rows == 0 {
        return Ok(Err(Obstacle::Nobody));
    }
    let policy_hash = policy_hash(notice);
    let parts = parts(store, id, &latest).await?;
    let mut changed = text_changes(notice, &latest, parts.as_ref());
    if latest.roster_hash != roster_hash {
        changed.push(Changed::Roster);
    }
    if parts.is_none_or(|parts| parts.policy != policy_hash) {
        changed.push(Changed::Policy);
    }
    if !changed.is_empty() {
        return Ok(Err(Obstacle::Changed(changed)));
    }
    if latest.problems > 0 {
        return Ok(Err(Obstacle::Problems(latest.problems)));
    }
    Ok(Ok(Ready { fingerprint: latest.fingerprint, roster_hash, policy_hash, rows }))
}

/// What was noted of the latest preflight.
async fn parts(store: &Store, id: &str, latest: &PreflightRow) -> Result<Option<Parts>, StoreError> {
    let noted = store.meta(&format!("preflight:{id}")).await?.unwrap_or_default();
    Ok(serde_json::from_str(&noted).ok().filter(|parts: &Parts| parts.fingerprint == latest.fingerprint))
}

fn text_changes(notice: &LoadedNotice, latest: &PreflightRow, parts: Option<&Parts>) -> Vec<Changed> {
    let renderer = &notice.renderer;
    if latest.fingerprint == renderer.fingerprint_hex() {
        return Vec::new();
    }
    let Some(parts) = parts else { return vec![Changed::Text] };
    let template = (parts.template != hex(&renderer.template_hash())).then_some(Changed::Template);
    let facts = (parts.facts != hex(&renderer.facts_hash())).then_some(Changed::Facts);
    template.into_iter().chain(facts).collect()
}

/// As [`looked_at`], and enough people approved exactly this.
///
/// # Errors
/// The database's; `Ok(Err(_))` names the obstacle.
pub async fn approved(store: &Store, notice: &LoadedNotice) -> Result<Result<Ready, Obstacle>, StoreError> {
    let ready = match looked_at(store, notice).await? {
        Ok(ready) => ready,
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    let need = notice.renderer.definition().policy.approvals_required;
    let have = approvers(store, notice, &ready).await?;
    if have.len() >= usize::from(need) {
        return Ok(Ok(ready));
    }
    let id = &notice.renderer.definition().id;
    let void = store.void_approvals(id, &ready.fingerprint, &ready.roster_hash, &ready.policy_hash).await?;
    let text = void.iter().any(|approval| approval.other_text).then_some(Changed::Text);
    let roster = void.iter().any(|approval| approval.other_roster).then_some(Changed::Roster);
    let policy = void.iter().any(|approval| approval.other_policy).then_some(Changed::Policy);
    let before: BTreeSet<String> = void.into_iter().map(|approval| approval.actor).collect();
    let changed = text.into_iter().chain(roster).chain(policy).collect();
    Ok(Err(Obstacle::Approvals { have, need, before: before.into_iter().collect(), changed }))
}

/// Who approved exactly this, and may: everybody once. Where users are defined, those who are approvers now.
///
/// # Errors
/// The database's.
pub async fn approvers(store: &Store, notice: &LoadedNotice, ready: &Ready) -> Result<Vec<String>, StoreError> {
    let (id, Ready { fingerprint, roster_hash, policy_hash, .. }) = (&notice.renderer.definition().id, ready);
    let approvals = store.approvals(id, fingerprint, roster_hash, policy_hash).await?;
    let importers = importers(store, notice).await?;
    let mut have: Vec<String> = approvals.into_iter().map(|approval| approval.actor).collect();
    have.retain(|name| !importers.contains(name));
    let users: Vec<User> = store.users().await?.into_iter().filter(|user| !user.disabled).collect();
    if !users.is_empty() {
        have.retain(|name| users.iter().any(|user| user.name == *name && user.role.may(Action::Approve)));
    }
    have.sort();
    have.dedup();
    Ok(have)
}

/// Who brought the held rows and so cannot approve them. Nobody, while no users are defined and one approval is enough:
/// a single person must be able to do the whole job.
///
/// # Errors
/// The database's.
pub async fn importers(store: &Store, notice: &LoadedNotice) -> Result<Vec<String>, StoreError> {
    let definition = notice.renderer.definition();
    let known = store.users().await?.iter().any(|user| !user.disabled);
    if known || definition.policy.approvals_required > 1 {
        store.importers(&definition.id).await
    } else {
        Ok(Vec::new())
    }
}

/// Releases what was approved: held rows become queued. The notice's files are kept with the release.
///
/// # Errors
/// The database's.
pub async fn release(
    store: &Store,
    notice: &LoadedNotice,
    ready: &Ready,
    actor: &str,
    now: i64,
) -> Result<u64, StoreError> {
    let definition = serde_json::to_string(&notice.source).unwrap_or_default();
    let record = ReleaseRecord {
        notice_id: &notice.renderer.definition().id,
        fingerprint: &ready.fingerprint,
        roster_hash: &ready.roster_hash,
        definition: &definition,
        policy: &policy(notice),
        rows: ready.rows,
    };
    store.release(record, actor, now).await
}
