//! The command line: one file a verb. Exit codes and `--json` keys are a contract that scripts rely on.

mod approve;
mod bounce;
mod check;
mod completions;
mod db;
mod demo;
mod diagnosis;
mod doctor;
pub(crate) mod evidence;
pub mod exit;
mod hold;
mod import;
pub(crate) mod init;
mod ledger;
mod lock;
pub(crate) mod log;
mod login;
mod lost;
mod man;
mod member;
mod own_keys;
mod password;
mod pause;
mod person;
mod preflight;
mod preview;
mod purge;
mod purged;
pub(crate) mod reason;
pub(crate) mod release;
mod remedy;
mod render;
mod report;
mod resend;
mod resolve;
pub(crate) mod run;
pub mod say;
mod selecting;
pub(crate) mod session;
pub(crate) mod state_reason;
pub(crate) mod status;
mod substitute;
mod test_send;
pub(crate) mod totals;
mod track;
mod trouble;
mod unreachable;
mod usage;
mod user;
mod visible;
mod withdraw;
mod wrong_value;

pub(crate) use session::Session;
pub(crate) use status::label as status_label;

use crate::config::{Environment, LogFormat};
use crate::telemetry;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use exit::{Answer, Exit, Failure};
use owabi_core::address::Lang;
use say::{Text, say};
use std::ffi::OsString;
use std::path::PathBuf;
use wrong_value::WrongValue;

/// Tells every affected member, by mail, exactly once, and can prove it.  お詫びのお知らせを、ひとりに一度だけ。
#[derive(Debug, Parser)]
#[command(name = "owabi", version, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    #[arg(long, global = true, value_name = "FILE", help = CONFIG_HELP)]
    config: Option<PathBuf>,
    /// One JSON document on stdout; everything else on stderr  結果を JSON で出力
    #[arg(long, global = true)]
    json: bool,
    #[arg(long, global = true, value_name = "LANG", value_parser = lang, help = LANG_HELP)]
    lang: Option<Lang>,
    #[arg(long = "as", value_name = "NAME", help = AS_HELP)]
    name: Option<String>,
    #[arg(long, global = true, value_name = "FORMAT", help = LOG_FORMAT_HELP)]
    log_format: Option<LogFormat>,
    #[command(subcommand)]
    verb: Verb,
}

const CONFIG_HELP: &str =
    "The configuration; else $OWABI_CONFIG, /etc/owabi/owabi.yaml, config/owabi.yaml, owabi.yaml  設定ファイル";
const AS_HELP: &str = "Who is asking; before the verb. Users prove it with a password, typed or in the file $OWABI_PASSWORD_FILE; \
     else the account that runs owabi  操作する人";
const LOG_FORMAT_HELP: &str = "auto, text or json; else the configuration's log.format  動作ログの形式";
const LANG_HELP: &str = "ja or en; else $OWABI_LANG, else the configuration's  表示言語";

const EXAMPLES: &str = "\
Examples:
  owabi demo                                          the whole job on made-up data, nothing leaves this machine
  owabi init /etc/owabi && owabi check                begin
  owabi import roster.csv --notice metaps-2022        roster into the queue
  owabi preflight --notice metaps-2022                look at every letter
  owabi approve metaps-2022 && owabi release metaps-2022
  owabi run                                           send
  owabi status; owabi log --status failed             what became of it
  owabi unreachable --notice metaps-2022              whom mail did not reach
  owabi report --notice metaps-2022 --html report.html   for the board
  owabi user add hanako --role admin --os-user hanako   from now on owabi asks who you are
  owabi ledger verify                                 whether any record was changed

Exit codes: 0 done, 1 failed, 2 usage, 65 bad input data, 69 relay or database unavailable,
            75 try again (locked), 78 bad configuration.
