//! One loaded graph, whichever engine holds it.

use std::path::Path;

use super::onnxruntime;
use super::tract;

/// Numbers of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    I32,
    I64,
}

impl Element {
    /// As ports name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }
}

/// One input as a call gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub name: String,
    pub element: Element,
    /// Axes after the batch.
    pub shape: Vec<usize>,
}

impl Input {
    /// Numbers of one item.
    pub(crate) fn each(&self) -> usize {
        self.shape.iter().product()
    }

    /// The tensor's shape for `batch` items.
    pub(crate) fn full(&self, batch: usize) -> Vec<usize> {
        std::iter::once(batch).chain(self.shape.iter().copied()).collect()
    }
}

/// Where a graph lies and how it is fed.
pub(crate) struct GraphPlace<'a> {
    /// The ONNX file.
    pub path: &'a Path,
    /// All of its inputs, in the order in which calls give them.
    pub inputs: &'a [Input],
    /// The outputs that are wanted.
    pub outputs: &'a [String],
    /// Items of one call: the fixed batch, or 1.
    pub batch: usize,
}

/// An axis as the graph declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Fixed(usize),
    Any,
}

/// An input or output as the graph declares it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Port {
    pub name: String,
    /// Element type: `f32`, `f16`, `i32`, `i64`, or the engine's own words.
    pub element: String,
    /// `None`: the graph declares no shape.
    pub axes: Option<Vec<Axis>>,
}

/// One output of one run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RawOutput {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl RawOutput {
    /// Puts the items of another call behind those of this one.
    pub(crate) fn extend(&mut self, more: Self) {
        let before = self.shape.first().copied().unwrap_or(0);
        self.shape = more.shape;
        if let Some(batch) = self.shape.first_mut() {
            *batch += before;
        }
        self.data.extend(more.data);
    }

    /// Leaves out all but the first `items`.
    pub(crate) fn truncate(&mut self, items: usize) {
        let batch = self.shape.first().copied().unwrap_or(0);
        let each = self.data.len().checked_div(batch).unwrap_or(0);
        if let Some(batch) = self.shape.first_mut().filter(|batch| **batch > items) {
            *batch = items;
            self.data.truncate(items * each);
        }
    }
}

/// A graph that is ready to run.
pub(crate) enum Session {
    OnnxRuntime(onnxruntime::Loaded),
    Tract(tract::Loaded),
}

impl Session {
    /// Runs the graph once over `batch` items: the numbers of each input in their order, of which
    /// integers are whole floats. The wanted outputs in their order.
    pub(crate) fn run(
        &mut self,
        graph: &GraphPlace<'_>,
        batch: usize,
        data: &[&[f32]],
    ) -> Result<Vec<RawOutput>, String> {
        match self {
            Self::OnnxRuntime(loaded) => loaded.run(graph, batch, data),
            Self::Tract(loaded) => loaded.run(graph, batch, data),
        }
    }

    /// Inputs and outputs as the graph declares them.
    pub(crate) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        match self {
            Self::OnnxRuntime(loaded) => loaded.ports(),
            Self::Tract(loaded) => loaded.ports(),
        }
    }

    /// A second handle on the same weights, where the engine can share them.
    pub(crate) fn share(&self) -> Option<Self> {
        match self {
            Self::OnnxRuntime(_) => None,
            Self::Tract(loaded) => Some(Self::Tract(loaded.clone())),
        }
    }
}
