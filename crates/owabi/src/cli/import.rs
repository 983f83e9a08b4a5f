//! `import`: a roster into the queue.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, notice};
use super::totals;
use super::wrong_value::{WrongValue, one_of};
use crate::import::{Outside, Report, Request, WithdrawnLines, import, is_same_file};
use owabi_core::address::Lang;
use owabi_core::people::Action;
use owabi_core::roster::{Delimiter, Encoding, Kind, RosterOptions, Sample};
use owabi_store::Store;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

/// The options of `import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi import payments.csv --notice metaps-2022 --dry-run     exact counts; nothing changes
  owabi import payments.csv --notice metaps-2022 --yes --refused refused.csv --not-affected others.csv
  owabi import list.tsv --notice generic-breach --encoding cp932 --delimiter tab

Further lines of one member number are one member: their payments go into one letter. A line with another name and another
address is another person under that number, and is refused.
The same file twice changes nothing. Whoever was withdrawn stays so, unless it was before any release and --take-in-withdrawn is given.
Exit 65: some lines were refused, the rest is in.")]
pub(super) struct Options {
    /// CSV or TSV: a list of affected members, or a payment export  名簿ファイル
    file: PathBuf,
    /// The notice's id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// Count exactly, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// utf-8, cp932, utf-16le, utf-16be, euc-jp, iso-2022-jp; detected when absent
    #[arg(long, value_parser = encoding)]
    encoding: Option<Encoding>,
    /// comma, tab or semicolon; detected when absent
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<Delimiter>,
    /// Write refused lines, with line numbers and reasons, to this CSV file; correct it and import it like a roster
    #[arg(long, value_name = "OUT.csv")]
    refused: Option<PathBuf>,
    /// Write lines that are not affected, with line numbers and reasons, to this CSV file; those that should be are corrected and imported like a roster
    #[arg(long, value_name = "OUT.csv")]
    not_affected: Option<PathBuf>,
    /// Members who were withdrawn before any release are held again, as this roster has them; else they stay withdrawn
    #[arg(long)]
    take_in_withdrawn: bool,
    /// Replace private use characters (gaiji) by 〓 instead of refusing the line
    #[arg(long)]
    replace_gaiji: bool,
}

fn encoding(name: &str) -> Result<Encoding, WrongValue> {
    let names = ["utf-8", "utf-8-bom", "cp932", "utf-16le", "utf-16be", "euc-jp", "iso-2022-jp"];
    Encoding::from_name(name).ok_or_else(|| one_of(&names))
}

fn delimiter(name: &str) -> Result<Delimiter, WrongValue> {
    match name {
        "comma" | "," => Ok(Delimiter::Comma),
        "tab" | "\t" | "\\t" => Ok(Delimiter::Tab),
        "semicolon" | ";" => Ok(Delimiter::Semicolon),
        _ => Err(one_of(&["comma", "tab", "semicolon"])),
    }
}

pub(super) async fn run(session: &Session, options: Options) -> Answer {
    let config = session.config()?;
    let notice = notice(&config, &options.notice)?;
    let store = session.store_to_begin(&config).await?;
    let actor = session.person(&store, Action::Import).await?.name;
    super::db::refuse_restored(&config, &store).await?;
    let definition = notice.renderer.definition();
    let roster = RosterOptions {
        encoding: options.encoding,
        delimiter: options.delimiter,
        replace_gaiji: options.replace_gaiji,
        ..definition.roster_options()
    };
    refuse_own_files(&options)?;
    show_sample(session, &options, &roster)?;
    refuse_withdrawn(&store, &options.notice).await?;
    super::pause::refuse_purged(&store, &options.notice).await?;
    let mut request = Request {
        file: options.file,
        notice_id: definition.id.clone(),
        notice_title: definition.title.clone(),
        options: roster,
        actor,
        at: session.now(),
        dry_run: options.dry_run,
        take_in_withdrawn: options.take_in_withdrawn,
        refused: options.refused,
        not_affected: options.not_affected,
        lang: session.lang(),
    };
    let asks = !options.dry_run && !options.yes;
    if asks {
        ask(session, &store, &mut request).await?;
    }
    let report = with_bar(session, &store, &request).await?;
    if request.dry_run {
        look(session, &store, &request, &report).await?;
    }
    tell(
        session,
        &report,
        match (request.dry_run, asks) {
            (true, _) => Stage::DryRun,
            (false, true) => Stage::DoneAsAsked,
            (false, false) => Stage::Done,
        },
    );
    for file in [&request.refused, &request.not_affected].into_iter().flatten().filter(|_| request.dry_run) {
        let name = file.display();
        session.tell(&say!(ja: "確認のみなので {name} は書いていません。", en: "a dry run does not write {name}"));
    }
    session.answer(&document(&report, request.dry_run));
    store.close().await;
    Ok(if report.totals.refused > 0 { Exit::BadData } else { Exit::Done })
}

