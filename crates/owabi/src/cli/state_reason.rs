//! Why owabi itself paused a notice: a code with numbers in the database, words wherever it is shown.

use super::say::{Text, say};
use owabi_core::watch::Outcomes;

/// Too many of the first mails failed.
pub(crate) fn canary_failed(of: Outcomes) -> String {
    format!("canary_failed accepted={} failed={} waiting={} size={}", of.good, of.failed, of.waiting, of.total())
}

/// Too many of the mails with an outcome failed.
pub(crate) fn breaker_tripped(of: Outcomes) -> String {
    format!("breaker_tripped failed={} known={}", of.failed, of.known())
}

/// A mail is larger than this relay takes.
pub(crate) fn message_too_large(relay: &str) -> String {
    format!("message_too_large relay={relay}")
}

/// Whether owabi itself paused the notice for this reason.
pub(crate) fn is_ours(reason: &str) -> bool {
    of_ours(reason).is_some()
}

/// The reason in words. What a person wrote is said as it stands.
pub(crate) fn words(reason: &str) -> Text {
    of_ours(reason).unwrap_or_else(|| Text::same(reason))
}

/// The same after a state: `(…)`.
pub(crate) fn in_brackets(reason: &str) -> Text {
    let Text { ja, en } = words(reason);
    say!(ja: "({ja})", en: " ({en})")
}

fn of_ours(reason: &str) -> Option<Text> {
    let (code, rest) = reason.split_once(' ')?;
    let value = |key: &str| rest.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    Some(match code {
        "canary_failed" => {
            let (accepted, failed, waiting) = (value("accepted")?, value("failed")?, value("waiting")?);
            let size = value("size")?;
            say!(
                ja: "試し送り {size} 通のうち {failed} 通が失敗(受付 {accepted}、結果待ち {waiting})したため、owabi が一時停止しました",
                en: "paused by owabi: of the first {size} mails {failed} failed ({accepted} accepted, {waiting} not known yet)"
            )
        }
        "breaker_tripped" => {
            let (failed, known) = (value("failed")?, value("known")?);
            say!(
                ja: "結果の出た {known} 通のうち {failed} 通が失敗または不達になったため、owabi が一時停止しました",
                en: "paused by owabi: {failed} of {known} mails with an outcome failed or bounced"
            )
        }
        "message_too_large" => {
            let relay = rest.strip_prefix("relay=")?;
            say!(
                ja: "メールが中継サーバー {relay} の受け付ける大きさを超えているため、owabi が一時停止しました",
                en: "paused by owabi: the message is larger than relay {relay} takes"
            )
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_owabi_writes_is_a_sentence_in_both_languages_and_a_person_s_words_stay_as_they_are() {
        let of = Outcomes { good: 3, failed: 6, waiting: 1 };
        assert_eq!(canary_failed(of), "canary_failed accepted=3 failed=6 waiting=1 size=10");
        for (reason, ja, en) in [
            (canary_failed(of), "試し送り 10 通のうち 6 通が失敗", "of the first 10 mails 6 failed"),
            (breaker_tripped(of), "結果の出た 9 通のうち 6 通", "6 of 9 mails"),
            (message_too_large("main a"), "中継サーバー main a の", "than relay main a takes"),
        ] {
            let said = words(&reason);
            assert!(is_ours(&reason) && said.ja.contains(ja) && said.en.contains(en), "{said:?}");
        }
        for other in ["電話番号の誤り", "canary_failed", "breaker_tripped by hand", ""] {
            assert_eq!((words(other), is_ours(other)), (Text::same(other), false));
        }
    }
}
