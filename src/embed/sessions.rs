//! The loaded graphs of one model: a wide one for a picture alone, narrow ones side by side.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::runtime::{GraphPlace, Input, Port, RawOutput, Runtime, Session};

/// A graph's file and how it is fed.
pub(crate) struct Graph {
    pub path: PathBuf,
    pub inputs: Vec<Input>,
    pub outputs: Vec<String>,
    /// Items of one call: the graph's fixed batch, or 1.
    pub batch: usize,
}

impl Graph {
    fn place(&self) -> GraphPlace<'_> {
        let Self { path, inputs, outputs, batch } = self;
        GraphPlace { path, inputs, outputs, batch: *batch }
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

    /// Runs the graph over `batch` items, waiting for a free session: the numbers of each input in
    /// their order; the wanted outputs in theirs.
    pub(crate) fn run(&self, batch: usize, data: &[&[f32]]) -> Result<Vec<RawOutput>, String> {
        let others = self.running.fetch_add(1, Ordering::Relaxed);
        let _running = Running(&self.running);
        let place = self.graph.place();
        match &self.narrow {
            Some(narrow) if others > 0 || batch > self.graph.batch => {
                let session = narrow.free.recv().map_err(|error| error.to_string())?;
                let mut lent = Lent { session, back: &narrow.back };
                let session = match lent.session.take() {
                    Some(session) => session,
                    None => self.runtime.load(&place, 1)?,
                };
                lent.session.insert(session).run(&place, batch, data)
            }
            _ => self.wide.lock().run(&place, batch, data),
        }
    }

    /// How the graph is fed.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Inputs and outputs as the graph declares them.
    pub(crate) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        self.wide.lock().ports()
    }
}
