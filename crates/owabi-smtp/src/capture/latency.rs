//! A network that takes its time: bytes arrive late, and do not wait for each other.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

const ROOM: usize = 1 << 20;
const CHUNK: usize = 16 << 10;

/// Puts `rtt` between the two ends of a connection, half in each direction.
pub(super) fn delayed(socket: TcpStream, rtt: Duration) -> DuplexStream {
    let (near, far) = tokio::io::duplex(ROOM);
    let (socket_in, socket_out) = socket.into_split();
    let (far_in, far_out) = tokio::io::split(far);
    tokio::spawn(async move {
        let inward = async {
            pump(socket_in, far_out, rtt / 2).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = inward => {}
            () = pump(far_in, socket_out, rtt / 2) => {}
        }
    });
    near
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut queue) = mpsc::channel::<(Instant, Bytes)>(256);
    let reading = async move {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        while let Ok(1..) = from.read_buf(&mut chunk).await {
            if sender.send((Instant::now() + delay, chunk.split().freeze())).await.is_err() {
                return;
            }
            chunk.reserve(CHUNK);
        }
    };
    let writing = async move {
        while let Some((due, chunk)) = queue.recv().await {
            sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        // The other end may be gone already; then there is nothing to close.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
