//! Says when something is logged, so that the journal need not be read all the time.

use super::child::command;
use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::time::{sleep, timeout};

/// News that come together are one news: each costs a look at the journal.
const TOGETHER: Duration = Duration::from_secs(1);

/// A `journalctl --follow`, of which only matters that it prints something.
#[derive(Debug)]
pub(super) struct News {
    extra: Vec<OsString>,
    running: Option<(Child, BufReader<ChildStdout>)>,
}

impl News {
    pub(super) fn new(extra: Vec<OsString>) -> Self {
        Self { extra, running: None }
    }

    /// Starts it where it does not run. Before the journal is read, so that nothing falls between.
    pub(super) fn renew(&mut self) {
        if self.running.is_none() {
            self.running = self.start().inspect_err(|error| tracing::debug!(%error, "the journal is polled")).ok();
        }
    }

    /// Returns when there is news, or after `longest`. Where it cannot follow, that is all it does.
    pub(super) async fn wait(&mut self, longest: Duration) {
        let Some((_, printed)) = &mut self.running else { return sleep(longest).await };
        match timeout(longest, printed.fill_buf()).await {
            Ok(Ok(news)) if !news.is_empty() => {
                let read = news.len();
                printed.consume(read);
                sleep(TOGETHER.min(longest)).await;
            }
            // It ended; another one will be started.
            Ok(_) => {
                self.running = None;
                sleep(longest).await;
            }
            Err(_) => {}
        }
    }

    fn start(&self) -> io::Result<(Child, BufReader<ChildStdout>)> {
        let mut command = command(&self.extra);
        command.args(["--follow", "--lines=0", "--output=cat", "--output-fields=SYSLOG_IDENTIFIER", "--quiet"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let printed = child.stdout.take().ok_or_else(|| io::Error::other("journalctl has no output"))?;
        Ok((child, BufReader::with_capacity(64 << 10, printed)))
    }
}