OWABI_LOG=debug shows more on stderr; names and addresses never appear there.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Do the whole job on made-up data, on this machine alone  試してみる
    Demo(demo::Options),
    /// Write a configuration that works  設定一式を書き出す
    Init(init::Options),
    /// Look at configuration, notices, templates, database and relays  設定を点検する
    Check(check::Options),
    /// See whether this machine is fit: disks, permissions, clock, database, backups  このマシンの状態を調べる
    Doctor(doctor::Options),
    /// Read a roster into the queue  名簿を取り込む
    Import(import::Options),
    /// Show the exact mail  送るメールを見る
    Preview(preview::Options),
    /// Render every mail and run the facts guard  全員分の文面を点検する
    Preflight(preflight::Options),
    /// Approve what the latest preflight saw  承認する
    Approve(approve::Options),
    /// Release an approved notice for sending  送信を解禁する
    Release(release::Options),
    /// Stop sending a notice for now  送信を止める
    Pause(pause::Options),
    /// Go on sending a paused notice  送信を再開する
    Resume(pause::Resume),
    /// Take members who are not sent to yet out of a notice: all of them, or some  未送信の人を取り下げる
    Withdraw(withdraw::Options),
    /// Send: the daemon  送信する
    Run(run::Options),
    /// Count by status  状況を見る
    Status(status::Options),
    /// The delivery log, one row an attempt  送信記録を見る
    Log(log::Options),
    /// Send to some members again  再送する
    Resend(resend::Options),
    /// Decide about a member of whom it is not known whether the mail arrived  結果不明の人について決める
    Resolve(resolve::Options),
    /// Read what comes back: bounces, and the relay's log  不達通知と送信ログを読む
    Track(track::Options),
    /// One person: status, attempts, receipts; a corrected address  一人の記録を見る、アドレスを訂正する
    Member(member::Options),
    /// The people whom mail did not reach, for letters  メールの届かなかった人を見る
    Unreachable(unreachable::Options),
    /// Who was told, who was not, and whether it adds up  実施報告を作る
    Report(report::Options),
    /// Record what was done instead of a mail: letters, calls, publication  書面などの代わりの対応を記録する
    Substitute(substitute::Options),
    /// Write the notice as a page for the association's site  ウェブ掲載用のページを作る
    Render(render::Options),
    /// Send one mail to an address on the allow-list  試しに一通送る
    TestSend(test_send::Options),
    /// Read mails that came back  返ってきたメールを読む
    Bounce(bounce::Options),
    /// Who may do what  利用者と役割
    User(user::Options),
    /// Evidence: write it, check it, rebuild one person's mails  証拠を書き出す・確かめる
    Evidence(evidence::Options),
    /// Forbid, or allow again, that a notice is purged  削除の禁止
    Hold(hold::Options),
    /// Remove a notice's personal data after its retention  保存期間の過ぎた個人情報を削除する
    Purge(purge::Options),
    /// Check, read or note the head of the sealed record of everything  台帳を検証する
    Ledger(ledger::Options),
    /// Migrate, copy or examine the database  データベースの管理
    Db(db::Options),
    /// Completions for a shell  シェル補完
    Completions(completions::Options),
    /// Manual pages  マニュアル
    Man(man::Options),
}

/// Runs one command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_pipe = is_pipe(&arguments);
    match run_line(&arguments, environment) {
        // For any other code a mail server gives the mail up: a slip in its configuration would cost receipts.
        exit if is_pipe && exit != Exit::Done => Exit::TryAgain,
        exit => exit,
    }
}

/// Whether it is a mail server that calls: `track pipe`.
fn is_pipe(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().filter(|word| !word.as_encoded_bytes().starts_with(b"-"));
    words.any(|word| word == "track") && words.next().is_some_and(|word| word == "pipe")
}

