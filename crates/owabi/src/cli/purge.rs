//! `purge`: the personal data of a notice goes when its time is over; what proves remains.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, unknown_notice};
use crate::config::Config;
use crate::library::{Library, NoticeSource};
use crate::{japan, keys};
use owabi_core::notice::NoticeDefinition;
use owabi_core::people::Action;
use owabi_core::yaml::Span;
use owabi_store::{Retention, Store, StoreError};
use serde_json::json;
use std::collections::BTreeMap;

/// The options of `purge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi evidence export --notice metaps-2022 --out evidence.zip      first: what is kept outside
  owabi purge --notice metaps-2022 --dry-run
  owabi purge --notice metaps-2022
  owabi purge --notice metaps-2022 --early --reason 'the members asked for it' --yes

Names, payments and further columns go; addresses, replies, words of bounces, corrections and notes give way to keyed
hashes; mails that came back and names of roster files go. Member numbers, statuses, counts and the ledger stay, and all
evidence still verifies. It waits for the notice's `retention`, counted from the last attempt (of the notice's file and what was released the longer
one; without any it needs --early), and for a legal hold. Stopped in the middle, it is finished by the same command. Once
begun, nothing personal comes to the notice any more: no import, correction, note, release or resumption; bounces that
come late are kept as keyed hashes. Mails that came back and matched nobody belong to no notice and stay: see
`owabi track review`.
Backups, copies of the database and (on PostgreSQL) its write-ahead log and standbys keep what they have: they are yours
to delete. On SQLite the file itself is written anew, so that nothing stays in it.
バックアップと、PostgreSQL の WAL・スタンバイに残るものは消えません。別に削除してください。")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// Before the notice's retention has passed
    #[arg(long, requires = "reason")]
    early: bool,
    /// Why, for the ledger
    #[arg(long, value_parser = super::reason)]
    reason: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Count, change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let id = &options.notice;
    let config = session.config()?;
    let store = session.store(&config).await?;
    session.person(&store, Action::Purge).await?;
    let Some(state) = store.retention(id).await? else { return Err(unknown_notice(session, &store, id).await) };
    let counts = store.personal_counts(id).await?;
    let until = until(&config, &store, id, &state).await?;
    tell(session, id, &counts, until);
    let now = (!options.early && state.purged_at.is_none()).then(|| session.now());
    let against = against(id, &state, until, now);
    if options.dry_run {
        let why = against.as_ref().map(|failure| failure.what.of(session.lang()).to_owned());
        session.answer(&json!({ "counts": counts, "purged": false, "dry_run": true, "against": why, "until": until.map(japan::iso) }));
        if let Some(failure) = &against {
            let Text { ja, en } = &failure.what;
            session.tell(&say!(ja: "このままでは削除できません: {ja}", en: "it cannot be purged now: {en}"));
        }
        return Ok(Exit::Done);
    }
    if let Some(failure) = against {
        return Err(failure);
    }
    let members = counts.get("members").copied().unwrap_or(0);
    if counts.values().any(|count| *count > 0) {
        let question = say!(
            ja: "「{id}」の {members} 人の個人情報を削除します。元に戻せません。人数を入力してください:",
            en: "the personal data of {members} members of {id} will go for good; type the number of members:"
        );
        session.confirm_count(options.yes, &question, members)?;
    }
    purge(session, (&config, &store), options, &counts).await?;
    let waiting = store.arrival_counts().await?.into_iter().filter(|count| count.state == "review");
    let unmatched: i64 = waiting.map(|count| count.count).sum();
    store.close().await;
    session.tell(&say!(ja: "削除しました。台帳と、これまでに書き出した証拠は、引き続き検証できます。", en: "purged; the ledger and all evidence exported before still verify"));
    if unmatched > 0 {
        session.tell(&say!(
            ja: "どの会員のものか分からない {unmatched} 通の返信メールは、お知らせに属さないため残っています(`owabi track review`)。",
            en: "{unmatched} mails that came back and matched nobody belong to no notice and are still there: `owabi track review`"
        ));
    }
    if config.database.url.starts_with("postgres") {
        session.tell(&say!(
            ja: "PostgreSQL の WAL、スタンバイ、バックアップには残っています。ファイルの中の空きは VACUUM FULL で返せます。",
            en: "PostgreSQL's write-ahead log, standbys and backups still have it; VACUUM FULL gives the file's free space back"
        ));
    }
    session.answer(&json!({ "counts": counts, "purged": true, "dry_run": false, "unmatched": unmatched }));
    Ok(Exit::Done)
}

fn tell(session: &Session, id: &str, counts: &BTreeMap<String, i64>, until: Option<i64>) {
    let count = |table: &str| counts.get(table).copied().unwrap_or(0);
    let (members, mails, replies) = (count("members"), count("intents"), count("attempts"));
    let (receipts, corrections, notes) = (count("receipts"), count("corrections"), count("substitutes"));
    let (arrivals, findings) = (count("arrivals"), count("findings"));
    session.tell(&say!(
        ja: "「{id}」に残る個人情報: 会員 {members}、宛先 {mails}、応答 {replies}、届いた証拠と担当者の判断 {receipts}、訂正 {corrections}、書面などの記録と覚え書き {notes}、返ってきたメール {arrivals}、取り込み時の指摘 {findings}",
        en: "{id} still has personal data in: {members} members, {mails} mails, {replies} replies, {receipts} receipts and decisions, {corrections} corrections, {notes} substitutes and notes, {arrivals} mails that came back, {findings} findings"
    ));
    if let Some(day) = until.map(japan::day) {
        session.tell(&say!(ja: "保存期間の終わり: {day}", en: "kept until: {day}"));
    }
}

