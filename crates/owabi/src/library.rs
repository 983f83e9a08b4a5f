//! The notices on disk: definitions and templates, compiled once at start.

use crate::config::Config;
use owabi_core::notice::{NoticeDefinition, Severity};
use owabi_core::render::{Renderer, TemplateSources, WEB_TEMPLATE, WebPage};
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NoticeProblem {
    /// The file.
    pub file: String,
    /// What is wrong and, where known, at which line and key.
    pub message: String,
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
        match notice_files(&config.notices.dir) {
            Ok(files) => files.iter().for_each(|file| library.add(config, file)),
            Err(error) => library.problem(&config.notices.dir, format!("cannot be read: {error}"), false),
        }
        library
    }

    /// The notice `id`, or why there is none.
    ///
    /// # Errors
    /// One text that names the problems of its files, or the notices that there are.
    pub fn get(&self, id: &str) -> Result<Arc<LoadedNotice>, String> {
        if let Some(notice) = self.notices.get(id) {
            return Ok(Arc::clone(notice));
        }
        let own = |problem: &&NoticeProblem| !problem.warning && problem.file.contains(id);
        let mine: Vec<String> =
            self.problems.iter().filter(own).map(|p| format!("{}: {}", p.file, p.message)).collect();
        if !mine.is_empty() {
            return Err(mine.join("\n"));
        }
        let known: Vec<&str> = self.notices.keys().map(String::as_str).collect();
        Err(format!("there is no notice {id:?}; the notices are: {}", known.join(", ")))
    }

    /// Whether the notice's files are here with the text that was released.
    pub fn is_as_released(&self, row: &NoticeRow) -> bool {
        let here = self.notices.get(&row.id).map(|notice| notice.renderer.fingerprint_hex());
        here.is_some() && here == row.fingerprint
    }

    fn add(&mut self, config: &Config, file: &Path) {
        let Some(definition) = self.read_definition(file) else { return };
        let folder = template_folder(config, &definition.0);
        self.look_at_page(&folder, &definition.0);
        match load_sources(&folder, definition.1) {
            Ok(source) => self.compile(&folder, definition.0, source),
            Err((file, error)) => self.problem(&file, format!("cannot be read: {error}"), false),
        }
    }

    fn read_definition(&mut self, file: &Path) -> Option<(NoticeDefinition, String)> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return self.reject(file, format!("cannot be read: {error}")),
        };
        let definition = match NoticeDefinition::parse(&file.display().to_string(), &text) {
            Ok(definition) => definition,
            Err(error) => return self.reject(file, error.to_string()),
        };
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if definition.id != stem {
            return self.reject(file, format!("id: is {:?}, but the file's name says {stem:?}", definition.id));
        }
        let problems = definition.validate();
        let usable = problems.iter().all(|problem| problem.severity == Severity::Warning);
        for problem in problems {
            let warning = problem.severity == Severity::Warning;
            self.problem(file, format!("{}: {}", problem.path, problem.message), warning);
        }
        usable.then_some((definition, text))
    }

    /// The page for the site may be missing; a wrong one keeps no mail back.
    fn look_at_page(&mut self, folder: &Path, definition: &NoticeDefinition) {
        let file = folder.join(WEB_TEMPLATE);
        let Ok(source) = std::fs::read_to_string(&file) else { return };
        match WebPage::render(definition, &source) {
            Ok(page) => page.problems.iter().for_each(|problem| self.problem(&file, problem.to_string(), true)),
            Err(error) => self.problem(&file, error.to_string(), true),
        }
    }

    fn compile(&mut self, folder: &Path, definition: NoticeDefinition, source: NoticeSource) {
        let NoticeSource { subject, text, html, .. } = source.clone();
        match Renderer::compile(&definition, &TemplateSources { subject, text, html }) {
            Ok(renderer) => {
                let notice = Arc::new(LoadedNotice { renderer, source });
                self.notices.insert(definition.id, notice);
            }
            Err(error) => self.problem(folder, error.to_string(), false),
        }
    }

    fn reject<T>(&mut self, file: &Path, message: String) -> Option<T> {
        self.problem(file, message, false);
        None
    }

    fn problem(&mut self, file: &Path, message: String, warning: bool) {
        self.problems.push(NoticeProblem { file: file.display().to_string(), message, warning });
    }
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
