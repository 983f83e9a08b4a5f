//! A network that takes its time: bytes arrive late, and do not wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

const ROOM: usize = 1 << 20;
const CHUNK: usize = 16 << 10;

/// Puts `rtt` between the two ends of a connection, half in each direction. With `reset` set when the near end is
/// dropped, the socket closes as its linger option says, otherwise in order.
pub(super) fn delayed(socket: TcpStream, rtt: Duration, reset: Arc<AtomicBool>) -> DuplexStream {
    let (near, far) = tokio::io::duplex(ROOM);
    // Unlike the halves of `into_split`, these do not end the stream by themselves when they are dropped.
    let (socket_in, mut socket_out) = tokio::io::split(socket);
    let (far_in, mut far_out) = tokio::io::split(far);
    tokio::spawn(async move {
        let inward = async {
            pump(socket_in, &mut far_out, rtt / 2).await;
            // The other end may be gone already; then there is nothing to close.
            let _ = far_out.shutdown().await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = inward => {}
            () = pump(far_in, &mut socket_out, rtt / 2) => {}
        }
        if !reset.load(Relaxed) {
            let _ = socket_out.shutdown().await;
        }
    });
    near
}

async fn pump(mut from: impl AsyncRead + Unpin, to: &mut (impl AsyncWrite + Unpin), delay: Duration) {
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
    };
    tokio::join!(reading, writing);
}
