//! One member's mails, rebuilt from the database.

use super::bundle::texts;
use super::mails::{member, released};
use super::rebuild::Rebuilt;
use owabi_core::ledger::Intent;
use owabi_core::rebuild::{Corrected, History, Resent, Sent, origins};
use owabi_store::{Snapshot, StoreError};

/// Each mail of the member in row `id` that was about to leave: attempt, intent, and the mail made again.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn mails(
    snapshot: &mut Snapshot,
    notice_id: &str,
    id: i64,
) -> Result<Vec<(i64, Intent, Option<Rebuilt>)>, StoreError> {
    let rows = snapshot.roster(notice_id, id - 1, 1).await?;
    let Some(row) = rows.first().filter(|row| row.id == id) else { return Ok(Vec::new()) };
    let pasts = snapshot.pasts(notice_id, (id - 1, id)).await?;
    let kept = snapshot.releases(notice_id).await?;
    let (texts, releases) = (texts(&kept), released(&kept));
    let resends: Vec<Resent> = pasts.resends.into_iter().map(|(_, resent)| resent).collect();
    let corrections: Vec<Corrected> = pasts.corrections.into_iter().map(|(_, corrected)| corrected).collect();
    let history = History {
        email: row.email.as_deref(),
        round: row.round,
        queued_at: row.queued_at,
        releases: &releases,
        resends: &resends,
        corrections: &corrections,
    };
    let member = member(row).unwrap_or_default();
    let rebuilt = |(_, number, intent): (i64, i64, Intent)| {
        let sent = Sent { at: intent.at, rcpt_to: &intent.rcpt_to, message_id: &intent.message_id };
        let found = origins(&history, &sent);
        let rebuilt = texts.rebuild(&member, &found, &intent.message_id, &intent.mail_sha256);
        (number, intent, rebuilt)
    };
    Ok(pasts.intents.into_iter().map(rebuilt).collect())
}
