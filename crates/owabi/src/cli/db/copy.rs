//! `db copy`: the whole queue into another database.

use crate::cli::exit::{Answer, Exit, Failure};
use crate::cli::lock::lock;
use crate::cli::say::{Text, say};
use crate::cli::session::Session;
use crate::config::{Config, Database, Target, UrlProblem};
use owabi_core::people::Action;
use owabi_store::{CopiedTable, CopyError, Copying, OpenOptions, PostgresOptions, Store};
use serde_json::json;
use std::fs::File;

/// The options of `db copy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi db copy --from sqlite:owabi.db --to postgres://owabi@db.example.jp/owabi
  owabi db copy --from postgres://owabi@db.example.jp/owabi --to sqlite:owabi.db --yes

Stop every daemon first. Nothing is left out: members, attempts, approvals, the ledger. Each table is read back and its
SHA-256 compared before anything counts; whatever fails, the target stays as it was. Afterwards the source is marked as
moved: nobody can send from it, so that nobody gets a mail from both.

A URL that is database.url is opened with everything else that stands there. For another one the password comes from
PGPASSWORD or from the file in PGPASSFILE (~/.pgpass), and ?sslmode=verify-full&sslrootcert=FILE says how it is protected.")]
pub(super) struct Options {
    #[arg(long, value_name = "URL", help = "Where the queue is now: sqlite:FILE or postgres://user@host/db")]
    from: String,
    /// Where it is to be; its queue must be empty
    #[arg(long, value_name = "URL")]
    to: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(session: &Session, config: &Config, options: &Options) -> Answer {
    let Options { from, to, yes } = options;
    let (source, target) = (Place::new(config, "--from", from)?, Place::new(config, "--to", to)?);
    if from == to || source.file_is(&target) {
        let what = say!(ja: "--from と --to が同じデータベースです。", en: "--from and --to are the same database");
        return Err(Failure::new(Exit::Usage, what));
    }
    source.must_be_there()?;
    let (from_store, _source_lock) = source.open().await?;
    let (to_store, _target_lock) = target.open().await?;
    let person = session.person(&from_store, Action::Database).await?;
    let rows = from_store.rows_to_copy().await?;
    let question = say!(
        ja: "{from} から {to} へ、{rows} 行を写します。写した後、元のデータベースからは送信できなくなります。よろしいですか? [yes/no]",
        en: "copy {rows} rows from {from} to {to}? Nobody can send from the old database afterwards [yes/no]"
    );
    session.confirm(*yes, &question)?;
    let members = from_store.counts().await?.values().flat_map(|of| of.values()).sum();
    session.export(&from_store, "db copy", &json!({}), members).await?;
    let bar = session.bar(2 * rows, &say!(ja: "複写", en: "copying"));
    let copying = Copying { actor: &person.name, from, to, at: session.now() };
    let copied = from_store.copy_to(&to_store, copying, &|done| bar.set_position(done)).await;
    bar.finish_and_clear();
    from_store.close().await;
    to_store.close().await;
    tell(session, to, &copied?);
    Ok(Exit::Done)
}

fn tell(session: &Session, to: &str, copied: &[CopiedTable]) {
    for CopiedTable { table, rows, sha256 } in copied {
        session.tell(&Text::same(format!("{table:<17} {rows:>9}  {sha256}")));
    }
    session.tell(&say!(
        ja: "どの表も、写した先で読み直した内容が元と一致しました(上は行数と SHA-256)。\n次に: owabi.yaml の database.url を {to} にし、鍵ファイル(keys.file と ledger.key_file)はそのまま使い、`owabi check --connect` を実行してください。\n元のデータベースはバックアップとしてそのまま残してください。もう送信には使えません。",
        en: "every table was read back and is the same (rows and SHA-256 above).\nNext: set database.url in owabi.yaml to {to}, keep the key files (keys.file and ledger.key_file), and run `owabi check --connect`.\nLeave the old database as it is, as a copy; nothing is sent from it any more"
    ));
    session.answer(&json!({ "to": to, "tables": copied }));
}

/// One of the two databases, not opened yet.
struct Place {
    options: OpenOptions,
    target: Target,
}

impl Place {
    fn new(config: &Config, option: &str, url: &str) -> Result<Self, Failure> {
        let asked = Database { url: url.to_owned(), ..Database::default() };
        if let Some(problem) = asked.url_problem() {
            return Err(unusable(option, &problem));
        }
        let target = asked.target().ok_or_else(|| unusable(option, &UrlProblem::Unknown))?;
        let configured = config.open_options()?;
        let options = if config.database.target().as_ref() == Some(&target) {
            configured
        } else {
            let PostgresOptions { statement_timeout, connect_timeout, .. } = configured.postgres;
            let postgres = PostgresOptions { statement_timeout, connect_timeout, ..PostgresOptions::default() };
            OpenOptions { url: url.to_owned(), postgres, ..configured }
        };
        Ok(Self { options, target })
    }

