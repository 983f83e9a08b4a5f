//! The published test data that lies beside the project.

use std::io::Write;
use std::path::PathBuf;

/// The folder of all corpora; `OWABI_CORPORA` names another.
pub(crate) fn corpora() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    std::env::var_os("OWABI_CORPORA").map_or(beside, PathBuf::from)
}

/// The lines of one corpus's index; `None`, said on stderr, when the folder is absent.
#[expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
pub(crate) fn corpus(name: &str) -> Option<Vec<serde_json::Value>> {
    let path = corpora().join(name).join("index.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        // Written past the harness, which keeps what a passing test prints to itself.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: no corpus at {}; set OWABI_CORPORA to its folder", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}
