//! `GET /metrics`: counts in Prometheus's text format (version 0.0.4), written by hand. No member, no word of a relay.

use crate::alerts::Alerts;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The format's name.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole text; `notices` has each notice's state.
pub(super) fn text(alerts: &Alerts, notices: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    head(&mut text, "owabi_alerts_total", "counter", "Alerts raised since the daemon started.");
    for (kind, told) in alerts.told() {
        line(&mut text, "owabi_alerts_total", ("kind", kind.as_str()), told.count);
    }
    head(&mut text, "owabi_notice_paused", "gauge", "1 while the notice is paused.");
    for (notice, state) in notices {
        line(&mut text, "owabi_notice_paused", ("notice", notice), u64::from(state == "paused"));
    }
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, (label, value): (&str, &str), number: u64) {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let _ = writeln!(text, "{name}{{{label}=\"{value}\"}} {number}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Kind;
    use crate::cli::say::Text;

    #[test]
    fn alerts_are_counted_by_kind_and_each_notice_is_paused_or_not() {
        let alerts = Alerts::default();
        alerts.raise(Kind::CanaryFailed, Some("leak"), Text { ja: "x".into(), en: "x".into() });
        let notices = [("leak", "paused"), ("o\"dd", "released")].map(|(id, state)| (id.to_owned(), state.to_owned()));
        let said = text(&alerts, &notices.into());
        for expected in [
            "# TYPE owabi_alerts_total counter\n",
            "owabi_alerts_total{kind=\"canary_failed\"} 1\n",
            "owabi_alerts_total{kind=\"breaker_tripped\"} 0\n",
            "# TYPE owabi_notice_paused gauge\n",
            "owabi_notice_paused{notice=\"leak\"} 1\n",
            "owabi_notice_paused{notice=\"o\\\"dd\"} 0\n",
        ] {
            assert!(said.contains(expected), "{expected}{said}");
        }
    }
}
