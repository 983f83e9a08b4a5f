//! `track`: receipts by hand, from a pipe, and what of them waits for a person. `run` reads the configured sources itself.

mod review;

use super::exit::{Answer, Exit, Failure};
use super::say::say;
use super::session::Session;
use crate::config::Config;
use crate::receipts::{
    Arrival, Counted, Failed, IncomingMail, Intake, LARGEST, Verdict, imap, journal, maildir, maillog, sources,
};
use crate::{clock, keys};
use owabi_core::people::Action;
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

const TO_HELP: &str = "The envelope recipient; else $ORIGINAL_RECIPIENT or $RECIPIENT, as Postfix's aliases set them";

/// The options of `track`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi track all                           all that the configuration's `receipts` names, once
  owabi track maildir /var/mail/bounces     what lies in new/, moved to cur/ when it is recorded
  owabi track imap                          the mailbox of receipts.imap
  owabi track maillog /var/log/mail.log     from where it was left, rotated files too; - for stdin
  owabi track pipe < bounce.eml             one mail; Postfix: owabi unix - n n - - pipe
                                              flags=q user=owabi argv=/usr/bin/owabi track pipe --to ${original_recipient}
                                              and in main.cf: owabi_destination_recipient_limit = 1
  owabi track review                        what nobody could be found for

`owabi run` reads the sources of the configuration's `receipts` by itself.")]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every source of the configuration, once  設定にあるものをすべて一度読む
    All,
    /// Bounces in a Maildir  Maildir の不達通知を読む
    Maildir {
        /// The folder with new, cur and tmp
        dir: PathBuf,
    },
    /// Bounces in the IMAP mailbox of the configuration  IMAP の不達通知を読む
    Imap,
    /// One bounce on stdin; always exit 75 when it is not recorded, so that the mail server keeps it  標準入力の一通を読む
    Pipe {
        #[arg(long, value_name = "ADDRESS", help = TO_HELP)]
        to: Option<String>,
    },
    /// Postfix's log  Postfix のログを読む
    Maillog {
        /// The file; - for stdin
        file: PathBuf,
    },
    /// Postfix's log in systemd's journal  journald のログを読む
    Journal,
    /// Leave out a source that is gone or was read by mistake  なくなった読み取り元、誤って読んだものを外す
    Forget {
        /// The source, as `owabi status` names it
        source: String,
        /// The machine that read it
        #[arg(long)]
        host: String,
    },
    /// What waits for a person  人の確認を待つものを見る
    Review(review::Options),
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    match &options.what {
        What::Pipe { to } => Ok(pipe(session, to.clone()).await),
        What::Review(options) => review::run(session, options).await,
        What::Forget { source, host } => forget(session, host, source).await,
        What::All => {
            let (config, intake) = open(session).await?;
            all(session, &config, intake).await
        }
        What::Maildir { dir } => {
            let (_, intake) = open(session).await?;
            let maildir = maildir::Maildir::new(dir);
            finish(session, &intake, maildir::once(&maildir, &intake).await, &[]).await
        }
        What::Imap => {
            let (config, intake) = open(session).await?;
            let mailbox = mailbox(&config)?;
            finish(session, &intake, imap::once(&mailbox, &intake).await, &[]).await
        }
        What::Maillog { file } => {
            let (_, intake) = open(session).await?;
            finish(session, &intake, read_log(file, &intake).await, &[]).await
        }
        What::Journal => {
            let (_, intake) = open(session).await?;
            finish(session, &intake, journal::once(&intake, &[]).await, &[]).await
        }
    }
}

async fn forget(session: &Session, host: &str, source: &str) -> Answer {
    let config = session.config()?;
    let store = session.store(&config).await?;
    let person = session.person(&store, Action::Track).await?;
    let forgotten = store.forget_source(host, source, &person.name, session.now()).await?;
    if !forgotten {
        return Err(Failure::with(
            Exit::Failed,
            say!(ja: "{host} に {source} という読み取り元はありません。", en: "{host} has no source {source}"),
            say!(ja: "名前は `owabi status` で確かめてください。", en: "`owabi status` shows the names"),
        ));
    }
    session.tell(&say!(
        ja: "{host} の {source} を外しました。これを待つことはなく、「不達の知らせなし」にも数えません。",
        en: "{source} of {host} is left out: nothing waits for it, and \"no bounce by\" does not count it"
    ));
    session.answer(&json!({ "host": host, "source": source, "followed": false }));
    Ok(Exit::Done)
}

async fn all(session: &Session, config: &Config, intake: Intake) -> Answer {
    let sources = sources::Sources::new(config, sources::mailbox(config)?, intake.clone());
    if sources.len() == 0 {
        return Err(Failure::with(
            Exit::BadConfig,
            say!(ja: "receipts に読み取り元が設定されていません。", en: "receipts names no source"),
            say!(ja: "maildir、imap、maillog、journal のどれかを書いてください。", en: "write its maildir, imap, maillog or journal"),
        ));
    }
    let (counted, failures) = sources.look().await?;
    finish(session, &intake, Ok(counted), &failures).await
}

/// The configuration, and where its receipts go.
async fn open(session: &Session) -> Result<(Config, Intake), Failure> {
    let config = session.config()?;
    let store = session.store(&config).await?;
    if !keys::was_used(&store).await? {
        return Err(unused());
    }
    let keys = keys::load(&config, &store).await?;
    let intake = Intake::new(&config, store, keys);
    Ok((config, intake))
}