fn run_line(arguments: &[OsString], environment: Environment) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return not_a_line(&error, arguments, environment),
    };
    telemetry::silence_panics();
    let session = Session::new(cli.json, cli.lang, cli.config, environment);
    session.name(cli.name);
    session.format_log(cli.log_format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            session.fail(&Failure::new(Exit::Failed, Text::same(error.to_string())));
            return Exit::Failed;
        }
    };
    let answer = runtime.block_on(async {
        // A refusal has its entries, too.
        let answer = dispatch(&session, cli.verb).await;
        session.seal().await;
        answer
    });
    match answer {
        Ok(exit) => exit,
        Err(failure) => {
            session.fail(&failure);
            failure.exit
        }
    }
}

/// Help and version, or what is wrong with the line.
fn not_a_line(error: &clap::Error, arguments: &[OsString], environment: Environment) -> Exit {
    let globals = usage::Globals::of(arguments);
    let asks_for_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || (asks_for_help && !globals.json) {
        let _ = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Done };
    }
    let session = Session::new(globals.json, globals.lang(), globals.config(), environment);
    session.learn_language();
    session.fail(&usage::failure(error, arguments));
    Exit::Usage
}

async fn dispatch(session: &Session, verb: Verb) -> Answer {
    match verb {
        Verb::Demo(options) => demo::run(session, options).await,
        Verb::Init(options) => init::run(session, &options),
        Verb::Check(options) => check::run(session, &options).await,
        Verb::Doctor(options) => doctor::run(session, &options).await,
        Verb::Import(options) => import::run(session, options).await,
        Verb::Preview(options) => preview::run(session, &options).await,
        Verb::Preflight(options) => preflight::run(session, &options).await,
        Verb::Approve(options) => approve::run(session, &options).await,
        Verb::Release(options) => release::run(session, &options).await,
        Verb::Pause(options) => pause::run(session, &options).await,
        Verb::Resume(options) => pause::resume(session, &options).await,
        Verb::Withdraw(options) => withdraw::run(session, &options).await,
        Verb::Run(options) => run::run(session, &options).await,
        Verb::Status(options) => status::run(session, &options).await,
        Verb::Log(options) => log::run(session, &options).await,
        Verb::Resend(options) => resend::run(session, &options).await,
        Verb::Resolve(options) => resolve::run(session, &options).await,
        Verb::Track(options) => track::run(session, &options).await,
        Verb::Member(options) => member::run(session, &options).await,
        Verb::Unreachable(options) => unreachable::run(session, &options).await,
        Verb::Report(options) => report::run(session, &options).await,
        Verb::Substitute(options) => substitute::run(session, &options).await,
        Verb::Render(options) => render::run(session, &options),
        Verb::TestSend(options) => test_send::run(session, &options).await,
        Verb::Bounce(options) => Ok(bounce::run(session, &options)),
        Verb::User(options) => user::run(session, &options).await,
        Verb::Evidence(options) => Box::pin(evidence::run(session, &options)).await,
        Verb::Hold(options) => hold::run(session, &options).await,
        Verb::Purge(options) => Box::pin(purge::run(session, &options)).await,
        Verb::Ledger(options) => ledger::run(session, &options).await,
        Verb::Db(options) => db::run(session, &options).await,
        Verb::Completions(options) => Ok(completions::run(&options)),
        Verb::Man(options) => man::run(session, &options),
    }
}

/// The whole command line, for completions, manual pages and a look at every verb.
pub fn command() -> clap::Command {
    Cli::command()
}

/// A reason that says something: it is kept.
fn reason(text: &str) -> Result<String, WrongValue> {
    let said = text.trim();
    if said.is_empty() {
        Err(WrongValue(say!(ja: "理由を書いてください。記録に残ります", en: "say why; it is kept")))
    } else {
        Ok(said.to_owned())
    }
}

/// A language by its tag.
fn lang(word: &str) -> Result<Lang, WrongValue> {
    match word {
        "ja" => Ok(Lang::Ja),
        "en" => Ok(Lang::En),
        _ => Err(WrongValue(say!(ja: "ja か en", en: "ja or en"))),
    }
}
