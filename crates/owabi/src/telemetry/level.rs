//! What is logged, and how it changes while the program runs.

use crate::config::{Environment, Log};
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::reload::{Handle, Layer};

/// Of the one log of this process.
static CONTROL: OnceLock<Control> = OnceLock::new();

/// By what the log is changed.
#[derive(Debug)]
pub(super) struct Control {
    handle: Handle<EnvFilter, Registry>,
    /// `$OWABI_LOG` goes before whatever the configuration says.
    by_environment: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    configured: String,
    /// What is logged now.
    current: String,
}

/// The filter to begin with.
///
/// # Errors
/// When `$OWABI_LOG` is no filter.
pub(super) fn start(log: &Log, environment: &Environment) -> Result<(Layer<EnvFilter, Registry>, Control), String> {
    let by_environment = environment.get("OWABI_LOG");
    let configured = by_environment.unwrap_or(&log.level).to_owned();
    let (layer, handle) = Layer::new(filter(&configured)?);
    let state = Mutex::new(State { current: configured.clone(), configured });
    Ok((layer, Control { handle, by_environment: by_environment.is_some(), state }))
}

/// The log that was started is changed by this from now on.
pub(super) fn control(control: Control) {
    // It was started once.
    let _ = CONTROL.set(control);
}

/// The configuration's level, when it was read again.
pub(super) fn configure(level: &str) {
    let Some(control) = CONTROL.get().filter(|control| !control.by_environment) else { return };
    let mut state = control.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.configured != level {
        level.clone_into(&mut state.configured);
        control.change(&mut state, level.to_owned());
    }
}

/// One step more, up to trace.
pub fn log_more() {
    if let Some(control) = CONTROL.get() {
        let mut state = control.state.lock().unwrap_or_else(PoisonError::into_inner);
        let more = one_more(&state.current);
        control.change(&mut state, more);
    }
}

/// As it is configured.
pub fn log_as_configured() {
    if let Some(control) = CONTROL.get() {
        let mut state = control.state.lock().unwrap_or_else(PoisonError::into_inner);
        let configured = state.configured.clone();
        control.change(&mut state, configured);
    }
}

impl Control {
    /// Says once what is logged from now on, at whatever level passes both before and after.
    fn change(&self, state: &mut State, level: String) {
        let Ok(filter) = filter(&level) else { return };
        let before = std::mem::replace(&mut state.current, level);
        if self.handle.reload(filter).is_ok() {
            tracing::info!(level = state.current, before, "what is logged has changed");
        }
    }
}

/// The same directives with the next level for all that has no directive of its own.
fn one_more(current: &str) -> String {
    let own = current.split(',').map(str::trim).filter(|part| part.contains(['=', '[']));
    let plain = current.split(',').filter_map(|part| part.trim().parse::<LevelFilter>().ok()).next_back();
    let next = match plain.and_then(LevelFilter::into_level) {
        None => Level::ERROR,
        Some(Level::ERROR) => Level::WARN,
        Some(Level::WARN) => Level::INFO,
        Some(Level::INFO) => Level::DEBUG,
        Some(_) => Level::TRACE,
    };
    own.map(str::to_owned).chain([next.as_str().to_lowercase()]).collect::<Vec<_>>().join(",")
}

/// Whether `level` can be used as a filter.
pub fn check(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

pub(super) fn filter(level: &str) -> Result<EnvFilter, String> {
    let known = |word: &str| word.parse::<LevelFilter>().is_ok();
    if level.trim().is_empty() || !level.split(',').all(|part| part.contains(['=', '[']) || known(part.trim())) {
        return Err(format!("\"{level}\" is not a log level"));
    }
    EnvFilter::builder().parse(level).map_err(|e| format!("\"{level}\" is not a log filter: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_does_not_exist_is_refused() {
        for level in ["", "loud", "info,loud", "owabi=loud"] {
            assert!(check(level).is_err(), "{level}");
        }
        for level in ["info", "OFF", "info,owabi_smtp=debug"] {
            assert!(check(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn each_step_is_one_more_and_what_is_asked_for_of_one_part_stays() {
        let steps = |from: &str| {
            let mut level = from.to_owned();
            [0; 3].map(|_| {
                level = one_more(&level);
                assert!(check(&level).is_ok(), "{level}");
                level.clone()
            })
        };
        assert_eq!(steps("info"), ["debug", "trace", "trace"]);
        assert_eq!(steps("off"), ["error", "warn", "info"]);
        assert_eq!(
            steps("WARN,owabi_smtp=off"),
            ["owabi_smtp=off,info", "owabi_smtp=off,debug", "owabi_smtp=off,trace"]
        );
        assert_eq!(steps("owabi_smtp=debug")[0], "owabi_smtp=debug,error");
    }
}
