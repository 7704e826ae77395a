//! What runs a graph: ONNX Runtime where its library is found, else tract, in one binary.

mod onnxruntime;
mod session;
mod tract;

use std::path::{Path, PathBuf};

use crate::error::EmbedError;
use crate::locate::Places;

pub(crate) use tract::declared_ports;

pub(crate) use session::{Axis, Element, GraphPlace, Input, Port, RawOutput, Session};

/// Which engine runs the graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Microsoft's library, loaded at run time.
    OnnxRuntime,
    /// The pure-Rust engine inside this binary.
    Tract,
}

impl Engine {
    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "ONNX Runtime",
            Self::Tract => "tract",
        }
    }
}

/// What the caller wants to run graphs with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RuntimeChoice {
    /// The first library in the usual places; tract where there is none.
    #[default]
    Find,
    /// This library and no other.
    Library(PathBuf),
    /// tract, even where a library lies about.
    Tract,
}

/// The engine of this process. A library is loaded once: a later call with another one gets the
/// first, or the first one's failure.
#[derive(Debug, Clone)]
pub struct Runtime {
    engine: Engine,
    version: String,
    library: Option<PathBuf>,
    notice: Option<String>,
}

impl Runtime {
    /// Opens the engine that was asked for.
    ///
    /// # Errors
    /// A library that was named, by the option or by `VITRAIL_ONNXRUNTIME`, and can't be opened.
    /// A library that merely lies about and fails is passed over, and `notice` says so.
    pub fn open(choice: &RuntimeChoice, places: &Places) -> Result<Self, EmbedError> {
        match choice {
            RuntimeChoice::Tract => Ok(Self::tract(None)),
            RuntimeChoice::Library(path) => Self::named(path),
            RuntimeChoice::Find => match &places.named_library {
                Some(word) if word.as_os_str() == "none" => Ok(Self::tract(None)),
                Some(path) => Self::named(path),
                None => Ok(Self::found(places)),
            },
        }
    }

    fn named(path: &Path) -> Result<Self, EmbedError> {
        Self::library(path).map_err(|reason| EmbedError::Runtime { path: path.to_owned(), reason })
    }

    fn found(places: &Places) -> Self {
        let mut failed = String::new();
        for path in places.libraries.iter().filter(|path| path.is_file()) {
            match Self::library(path) {
                Ok(runtime) => return runtime,
                Err(reason) => failed.push_str(&format!(" {} failed: {reason}.", path.display())),
            }
        }
        let cost = "ONNX Runtime was not found, so models run on the built-in engine (tract), \
                    several times slower. Run deploy/setup, or name the library with \
                    VITRAIL_ONNXRUNTIME.";
        Self::tract(Some(format!("{cost}{failed}")))
    }

    fn library(path: &Path) -> Result<Self, String> {
        let (library, version) = onnxruntime::open(path)?;
        Ok(Self { engine: Engine::OnnxRuntime, version, library: Some(library), notice: None })
    }

    fn tract(notice: Option<String>) -> Self {
        let version = tract::VERSION.to_owned();
        Self { engine: Engine::Tract, version, library: None, notice }
    }

    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The engine's own version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The library in use, for ONNX Runtime.
    #[must_use]
    pub fn library_path(&self) -> Option<&Path> {
        self.library.as_deref()
    }

    /// What a user should be told at start: that the slow engine is in use, and why.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Loads a graph for `threads` threads.
    pub(crate) fn load(&self, graph: &GraphPlace<'_>, threads: usize) -> Result<Session, String> {
        match self.engine {
            Engine::OnnxRuntime => onnxruntime::load(graph.path, threads).map(Session::OnnxRuntime),
            Engine::Tract => tract::load(graph).map(Session::Tract),
        }
    }
}
