//! Says when something happens to a file, so that it need not be looked at all the time (inotify, where it works).

use super::place::{folder, resolved};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// News that come together are one news.
const TOGETHER: Duration = Duration::from_millis(200);

/// Watches the file's folder: the file itself is renamed and made anew.
#[derive(Debug)]
pub(super) struct Watch {
    folder: PathBuf,
    name: OsString,
    news: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    pub(super) fn on(file: &Path) -> Self {
        let file = resolved(file);
        let name = file.file_name().unwrap_or_default().to_owned();
        let mut watch = Self { folder: folder(&file).to_owned(), name, news: Arc::default(), watcher: None };
        watch.renew();
        watch
    }

    /// Tries again where it could not be watched before.
    pub(super) fn renew(&mut self) {
        if self.watcher.is_none() {
            let made = self.watcher();
            self.watcher = made.inspect_err(|error| tracing::debug!(%error, "no inotify: the log is polled")).ok();
        }
    }

    fn watcher(&self) -> notify::Result<RecommendedWatcher> {
        let (news, name) = (Arc::clone(&self.news), self.name.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // That we read it is no news. An error may have swallowed some.
            let is_news = event.map_or(true, |event| {
                !event.kind.is_access() && event.paths.iter().any(|path| path.file_name() == Some(&name))
            });
            if is_news {
                news.notify_one();
            }
        })?;
        watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    }

    /// Returns when there is news, or after `longest`.
    pub(super) async fn wait(&self, longest: Duration) {
        if tokio::time::timeout(longest, self.news.notified()).await.is_ok() {
            tokio::time::sleep(TOGETHER.min(longest)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    #[tokio::test]
    async fn a_line_that_is_added_or_a_file_that_is_made_is_news() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("mail.log");
        let watch = Watch::on(&log);
        if watch.watcher.is_none() {
            eprintln!("SKIPPED: there is no inotify here");
            return;
        }
        let long = Duration::from_mins(1);
        fs::write(&log, "one\n").unwrap();
        tokio::time::timeout(long / 2, watch.wait(long)).await.expect("the new file");
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(b"two\n").unwrap();
        tokio::time::timeout(long / 2, watch.wait(long)).await.expect("the new line");
    }
}
