//! The server over a bench's store, on a free port of this machine.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::sync::Notify;
use ureq::Agent;
use vitrail_api::{ApiState, Dashboard, File, run};
use vitrail_jobs::Jobs;

use crate::bench::Bench;

/// A running server; it stops when this is dropped.
pub struct Server {
    pub base: String,
    agent: Agent,
    key: Option<String>,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

/// A status and its body, JSON where it is some.
pub type Answer = (u16, Value);

fn page(path: &str) -> Option<File> {
    path.is_empty().then_some(File {
        bytes: b"<!doctype html>",
        content_type: "text/html; charset=utf-8",
        etag: "\"1\"",
        cache_control: "no-cache",
    })
}

impl Server {
    pub fn start(bench: &Bench, key: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = listener.local_addr().expect("its address");
        let mut jobs = Jobs::open(bench.ingest.clone()).expect("jobs");
        jobs.start().expect("a worker");
        let state = ApiState {
            catalog: bench.ingest.catalog.clone(),
            cases: bench.cases.clone(),
            jobs: Arc::new(jobs),
            roots: vec![PathBuf::from(&bench.sources)],
            key: key.map(str::to_owned),
            listen,
            title: "Vitrail",
            version: "0.0.0",
            commit: "none",
            dashboard: Dashboard { file: page, policy: "default-src 'self'" },
        };
        let stop = Arc::new(Notify::new());
        let asked = stop.clone();
        let serving = move || run(listener, state, async move { asked.notified().await });
        let thread = std::thread::spawn(move || serving().expect("served"));
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Self {
            base: format!("http://{listen}"),
            agent: Agent::new_with_config(config),
            key: key.map(str::to_owned),
            stop,
            thread: Some(thread),
        }
    }

    /// Asks with the server's key.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let key = self.key.clone();
        let headers: Vec<_> = key.iter().map(|key| ("api-key", key.as_str())).collect();
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(method, path, &headers, ("application/json", bytes))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

    /// A form of parts `(name, file name, bytes)`.
    pub fn form(&self, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        const BOUNDARY: &str = "----a-boundary-of-the-tests";
        let mut bytes = Vec::new();
        for (name, file, content) in parts {
            let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
            let head = format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
            );
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(content);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send("POST", path, &[], (&kind, bytes))
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        (kind, body): (&str, Vec<u8>),
    ) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let config = || self.agent.configure_request(request.body(body).expect("a request"));
        let request = config().allow_non_standard_methods(true).build();
        let mut response = self.agent.run(request).expect("an answer");
        let status = response.status().as_u16();
        let bytes = response.body_mut().read_to_vec().expect("a body");
        let text = || json!(String::from_utf8_lossy(&bytes));
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    /// The bytes at a path.
    pub fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        let mut response =
            self.agent.get(format!("{}{path}", self.base)).call().expect("an answer");
        (response.status().as_u16(), response.body_mut().read_to_vec().expect("a body"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
