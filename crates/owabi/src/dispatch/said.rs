//! What the dispatcher tells a person. No word of a member or of a relay.

use crate::cli::say::{Text, say};
use owabi_core::watch::Outcomes;

pub(super) fn canary_passed(of: Outcomes) -> Text {
    let Outcomes { good, failed, waiting } = of;
    say!(
        ja: "試し送りは良好です(受付 {good}、失敗 {failed}、結果待ち {waiting})。残りの送信を続けます。",
        en: "the canary is well ({good} accepted, {failed} failed, {waiting} not known yet); sending goes on"
    )
}

pub(super) fn canary_failed(of: Outcomes) -> Text {
    let Outcomes { good, failed, waiting } = of;
    say!(
        ja: "試し送りの失敗が多すぎるため、一時停止しました(受付 {good}、失敗 {failed}、結果待ち {waiting})。原因を確かめてから再開してください。",
        en: "the canary failed ({good} accepted, {failed} failed, {waiting} not known yet): paused; find out why, then resume"
    )
}

pub(super) fn breaker_tripped(of: Outcomes) -> Text {
    let (failed, known) = (of.failed, of.known());
    say!(
        ja: "結果の出た {known} 通のうち {failed} 通が失敗または不達になったため、一時停止しました。原因を確かめてから再開してください。",
        en: "{failed} of {known} mails with an outcome failed or bounced: paused; find out why, then resume"
    )
}

pub(super) fn text_changed(id: &str) -> Text {
    say!(
        ja: "解禁済みの「{id}」のファイルが承認時のものと違うか、読めないため、送信していません。承認時の内容に戻してください。",
        en: "{id} is released, and its files are missing or not as they were approved: it is not sent. Restore them"
    )
}

pub(super) fn relay_paused(name: &str) -> Text {
    say!(
        ja: "中継サーバー {name} を使えない状態が続いています。送信待ちはそのまま残っています。`owabi check --connect` で確かめてください。",
        en: "relay {name} cannot be used for some time; what is queued stays queued. Look at `owabi check --connect`"
    )
}

pub(super) fn database_away() -> Text {
    say!(
        ja: "データベースを 1 分以上使えないため、何も送信していません。",
        en: "the database cannot be used for more than a minute: nothing is sent"
    )
}
