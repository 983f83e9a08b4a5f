//! The program's log: `tracing` events to stderr, so that stdout belongs to answers.

mod journal;
mod level;

pub use level::{check as check_level, log_as_configured, log_more};

use crate::config::{Environment, Log, LogFormat};
use journal::Journal;
use std::io::IsTerminal;
use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that would write statements, addresses or bodies, or of each line that is logged another one (notify watches the
/// folder of the logs): nothing under a warning passes, whatever is asked for.
const QUIET: [&str; 9] = ["sqlx", "lettre", "handlebars", "rustls", "tokio", "hyper", "h2", "mio", "notify"];

/// Starts logging. `$OWABI_LOG`, else `log.level`, says what is logged, and `asked` (`--log-format`), else `log.format`, how.
/// `RUST_LOG` has no say. A second call changes nothing.
///
/// # Errors
/// When `$OWABI_LOG` is no filter.
pub fn init(log: &Log, asked: Option<LogFormat>, environment: &Environment) -> Result<(), String> {
    let (filter, control) = level::start(log, environment)?;
    let (stderr, format) = (std::io::stderr, asked.unwrap_or(log.format));
    let in_journal = format == LogFormat::Auto && journal::is_stderr(environment);
    let output = match (format, in_journal.then(Journal::open).flatten()) {
        (LogFormat::Json, _) => fmt::layer().json().flatten_event(true).with_writer(stderr).boxed(),
        (LogFormat::Auto, Some(journal)) => journal.boxed(),
        // The journal has the time of each line.
        (LogFormat::Auto, None) if in_journal => {
            fmt::layer().without_time().with_ansi(false).with_writer(stderr).boxed()
        }
        (LogFormat::Auto, None) => fmt::layer().with_ansi(colours(environment)).with_writer(stderr).boxed(),
        (LogFormat::Text, _) => fmt::layer().with_ansi(false).with_writer(stderr).boxed(),
    };
    let registry = tracing_subscriber::registry().with(filter).with(output.with_filter(filter_fn(may_pass)));
    if registry.try_init().is_ok() {
        level::control(control);
    }
    Ok(())
}

/// The configuration was read again: its level holds, if it is another one.
pub fn configure(log: &Log) {
    level::configure(&log.level);
}

/// The last word, after every filter: see [`QUIET`].
fn may_pass(event: &Metadata<'_>) -> bool {
    let library = event.target().split("::").next().unwrap_or_default();
    // A lost connection is said once, in our own words, by whoever needed it.
    let statement = ["sqlx::query", "sqlx::postgres::notice", "sqlx_core::pool::connection"]
        .iter()
        .any(|t| event.target().starts_with(t));
    let quiet = QUIET.contains(&library.split('_').next().unwrap_or_default());
    !statement && (!quiet || *event.level() <= tracing::Level::WARN)
}

fn colours(environment: &Environment) -> bool {
    std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none()
}

/// A panic's own words may quote a member's name or address: only the place is said.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "owabi broke down here; this is a defect, please report it");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, say: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let output = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry().with(level::filter(level).unwrap());
        tracing::subscriber::with_default(registry.with(output.with_filter(filter_fn(may_pass))), say);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn statements_and_bodies_of_libraries_are_not_logged_even_at_trace() {
        let text = logged("trace,sqlx=trace", || {
            tracing::error!(target: "sqlx::query", "SELECT secret");
            tracing::info!(target: "sqlx_core::pool", "secret");
            tracing::warn!(target: "sqlx_core::pool::connection", "secret: error from after_release");
            tracing::debug!(target: "lettre::transport", "secret");
            tracing::trace!(target: "owabi::dispatch", "ours");
        });
        assert!(text.contains("ours") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn what_may_not_be_logged_does_not_come_into_the_journal_either() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("socket");
        let socket = std::os::unix::net::UnixDatagram::bind(&at).unwrap();
        let output = Journal::at(&at).unwrap().with_filter(filter_fn(may_pass));
        let registry = tracing_subscriber::registry().with(level::filter("trace").unwrap());
        tracing::subscriber::with_default(registry.with(output), || {
            tracing::error!(target: "sqlx::query", "SELECT secret");
            tracing::debug!(target: "lettre::transport", "secret");
            tracing::trace!(target: "hyper_util::client", "secret");
            tracing::trace!(target: "owabi::dispatch", "ours");
        });
        let mut octets = [0; 4096];
        let length = socket.recv(&mut octets).unwrap();
        assert!(String::from_utf8_lossy(&octets[..length]).contains("MESSAGE=ours\n"));
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut octets).is_err(), "and nothing else");
    }

    #[test]
    fn a_library_s_warning_is_logged() {
        assert!(logged("info", || tracing::warn!(target: "sqlx::pool", "slow")).contains("slow"));
    }
}
