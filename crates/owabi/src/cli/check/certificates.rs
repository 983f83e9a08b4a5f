//! Certificates as people and programs read them.

use crate::japan;
use owabi_smtp::certificate::Certificate;
use serde_json::{Value, json};

/// Whoever has fewer days left should have renewed.
pub(super) const FEW_DAYS: i64 = 30;

/// The certificate, and how many days it has left.
pub(super) fn json(of: &Certificate, now_ms: i64) -> Value {
    json!({
        "subject": of.subject,
        "issuer": of.issuer,
        "names": of.names,
        "not_before": japan::iso(of.not_before_ms),
        "not_after": japan::iso(of.not_after_ms),
        "days_left": of.days_left(now_ms),
    })
}
