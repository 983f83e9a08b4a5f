//! The operator's own program.

use crate::service::VARIABLES;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs it with two arguments, the alert's kind and the notice's id (empty when it is about none), and JSON on its input.
///
/// # Errors
/// Why it failed, or that it took longer than 30 s: then it is killed.
pub(super) async fn run(program: &Path, kind: &str, notice: &str, said: &str) -> Result<(), String> {
    run_within(program, (kind, notice), said, LIMIT).await
}

async fn run_within(program: &Path, (kind, notice): (&str, &str), said: &str, limit: Duration) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args([kind, notice]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    for name in VARIABLES {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let input = child.stdin.take();
    let done = async {
        if let Some(mut input) = input {
            // A program that does not read is no failed one.
            let _ = input.write_all(said.as_bytes()).await;
        }
        child.wait().await
    };
    match tokio::time::timeout(limit, done).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("took longer than {} s", limit.as_secs_f64())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, text: &str) -> std::path::PathBuf {
        let path = folder.join("alert");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn it_gets_kind_and_notice_as_arguments_and_the_alert_on_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "cd \"$(dirname \"$0\")\"; echo \"$1 $2\" > said; cat >> said");
        run(&program, "canary_failed", "leak", "{\"kind\":\"canary_failed\"}").await.unwrap();
        let said = std::fs::read_to_string(folder.path().join("said")).unwrap();
        assert_eq!(said, "canary_failed leak\n{\"kind\":\"canary_failed\"}");
    }

    #[tokio::test]
    async fn one_that_fails_is_missing_or_takes_too_long_is_told_of_and_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "exit 3");
        assert!(run(&program, "k", "", "{}").await.unwrap_err().contains('3'));
        assert!(run(&folder.path().join("none"), "k", "", "{}").await.is_err());
        let slow = script(folder.path(), "exec sleep 60");
        let late = run_within(&slow, ("k", ""), "{}", Duration::from_millis(200)).await;
        assert!(late.unwrap_err().contains("longer than"));
    }
}