/// Of an empty database nothing can come back: most likely the disk with the right one is not there, and every receipt
/// would be called forged.
fn unused() -> Failure {
    Failure::with(
        Exit::BadConfig,
        say!(ja: "このデータベースからは、まだ何も送られていません。", en: "nothing was ever sent from this database"),
        say!(ja: "database.url が正しいか、そのディスクがつながっているか確かめてください。", en: "see whether database.url is right, and its disk is there"),
    )
}

fn mailbox(config: &Config) -> Result<imap::Mailbox, Failure> {
    sources::mailbox(config)?.ok_or_else(|| {
        Failure::with(
            Exit::BadConfig,
            say!(ja: "receipts.imap が設定されていません。", en: "receipts.imap is not configured"),
            say!(ja: "host、user、password_file を書いてください。", en: "write its host, user and password_file"),
        )
    })
}

async fn read_log(file: &Path, intake: &Intake) -> Result<Counted, Failed> {
    if file == Path::new("-") {
        return maillog::once_from(intake, Box::new(std::io::stdin())).await;
    }
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    maillog::once(intake, &absolute).await
}

/// `unread`: the sources that could not be looked at.
async fn finish(session: &Session, intake: &Intake, read: Result<Counted, Failed>, unread: &[String]) -> Answer {
    let counted = read.map_err(cannot_read)?;
    let settled = intake.take_parked().await?;
    let Counted { matched, parked, review, ignored, unreadable, unmoved } = counted;
    session.tell(&say!(
        ja: "記録 {matched}、照合待ち {parked}、確認待ち {review}、対象外 {ignored}",
        en: "{matched} recorded, {parked} waiting for their mail's outcome, {review} for a person, {ignored} of no interest"
    ));
    if parked > 0 {
        session.tell(&say!(
            ja: "照合待ちのものは、送信の結果が記録されしだい、`owabi run` か次の `owabi track` が照合します。",
            en: "what waits for its mail's outcome is matched by `owabi run`, or by the next `owabi track`"
        ));
    }
    if review > 0 {
        session.tell(&say!(ja: "`owabi track review` で確かめてください。", en: "look at `owabi track review`"));
    }
    if unreadable + unmoved > 0 {
        session.warn(&say!(
            ja: "読めないもの {unreadable}、移せないもの {unmoved}。owabi を動かすアカウントの権限を確かめてください。",
            en: "{unreadable} cannot be read, {unmoved} cannot be moved: check the rights of the account that runs owabi"
        ));
    }
    if !unread.is_empty() {
        let names = unread.join(", ");
        session.warn(&say!(
            ja: "読めなかったもの: {names}。理由は `owabi status` で確かめられます。",
            en: "could not be read: {names}; `owabi status` says why"
        ));
    }
    session.answer(&json!({
        "matched": matched, "parked": parked, "review": review, "ignored": ignored,
        "unreadable": unreadable, "unmoved": unmoved, "matched_later": settled, "unread": unread,
    }));
    Ok(match unreadable + unmoved {
        _ if !unread.is_empty() => Exit::Unavailable,
        0 => Exit::Done,
        _ => Exit::Failed,
    })
}

fn cannot_read(failed: Failed) -> Failure {
    match failed {
        Failed::Store(error) => error.into(),
        Failed::Source(what) => Failure::with(
            Exit::Unavailable,
            say!(ja: "読めません: {what}", en: "cannot be read: {what}"),
            say!(ja: "読めた分は記録してあります。直してから、もう一度実行してください。", en: "what could be read is recorded; mend it and run this again"),
        ),
    }
}

/// A mail server hands over one mail. Whatever goes wrong is for now: it must keep the mail and come again.
async fn pipe(session: &Session, to: Option<String>) -> Exit {
    let taken = take_stdin(session, to).await;
    // A mail server waits; the daemon seals.
    session.needs_no_seal();
    match taken {
        Ok(verdict) => {
            session.answer(&json!({ "verdict": word(verdict) }));
            Exit::Done
        }
        Err(failure) => {
            session.fail(&Failure { exit: Exit::TryAgain, ..failure });
            Exit::TryAgain
        }
    }
}

async fn take_stdin(session: &Session, to: Option<String>) -> Result<Verdict, Failure> {
    let variable = |name| session.environment.get(name).map(str::to_owned);
    let to = to.or_else(|| variable("ORIGINAL_RECIPIENT")).or_else(|| variable("RECIPIENT"));
    let (raw, whole_size) = read_stdin()?;
    let (_, intake) = open(session).await?;
    let began_at = clock::now_ms();
    let mail = Arrival::Mail(IncomingMail { raw, to, whole_size });
    let verdicts = intake.take("pipe", vec![mail]).await?;
    intake.looked("pipe", began_at, None).await?;
    Ok(verdicts.first().copied().unwrap_or(Verdict::Review))
}

/// The mail up to [`LARGEST`], and the size of the whole.
fn read_stdin() -> Result<(Vec<u8>, u64), Failure> {
    let mut stdin = std::io::stdin().lock();
    let mut raw = Vec::new();
    stdin.by_ref().take(LARGEST).read_to_end(&mut raw)?;
    let rest = std::io::copy(&mut stdin, &mut std::io::sink())?;
    if raw.is_empty() {
        return Err(Failure::new(
            Exit::TryAgain,
            say!(ja: "標準入力にメールがありません。", en: "there is no mail on stdin"),
        ));
    }
    let size = raw.len() as u64 + rest;
    Ok((raw, size))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Matched => "matched",
        Verdict::Parked => "parked",
        Verdict::Review => "review",
        Verdict::Ignored => "ignored",
    }
}
