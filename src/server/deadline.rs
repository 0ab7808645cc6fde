//! Deadlines on what a client sends and reads, around its body and its socket.
//!
//! Not the deadline of headers, which the HTTP library holds. No timer is made while bytes flow:
//! most requests arrive and leave in one piece.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::SharedClock;

use super::Limits;

/// The client sent its body too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
pub(super) struct TooSlow;

/// A body that fails once it takes too long, in all or between two parts.
pub(super) struct TimedBody<B> {
    inner: B,
    clock: SharedClock,
    time: Duration,
    pause: Duration,
    /// Runs from the first wait.
    deadline: Option<BoxFuture<'static, ()>>,
    /// Runs from the last byte.
    idle: Option<BoxFuture<'static, ()>>,
}

impl<B> TimedBody<B> {
    /// This body, within these limits.
    pub fn new(inner: B, limits: &Limits, clock: SharedClock) -> Self {
        Self { inner, clock, time: limits.body_time, pause: limits.body_pause, deadline: None, idle: None }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let Self { inner, clock, time, pause, deadline, idle } = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            *idle = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = deadline.get_or_insert_with(|| timer(clock, *time));
        let idle = idle.get_or_insert_with(|| timer(clock, *pause));
        if deadline.as_mut().poll(cx).is_ready() || idle.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(TooSlow.into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A socket on which a write fails once the other side has read nothing for too long.
pub(super) struct TimedSocket<S> {
    inner: S,
    clock: SharedClock,
    pause: Duration,
    /// Runs while a write waits.
    stalled: Option<BoxFuture<'static, ()>>,
}

impl<S> TimedSocket<S> {
    /// This socket, within these limits.
    pub fn new(inner: S, limits: &Limits, clock: SharedClock) -> Self {
        Self { inner, clock, pause: limits.write_pause, stalled: None }
    }

    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| timer(&self.clock, self.pause));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, bytes);
        this.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// A wait that lives as long as it is needed.
fn timer(clock: &SharedClock, wait: Duration) -> BoxFuture<'static, ()> {
    let clock = clock.clone();
    Box::pin(async move { clock.sleep(wait).await })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use crate::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let limits = Limits { write_pause: Duration::from_millis(20), ..Limits::default() };
        let mut socket = TimedSocket::new(ours, &limits, SystemClock::shared());
        let error = socket.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
