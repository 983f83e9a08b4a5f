//! How a run ends: what was done, who is not finished with, and why.

use crate::cli::exit::{Exit, Failure};
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::cli::status::hold::Hold;
use crate::clock;
use crate::dispatch::Summary;
use crate::library::Library;
use owabi_core::lifecycle::Status;
use owabi_store::{Store, StoreError};
use serde_json::json;
use std::time::Duration;

/// Who is not finished with when a run ends.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Left {
    queued: i64,
    sending: i64,
    in_doubt: i64,
}

impl Left {
    pub(super) async fn of(store: &Store) -> Result<Self, Failure> {
        let counts = store.counts().await?;
        let all = |status| counts.values().filter_map(|of| of.get(&status)).sum();
        Ok(Self { queued: all(Status::Queued), sending: all(Status::Sending), in_doubt: all(Status::InDoubt) })
    }

    /// The mails that a run may have to send.
    pub(super) fn to_send(self) -> u64 {
        (self.queued + self.sending).unsigned_abs()
    }

    /// `goes_on`: another run has some of them to send.
    fn tell(self, session: &Session, goes_on: bool) {
        let Self { queued, sending, in_doubt } = self;
        if queued + sending + in_doubt > 0 {
            let next = if goes_on {
                say!(ja: "時刻が来たものは次の `owabi run` が送ります。", en: " The next `owabi run` sends what is due then;")
            } else {
                say!(ja: "", en: "")
            };
            let Text { ja, en } = next;
            session.tell(&say!(
                ja: "まだ終わっていない方: 送信待ち {queued}、送信中 {sending}、結果不明 {in_doubt}。{ja}`owabi status` で確かめられます。",
                en: "not finished with: {queued} queued, {sending} being sent, {in_doubt} in doubt.{en} see `owabi status`"
            ));
        }
    }
}

/// What is there when a run ends.
pub(super) struct Ended {
    /// `None` without the database.
    left: Option<Left>,
    held_up: Vec<(String, Hold)>,
    waiting: Waiting,
}

/// Who waits, notice by notice.
#[derive(Default)]
struct Waiting {
    /// Released notices with queued members, and whether their files are as released.
    released: Vec<(String, bool)>,
    /// Paused notices with queued members, and how many.
    paused: Vec<(String, i64)>,
    /// Withdrawn notices with members in doubt, and how many.
    withdrawn: Vec<(String, i64)>,
    /// Another run has some of them to send.
    goes_on: bool,
}

impl Ended {
    /// What is there now, by the notices as they were read last. Without the database nobody can be counted; what was sent is told
    /// all the same.
    pub(super) async fn look(library: &Library, store: &Store) -> Self {
        let left = Left::of(store).await.ok();
        let held_up = held_up(store, library).await.unwrap_or_default();
        let waiting = Waiting::of(store, library).await.unwrap_or_default();
        Self { left, held_up, waiting }
    }

    /// Notices that could not be sent, since their files are not those that were released.
    fn changed(&self) -> Vec<&str> {
        self.waiting.released.iter().filter(|(_, as_released)| !as_released).map(|(id, _)| id.as_str()).collect()
    }

    /// Something was not sent that should have been: a bad configuration, if nothing else could be done either.
    fn exit(&self, summary: &Summary) -> Exit {
        let Summary { accepted, deferred, failed, in_doubt, not_sent, .. } = *summary;
        let idle = accepted + deferred + failed + in_doubt + not_sent == 0;
        match self.changed().len() {
            0 => Exit::Done,
            n if idle && n == self.waiting.released.len() => Exit::BadConfig,
            _ => Exit::Failed,
        }
    }
}