/// Until when the notice keeps its personal data; `None` when neither its file nor what was released sets
/// a time.
async fn until(config: &Config, store: &Store, id: &str, state: &Retention) -> Result<Option<i64>, Failure> {
    let on_disk = Library::load(config).get(id).ok().and_then(|notice| notice.renderer.definition().retention);
    // Whoever shortens the file does not shorten what was released.
    let retention = on_disk.max(released(store, id).await?);
    Ok(retention.and_then(|span| state.last_attempt_at.checked_add(span.as_millis())))
}

/// What the newest release said.
async fn released(store: &Store, id: &str) -> Result<Option<Span>, Failure> {
    let releases = store.snapshot().await?.releases(id).await?;
    let source = releases.last().and_then(|row| serde_json::from_str::<NoticeSource>(&row.definition).ok());
    let definition = source.and_then(|source| NoticeDefinition::parse(id, &source.definition).ok());
    Ok(definition.and_then(|definition| definition.retention))
}

/// Why it may not be purged now, if anything speaks against it.
///
/// Without `now` the end of the retention, `until`, does not matter.
fn against(id: &str, state: &Retention, until: Option<i64>, now: Option<i64>) -> Option<Failure> {
    let failure = |what: Text, next: Text| Some(Failure::with(Exit::Failed, what, next));
    if let Some(reason) = &state.legal_hold {
        return failure(
            say!(ja: "「{id}」は削除が禁じられています: {reason}", en: "{id} is under a legal hold: {reason}"),
            say!(ja: "`owabi hold lift {id} --reason …` で解けます。", en: "it is lifted by `owabi hold lift {id} --reason …`"),
        );
    }
    if state.open > 0 {
        let open = state.open;
        return failure(
            say!(ja: "「{id}」には、保留・送信待ち・送信中・結果不明の人が {open} 人います。", en: "{open} members of {id} are held, queued, being sent or in doubt"),
            say!(ja: "送り終えるか、`owabi withdraw --notice {id}` で取り下げてからにしてください。", en: "send to them, or take them out first: `owabi withdraw --notice {id}`"),
        );
    }
    let now = now?;
    let Some(until) = until else {
        return failure(
            say!(ja: "「{id}」には保存期間(retention)が定められていません。", en: "{id} sets no retention"),
            say!(
                ja: "お知らせのファイルに `retention: 1825d` のように書くか、すぐに削除するなら --early と --reason を付けてください。",
                en: "write one into the notice's file, as `retention: 1825d`; to purge it now, add --early and --reason"
            ),
        );
    };
    (until > now).then(|| japan::day(until)).and_then(|day| {
        failure(
            say!(ja: "「{id}」の保存期間は {day} までです。", en: "{id} is to be kept until {day}"),
            say!(ja: "それより前に削除するには、--early と --reason を付けてください。", en: "to purge it earlier, add --early and --reason"),
        )
    })
}

async fn purge(
    session: &Session,
    (config, store): (&Config, &Store),
    options: &Options,
    counts: &BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let id = &options.notice;
    let person = session.person(store, Action::Purge).await?;
    let pseudonyms = keys::load(config, store).await?.pseudonyms(id);
    let keyed = |value: &str| pseudonyms.of(value);
    store.delete_securely().await?;
    let body = json!({ "counts": counts, "early": options.early, "reason": options.reason });
    store.begin_purge(id, &body, (&person.name, session.now())).await?;
    if counts.values().any(|count| *count > 0) {
        let bar = session.bar(counts.get("members").map_or(0, |n| n.unsigned_abs()), &say!(ja: "削除", en: "purge"));
        let mut after = 0;
        while let Some((last, members)) = store.purge_members(id, after, &keyed).await? {
            after = last;
            bar.inc(members.unsigned_abs());
        }
        bar.finish_and_clear();
        store.finish_purge(id, &keyed, session.now()).await?;
    }
    store.free_space().await.map_err(|error| not_freed(id, &error))
}

/// The rows are purged; what the file still holds of them goes with the next try.
fn not_freed(id: &str, error: &StoreError) -> Failure {
    Failure::with(
        Exit::TryAgain,
        say!(
            ja: "行の個人情報は削除しましたが、データベースのファイルを書き直せません: {error}",
            en: "the rows are purged, but the database file cannot be written anew: {error}"
        ),
        say!(
            ja: "`owabi run` などを止めて、`owabi purge --notice {id}` をもう一度実行してください。",
            en: "stop `owabi run` and whatever else uses it, then run `owabi purge --notice {id}` again"
        ),
    )
}
