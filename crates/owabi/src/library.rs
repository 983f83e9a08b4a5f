//! The notices on disk: definitions and templates, compiled once at start.

use crate::cli::say::{Text, say};
use crate::config::{Config, unreadable};
use owabi_core::notice::{NoticeDefinition, Severity};
use owabi_core::render::{Renderer, TEMPLATE_FILES, TemplateError, TemplateSources, WEB_TEMPLATE, WebPage};
use owabi_store::NoticeRow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One notice, ready to render.
#[derive(Debug)]
pub struct LoadedNotice {
    /// Definition and compiled templates.
    pub renderer: Renderer,
    /// The files' texts, as they are kept with a release.
    pub source: NoticeSource,
}

/// A notice's files.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NoticeSource {
    /// The notice file.
    pub definition: String,
    /// `subject.txt.hbs`.
    pub subject: String,
    /// `body.txt.hbs`.
    pub text: String,
    /// `body.html.hbs`.
    pub html: String,
}

/// Something wrong with a notice, its templates or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeProblem {
    /// The notice: its file's name without the ending; empty when it is the folder of all notices.
    pub notice: String,
    /// What is wrong, with file and, where known, line and key.
    pub what: Text,
    /// Whether the notice can be used all the same.
    pub warning: bool,
}

/// All notices of the configured folder by id, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Library {
    /// Usable notices.
    pub notices: BTreeMap<String, Arc<LoadedNotice>>,
    /// Everything that `check` reports.
    pub problems: Vec<NoticeProblem>,
}

impl Library {
    /// Loads every `*.yaml` of the notices folder.
    pub fn load(config: &Config) -> Self {
        let mut library = Self::default();
        let dir = &config.notices.dir;
        match notice_files(dir) {
            Ok(files) => files.iter().for_each(|file| library.add(config, file)),
            Err(error) => library.problem("", unreadable(&error).at(&shown(dir)), false),
        }
        library
    }

    /// The notice `id`, or why there is none.
    ///
    /// # Errors
    /// One text that names the problems of its files, or the notices that there are.
    pub fn get(&self, id: &str) -> Result<Arc<LoadedNotice>, Text> {
        if let Some(notice) = self.notices.get(id) {
            return Ok(Arc::clone(notice));
        }
        if self.is_broken(id) {
            let own: Vec<Text> = self.wrong(id).map(|problem| problem.what.clone()).collect();
            return Err(Text::joined(&own, "\n", "\n"));
        }
        let known: Vec<&str> = self.notices.keys().map(String::as_str).collect();
        let (ja, en) = (known.join("、"), known.join(", "));
        Err(say!(
            ja: "「{id}」というお知らせはありません。あるもの: {ja}",
            en: "there is no notice {id:?}; the notices are: {en}"
        ))
    }

    /// Whether the notice cannot be used because its files are wrong.
    pub fn is_broken(&self, id: &str) -> bool {
        self.wrong(id).next().is_some()
    }

    fn wrong(&self, id: &str) -> impl Iterator<Item = &NoticeProblem> {
        self.problems.iter().filter(move |problem| !problem.warning && problem.notice == id)
    }

    /// Whether the notice's files are here with the text that was released.
    pub fn is_as_released(&self, row: &NoticeRow) -> bool {
        let here = self.notices.get(&row.id).map(|notice| notice.renderer.fingerprint_hex());
        here.is_some() && here == row.fingerprint
    }

    fn add(&mut self, config: &Config, file: &Path) {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some((definition, text)) = self.read_definition(file, stem) else { return };
        let folder = template_folder(config, &definition);
        self.look_at_page(&folder, &definition);
        match load_sources(&folder, text) {
            Ok(source) => self.compile((&folder, file), definition, source),
            Err((file, error)) => self.problem(stem, unreadable(&error).at(&shown(&file)), false),
        }
    }

    fn read_definition(&mut self, file: &Path, stem: &str) -> Option<(NoticeDefinition, String)> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return self.reject(stem, unreadable(&error).at(&shown(file))),
        };
        let definition = match NoticeDefinition::parse(&shown(file), &text) {
            Ok(definition) => definition,
            Err(error) => return self.reject(stem, error.text()),
        };
        if let Some(problem) = definition.check_stem(stem) {
            return self.reject(stem, problem.in_file(&shown(file)).text());
        }
        let problems = definition.validate();
        let usable = problems.iter().all(|problem| problem.severity == Severity::Warning);
        for problem in problems {
            let warning = problem.severity == Severity::Warning;
            self.problem(stem, problem.in_file(&shown(file)).text(), warning);
        }
        usable.then_some((definition, text))
    }

    /// The page for the site may be missing; a wrong one keeps no mail back.
    fn look_at_page(&mut self, folder: &Path, definition: &NoticeDefinition) {
        let file = folder.join(WEB_TEMPLATE);
        let Ok(source) = std::fs::read_to_string(&file) else { return };
        let found = match WebPage::render(definition, &source) {
            Ok(page) => page.problems.iter().map(|problem| problem.text().at(&shown(&file))).collect(),
            Err(error) => vec![in_folder(folder, error).text()],
        };
        for what in found {
            self.problem(&definition.id, what, true);
        }
    }

    fn compile(&mut self, (folder, file): (&Path, &Path), definition: NoticeDefinition, source: NoticeSource) {
        let NoticeSource { subject, text, html, .. } = source.clone();
        match Renderer::compile(&definition, &TemplateSources { subject, text, html }) {
            Ok(renderer) => {
                let notice = Arc::new(LoadedNotice { renderer, source });
                self.notices.insert(definition.id, notice);
            }
            Err(error) => {
                let of_the_notice = !TEMPLATE_FILES.contains(&error.file.as_str());
                let what = if of_the_notice { error.text().at(&shown(file)) } else { in_folder(folder, error).text() };
                self.problem(&definition.id, what, false);
            }
        }
    }

    fn reject<T>(&mut self, notice: &str, what: Text) -> Option<T> {
        self.problem(notice, what, false);
        None
    }

    fn problem(&mut self, notice: &str, what: Text, warning: bool) {
        self.problems.push(NoticeProblem { notice: notice.to_owned(), what, warning });
    }
}

/// The mistake in the file as it is found from here.
pub(crate) fn in_folder(folder: &Path, error: TemplateError) -> TemplateError {
    TemplateError { file: shown(&folder.join(&error.file)), ..error }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

/// Where a notice's templates are.
pub(crate) fn template_folder(config: &Config, definition: &NoticeDefinition) -> PathBuf {
    config.notices.templates.join(definition.template_dir())
}

fn notice_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths: Result<Vec<PathBuf>, _> = std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect();
    let mut files: Vec<PathBuf> =
        paths?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml")).collect();
    files.sort();
    Ok(files)
}

fn load_sources(folder: &Path, definition: String) -> Result<NoticeSource, (PathBuf, std::io::Error)> {
    let read = |name: &str| {
        let file = folder.join(name);
        std::fs::read_to_string(&file).map_err(|error| (file, error))
    };
    Ok(NoticeSource {
        definition,
        subject: read("subject.txt.hbs")?,
        text: read("body.txt.hbs")?,
        html: read("body.html.hbs")?,
    })
}
