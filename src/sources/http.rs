//! Requests over HTTP: guarded addresses, redirects by hand, bounded bodies, attempts.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode};
use url::Url;
use vitrail_domain::limits::{SOURCE_MESSAGE_BYTES_MAX, SOURCE_REDIRECTS_MAX};

use crate::address::shown;
use crate::allow::AllowList;
use crate::connect::{self, ForbiddenMachine};
use crate::error::{Failed, SourceError};
use crate::retry::{Patience, patiently};
use crate::retry_after::retry_after;
use crate::secrets::{Credentials, Secret};

/// How long requests wait, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// For the next bytes.
    pub silence: Duration,
    /// Before the second attempt.
    pub pause: Duration,
}

/// One client and the rule that it obeys.
#[derive(Debug)]
pub(crate) struct Web {
    client: Client,
    allow: Arc<AllowList>,
    waits: Waits,
}

/// One request.
pub(crate) struct Ask<'a> {
    /// Where to.
    pub url: Url,
    /// Which media types are taken.
    pub accept: &'a str,
    /// Who asks.
    pub credentials: &'a Credentials,
    /// JSON that is posted; without it the request is a `GET`.
    pub json: Option<&'a [u8]>,
}

/// A whole answer.
pub(crate) struct Whole {
    /// Its status, one of success.
    pub status: StatusCode,
    /// Its body.
    pub bytes: Vec<u8>,
}

impl Web {
    /// A client that obeys the list.
    pub fn new(allow: Arc<AllowList>, waits: Waits) -> Result<Self, SourceError> {
        let client = connect::client(allow.clone(), waits.silence)?;
        Ok(Self { client, allow, waits })
    }

    /// The client itself, for whoever checks each URL by [`Self::allow`].
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The rule.
    pub fn allow(&self) -> &Arc<AllowList> {
        &self.allow
    }

    /// How patient a request to this place is.
    pub fn patience(&self, uri: &str) -> Patience {
        Patience::usual(self.waits.pause, uri)
    }

    /// A whole answer of at most `bytes_max` bytes, after as many attempts as it takes.
    pub async fn whole(&self, ask: &Ask<'_>, bytes_max: usize) -> Result<Whole, SourceError> {
        let uri = shown(&ask.url);
        patiently(self.patience(&uri), async || {
            let mut response = self.send(ask).await?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(chunk) = next(&mut response, &uri).await? {
                if bytes.len() + chunk.len() > bytes_max {
                    let limit = bytes_max as u64;
                    return Err(SourceError::TooLarge { uri: uri.clone(), limit }.into());
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(Whole { status, bytes })
        })
        .await
    }

    /// One attempt, through redirects, up to the answer's headers. Only success is an answer.
    pub async fn send(&self, ask: &Ask<'_>) -> Result<Response, Failed> {
        let mut url = ask.url.clone();
        let mut credentials = ask.credentials;
        for _ in 0..=SOURCE_REDIRECTS_MAX {
            let response = self.send_once(&url, ask, credentials).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            if !response.status().is_redirection() || ask.json.is_some() {
                return Err(refused(&url, response, credentials).await);
            }
            let next = target(&url, &response)?;
            if next.origin() != url.origin() {
                // Whoever is redirected to must not learn who we are for the first.
                credentials = &Credentials::Anonymous;
            }
            url = next;
        }
        let why = format!("it redirects more than {SOURCE_REDIRECTS_MAX} times");
        Err(SourceError::Answer { uri: shown(&ask.url), why }.into())
    }

    async fn send_once(
        &self,
        url: &Url,
        ask: &Ask<'_>,
        credentials: &Credentials,
    ) -> Result<Response, Failed> {
        let private = self.allow.check_url(url)?;
        let mut request = match ask.json {
            Some(json) => {
                let posted = self.client.post(url.clone()).body(json.to_vec());
                posted.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            }
            None => self.client.get(url.clone()),
        };
        request = request.header(ACCEPT, ask.accept);
        if let Some(header) = authorization(url, credentials)? {
            if url.scheme() != "https" && !private {
                let why =
                    "credentials are sent by https, or to a prefix that is allowed as private";
                return Err(SourceError::Forbidden { uri: shown(url), why: why.to_owned() }.into());
            }
            request = request.header(AUTHORIZATION, header);
        }
        request.send().await.map_err(|error| broken(&shown(url), error))
    }
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next(
    response: &mut Response,
    uri: &str,
) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Failed> {
    response.chunk().await.map_err(|error| broken(uri, error))
}

fn authorization(url: &Url, credentials: &Credentials) -> Result<Option<HeaderValue>, SourceError> {
    let text = match credentials {
        Credentials::Anonymous => return Ok(None),
        Credentials::Bearer(token) => format!("Bearer {}", token.reveal()),
        Credentials::Basic { user, password } => {
            format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal())))
        }
        Credentials::S3 { .. } => {
            let why = "keys of S3 are for s3:// addresses";
            return Err(SourceError::Address { uri: shown(url), why: why.to_owned() });
        }
    };
    let unfit = |_| SourceError::Address {
        uri: shown(url),
        why: "the credentials hold characters that no header may".to_owned(),
    };
    let mut header = HeaderValue::from_str(&text).map_err(unfit)?;
    header.set_sensitive(true);
    Ok(Some(header))
}

