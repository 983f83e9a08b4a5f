//! An entry with the row that it names, from the columns of `evidence_entries.sql`, of either database's row type.

use crate::error::StoreError;

/// The entry of one row of `evidence_entries`, for either database's row type.
macro_rules! entry {
    ($row:expr) => {{
        use owabi_core::ledger::{AttemptBody, Body, Entry, REFERRING};
        use $crate::evidence::entry::there;
        let row = $row;
        let kind: String = row.get(3);
        let body = match kind.as_str() {
            told if !REFERRING.contains(&told) => Body::Told(row.get(7)),
            "attempt" if there(row.try_get(8))? => {
                Body::Attempt(Box::new(AttemptBody { attempt: attempt!(row), intent: intent!(row, 21) }))
            }
            "receipt" if there(row.try_get(31))? => Body::Receipt(Box::new(receipt!(row))),
            "correction" if there(row.try_get(49))? => Body::Correction(Box::new(correction!(row))),
            "substitute" if there(row.try_get(56))? => Body::Substitute(Box::new(substitute!(row))),
            "resent" if there(row.try_get(67))? => Body::Resent(Box::new(resent!(row))),
            _ => Body::Gone,
        };
        let (notice_id, member_id, number) = (row.get(4), row.get(5), row.get(6));
        Ok(Entry { seq: row.get(0), at: row.get(1), actor: row.get(2), kind, notice_id, member_id, number, body })
    }};
}

macro_rules! attempt {
    ($row:expr) => {
        owabi_core::ledger::Attempt {
            fence: $row.get(9),
            at: $row.get(10),
            outcome: $row.get(11),
            spent: $row.get(12),
            reason: $row.get(13),
            phase: $row.get(14),
            code: $row.get(15),
            enhanced: $row.get(16),
            reply: $row.get(17),
            queue_id: $row.get(18),
            tls: $row.get(19),
            duration_ms: $row.get(20),
        }
    };
}

macro_rules! intent {
    ($row:expr, $at:expr) => {
        if $crate::evidence::entry::there($row.try_get($at))? {
            Some(owabi_core::ledger::Intent {
                fence: $row.get($at + 1),
                at: $row.get($at + 2),
                relay: $row.get($at + 3),
                rcpt_to: $row.get($at + 4),
                message_id: $row.get($at + 5),
                envid: $row.get($at + 6),
                mail_sha256: $row.get($at + 7),
                mail_bytes: $row.get($at + 8),
                possible_duplicate: $row.get($at + 9),
            })
        } else {
            None
        }
    };
}

macro_rules! receipt {
    ($row:expr) => {
        owabi_core::ledger::Receipt {
            member_id: $row.get(32),
            round: $row.get(33),
            number: $row.get(34),
            at: $row.get(35),
            reported_at: $row.get(36),
            source: $row.get(37),
            evidence: $row.get(38),
            part: $row.get(39),
            matched_by: $row.get(40),
            says: $row.get(41),
            recipient: $row.get(42),
            status: $row.get(43),
            reason: $row.get(44),
            detail: $row.get(45),
            queue_id: $row.get(46),
            status_before: $row.get(47),
            status_after: $row.get(48),
        }
    };
}

macro_rules! correction {
    ($row:expr) => {
        owabi_core::ledger::Correction {
            member_id: $row.get(50),
            at: $row.get(51),
            actor: $row.get(52),
            reason: $row.get(53),
            old_email: $row.get(54),
            new_email: $row.get(55),
        }
    };
}

macro_rules! substitute {
    ($row:expr) => {
        owabi_core::ledger::Substitute {
            notice_id: $row.get(57),
            member_id: $row.get(58),
            kind: $row.get(59),
            on_day: $row.get(60),
            until_day: $row.get(61),
            url: $row.get(62),
            note: $row.get(63),
            revokes: $row.get(64),
            actor: $row.get(65),
            at: $row.get(66),
        }
    };
}

macro_rules! resent {
    ($row:expr) => {
        owabi_core::ledger::Resent {
            batch_id: $row.get(68),
            at: $row.get(69),
            status_before: $row.get(70),
            reason_before: $row.get(71),
            tries_before: $row.get(72),
            fingerprint: $row.get(73),
        }
    };
}

/// Whether the row that an entry names was found.
pub(in crate::evidence) fn there(key: Result<Option<i64>, sqlx::Error>) -> Result<bool, StoreError> {
    Ok(key?.is_some())
}