    fn file_is(&self, other: &Self) -> bool {
        let (Target::Sqlite(a), Target::Sqlite(b)) = (&self.target, &other.target) else { return false };
        matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
    }

    /// Opening a SQLite file makes it, which is right for the target alone.
    fn must_be_there(&self) -> Result<(), Failure> {
        match &self.target {
            Target::Sqlite(file) if !file.exists() => {
                let file = file.display();
                Err(Failure::new(Exit::Failed, say!(ja: "{file} がありません。", en: "there is no {file}")))
            }
            _ => Ok(()),
        }
    }

    /// Opens it; a SQLite file is ours alone then.
    async fn open(&self) -> Result<(Store, Option<File>), Failure> {
        let store = Store::open(&self.options).await?;
        let lock = store.file().map(lock).transpose()?;
        Ok((store, lock))
    }
}

fn unusable(option: &str, problem: &UrlProblem) -> Failure {
    let why = match problem {
        UrlProblem::Unknown => "は対応していない形式です。".to_owned(),
        UrlProblem::Password => "にパスワードが含まれています。".to_owned(),
        UrlProblem::Parameter(name) => format!("の {name:?} は使えない指定です。"),
        UrlProblem::Unusable(said) => format!("を使えません({said})。"),
    };
    let what = say!(ja: "{option} の URL {why}", en: "{option}: the database's URL {problem}");
    let next = match problem {
        UrlProblem::Password => say!(
            ja: "パスワードは URL に書けません。PGPASSWORD か PGPASSFILE(~/.pgpass)に入れてください。database.url の分は database.password_file に置けます。",
            en: "passwords do not stand in URLs: use PGPASSWORD or PGPASSFILE (~/.pgpass); that of database.url may be in database.password_file"
        ),
        _ => say!(
            ja: "sqlite:ファイル か postgres://ユーザー@ホスト/データベース の形で書いてください。",
            en: "write sqlite:FILE or postgres://user@host/db"
        ),
    };
    Failure::with(Exit::Usage, what, next)
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        let said = error.to_string();
        let (exit, what, next) = match error {
            CopyError::Store(error) => return error.into(),
            CopyError::NotEmpty(table) => (
                Exit::Failed,
                say!(ja: "写す先の表 {table} には、もう行があります。", en: "{said}"),
                say!(ja: "空のデータベースを作って、そこへ写してください。", en: "copy into an empty database"),
            ),
            CopyError::Moved(place) => (
                Exit::Failed,
                say!(ja: "元のデータベースは、すでに {place} へ移されています。", en: "{said}"),
                say!(ja: "そちらから写してください。", en: "copy from there"),
            ),
            CopyError::AtWork { host, pid } => (
                Exit::TryAgain,
                say!(ja: "owabi が動いています({host} のプロセス {pid})。", en: "{said}"),
                say!(
                    ja: "すべての `owabi run` を止めて、10 秒待ってからやり直してください。",
                    en: "stop every `owabi run` and try again after 10 seconds"
                ),
            ),
            CopyError::Nul { table, key, column } => (
                Exit::Failed,
                say!(ja: "{table} の {key} の行: {column} に、PostgreSQL が保存できない NUL 文字があります。", en: "{said}"),
                say!(ja: "その値を直してからやり直してください。", en: "correct that value and try again"),
            ),
            CopyError::Differs { table, source_rows, target_rows } => (
                Exit::Failed,
                say!(
                    ja: "{table} の内容が、写した後で一致しません(元 {source_rows} 行、先 {target_rows} 行)。",
                    en: "{said}"
                ),
                say!(
                    ja: "写す先のトリガーやルールを調べてください。",
                    en: "does a trigger or a rule of the target change rows?"
                ),
            ),
        };
        let (ja, en) = (next.ja + "何も写していません。", next.en + "; nothing was copied");
        Self::with(exit, what, Text { ja, en })
    }
}
