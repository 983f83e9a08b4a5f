//! Accepting connections, and letting go of them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::locked;
use super::session::Session;
use super::shared::Shared;
use super::wire::Wire;

const BACKLOG: u32 = 1024;
/// After an error such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// The listening socket and the connections it accepted.
pub(super) struct Listener {
    addr: SocketAddr,
    sessions: Sessions,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// The open connections.
#[derive(Clone)]
struct Sessions {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    /// Ends the open connections when it is cancelled.
    token: Arc<Mutex<CancellationToken>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        locked(&self.sessions.token).cancel();
        if let Some(task) = locked(&self.accepting).take() {
            task.abort();
        }
    }
}

impl Listener {
    pub(super) fn open(shared: Arc<Shared>) -> io::Result<Self> {
        let socket = listen(shared.options.listen, shared.options.receive_buffer)?;
        let addr = socket.local_addr()?;
        let sessions = Sessions { shared, tasks: TaskTracker::new(), token: Arc::default() };
        let accepting = Mutex::new(Some(tokio::spawn(sessions.clone().accept(socket))));
        Ok(Self { addr, sessions, accepting })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns when the port is closed.
    pub(super) async fn close(&self) {
        let task = locked(&self.accepting).take();
        if let Some(task) = task {
            task.abort();
            // The task was cancelled; there is nothing else it could say.
            let _ = task.await;
        }
    }

    pub(super) fn reopen(&self) -> io::Result<()> {
        let mut accepting = locked(&self.accepting);
        if accepting.is_none() {
            let socket = listen(self.addr, self.sessions.shared.options.receive_buffer)?;
            *accepting = Some(tokio::spawn(self.sessions.clone().accept(socket)));
        }
        Ok(())
    }

    pub(super) fn drop_connections(&self) {
        std::mem::take(&mut *locked(&self.sessions.token)).cancel();
    }

    pub(super) async fn stop(&self) {
        self.close().await;
        self.drop_connections();
        self.sessions.tasks.close();
        self.sessions.tasks.wait().await;
    }
}

fn listen(addr: SocketAddr, receive_buffer: Option<u32>) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    if let Some(octets) = receive_buffer {
        socket.set_recv_buffer_size(octets)?;
    }
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

impl Sessions {
    async fn accept(self, socket: TcpListener) {
        loop {
            match socket.accept().await {
                Ok((stream, client)) => self.serve(stream, client),
                Err(error) => {
                    tracing::warn!(%error, "the capture relay cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, client: SocketAddr) {
        let shared = Arc::clone(&self.shared);
        let Ok(wire) = Wire::new(stream, shared.options.rtt, Arc::clone(&shared.counters)) else { return };
        let id = shared.counters.opened();
        let session = Session::new(wire, shared, id, client.ip());
        let token = locked(&self.token).clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = session.run() => {}
            }
        });
    }
}
