//! Takes connections, within bounds that a hostile or a broken client can't move.
//!
//! It promises: a head that has not come within [`HEAD_WITHIN`] closes its connection, a body that has not come within [`BODY_WITHIN`] is
//! answered with 408; a client that reads nothing for [`STUCK_AFTER`] is cut off; beyond [`MOST_CONNECTIONS`] new ones wait in the system's
//! queue until one has ended. All connections end with the server.

use std::{
    io,
    net::TcpListener,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::header,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use parapet_actors::{
    stream::LONGEST_MESSAGE,
    worker::{LoopResult, Stop},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, Sleep, sleep},
};

use super::error::Problem;

/// A request's head must have come by then; a connection on which nothing is asked for so long is closed, too.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A request's body must have come by then.
pub const BODY_WITHIN: Duration = Duration::from_secs(20);
/// So long a client may read nothing although there is something for it.
pub const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Connections at once.
pub const MOST_CONNECTIONS: usize = 2_048;

/// Pause after the system gave no connection: it is out of something.
const OUT_OF_BREATH: Duration = Duration::from_millis(100);

/// Serves until it is told to stop.
///
/// # Errors
/// When the listener can't be used.
pub async fn serve(listener: TcpListener, router: Router, stop: Stop) -> LoopResult {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| format!("HTTP: {error}"))?;
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // Open requests are cut off with it: they only read, and who watches would never end.
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let stream = tokio::select! {
            () = stop.wait() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    sleep(OUT_OF_BREATH).await;
                    continue;
                }
            },
        };
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let io = TokioIo::new(Patient::new(stream));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .serve_connection(io, service);
            if let Err(error) = connection.with_upgrades().await {
                tracing::trace!(%error, "a connection ended");
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Waits for the whole body of a request, but not for ever: handlers get it at once.
pub async fn whole_body(request: Request, next: Next) -> Response {
    let fields = request.headers();
    if !fields.contains_key(header::CONTENT_LENGTH) && !fields.contains_key(header::TRANSFER_ENCODING) {
        return next.run(request).await;
    }
    let told = fields.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|length| length > LONGEST_MESSAGE) {
        return too_large();
    }
    let (head, body) = request.into_parts();
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, LONGEST_MESSAGE + 1)).await {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Ok(Err(_)) => too_large(),
        Err(_) => {
            metrics::counter!("parapet_http_refused_total", "reason" => "slow_body").increment(1);
            Problem::timed_out(format!("the body has not come within {} s", BODY_WITHIN.as_secs())).into_response()
        }
    }
}

fn too_large() -> Response {
    Problem::too_large(format!("a body has at most {LONGEST_MESSAGE} bytes")).into_response()
}

/// A connection that ends when its other side takes nothing.
struct Patient {
    stream: TcpStream,
    /// Runs while something waits to be taken.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream) -> Self {
        // Events are small, and each should go at once. A socket that refuses works, only later.
        stream.set_nodelay(true).ok();
        Self { stream, waiting: None }
    }

    /// What became of trying to write: an error when it was in vain for too long.
    fn judge<T>(&mut self, tried: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waiting = None;
            return tried;
        }
        let waiting =
            self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + STUCK_AFTER)));
        ready!(waiting.as_mut().poll(context));
        metrics::counter!("parapet_http_refused_total", "reason" => "stuck").increment(1);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(tried, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.judge(tried, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
