//! What all connections of one relay share.

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::gates::Gates;
use super::live::Live;
use super::locked;
use super::maildir::Maildir;
use super::options::CaptureOptions;
use super::records::Records;
use super::stats::Counters;

pub(super) struct Shared {
    pub(super) options: CaptureOptions,
    pub(super) counters: Arc<Counters>,
    pub(super) records: Mutex<Records>,
    pub(super) gates: Gates,
    pub(super) maildir: Option<Arc<Maildir>>,
    pub(super) started: Instant,
    /// Mails captured so far, for queue ids and file names.
    pub(super) numbers: AtomicU64,
    script: Mutex<Arc<Live>>,
}

impl Shared {
    pub(super) async fn new(options: CaptureOptions) -> io::Result<Self> {
        let maildir = match options.maildir.clone() {
            Some(root) => Some(Arc::new(Maildir::create(root).await?)),
            None => None,
        };
        Ok(Self {
            counters: Arc::default(),
            records: Mutex::new(Records::new(options.keep, options.keep_commands)),
            gates: Gates::default(),
            maildir,
            started: Instant::now(),
            numbers: AtomicU64::new(0),
            script: Mutex::new(Arc::new(Live::from(options.script.clone()))),
            options,
        })
    }

    /// The script in use.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&locked(&self.script))
    }

    pub(super) fn set_live(&self, live: Live) {
        *locked(&self.script) = Arc::new(live);
    }

    pub(super) fn saw(&self, connection: u64, line: &str) {
        if self.options.keep_commands > 0 {
            locked(&self.records).add_command(connection, line);
        }
    }
}
