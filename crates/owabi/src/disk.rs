//! Reading from a disk that may hang: a network's perhaps, or a pipe where a file was.

use std::io;
use tokio::sync::oneshot;

/// Reads on a thread of its own: where the disk hangs, neither the other tasks do, nor does the program's end wait for it.
///
/// # Errors
/// No thread could be started, or the reading panicked.
pub(crate) async fn apart<T: Send + 'static>(reads: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (tell, told) = oneshot::channel();
    // Nobody waits any more: what was read is not needed.
    let thread = move || drop(tell.send(reads()));
    std::thread::Builder::new().name("disk".to_owned()).spawn(thread)?;
    told.await.map_err(io::Error::other)
}
