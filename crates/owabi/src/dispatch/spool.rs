//! The spool file: outcomes that the database did not take before the end, for the next run.
//!
//! One JSON line an outcome. It is written only when a stop was asked for while the database was away; relays' replies
//! stand in it, so that nobody else may read it.

use crate::clock::now_ms;
use owabi_store::{Group, Settle, Store, StoreError};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Outcomes that are recorded together when the file is read.
const GROUP: usize = 500;

/// Where the spool file lies, whether there is one or not.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    file: PathBuf,
}

impl Spool {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Adds outcomes, on the disk when it returns.
    pub(super) fn keep(&self, settles: &[Settle]) -> io::Result<()> {
        append(&self.file, settles)
    }

    /// Records what an earlier run left, as far as its claims still stand; what came too late is kept beside it.
    ///
    /// # Errors
    /// The database's; the file then stays as it is. A file that cannot be read is left alone and said.
    pub(super) async fn record(&self, store: &Store) -> Result<(), StoreError> {
        // Another daemon of this machine may look for the same file: only one of them gets it.
        let mine = self.beside(&format!("{}", std::process::id()));
        if std::fs::rename(&self.file, &mine).is_err() {
            return Ok(());
        }
        let recorded = self.record_file(store, &mine).await;
        if recorded.is_err() {
            // Back where the next run looks. If this fails too, the file still lies beside it, and the error says so.
            let _ = std::fs::rename(&mine, &self.file);
        }
        recorded
    }

    async fn record_file(&self, store: &Store, mine: &Path) -> Result<(), StoreError> {
        let file = mine.display();
        let settles = match read(mine) {
            Ok(settles) => settles,
            Err(error) => {
                tracing::error!(%file, %error, "the spool file cannot be read; it is left as it is");
                return Ok(());
            }
        };
        let mut late = Vec::new();
        for settles in settles.chunks(GROUP) {
            let group = Group { settles: settles.to_vec(), intents: Vec::new() };
            let recorded = store.record(&group, now_ms(), i64::MAX, true).await?;
            late.extend(group.settles.into_iter().filter(|settle| !recorded.settled.contains(&settle.claim())));
        }
        let recorded = settles.len() - late.len();
        tracing::warn!(recorded, late = late.len(), "outcomes of an earlier run came from the spool file");
        let kept = if late.is_empty() { Ok(()) } else { append(&self.beside("late"), &late) };
        match kept.and_then(|()| std::fs::remove_file(mine)) {
            Ok(()) => {}
            Err(error) => tracing::error!(%file, %error, "the spool file stays, although it is recorded"),
        }
        Ok(())
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.file.as_os_str().to_owned();
        name.push(".");
        name.push(end);
        PathBuf::from(name)
    }
}

fn append(file: &Path, settles: &[Settle]) -> io::Result<()> {
    let mut text = Vec::new();
    for settle in settles {
        serde_json::to_writer(&mut text, settle)?;
        text.push(b'\n');
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.write_all(&text)?;
    file.sync_all()
}

fn read(file: &Path) -> io::Result<Vec<Settle>> {
    let text = std::fs::read_to_string(file)?;
    let settle = |line: &str| serde_json::from_str(line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error));
    text.lines().map(settle).collect()
}
