//! `report`: for compliance and the board. It only reads.

use super::exit::{Answer, Exit, Failure};
use super::log::known_notice;
use super::say::say;
use super::session::{Session, unknown_notice};
use crate::config::Config;
use crate::library::Library;
use crate::report::{Report, html, text};
use owabi_core::notice::NoticeDefinition;
use owabi_core::people::Action;
use owabi_store::Store;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The options of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi report --notice metaps-2022
  owabi report --notice metaps-2022 --html report.html            for a browser, and for A4 paper
  owabi --lang en report --notice metaps-2022 --html report-en.html
  owabi --json report --notice metaps-2022 | jq .notified
  owabi report --released /var/lib/owabi/reports                  of each notice that was released, as ID.html

Counts alone: no member's name or address. All figures are of one moment, and the program looks whether they
add up to the roster; when they do not, the report says where, and the exit code is 1.
会員の氏名やアドレスは含みません。数字が名簿と合わないときは、その箇所を示し、終了コード 1 で終わります。")]
pub(super) struct Options {
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID", required_unless_present = "released")]
    notice: Option<String>,
    /// Write it as one HTML file, too; a file of that name is replaced  HTML ファイルにも書き出す
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Instead: write that of every notice that was released into this folder  解禁したお知らせすべてを書き出す
    #[arg(long, value_name = "DIR", conflicts_with_all = ["notice", "html"])]
    released: Option<PathBuf>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let library = Library::load(&config);
    let store = session.store_to_read(&config).await?;
    let desk = Desk { session, config: &config, library: &library, store: &store };
    let answer = match (&options.notice, &options.released) {
        (Some(id), _) => desk.one(id, options.html.as_deref()).await,
        (None, Some(folder)) => desk.released(folder).await,
        (None, None) => Ok(Exit::Usage),
    };
    store.close().await;
    answer
}

/// What a report is made from.
struct Desk<'a> {
    session: &'a Session,
    config: &'a Config,
    library: &'a Library,
    store: &'a Store,
}

impl Desk<'_> {
    async fn one(&self, id: &str, html: Option<&Path>) -> Answer {
        let Self { session, store, .. } = self;
        known_notice((session, store), id).await?;
        let person = session.person(store, Action::Report).await?;
        let report = self.read(id, person.name).await?;
        if let Some(file) = html {
            write(file, &html::page(&report, session.lang()))?;
        }
        tell(session, &report);
        if let Some(file) = html.map(Path::display) {
            session.tell(&say!(ja: "\n{file} に書き出しました。", en: "\nwritten to {file}"));
        }
        session.answer(&report.document());
        Ok(if report.figures.wrong.is_empty() { Exit::Done } else { Exit::Failed })
    }

    async fn released(&self, folder: &Path) -> Answer {
        let Self { session, store, .. } = self;
        let person = session.person(store, Action::Report).await?;
        std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
        let (mut written, mut wrong) = (Vec::new(), false);
        for notice in store.notices().await?.iter().filter(|notice| notice.released_at.is_some()) {
            let report = self.read(&notice.id, person.name.clone()).await?;
            let file = folder.join(format!("{}.html", notice.id));
            write(&file, &html::page(&report, session.lang()))?;
            let (shown, adds_up) = (file.display(), report.figures.wrong.is_empty());
            session.tell(&say!(ja: "{shown} に書き出しました。", en: "written to {shown}"));
            if !adds_up {
                session.warn(&say!(ja: "{shown}: 数字が名簿と合いません。", en: "{shown}: its figures do not add up"));
            }
            wrong |= !adds_up;
            written.push(json!({ "notice": notice.id, "file": file, "adds_up": adds_up }));
        }
        session.answer(&json!({ "reports": written }));
        Ok(if wrong { Exit::Failed } else { Exit::Done })
    }

    async fn read(&self, id: &str, by: String) -> Result<Report, Failure> {
        let issuer = self.library.get(id).map(|notice| issuer(notice.renderer.definition())).unwrap_or_default();
        let made = (issuer, by, self.session.now());
        let report = Report::read(self.store, id, self.config.receipts.quiet, made).await?;
        match report {
            Some(report) => Ok(report),
            None => Err(unknown_notice(self.session, self.store, id).await),
        }
    }
}

/// The organisation that answers for a notice; else the mail's sender.
pub(super) fn issuer(definition: &NoticeDefinition) -> String {
    definition.organisation.clone().unwrap_or_else(|| definition.from.name.clone())
}

fn tell(session: &Session, report: &Report) {
    if session.json {
        return;
    }
    let mut stdout = std::io::stdout().lock();
    let page = text::page(report, session.lang(), stdout.is_terminal());
    // Output that nobody reads any more is no failure.
    let _ = stdout.write_all(page.as_bytes());
}

fn write(file: &Path, page: &str) -> Result<(), Failure> {
    std::fs::write(file, page).map_err(|error| cannot_write(file, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let shown = path.display();
    Failure::new(Exit::Failed, say!(ja: "{shown} に書き込めません: {error}", en: "{shown} cannot be written: {error}"))
}
