//! ONNX Runtime through `ort`: the only file that names the crate.

use std::io::Read;
use std::path::{Path, PathBuf};

use half::f16;
use ort::environment::Environment;
use ort::session::SessionInputValue;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, Tensor, TensorElementType, TensorRef};
use parking_lot::Mutex;

use super::{Axis, Element, GraphPlace, Port, RawOutput};

/// What became of the process's one attempt. ONNX Runtime allows no second environment, and `ort`
/// must not be asked again after a library failed to load: it would use one that is not there.
static ATTEMPT: Mutex<Option<Result<Opened, String>>> = Mutex::new(None);

#[derive(Clone)]
struct Opened {
    environment: Environment,
    library: PathBuf,
    version: String,
}

/// Loads the library at `path`, or returns the one that is loaded already: (library, version).
pub(super) fn open(path: &Path) -> Result<(PathBuf, String), String> {
    looks_loadable(path)?;
    let mut attempt = ATTEMPT.lock();
    let opened = attempt.get_or_insert_with(|| first_open(path)).clone();
    opened.map(|opened| (opened.library, opened.version))
}

/// Sees to it that the one attempt is not spent on a file that can't be a library.
fn looks_loadable(path: &Path) -> Result<(), String> {
    const MAGICS: [&[u8]; 4] = [b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ"];
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.map_err(|error| error.to_string())?;
    match MAGICS.iter().any(|magic| head.starts_with(magic)) {
        true => Ok(()),
        false => Err("the file is not a shared library".to_owned()),
    }
}

fn first_open(path: &Path) -> Result<Opened, String> {
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let builder = ort::init_from(&absolute).map_err(|error| error.to_string())?;
    let environment = builder
        .with_name("vitrail")
        .with_telemetry(false)
        .build()
        .map_err(|error| error.to_string())?;
    let real = std::fs::canonicalize(&absolute).unwrap_or_else(|_| absolute.clone());
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned());
    let version = version_in(&name.unwrap_or_default(), ort::info());
    Ok(Opened { environment, library: absolute, version })
}

/// `1.31.1 (6af1a93)`: the number from the library's file name (`libonnxruntime.so.1.31.1`, also
/// behind a link) or its branch (`rel-1.31.1`), and the commit that it was built from.
fn version_in(file_name: &str, info: &str) -> String {
    let field = |key: &str| {
        let value = info.split(key).nth(1).and_then(|rest| rest.split([',', ' ']).next());
        value.filter(|value| !value.is_empty())
    };
    let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let named = file_name.split_once(".so.").map(|(_, version)| version);
    let branch = field("git-branch=").and_then(|branch| branch.strip_prefix("rel-"));
    let version = named.or(branch).filter(|version| number(version));
    match (version, field("git-commit-id=")) {
        (Some(version), Some(commit)) => format!("{version} ({commit})"),
        (Some(version), None) => version.to_owned(),
        (None, Some(commit)) => format!("commit {commit}"),
        (None, None) => info.to_owned(),
    }
}

/// A session of ONNX Runtime.
pub(crate) struct Loaded(ort::session::Session);

/// Loads a graph for `threads` threads. The threads sleep between calls: they share the machine
/// with decoders, and other models.
pub(super) fn load(path: &Path, threads: usize) -> Result<Loaded, String> {
    let environment = match ATTEMPT.lock().as_ref() {
        Some(Ok(opened)) => opened.environment.clone(),
        _ => return Err("ONNX Runtime is not open".to_owned()),
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
        graph: &GraphPlace<'_>,
        batch: usize,
        data: &[&[f32]],
    ) -> Result<Vec<RawOutput>, String> {
        let text = |error: ort::Error| error.to_string();
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(data.len());
        for (input, numbers) in graph.inputs.iter().zip(data) {
            let value = tensor(input.element, input.full(batch), numbers).map_err(text)?;
            inputs.push((input.name.as_str(), value));
        }
        let outputs = self.0.run(inputs).map_err(text)?;
        let take = |name: &String| {
            let value = outputs.get(name.as_str()).ok_or_else(|| format!("no output {name}"))?;
            extract(value).map_err(text)
        };
        graph.outputs.iter().map(take).collect()
    }

    pub(super) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect();
        (ports(self.0.inputs()), ports(self.0.outputs()))
    }
}

/// Token numbers come as floats, which hold each of them exactly.
fn tensor(
    element: Element,
    shape: Vec<usize>,
    numbers: &[f32],
) -> ort::Result<SessionInputValue<'_>> {
    let of = |value: &f32| *value as i64;
    Ok(match element {
        Element::F32 => TensorRef::from_array_view((shape, numbers))?.into(),
        Element::F16 => {
            let numbers: Vec<f16> = numbers.iter().map(|&value| f16::from_f32(value)).collect();
            Tensor::from_array((shape, numbers))?.into()
        }
        Element::I32 => {
            let numbers: Vec<i32> = numbers.iter().map(|value| of(value) as i32).collect();
            Tensor::from_array((shape, numbers))?.into()
        }
        Element::I64 => {
            let numbers: Vec<i64> = numbers.iter().map(of).collect();
            Tensor::from_array((shape, numbers))?.into()
        }
    })
}

fn extract(value: &ort::value::DynValue) -> ort::Result<RawOutput> {
    let sizes = |dims: &[i64]| dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
    if value.dtype().tensor_type() == Some(TensorElementType::Float16) {
        let (dims, data) = value.try_extract_tensor::<f16>()?;
        let data = data.iter().map(|value| value.to_f32()).collect();
        return Ok(RawOutput { shape: sizes(dims), data });
    }
    let (dims, data) = value.try_extract_tensor::<f32>()?;
    Ok(RawOutput { shape: sizes(dims), data: data.to_vec() })
}

fn port(outlet: &Outlet) -> Port {
    let axes = outlet.dtype().tensor_shape().map(|shape| {
        shape.iter().map(|&dim| usize::try_from(dim).map_or(Axis::Any, Axis::Fixed)).collect()
    });
    let element = match outlet.dtype().tensor_type() {
        Some(TensorElementType::Float32) => Element::F32.name().to_owned(),
        Some(TensorElementType::Float16) => Element::F16.name().to_owned(),
        Some(TensorElementType::Int32) => Element::I32.name().to_owned(),
        Some(TensorElementType::Int64) => Element::I64.name().to_owned(),
        Some(other) => other.to_string(),
        None => "not a tensor".to_owned(),
    };
    Port { name: outlet.name().to_owned(), element, axes }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_is_in_the_name_or_in_the_branch() {
        let head = "ORT Build Info: git-branch=HEAD, git-commit-id=6af1a93, build type=Release";
        let release = "ORT Build Info: git-branch=rel-1.30.0, git-commit-id=26250ae, build";
        let cases = [
            ("libonnxruntime.so.1.31.1", head, "1.31.1 (6af1a93)"),
            ("libonnxruntime.so", release, "1.30.0 (26250ae)"),
            ("libonnxruntime.so", head, "commit 6af1a93"),
            ("libonnxruntime.so", "something else", "something else"),
        ];
        for (file_name, info, version) in cases {
            assert_eq!(version_in(file_name, info), version);
        }
    }
}
