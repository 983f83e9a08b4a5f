//! Whatever stands in a log, reading it is safe, and what it says is bounded.

use owabi_core::maillog::{Log, LogEvidence};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces of lines, well-formed and not, in any order.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |text: &'static str| Just(text.as_bytes().to_vec());
    prop_oneof![
        4 => fixed("Nov 22 18:39:47 relay postfix/smtp[9966]: 4D65C98C1B2: "),
        2 => fixed("2026-11-22T09:39:47Z relay postfix/cleanup[1]: 4D65C98C1B2: message-id=<"),
        2 => fixed("<22>1 2026-11-22T09:39:47Z h postfix/qmgr 1 - - 4D65C98C1B2: from=<"),
        3 => fixed("to=<"),
        2 => fixed(">, orig_to=<"),
        3 => fixed(">, relay=x[127.0.0.1]:25, delay=1, dsn="),
        2 => fixed("5.1.1, status=bounced ("),
        2 => fixed("2.0.0, status=sent (250 Ok: queued as "),
        1 => fixed("status=expired, returned to sender"),
        1 => fixed("(queue active)"),
        1 => fixed("removed"),
        1 => fixed("\""),
        1 => fixed("\\"),
        2 => vec(any::<u8>(), 0..12),
    ]
}

fn is_bounded(evidence: &LogEvidence) -> bool {
    evidence.sha256.len() == 64
        && evidence.text.chars().count() <= 1_000
        && (5..=40).contains(&evidence.queue_id.len())
        && evidence.message_id.as_ref().is_none_or(|id| id.len() <= 255)
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_panic(lines in vec(vec(any::<u8>(), 0..300), 0..20)) {
        let mut log = Log::remembering(3);
        for line in lines {
            prop_assert!(log.line(&line, None).is_none_or(|evidence| is_bounded(&evidence)));
        }
    }

    #[test]
    fn anything_like_a_line_gives_bounded_evidence_or_none(lines in vec(vec(piece(), 0..10), 0..20)) {
        let mut log = Log::remembering(3);
        for line in lines {
            prop_assert!(log.line(&line.concat(), None).is_none_or(|evidence| is_bounded(&evidence)));
        }
    }

    #[test]
    fn a_recipient_comes_out_as_it_went_in(local in "[ -~]{1,30}", domain in "[a-z]{1,9}\\.test") {
        let quoted = format!("\"{}\"@{domain}", local.replace('\\', "\\\\").replace('"', "\\\""));
        let line = format!("Nov 22 18:39:47 relay postfix/smtp[1]: 4D65C98C1B2: to=<{quoted}>, relay=none, dsn=5.1.1, status=bounced (x)");
        let evidence = Log::default().line(line.as_bytes(), None).expect("evidence");
        prop_assert_eq!(evidence.recipient, Some(quoted));
        prop_assert_eq!(evidence.status.as_deref(), Some("5.1.1"));
    }
}
