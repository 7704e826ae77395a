//! One loaded graph, whichever engine holds it.

use std::path::Path;

use super::onnxruntime;
use super::tract;

/// Where a graph lies and how it is fed.
pub(crate) struct GraphPlace<'a> {
    /// The ONNX file.
    pub path: &'a Path,
    /// The input's name.
    pub input: &'a str,
    /// The output that is wanted.
    pub output: &'a str,
    /// The input's shape for one call: `[batch, ...]`, the fixed batch or 1.
    pub shape: [usize; 4],
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
    /// Element type in the engine's words, `f32` for 32-bit floats.
    pub element: String,
    /// `None`: the graph declares no shape.
    pub axes: Option<Vec<Axis>>,
}

/// One output of one run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawOutput {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// A graph that is ready to run.
pub(crate) enum Session {
    OnnxRuntime(onnxruntime::Loaded),
    Tract(tract::Loaded),
}

impl Session {
    /// Runs the graph once.
    pub(crate) fn run(
        &mut self,
        input: &str,
        output: &str,
        shape: [usize; 4],
        data: &[f32],
    ) -> Result<RawOutput, String> {
        match self {
            Self::OnnxRuntime(loaded) => loaded.run(input, output, shape, data),
            Self::Tract(loaded) => loaded.run(shape, data),
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
