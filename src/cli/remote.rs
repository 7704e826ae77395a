//! A running server, asked over HTTP instead of opening its store.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use crate::open::Failure;

/// A question that waits longer than this is given up; a job is asked for again and again.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of an answer: 10,000 hits with their payloads.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A server's address and key.
pub struct Remote {
    base: String,
    key: Option<String>,
    agent: Agent,
}

impl Remote {
    /// The server at `url`, `http://HOST:PORT`.
    ///
    /// # Errors
    /// Another scheme; a key file that can't be read.
    pub fn new(url: &str, key_file: Option<&Path>) -> Result<Self, Failure> {
        if !url.starts_with("http://") {
            return Err(format!("--url takes http://HOST:PORT, not {url}").into());
        }
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .build();
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            key: key_file.map(read_key).transpose()?,
            agent: Agent::new_with_config(config),
        })
    }

    /// The JSON at a path.
    ///
    /// # Errors
    /// No answer, or the server's refusal in its own words.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("api-key", key);
        }
        self.answer(request.call())
    }

    /// The answer to JSON sent to a path.
    ///
    /// # Errors
    /// No answer, or the server's refusal in its own words.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("api-key", key);
        }
        self.answer(request.send_json(body))
    }

    fn answer(&self, sent: Result<Response<ureq::Body>, ureq::Error>) -> Result<Value, Failure> {
        let response = sent.map_err(|error| format!("{} does not answer: {error}", self.base))?;
        let status = response.status();
        let body = response.into_body().into_with_config().limit(ANSWER_BYTES_MAX).read_json();
        let body: Value =
            body.map_err(|error| format!("{} answered {status}: {error}", self.base))?;
        if status.is_success() {
            return Ok(body);
        }
        let text = |key: &str| body.get("error")?.get(key)?.as_str();
        let message = text("message").unwrap_or("no reason given");
        let todo = text("todo").map(|todo| format!(" ({todo})")).unwrap_or_default();
        Err(format!("{message}{todo}").into())
    }
}

/// The key in a file: its first line.
///
/// # Errors
/// The file can't be read, or is empty.
pub fn read_key(path: &Path) -> Result<String, Failure> {
    first_line("--key-file", path)
}

/// The first line of a file that a flag names, which holds a secret.
///
/// # Errors
/// The file can't be read, or is empty.
pub fn first_line(flag: &str, path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{flag} {}: {error}", path.display()))?;
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() {
        return Err(format!("{flag} {} is empty", path.display()).into());
    }
    Ok(line)
}