/// Tells it, and how the program ends.
pub(super) fn finish(session: &Session, summary: &Summary, ended: &Ended, took: Duration) -> Exit {
    let Ended { left, held_up, waiting } = ended;
    let Summary { accepted, deferred, failed, in_doubt, not_sent, commits, unrecorded, spooled, relays_down } =
        *summary;
    let seconds = took.as_secs_f64();
    session.tell(&say!(
        ja: "今回の送信: 受付 {accepted}、延期 {deferred}、失敗 {failed}、結果不明 {in_doubt}、接続の都合で送れず {not_sent}({seconds:.1} 秒)",
        en: "this run: {accepted} accepted, {deferred} deferred, {failed} failed, {in_doubt} in doubt, {not_sent} not sent ({seconds:.1} s)"
    ));
    match left {
        Some(left) => left.tell(session, waiting.goes_on),
        None => session.warn(&say!(
            ja: "データベースにつながらないため、残りの人数を数えられません。送信待ちはそのまま残っています。つながったら `owabi run` を実行してください。",
            en: "the database cannot be reached, so nobody can be counted; what is queued stays queued. Run `owabi run` again when it is back"
        )),
    }
    for (id, hold) in held_up {
        session.tell(&say!(ja: "「{id}」:", en: "{id}:"));
        hold.texts().iter().for_each(|text| session.tell(text));
    }
    for (id, queued) in &waiting.paused {
        session.warn(&say!(
            ja: "「{id}」は一時停止中です。送信待ち {queued} 件は `owabi run` を実行しても送られません。`owabi status {id}` で理由を確かめ、直してから `owabi resume {id}` で再開してください。",
            en: "{id} is paused: another `owabi run` does not send its {queued} queued mails. See why with `owabi status {id}`, put it right, then `owabi resume {id}`"
        ));
    }
    for (id, in_doubt) in &waiting.withdrawn {
        session.warn(&say!(
            ja: "「{id}」は取り下げ済みなので、結果不明の {in_doubt} 人にもう一度送ることはありません。`owabi unreachable --notice {id}` に並びます。`owabi resolve` で一人ずつ判断してください。",
            en: "{id} is withdrawn: its {in_doubt} in doubt are not sent to again. `owabi unreachable --notice {id}` lists them; decide about each with `owabi resolve`"
        ));
    }
    for id in ended.changed() {
        session.warn(&changed(id));
    }
    if relays_down {
        session.warn(&say!(
            ja: "どの中継サーバーにもつながりません。送信待ちはそのまま残っています。`owabi check --connect` で確かめてください。",
            en: "no relay can be reached; what is queued stays queued. Look at `owabi check --connect`"
        ));
    }
    if spooled > 0 {
        session.warn(&say!(
            ja: "データベースに書き込めず、{spooled} 件の結果を dispatch.spool のファイル(名前の末尾は待ち行列の ID)に残しました。このマシンの次の `owabi run` が記録します。ファイルを消さず、早めに動かしてください。",
            en: "the database took no more writes: {spooled} outcomes are in the dispatch.spool file, whose name ends in the queue's id. The next `owabi run` on this machine records them: start it soon, and do not delete the file"
        ));
    }
    if unrecorded > 0 {
        session.warn(&say!(
            ja: "データベースに書き込めず、{unrecorded} 件の結果を記録できませんでした。該当のメールは結果不明になります。空き容量を確かめてください。",
            en: "the database took no more writes: {unrecorded} outcomes are not recorded, their mails are in doubt. Is the disk full?"
        ));
    }
    session.answer(&json!({
        "counts": { "accepted": accepted, "deferred": deferred, "failed": failed, "in_doubt": in_doubt, "not_sent": not_sent },
        "commits": commits,
        "left": left,
        "held_up": held_up.iter().map(|(id, hold)| json!({ "notice": id, "hold": hold.document() })).collect::<Vec<_>>(),
        "text_changed": ended.changed(),
        "unrecorded": unrecorded,
        "spooled": spooled,
        "seconds": seconds,
        "relays_down": relays_down,
    }));
    if relays_down || unrecorded + spooled > 0 || left.is_none() { Exit::Unavailable } else { ended.exit(summary) }
}

/// The released notices with mails that wait for their hours, or for the verdict about their first mails.
async fn held_up(store: &Store, library: &Library) -> Result<Vec<(String, Hold)>, StoreError> {
    let mut held_up = Vec::new();
    for row in store.notices().await?.into_iter().filter(|row| row.state == "released") {
        let hold = Hold::of(store, library, &row, clock::now_ms()).await?;
        if hold.holds() && store.next_due(&row.id).await?.is_some() {
            held_up.push((row.id, hold));
        }
    }
    Ok(held_up)
}

impl Waiting {
    async fn of(store: &Store, library: &Library) -> Result<Self, StoreError> {
        let (counts, mut of) = (store.counts().await?, Self::default());
        for row in store.notices().await? {
            let count = |status| counts.get(&row.id).and_then(|of| of.get(&status)).copied().unwrap_or(0);
            let (queued, in_doubt) = (count(Status::Queued), count(Status::InDoubt));
            let as_released = library.is_as_released(&row);
            match row.state.as_str() {
                "released" => {
                    of.goes_on |= as_released && queued + count(Status::Sending) + in_doubt > 0;
                    of.released.extend((queued > 0).then(|| (row.id.clone(), as_released)));
                }
                "paused" => of.paused.extend((queued > 0).then(|| (row.id.clone(), queued))),
                "withdrawn" => of.withdrawn.extend((in_doubt > 0).then(|| (row.id.clone(), in_doubt))),
                _ => {}
            }
        }
        Ok(of)
    }
}

/// A released notice was not sent, since its files are missing, broken or changed.
fn changed(id: &str) -> Text {
    say!(
        ja: "「{id}」は解禁された後でファイルが変わったか読めないため、送信していません。承認されていない文面は送りません。ファイルを承認時の内容に戻してください。文面を直すときは `owabi withdraw` で取り下げ、新しい id の通知として送ります。",
        en: "{id} was not sent: the text or a fact of {id} changed after its release, or its files cannot be read; nothing is sent that was not approved. Restore the files as they were approved; to correct the text, `owabi withdraw` it and send a notice with a new id"
    )
}
