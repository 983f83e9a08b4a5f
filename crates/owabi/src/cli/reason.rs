//! The one-word reasons of queue and log, as sentences.

use super::say::{Text, say};
use owabi_core::address::{AddressProblem, Invalid, Lang};
use serde_json::Value;

/// What a reason means; what has no words of ours (a person's own, a row's trouble) is said as it stands.
pub(crate) fn words(reason: &str) -> Text {
    of_the_server(reason)
        .or_else(|| of_ours(reason))
        .or_else(|| of_the_roster(reason))
        .unwrap_or_else(|| Text::same(reason))
}

fn of_the_server(reason: &str) -> Option<Text> {
    Some(match reason {
        "bad_address" => say!(ja: "宛先のアドレスが存在しない", en: "there is no such address"),
        "mailbox_full" => say!(ja: "受信箱がいっぱい", en: "the mailbox is full"),
        "policy" => say!(ja: "受信側の方針による拒否", en: "refused by the recipient's policy"),
        "refused" => say!(ja: "受信側が恒久的に拒否", en: "refused for good"),
        "too_large" | "message_too_big" => say!(ja: "メールが大きすぎる", en: "the message is too large"),
        "expired" => say!(ja: "期限まで試みたが受け取られなかった", en: "the server tried as long as it would"),
        "remote" => {
            say!(ja: "受信側のサーバーにつながらない、または障害", en: "the recipient's server could not be reached, or was at fault")
        }
        "needs_smtputf8" => {
            say!(ja: "中継サーバーがこのアドレスの文字を扱えない", en: "the relay cannot send to addresses with such characters")
        }
        "try_later" => say!(ja: "受信側が今は受け取れない", en: "the recipient's server asks to try later"),
        "other" => say!(ja: "そのほかの理由", en: "another reason"),
        _ => return None,
    })
}

fn of_ours(reason: &str) -> Option<Text> {
    Some(match reason {
        "attempts_spent" => say!(ja: "決められた回数を試みた", en: "all attempts were used"),
        "deadline_spent" => say!(ja: "送信の期限が過ぎた", en: "the deadline for sending has passed"),
        "in_doubt" => say!(ja: "中継サーバーの返事が失われた", en: "the relay's reply was lost"),
        "lease_ended" => say!(ja: "返事を待つ間に owabi が止まった", en: "owabi stopped before the relay's reply"),
        "evidence" => {
            say!(ja: "中継サーバーが受け付けたことが後の記録で分かった", en: "later evidence says that the relay took it")
        }
        "sender_refused" => say!(ja: "差出人が拒否された", en: "the sender was refused"),
        "relay_not_allowed" => say!(ja: "中継サーバーが中継を断った", en: "the relay does not relay for us"),
        "throttled" => say!(ja: "中継サーバーの混雑・制限", en: "the relay is short of something, or throttles"),
        "protocol" => say!(ja: "中継サーバーとのやり取りの誤り", en: "we and the relay did not understand each other"),
        "paused" => {
            say!(ja: "一時停止・取り下げ・時間帯の終了のため、送り出す前に止めた", en: "stopped before it had left: the notice was paused or withdrawn, or its hours were over")
        }
        "relay_fault" => say!(ja: "中継サーバーの障害", en: "the relay was at fault"),
        "letter_owed" => say!(ja: "担当者が書面とすると決めた", en: "a person decided on a letter"),
        "send_again" => say!(ja: "担当者が送り直すと決めた", en: "a person decided to send it again"),
        "other_form" => {
            say!(ja: "アドレスを引用符のない形で試す", en: "the address is tried without quotation marks")
        }
        _ => return None,
    })
}

fn of_the_roster(reason: &str) -> Option<Text> {
    let problem = match reason {
        "blank" => AddressProblem::Blank,
        word => serde_json::from_value::<Invalid>(Value::from(word)).ok()?.into(),
    };
    Some(Text { ja: problem.text(Lang::Ja).to_owned(), en: problem.text(Lang::En).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_ours_is_a_sentence_and_anything_else_is_said_as_it_stands() {
        for word in ["bad_address", "evidence", "deadline_spent", "blank", "no_at", "dots"] {
            let Text { ja, en } = words(word);
            assert!(ja != word && en != word && ja != en, "{ja} {en}");
        }
        for other in ["render_failed: no such helper", "名簿の取り違え", ""] {
            assert_eq!(words(other), Text::same(other));
        }
    }
}