/// The file that is read is never written over, nor one of the two that are written, and only files can be.
fn refuse_own_files(options: &Options) -> Result<(), Failure> {
    let outs = [("--refused", &options.refused), ("--not-affected", &options.not_affected)];
    for (option, out) in outs.into_iter().filter_map(|(option, out)| Some((option, out.as_ref()?))) {
        let name = out.display();
        if std::fs::metadata(out).is_ok_and(|of| !of.is_file()) {
            let what =
                say!(ja: "{option} {name} は普通のファイルではありません。", en: "{option} {name} is no regular file");
            return Err(Failure::new(Exit::Usage, what));
        }
        if is_same_file(&options.file, out)? {
            return Err(other_name(
                &say!(ja: "{option} {name} は取り込むファイルそのものです。", en: "{option} {name} is the very file to be imported"),
            ));
        }
    }
    if let (Some(one), Some(other)) = (&options.refused, &options.not_affected)
        && (one == other || is_same_file(one, other)?)
    {
        return Err(other_name(
            &say!(ja: "--refused と --not-affected が同じファイルです。", en: "--refused and --not-affected are one file"),
        ));
    }
    Ok(())
}

fn other_name(what: &Text) -> Failure {
    Failure::with(
        Exit::Usage,
        what.clone(),
        say!(ja: "別のファイル名にしてください。何も読んでいません。", en: "give it another name; nothing was read"),
    )
}

async fn refuse_withdrawn(store: &Store, id: &str) -> Result<(), Failure> {
    match store.notice(id).await? {
        Some(notice) if notice.state == "withdrawn" => Err(Failure::new(
            Exit::Failed,
            say!(ja: "お知らせ「{id}」は取り下げられています。", en: "the notice {id:?} is withdrawn"),
        )),
        _ => Ok(()),
    }
}

/// A wrong guess at the encoding must be seen before anything is imported.
fn show_sample(session: &Session, options: &Options, roster: &RosterOptions) -> Result<(), Failure> {
    let name = options.file.display();
    let open = |error| {
        let next = say!(ja: "ファイル名と権限を確かめてください。", en: "check the file's name and permissions");
        Failure::with(
            Exit::BadData,
            say!(ja: "{name} を開けません: {error}", en: "{name} cannot be opened: {error}"),
            next,
        )
    };
    let file = File::open(&options.file).map_err(open)?;
    let sample = Sample::read(file, roster, 5).map_err(crate::import::ImportError::from)?;
    let encoding = sample.encoding.encoding.name();
    let (why_ja, why_en) = (sample.encoding.why.text(Lang::Ja), sample.encoding.why.text(Lang::En));
    let names = sample.names.join(session.lang_of("、", ", "));
    let (kind_ja, kind_en) = match sample.kind {
        Kind::PlainList => ("対象者の一覧", "a list of affected members"),
        Kind::PaymentExport => ("支払データ", "a payment export"),
    };
    session.warn(&say!(
        ja: "{name}: {kind_ja}、文字コード {encoding}({why_ja})\n氏名の例: {names}",
        en: "{name}: {kind_en}, encoding {encoding} ({why_en})\nsample of names: {names}"
    ));
    Ok(())
}

