//! The real program, `vitrail serve`, as another process, and how a client meets it.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

/// The program: that of this build, or the one that `VITRAIL_PROGRAM` names, so that a long loop
/// runs on while others are built.
fn program() -> OsString {
    std::env::var_os("VITRAIL_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_vitrail").into())
}

/// A start takes so long at most: far more than any should.
const START_MAX: Duration = Duration::from_secs(60);

/// A running server; it is killed when this is dropped.
pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    /// From the start of the process until it answers.
    pub started_in: Duration,
    pub client: Client,
}

/// How to talk to a server, from any thread.
#[derive(Clone)]
pub struct Client {
    base: String,
    agent: Agent,
}

/// A status and its body; `None` where the server went away.
pub type Answer = Option<(u16, Value)>;

impl Server {
    /// Starts over a store and waits until it answers.
    ///
    /// # Errors
    /// What the program said, if it ended before it answered.
    pub fn start(store: &Path, prepare: impl FnOnce(&mut Command)) -> Result<Self, String> {
        let mut command = Command::new(program());
        command.arg("--store").arg(store).args(["serve", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let begun = Instant::now();
        let mut child = command.spawn().expect("the program");
        let log = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().expect("its errors");
        let lines = log.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(got @ 1..) = errors.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..got]);
                lines.lock().expect("the log").push_str(&text);
            }
        });
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        let _ = out.read_line(&mut line);
        // What follows is read and forgotten: a closed pipe would end the program.
        std::thread::spawn(move || drop(out.read_to_end(&mut Vec::new())));
        let base = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        let config = Agent::config_builder().http_status_as_error(false);
        let config = config.timeout_global(Some(Duration::from_secs(30))).build();
        let client = Client { base, agent: Agent::new_with_config(config) };
        let started_in = Duration::ZERO;
        let mut server = Self { child, log, reader: Some(reader), started_in, client };
        if !line.starts_with("Vitrail answers at http://") {
            server.wait();
            return Err(server.log());
        }
        while !matches!(server.client.get("/healthz"), Some((200, _))) {
            assert!(begun.elapsed() < START_MAX, "no answer: {}", server.log());
            if server.has_ended() {
                return Err(server.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server.started_in = begun.elapsed();
        Ok(server)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// kill -9; what it had logged.
    pub fn kill(mut self) -> String {
        let _ = self.child.kill();
        self.wait();
        self.log()
    }

    /// Asks it to end, and waits; what it had logged.
    pub fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        let begun = Instant::now();
        while !self.has_ended() {
            assert!(begun.elapsed() < START_MAX, "it doesn't end: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.wait();
        self.log()
    }

    fn wait(&mut self) {
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        self.wait();
    }
}

impl Client {
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, path, body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
    }

    /// A body that is JSON already.
    pub fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Answer {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body)
            .expect("a request");
        let request = self.agent.configure_request(request).allow_non_standard_methods(true);
        let mut response = self.agent.run(request.build()).ok()?;
        let status = response.status().as_u16();
        let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec().ok()?;
        Some((status, serde_json::from_slice(&bytes).ok()?))
    }
}

/// Runs the program to its end.
pub fn vitrail(store: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.arg("--store").arg(store).args(arguments).stdin(Stdio::null());
    command.output().expect("the program")
}

/// `vitrail check` finds nothing wrong.
pub fn check(store: &Path) {
    let output = vitrail(store, &["check", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let document: Value = serde_json::from_str(&said).unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(document["sound"], Value::Bool(true), "check: {said} {errors}");
}
