//! Prometheus's own checker, which `./x test` unpacks.

use super::servers::SYSTEM_PATH;
use super::{keeper, servers};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program; `None` when it is not here, which `OWABI_REQUIRE=promtool` makes a failure.
fn program() -> Option<PathBuf> {
    let unpacked = keeper::unpacked("prometheus", "usr/bin/promtool");
    let installed = SYSTEM_PATH.split(':').map(|folder| Path::new(folder).join("promtool"));
    let found = [unpacked].into_iter().chain(installed).find(|file| file.exists());
    let why_not = found.is_none().then(|| "there is no promtool (./x test unpacks it)".to_owned());
    servers::is_available("promtool", why_not).then_some(found).flatten()
}

/// What it says of this input; `None` without the program.
pub(crate) fn says(arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new(program()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(promtool.wait_with_output().unwrap())
}

/// It must be content, and have nothing to remark.
pub(crate) fn is_content(arguments: &[&str], input: &str) {
    let Some(output) = says(arguments, input) else { return };
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
}
