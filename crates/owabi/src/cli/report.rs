//! `report`: for compliance and the board. It only reads.

use super::exit::{Answer, Exit, Failure};
use super::log::known_notice;
use super::say::say;
use super::session::{Session, unknown_notice};
use crate::library::Library;
use crate::report::{Report, html, text};
use owabi_core::notice::NoticeDefinition;
use owabi_core::people::Action;
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

Counts alone: no member's name or address. All figures are of one moment, and the program looks whether they
add up to the roster; when they do not, the report says where, and the exit code is 1.
会員の氏名やアドレスは含みません。数字が名簿と合わないときは、その箇所を示し、終了コード 1 で終わります。")]
pub(super) struct Options {
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// Write it as one HTML file, too; a file of that name is replaced  HTML ファイルにも書き出す
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
}

pub(super) async fn run(session: &Session, options: &Options) -> Answer {
    let config = session.config()?;
    let id = &options.notice;
    let library = Library::load(&config);
    let issuer = library.get(id).map(|notice| issuer(notice.renderer.definition())).unwrap_or_default();
    let store = session.store_to_read(&config).await?;
    known_notice(&store, id).await?;
    let person = session.person(&store, Action::Report).await?;
    let made = (issuer, person.name, session.now());
    let report = Report::read(&store, id, config.receipts.quiet, made).await?;
    store.close().await;
    let report = report.ok_or_else(|| unknown_notice(id))?;
    if let Some(file) = &options.html {
        write(file, &html::page(&report, session.lang()))?;
    }
    tell(session, &report);
    if let Some(file) = options.html.as_ref().map(|file| file.display()) {
        session.tell(&say!(ja: "\n{file} に書き出しました。", en: "\nwritten to {file}"));
    }
    session.answer(&report.document());
    Ok(if report.figures.wrong.is_empty() { Exit::Done } else { Exit::Failed })
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
    std::fs::write(file, page).map_err(|error| {
        let shown = file.display();
        Failure::new(
            Exit::Failed,
            say!(ja: "{shown} に書き込めません: {error}", en: "{shown} cannot be written: {error}"),
        )
    })
}
