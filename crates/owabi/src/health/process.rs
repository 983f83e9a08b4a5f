//! What the system says of this process (proc(5)), under the names that Prometheus's clients use.

use rustix::process::{Resource, getrlimit};

/// Octets of memory that are not swapped out.
pub(super) fn memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<i64>().ok()? * 1024)
}

/// File descriptors in use.
pub(super) fn open_files() -> Option<i64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The look itself holds one.
    i64::try_from(open).ok().map(|open| open - 1)
}

/// File descriptors that may be in use.
pub(super) fn most_files() -> Option<i64> {
    getrlimit(Resource::Nofile).current.and_then(|most| i64::try_from(most).ok())
}