/// Counts first, by an import that is rolled back, and asks.
async fn ask(session: &Session, store: &Store, request: &mut Request) -> Result<(), Failure> {
    if !session.on_terminal() {
        let question = say!(ja: "取り込みには確認が必要です。", en: "an import needs to be confirmed");
        return session.confirm(false, &question);
    }
    request.dry_run = true;
    let report = with_bar(session, store, request).await?;
    look(session, store, request, &report).await?;
    tell(session, &report, Stage::Asked);
    let n = report.totals.imported + report.totals.merged + report.totals.unreachable;
    let id = &request.notice_id;
    session.confirm(
        false,
        &say!(ja: "お知らせ「{id}」に {n} 行を取り込みますか? [yes/no]", en: "import {n} lines for the notice {id:?}? [yes/no]"),
    )?;
    request.dry_run = false;
    Ok(())
}

/// What differs from the members who are there says something of them, whether or not it is imported then.
async fn look(session: &Session, store: &Store, request: &Request, report: &Report) -> Result<(), Failure> {
    session.look(store, "import", &json!({ "notice": request.notice_id }), report.totals.lines).await
}

async fn with_bar(session: &Session, store: &Store, request: &Request) -> Result<Report, Failure> {
    let length = std::fs::metadata(&request.file).map_or(0, |of| of.len());
    let bar = session.bar(length, &say!(ja: "取り込み", en: "import"));
    let report = import(store, request, &|read| bar.set_position(read)).await;
    bar.finish_and_clear();
    Ok(report?)
}

fn document(report: &Report, dry_run: bool) -> Value {
    let t = &report.totals;
    let outside =
        |of: fn(&Outside) -> Value| report.outside.iter().map(|one| (one.why, of(one))).collect::<BTreeMap<_, _>>();
    json!({
        "lines": t.lines,
        "imported": t.imported,
        "merged": t.merged,
        "unreachable": t.unreachable,
        "not_affected": t.not_affected,
        "not_affected_by": outside(|of| json!(of.lines)),
        "not_affected_values": outside(|of| json!(of.values.iter().cloned().collect::<BTreeMap<_, _>>())),
        "not_affected_others": outside(|of| json!(of.others)),
        "already_present": t.already_present,
        "refused": t.refused,
        "batch": report.batch,
        "same_file": report.same_file,
        "encoding": report.encoding.encoding.name(),
        "encoding_confident": report.encoding.confident,
        "findings": report.findings,
        "findings_by_kind": report.kinds,
        "withdrawn": report.withdrawn.lines,
        "withdrawn_never_released": report.withdrawn.never_released,
        "taken_in": report.withdrawn.taken_in,
        "shared_addresses": report.shared_addresses,
        "dry_run": dry_run,
    })
}

/// What the counts are of.
#[derive(Clone, Copy)]
enum Stage {
    DryRun,
    /// Counted first; the question follows.
    Asked,
    /// The particulars were shown before the question.
    DoneAsAsked,
    Done,
}

fn tell(session: &Session, report: &Report, stage: Stage) {
    let (lines, Text { ja, en }) = (report.totals.lines, totals::sum(&report.totals));
    session.tell(&say!(ja: "行数 {lines} = {ja}", en: "{lines} lines = {en}"));
    if !matches!(stage, Stage::DoneAsAsked) {
        tell_particulars(session, report);
    }
    tell_withdrawn(session, &report.withdrawn);
    session.tell(&closing(report, stage));
}

