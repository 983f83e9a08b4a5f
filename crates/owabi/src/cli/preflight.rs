//! `preflight`: every letter is written and read once before any leaves.

use super::exit::{Answer, Exit};
use super::say::{Text, say};
use super::session::{Session, notice};
use crate::keys;
use crate::preflight::{Mailer, Report, preflight};
use owabi_core::lifecycle::Status;
use owabi_core::people::Action;
use serde_json::json;

/// The options of `preflight`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  owabi preflight --notice metaps-2022

Exit 65: some rows cannot be sent; they are listed. Approve and release bind to exactly what was seen.")]
pub(super) struct Options {
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let notice = notice(&config, &options.notice)?;
    let store = session.store(&config).await?;
    let actor = session.person(&store, Action::Preflight).await?.name;
    let keys = keys::load(&config, &store).await?;
    let definition = notice.renderer.definition();
    let now = session.now();
    store.know_notice(&definition.id, &definition.title, now).await?;
    let counts = store.counts().await?;
    let held = counts.get(&definition.id).and_then(|of| of.get(&Status::Held)).copied().unwrap_or(0);
    let bar = session.bar(held.unsigned_abs(), &say!(ja: "点検", en: "preflight"));
    let mailer = Mailer::new(&config, &keys);
    let report = preflight(&store, &notice, &mailer, (&actor, now), &|rows| bar.set_position(rows)).await;
    bar.finish_and_clear();
    let report = report?;
    let (rows, problems) = (report.rows, report.problem_count);
    tell(session, &options.notice, &report);
    let listed = report.problems.iter().map(|row| json!({ "member_no": row.member_no, "reason": row.reason.en }));
    session.answer(&json!({
        "rows": rows,
        "problems": listed.collect::<Vec<_>>(),
        "problem_count": problems,
        "largest_mail": report.largest,
        "fingerprint": report.fingerprint,
        "roster_hash": report.roster_hash,
    }));
    store.close().await;
    Ok(if problems > 0 { Exit::BadData } else { Exit::Done })
}

fn tell(session: &Session, id: &str, report: &Report) {
    let (rows, problems) = (report.rows, report.problem_count);
    if rows == 0 {
        session.tell(&nothing(id));
        return;
    }
    session.tell(&say!(ja: "{rows} 件の文面を点検しました。問題のある行: {problems} 件", en: "{rows} letters written and checked, {problems} with problems"));
    for problem in &report.problems {
        let (no, Text { ja, en }) = (&problem.member_no, &problem.reason);
        session.tell(&say!(ja: "  会員 {no}: {ja}", en: "  member {no}: {en}"));
    }
    if problems > 0 {
        session.tell(&say!(
            ja: "名簿、お知らせ、テンプレートのどれかを直してから、もう一度 `owabi preflight --notice {id}` を実行してください。",
            en: "correct the roster, the notice or the template, then run `owabi preflight --notice {id}` again"
        ));
    }
}

/// That nothing is wrong is no news when nothing was looked at.
fn nothing(id: &str) -> Text {
    say!(
        ja: "点検する行がありません。「{id}」には解禁を待つ人(held)がいないため、文面を一つも確かめていません。\n先に `owabi import 名簿 --notice {id}` で名簿を取り込んでください。",
        en: "there was nothing to look at: nobody is held for {id}, so no letter was written or checked\nimport a roster first: `owabi import FILE --notice {id}`"
    )
}
