//! Files of lines that are given back: one takes its name only when the import is done, so that no earlier file is lost before.

use super::ImportError;
use owabi_core::address::Lang;
use owabi_core::roster::{Refusal, RefusedWriter};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Lines on their way into a file.
pub(super) struct GivenBack {
    writer: RefusedWriter<BufWriter<File>>,
    part: Part,
    name: PathBuf,
}

/// A file beside the one that is meant. It goes with this value.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // After a rename it is not there any more.
        let _ = fs::remove_file(&self.0);
    }
}

impl GivenBack {
    /// Opens a file beside `name`; `id` makes its name unique.
    pub(super) fn create(name: &Path, id: &str, headers: &[String], lang: Lang) -> Result<Self, ImportError> {
        let name = fs::canonicalize(name).unwrap_or_else(|_| name.to_owned());
        let part = Part(name.with_added_extension(format!("{id}.part")));
        let writer = File::create_new(&part.0).and_then(|out| RefusedWriter::new(BufWriter::new(out), headers, lang));
        Ok(Self { writer: writer.map_err(|error| super::in_file(&part.0, error))?, part, name })
    }

    pub(super) fn write(&mut self, number: u64, reason: &str, raw: &[String]) -> Result<(), ImportError> {
        self.writer.write(number, reason, raw).map_err(|error| super::in_file(&self.part.0, error))
    }

    /// Everything is written; the file still has its passing name.
    pub(super) fn finish(self) -> Result<Finished, ImportError> {
        let Self { writer, part, name } = self;
        writer.finish().map_err(|error| super::in_file(&part.0, error))?;
        Ok(Finished { part, name })
    }
}

/// A line that is refused.
pub(super) struct RefusedLine {
    pub(super) number: u64,
    pub(super) reason: Refusal,
    pub(super) raw: Vec<String>,
}

/// All lines, written.
pub(super) struct Finished {
    part: Part,
    name: PathBuf,
}

impl Finished {
    /// Gives the file its name.
    pub(super) fn keep(self) -> Result<(), ImportError> {
        fs::rename(&self.part.0, &self.name)
            .map_err(|error| ImportError::GivenBack(self.name.display().to_string(), error))
    }
}

/// Whether two names are of one file.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let identity = |path| fs::metadata(path).map(|of| (of.dev(), of.ino()));
    match (identity(one), identity(other)) {
        (Ok(one), Ok(other)) => Ok(one == other),
        // Two that are not there yet may be one all the same.
        (Err(_), Err(_)) => Ok(place_of(one) == place_of(other)),
        (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn place_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()).join(file.file_name().unwrap_or_default())
}
