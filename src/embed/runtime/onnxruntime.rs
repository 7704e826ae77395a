//! ONNX Runtime through `ort`: the only file that names the crate.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, TensorRef};
use parking_lot::Mutex;

use super::{Axis, Port, RawOutput};

/// The process's one environment: ONNX Runtime allows no second.
static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

struct Opened {
    environment: Environment,
    library: PathBuf,
    version: String,
}

/// Loads the library at `path`, or returns the one that is loaded already: (library, version).
pub(super) fn open(path: &Path) -> Result<(PathBuf, String), String> {
    let mut opened = OPENED.lock();
    if opened.is_none() {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        let environment = builder
            .with_name("vitrail")
            .with_telemetry(false)
            .build()
            .map_err(|error| error.to_string())?;
        let version = version_in(ort::info());
        *opened = Some(Opened { environment, library: path.to_owned(), version });
    }
    let known = opened.as_ref().ok_or("the library was not kept")?;
    Ok((known.library.clone(), known.version.clone()))
}

/// `1.31.1` out of `ORT Build Info: git-branch=rel-1.31.1, ...`; the whole text where it differs.
fn version_in(info: &str) -> String {
    let branch = info.split("git-branch=").nth(1).and_then(|rest| rest.split(',').next());
    branch.and_then(|branch| branch.strip_prefix("rel-")).unwrap_or(info).to_owned()
}

/// A session of ONNX Runtime.
pub(crate) struct Loaded(ort::session::Session);

/// Loads a graph for `threads` threads. The threads sleep between calls: they share the machine
/// with decoders, and other models.
pub(super) fn load(path: &Path, threads: usize) -> Result<Loaded, String> {
    let environment = {
        let opened = OPENED.lock();
        opened.as_ref().ok_or("ONNX Runtime is not open")?.environment.clone()
    };
    let text = |error: ort::Error| error.to_string();
    let mut builder = ort::session::Session::builder(&environment)
        .map_err(text)?
        .with_optimization_level(GraphOptimizationLevel::All)
        .and_then(|builder| builder.with_intra_threads(threads))
        .and_then(|builder| builder.with_inter_threads(1))
        .and_then(|builder| builder.with_intra_op_spinning(false))
        .map_err(|error| error.to_string())?;
    builder.commit_from_file(path).map(Loaded).map_err(text)
}

impl Loaded {
    pub(super) fn run(
        &mut self,
        input: &str,
        output: &str,
        shape: [usize; 4],
        data: &[f32],
    ) -> Result<RawOutput, String> {
        let text = |error: ort::Error| error.to_string();
        let tensor = TensorRef::from_array_view((shape, data)).map_err(text)?;
        let outputs = self.0.run(ort::inputs![input => tensor]).map_err(text)?;
        let value = outputs.get(output).ok_or_else(|| format!("no output {output}"))?;
        let (dims, data) = value.try_extract_tensor::<f32>().map_err(text)?;
        let shape = dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
        Ok(RawOutput { shape, data: data.to_vec() })
    }

    pub(super) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect();
        (ports(self.0.inputs()), ports(self.0.outputs()))
    }
}

fn port(outlet: &Outlet) -> Port {
    let axes = outlet.dtype().tensor_shape().map(|shape| {
        shape.iter().map(|&dim| usize::try_from(dim).map_or(Axis::Any, Axis::Fixed)).collect()
    });
    let element = match outlet.dtype().tensor_type() {
        Some(TensorElementType::Float32) => "f32".to_owned(),
        Some(other) => other.to_string(),
        None => "not a tensor".to_owned(),
    };
    Port { name: outlet.name().to_owned(), element, axes }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_is_cut_out_of_the_build_info() {
        let info = "ORT Build Info: git-branch=rel-1.31.1, git-commit-id=26250ae, build type=Rel";
        assert_eq!(version_in(info), "1.31.1");
        assert_eq!(version_in("something else"), "something else");
    }
}
