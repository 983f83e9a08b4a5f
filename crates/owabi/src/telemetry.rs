//! The program's log: `tracing` events to stderr, so that stdout belongs to answers.

use crate::config::{Environment, Log, LogFormat};
use std::io::IsTerminal;
use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that would write statements, addresses or bodies, or of each line that is logged another one (notify watches the
/// folder of the logs): nothing under a warning passes, whatever is asked for.
const QUIET: [&str; 9] = ["sqlx", "lettre", "handlebars", "rustls", "tokio", "hyper", "h2", "mio", "notify"];

/// Starts logging. The first of these that is set says what is logged: `asked` (`--log`), `$OWABI_LOG`, `log.level`.
/// `RUST_LOG` has no say. A second call changes nothing.
pub fn init(log: &Log, asked: Option<&str>, environment: &Environment) -> Result<(), String> {
    let level = asked.or_else(|| environment.get("OWABI_LOG")).unwrap_or(&log.level);
    let filter = filter(level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let under_systemd = environment.get("JOURNAL_STREAM").is_some();
    let stderr = std::io::stderr;
    let output = match (log.format, under_systemd) {
        (LogFormat::Json, _) => fmt::layer().json().flatten_event(true).with_writer(stderr).boxed(),
        (LogFormat::Auto, true) => fmt::layer().without_time().with_ansi(false).with_writer(stderr).boxed(),
        (LogFormat::Auto, false) => fmt::layer().with_ansi(colours(environment)).with_writer(stderr).boxed(),
        (LogFormat::Text, _) => fmt::layer().with_ansi(false).with_writer(stderr).boxed(),
    };
    let _already_started = registry.with(output.with_filter(filter_fn(may_pass))).try_init();
    Ok(())
}

/// Whether `level` can be used as a filter.
pub fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    let known = |word: &str| word.parse::<LevelFilter>().is_ok();
    if level.trim().is_empty() || !level.split(',').all(|part| part.contains(['=', '[']) || known(part.trim())) {
        return Err(format!("\"{level}\" is not a log level"));
    }
    EnvFilter::builder().parse(level).map_err(|e| format!("\"{level}\" is not a log filter: {e}"))
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
        let registry = tracing_subscriber::registry().with(filter(level).unwrap());
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
    fn a_library_s_warning_is_logged() {
        assert!(logged("info", || tracing::warn!(target: "sqlx::pool", "slow")).contains("slow"));
    }

    #[test]
    fn a_level_that_does_not_exist_is_refused() {
        for level in ["", "loud", "info,loud", "owabi=loud"] {
            assert!(check_level(level).is_err(), "{level}");
        }
        for level in ["info", "OFF", "info,owabi_smtp=debug"] {
            assert!(check_level(level).is_ok(), "{level}");
        }
    }
}