fn tell_particulars(session: &Session, report: &Report) {
    tell_outside(session, &report.outside);
    for found in &report.findings {
        let (line, detail) = (found.line, &found.detail);
        let who = found.member_no.as_deref().map(|no| format!(" ({no})")).unwrap_or_default();
        session.tell(&say!(ja: "  {line} 行目{who}: {detail}", en: "  line {line}{who}: {detail}"));
    }
    let all: u64 = report.kinds.values().sum();
    let more = all.saturating_sub(report.findings.len() as u64);
    if more > 0 {
        session.tell(&say!(ja: "  ほか {more} 件", en: "  and {more} more"));
    }
    if report.shared_addresses > 0 {
        let n = report.shared_addresses;
        session.tell(&say!(
            ja: "複数の会員が使っているアドレス: {n} 件(それぞれに一通ずつ送ります)",
            en: "{n} addresses are shared by several members; each of them gets a mail"
        ));
    }
}

/// What the lines say that are not affected. One odd blank leaves a payer out for good, so a person is to look at it.
fn tell_outside(session: &Session, outside: &[Outside]) {
    for Outside { why, lines, values, others } in outside {
        let (ja, en) = (why.text(Lang::Ja), why.text(Lang::En));
        session.tell(&say!(ja: "  対象外のうち {lines} 行: {ja}", en: "  of the lines not affected, {lines}: {en}"));
        for (value, lines) in values {
            session.tell(&say!(ja: "    \"{value}\": {lines} 行", en: "    \"{value}\": {lines}"));
        }
        if *others > 0 {
            session.tell(&say!(ja: "    ほかの値 {others} 行", en: "    other values: {others}"));
        }
    }
    if !outside.is_empty() {
        session.tell(&say!(
            ja: "  対象外の値を確かめてください。空白や書き方の違いで外れた対象者がいれば、--not-affected 対象外.csv で行を書き出し、直して取り込みます。",
            en: "  look at these values: whoever an odd blank or spelling left out can be corrected and imported, from the file of --not-affected OUT.csv"
        ));
    }
}

/// Who was withdrawn is not told by being in a roster again: this must be seen, and how it can be mended.
fn tell_withdrawn(session: &Session, withdrawn: &WithdrawnLines) {
    let WithdrawnLines { lines, never_released, member_nos, taken_in } = withdrawn;
    if *taken_in > 0 {
        session.tell(&say!(
            ja: "取り下げていた {taken_in} 人が保留に戻ります。点検・承認・解禁が要ります。",
            en: "{taken_in} members who were withdrawn are held again; preflight, approvals and release come after it"
        ));
    }
    if *lines == 0 {
        return;
    }
    let named = super::selecting::named(member_nos);
    session.tell(&say!(
        ja: "{lines} 行は取り下げた会員のものです。取り下げのままで、このお知らせは送られません: {named}",
        en: "{lines} lines are of members who were withdrawn, who stay so and are not sent to: {named}"
    ));
    if *never_released > 0 {
        session.tell(&say!(
            ja: "  うち {never_released} 行は一度も解禁していない会員です。送るには、--take-in-withdrawn を付けて取り込むと保留に戻ります。",
            en: "  {never_released} of them are of members who were never released: to send to them, import with --take-in-withdrawn, and they are held again"
        ));
    }
    if lines > never_released {
        session.tell(&say!(
            ja: "  解禁してから取り下げた会員に送るには `owabi resend --status withdrawn` を使います。",
            en: "  whoever was withdrawn after a release is sent to by `owabi resend --status withdrawn`"
        ));
    }
}

fn closing(report: &Report, stage: Stage) -> Text {
    let batch = report.batch.as_deref().unwrap_or_default();
    match stage {
        _ if report.same_file => say!(
            ja: "このファイルは取り込み済みです(バッチ {batch})。何も変更していません。",
            en: "this file was imported before (batch {batch}); nothing was changed"
        ),
        Stage::DryRun => say!(ja: "確認のみです。何も変更していません。", en: "a dry run; nothing was changed"),
        Stage::Asked => say!(ja: "まだ何も取り込んでいません。", en: "nothing is imported yet"),
        Stage::Done | Stage::DoneAsAsked => {
            say!(ja: "取り込みました(バッチ {batch})。次は `owabi preflight` です。", en: "imported (batch {batch}); next: `owabi preflight`")
        }
    }
}
