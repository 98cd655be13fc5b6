//! `/healthz` and `/metrics` on loopback.

use super::{Seen, Watcher, health, metrics};
use anyhow::Result;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info};

const TEXT: &str = "text/plain; charset=utf-8";
/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 16;
/// Bytes of a request's head.
const HEAD: usize = 16 << 10;
/// Until the head is there.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// For the whole of a connection.
const CONNECTION_WITHIN: Duration = Duration::from_secs(30);
/// Between two attempts to listen where another program has the port.
const AGAIN: Duration = Duration::from_secs(60);

/// Answers for ever. A port that is taken does not keep mails from being read: it is tried again.
pub async fn serve(watcher: Arc<Watcher>, listen: SocketAddr) {
    let listener = listening(listen).await;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let watcher = watcher.clone();
                tokio::spawn(async move {
                    converse(watcher, stream).await;
                    drop(permit);
                });
            }
            // No handle left, as a rule.
            Err(error) => {
                debug!(%error, "a watcher was not let in");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn listening(listen: SocketAddr) -> TcpListener {
    let mut told = false;
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => {
                let at = listener.local_addr().unwrap_or(listen);
                info!(%at, "answering watchers");
                return listener;
            }
            Err(error) if !told => {
                error!(at = %listen, %error, "watchers cannot be answered, see watch.listen");
                told = true;
            }
            Err(_) => {}
        }
        sleep(AGAIN).await;
    }
}

async fn converse(watcher: Arc<Watcher>, stream: TcpStream) {
    let answer = service_fn(move |request| {
        let watcher = watcher.clone();
        async move { Ok::<_, Infallible>(answer(&watcher, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    match timeout(CONNECTION_WITHIN, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a watcher's connection broke off"),
        Err(_) => debug!("a watcher was too slow"),
    }
}

async fn answer(watcher: &Watcher, request: &Request<Incoming>) -> Response<String> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        refusal.headers_mut().insert(ALLOW, GET_OR_HEAD);
        return refusal;
    }
    match request.uri().path() {
        "/healthz" => healthz(watcher.see().await),
        "/metrics" => page(watcher.see().await),
        _ => plain(StatusCode::NOT_FOUND, "/healthz or /metrics\n"),
    }
}

const GET_OR_HEAD: hyper::header::HeaderValue =
    hyper::header::HeaderValue::from_static("GET, HEAD");

/// 200 only where nothing is wrong; else 503 with the reasons, a line each.
fn healthz(seen: Result<Vec<Seen>>) -> Response<String> {
    let wrong = match seen {
        Ok(all) => all.iter().flat_map(wrong_of).collect(),
        Err(error) => vec![format!("{error:#}")],
    };
    if wrong.is_empty() {
        return plain(StatusCode::OK, "ok\n");
    }
    plain(
        StatusCode::SERVICE_UNAVAILABLE,
        &format!("{}\n", wrong.join("\n")),
    )
}

/// Of several campaigns, each line with the name of its own.
fn wrong_of(seen: &Seen) -> Vec<String> {
    let wrong = health::wrong(&seen.facts).into_iter();
    match seen.campaign.as_str() {
        "" => wrong.collect(),
        name => wrong.map(|line| format!("{name}: {line}")).collect(),
    }
}

fn page(seen: Result<Vec<Seen>>) -> Response<String> {
    match seen {
        Ok(all) => typed(StatusCode::OK, metrics::TYPE, metrics::page(&all)),
        Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("{error:#}\n")),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    typed(status, TEXT, text.to_owned())
}

fn typed(status: StatusCode, media_type: &'static str, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(media_type),
    );
    headers.insert(
        CACHE_CONTROL,
        hyper::header::HeaderValue::from_static("no-store"),
    );
    response
}
