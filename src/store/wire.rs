//! Requests to object storage, sent by the HTTP client that the robot uses: no second one, no second set of authorities.

use async_trait::async_trait;
use http_body_util::BodyExt;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService,
};
use std::time::Duration;

/// For one request; none asks for or brings more than [`PIECE`](super::remote::PIECE).
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);

/// Sends each request from a thread that may wait.
#[derive(Debug)]
pub struct Wire {
    agent: ureq::Agent,
}

impl Wire {
    pub fn new() -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECTS_WITHIN))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self {
            agent: agent.new_agent(),
        }
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self {
            agent: self.agent.clone(),
        }))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let agent = self.agent.clone();
        let exchange = move || {
            let answer = agent.run(ureq::http::Request::from_parts(head, &body[..]))?;
            let (head, mut body) = answer.into_parts();
            let body = body.with_config().limit(u64::MAX).read_to_vec()?;
            Ok(HttpResponse::from_parts(head, body.into()))
        };
        let exchanged = tokio::task::spawn_blocking(exchange).await;
        exchanged
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?
            .map_err(failed)
    }
}

fn failed(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