/// Where a redirect leads. From https only to https.
fn target(url: &Url, response: &Response) -> Result<Url, SourceError> {
    let uri = shown(url);
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let next = location.and_then(|location| url.join(location).ok());
    let next = next.filter(|next| matches!(next.scheme(), "http" | "https"));
    let Some(next) = next else {
        return Err(SourceError::Answer { uri, why: "it redirects to no address".to_owned() });
    };
    if url.scheme() == "https" && next.scheme() != "https" {
        let why = format!("{uri} redirects to it from https to http");
        return Err(SourceError::Forbidden { uri: shown(&next), why });
    }
    Ok(next)
}

/// An answer that is no success.
async fn refused(url: &Url, mut response: Response, credentials: &Credentials) -> Failed {
    let (uri, status) = (shown(url), response.status());
    let again = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504);
    let after = retry_after(response.headers());
    let error = match status.as_u16() {
        status @ (401 | 403) => SourceError::Unauthorized { uri, status },
        404 | 410 => SourceError::Missing { uri },
        status => {
            let message = words(&mut response, credentials).await;
            SourceError::Status { uri, status, message }
        }
    };
    Failed { error, again, after }
}

/// What a source says of its failure: one line, printable, bounded, and never our own secrets.
async fn words(response: &mut Response, credentials: &Credentials) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= SOURCE_MESSAGE_BYTES_MAX {
            break;
        }
    }
    bytes.truncate(SOURCE_MESSAGE_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let echoes = |secret: &Secret| text.contains(secret.reveal());
    let is_unfit = match credentials {
        Credentials::Bearer(token) => echoes(token),
        Credentials::Basic { password, .. } => echoes(password),
        _ => false,
    };
    if text.trim().is_empty() || is_unfit { String::new() } else { format!(": {}", text.trim()) }
}

/// A connection that failed or broke.
pub(crate) fn broken(uri: &str, error: reqwest::Error) -> Failed {
    let uri = uri.to_owned();
    let is_timeout = error.is_timeout();
    let error = error.without_url();
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        if let Some(machine) = inner.downcast_ref::<ForbiddenMachine>() {
            return SourceError::Forbidden { uri, why: machine.0.clone() }.into();
        }
        why = format!("{why}: {inner}");
        source = inner.source();
    }
    if is_timeout {
        why = format!("it was silent for too long ({why})");
    }
    Failed::again(SourceError::Unreachable { uri, why })
}
