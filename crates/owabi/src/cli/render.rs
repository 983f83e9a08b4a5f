//! `render`: the notice as others may read it, the page for the association's site.

use super::exit::{Answer, Exit, Failure};
use super::say::{Text, say};
use super::session::{Session, notice};
use crate::library;
use owabi_core::guard::GuardProblem;
use owabi_core::ids::hex;
use owabi_core::render::{WEB_TEMPLATE, WebPage};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The options of `render`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  owabi render --web --notice metaps-2022 --out public/
  owabi render --web --notice metaps-2022 --out apology.html

One HTML file that loads nothing and leads only where the notice allows. It is made from web.html.hbs beside the mail's
templates, from the same facts, and holds nobody's name, number or payment: its template cannot name a member.
個人情報を含まない、ウェブ掲載用のページです。")]
pub(super) struct Options {
    /// A page for the site
    #[arg(long, required = true)]
    web: bool,
    /// The notice's id  お知らせの id
    #[arg(long, value_name = "ID")]
    notice: String,
    /// The file, or a folder for ID.html
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
}

pub(super) fn run(session: &Session, options: &Options) -> Answer {
    let id = &options.notice;
    let config = session.config()?;
    let notice = notice(&config, id)?;
    let definition = notice.renderer.definition();
    let folder = library::template_folder(&config, definition);
    let file = folder.join(WEB_TEMPLATE);
    let template = file.display();
    let source = std::fs::read_to_string(&file).map_err(|error| {
        Failure::with(
            Exit::BadConfig,
            say!(ja: "{template} を読めません: {error}", en: "{template} cannot be read: {error}"),
            say!(ja: "`owabi init` で、同梱のお知らせのものを書き出せます。", en: "`owabi init` writes those of the shipped notices"),
        )
    })?;
    let page = WebPage::render(definition, &source)
        .map_err(|error| Failure::new(Exit::BadConfig, library::in_folder(&folder, error).text()))?;
    refuse_problems(&page)?;
    let out = place(&options.out, id);
    write(&out, &page.html)?;
    let (shown, sha256) = (out.display(), hex(&Sha256::digest(&page.html)));
    session.tell(&say!(ja: "{shown} に書きました。", en: "{shown} is written"));
    session.answer(&json!({ "notice": id, "file": out, "bytes": page.html.len(), "sha256": sha256 }));
    Ok(Exit::Done)
}

/// A page that the facts guard would not let go out as a mail is not shown either.
fn refuse_problems(page: &WebPage) -> Result<(), Failure> {
    if page.problems.is_empty() {
        return Ok(());
    }
    let problems: Vec<Text> = page.problems.iter().map(GuardProblem::text).collect();
    let Text { ja, en } = Text::joined(&problems, "\n  ", "\n  ");
    Err(Failure::with(
        Exit::BadData,
        say!(ja: "このページは掲載できません:\n  {ja}", en: "this page may not be shown:\n  {en}"),
        say!(ja: "web.html.hbs かお知らせを直してください。何も書いていません。", en: "correct web.html.hbs or the notice; nothing was written"),
    ))
}

/// A folder that is not there is not made: its name may be a mistake.
fn write(out: &Path, html: &str) -> Result<(), Failure> {
    std::fs::write(out, html).map_err(|error| {
        let shown = out.display();
        Failure::with(
            Exit::Failed,
            say!(ja: "{shown} に書けません: {error}", en: "{shown} cannot be written: {error}"),
            say!(
                ja: "フォルダーがあり、書き込めるかを確かめてください。何も書いていません。",
                en: "is its folder there, and may it be written to? Nothing was written"
            ),
        )
    })
}

/// A name with a slash at its end is a folder, whether or not it is there already.
fn place(out: &Path, id: &str) -> PathBuf {
    if out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/") {
        out.join(format!("{id}.html"))
    } else {
        out.to_owned()
    }
}
