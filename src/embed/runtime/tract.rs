//! tract, the pure-Rust engine: the only file that names the crate.
//!
//! The plan is optimised for one fixed shape (several times faster than a plan of any shape), so
//! a batch is run picture by picture unless the graph is fixed to a batch of its own.

use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::{ModelProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::*;

use super::{Axis, GraphPlace, Port, RawOutput};

/// The crate's version, as `Cargo.lock` pins it.
pub(super) const VERSION: &str = "0.23.9";

/// Elements of type `float` in ONNX's numbering.
const ONNX_FLOAT: i32 = 1;

/// A plan for one shape. Clones share it.
#[derive(Clone)]
pub(crate) struct Loaded {
    plan: Arc<TypedRunnableModel>,
    shape: [usize; 4],
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

pub(super) fn load(graph: &GraphPlace<'_>) -> Result<Loaded, String> {
    plan(graph).map_err(|error| format!("{error:#}"))
}

fn plan(graph: &GraphPlace<'_>) -> TractResult<Loaded> {
    let onnx = tract_onnx::onnx();
    let proto = onnx.proto_model_for_path(graph.path)?;
    let (inputs, outputs) = declared(&proto);
    let folder = graph.path.parent().and_then(|folder| folder.to_str());
    let parsed = onnx.parse(&proto, folder)?;
    if !parsed.unresolved_inputs.is_empty() {
        return Err(TractError::msg(format!("unresolved inputs {:?}", parsed.unresolved_inputs)));
    }
    let output = parsed.outlets_by_name.get(graph.output).copied();
    let output = output.ok_or_else(|| TractError::msg(format!("no output {}", graph.output)))?;
    let input = inputs.iter().position(|port| port.name == graph.input);
    let input = input.ok_or_else(|| TractError::msg(format!("no input {}", graph.input)))?;
    let plan = parsed
        .model
        .with_output_outlets(&[output])?
        .with_input_fact(input, f32::fact(graph.shape).into())?
        .into_optimized()?
        .into_runnable()?;
    Ok(Loaded { plan, shape: graph.shape, inputs, outputs })
}

impl Loaded {
    pub(super) fn run(&self, shape: [usize; 4], data: &[f32]) -> Result<RawOutput, String> {
        let each: usize = self.shape.iter().product();
        let mut all = RawOutput { shape: Vec::new(), data: Vec::new() };
        for part in data.chunks(each) {
            let one = self.run_once(part).map_err(|error| format!("{error:#}"))?;
            all.shape = one.shape;
            all.data.extend(one.data);
        }
        if let Some(batch) = all.shape.first_mut() {
            *batch = shape[0];
        }
        Ok(all)
    }

    fn run_once(&self, data: &[f32]) -> TractResult<RawOutput> {
        let tensor = Tensor::from_shape(&self.shape, data)?;
        let outputs = self.plan.run(tvec!(tensor.into()))?;
        let output = outputs.first().ok_or_else(|| TractError::msg("the graph gave nothing"))?;
        let view = output.to_plain_array_view::<f32>()?;
        Ok(RawOutput { shape: output.shape().to_vec(), data: view.iter().copied().collect() })
    }

    pub(super) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        (self.inputs.clone(), self.outputs.clone())
    }
}

/// Inputs and outputs as the file declares them; old files list weights as inputs too.
fn declared(proto: &ModelProto) -> (Vec<Port>, Vec<Port>) {
    let Some(graph) = &proto.graph else { return (Vec::new(), Vec::new()) };
    let weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs = graph.input.iter().filter(|info| !weight(&info.name)).map(port).collect();
    (inputs, graph.output.iter().map(port).collect())
}

fn port(info: &ValueInfoProto) -> Port {
    let tensor = info.r#type.as_ref().and_then(|kind| match &kind.value {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    });
    let element = match tensor.map(|tensor| tensor.elem_type) {
        Some(ONNX_FLOAT) => "f32".to_owned(),
        Some(other) => format!("ONNX element type {other}"),
        None => "not a tensor".to_owned(),
    };
    let axes = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| {
        let axis = |value: &Option<Value>| match value {
            Some(Value::DimValue(size)) => usize::try_from(*size).map_or(Axis::Any, Axis::Fixed),
            _ => Axis::Any,
        };
        shape.dim.iter().map(|dim| axis(&dim.value)).collect()
    });
    Port { name: info.name.clone(), element, axes }
}
