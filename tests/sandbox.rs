//! owabi as a service: the units, their sandbox, and what owabi really asks of the kernel.

mod calls;
mod container;
mod units;

use std::path::{Path, PathBuf};

/// Where the units lie.
fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd")
}

/// The files of a folder that end in one of these, in order.
fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |path: &PathBuf| ends.iter().any(|end| path.to_str().unwrap().ends_with(end));
    let mut files: Vec<PathBuf> = paths.filter(wanted).collect();
    files.sort();
    files
}

/// The assignments of a unit or a drop-in, in their order; comments are left out.
fn assignments(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with(['#', ';', '[']));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// All values that a unit gives to a key.
fn values(file: &Path, key: &str) -> Vec<String> {
    assignments(file).into_iter().filter(|(name, _)| name == key).map(|(_, value)| value).collect()
}
