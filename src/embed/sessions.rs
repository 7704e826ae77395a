//! The loaded graphs of one model: a wide one for a picture alone, narrow ones side by side.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::runtime::{GraphPlace, Port, RawOutput, Runtime, Session};

/// A graph's file and how it is fed.
pub(crate) struct Graph {
    pub path: PathBuf,
    pub input: String,
    pub output: String,
    /// One call's shape: the graph's fixed batch, or 1.
    pub shape: [usize; 4],
}

impl Graph {
    fn place(&self) -> GraphPlace<'_> {
        let Self { path, input, output, shape } = self;
        GraphPlace { path, input, output, shape: *shape }
    }
}

/// A picture alone runs on all threads, which is quickest for it. Calls side by side run on one
/// thread each, which gives the most pictures a second: no call waits for another's slowest thread.
pub(crate) struct Sessions {
    runtime: Runtime,
    graph: Graph,
    wide: Mutex<Session>,
    /// One a thread, loaded when first used; none for one thread or a large model.
    narrow: Option<Narrow>,
    running: AtomicUsize,
}

struct Narrow {
    free: Receiver<Option<Session>>,
    back: Sender<Option<Session>>,
}

/// Puts a session back when the call ends, in whatever way.
struct Lent<'a> {
    session: Option<Session>,
    back: &'a Sender<Option<Session>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // The channel has a place for each session, so this neither blocks nor fails.
        let _ = self.back.try_send(self.session.take());
    }
}

/// Counts the calls that run.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sessions {
    /// Loads the wide session; `shared` keeps it the only one.
    pub(crate) fn load(
        runtime: &Runtime,
        graph: Graph,
        threads: usize,
        shared: bool,
    ) -> Result<Self, String> {
        let wide = runtime.load(&graph.place(), threads)?;
        let narrow = (threads > 1 && !shared).then(|| {
            let (back, free) = bounded(threads);
            // tract shares its plan at once; ONNX Runtime loads the graph when it is needed.
            (0..threads).for_each(|_| {
                let _ = back.try_send(wide.share());
            });
            Narrow { free, back }
        });
        let (runtime, wide) = (runtime.clone(), Mutex::new(wide));
        Ok(Self { runtime, graph, wide, narrow, running: AtomicUsize::new(0) })
    }

    /// Runs the graph over one tensor, waiting for a free session.
    pub(crate) fn run(&self, shape: [usize; 4], data: &[f32]) -> Result<RawOutput, String> {
        let others = self.running.fetch_add(1, Ordering::Relaxed);
        let _running = Running(&self.running);
        let Graph { input, output, .. } = &self.graph;
        match &self.narrow {
            Some(narrow) if others > 0 || shape[0] > self.graph.shape[0] => {
                let session = narrow.free.recv().map_err(|error| error.to_string())?;
                let mut lent = Lent { session, back: &narrow.back };
                let session = match lent.session.take() {
                    Some(session) => session,
                    None => self.runtime.load(&self.graph.place(), 1)?,
                };
                lent.session.insert(session).run(input, output, shape, data)
            }
            _ => self.wide.lock().run(input, output, shape, data),
        }
    }

    /// Inputs and outputs as the graph declares them.
    pub(crate) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        self.wide.lock().ports()
    }
}
