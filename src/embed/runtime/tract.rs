//! tract, the pure-Rust engine: the only file that names the crate.
//!
//! The plan is optimised for one fixed shape (several times faster than a plan of any shape), so
//! a batch is run picture by picture unless the graph is fixed to a batch of its own.

use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::{ModelProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::*;

use half::f16;

use super::{Axis, Element, GraphPlace, Port, RawOutput};

/// The crate's version, as `Cargo.lock` pins it.
pub(super) const VERSION: &str = "0.23.9";

/// ONNX's numbering of element types.
const ELEMENTS: [(i32, Element); 4] =
    [(1, Element::F32), (6, Element::I32), (7, Element::I64), (10, Element::F16)];

/// A plan for one shape. Clones share it.
#[derive(Clone)]
pub(crate) struct Loaded {
    plan: Arc<TypedRunnableModel>,
    /// Items of one run.
    batch: usize,
    /// Which of the call's inputs each of the plan's is.
    order: Vec<usize>,
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
    let outlet = |name: &String| {
        let found = parsed.outlets_by_name.get(name).copied();
        found.ok_or_else(|| TractError::msg(format!("no output {name}")))
    };
    let outlets: Vec<_> = graph.outputs.iter().map(outlet).collect::<TractResult<_>>()?;
    for input in graph.inputs {
        if !inputs.iter().any(|port| port.name == input.name) {
            return Err(TractError::msg(format!("no input {}", input.name)));
        }
    }
    let mut model = parsed.model.with_output_outlets(&outlets)?;
    let mut order = Vec::with_capacity(inputs.len());
    for (at, port) in inputs.iter().enumerate() {
        let given = graph.inputs.iter().position(|input| input.name == port.name);
        let given = given.ok_or_else(|| {
            TractError::msg(format!("the graph wants input {}, which nothing gives", port.name))
        })?;
        order.push(given);
        let input = graph.inputs.get(given).ok_or_else(|| TractError::msg("no such input"))?;
        let shape = input.full(graph.batch);
        let fact = match input.element {
            Element::F32 => f32::fact(&shape),
            Element::F16 => f16::fact(&shape),
            Element::I32 => i32::fact(&shape),
            Element::I64 => i64::fact(&shape),
        };
        model = model.with_input_fact(at, fact.into())?;
    }
    let plan = model.into_optimized()?.into_runnable()?;
    Ok(Loaded { plan, batch: graph.batch, order, inputs, outputs })
}

fn tensor(element: Element, shape: &[usize], numbers: &[f32]) -> TractResult<Tensor> {
    let whole = |value: &f32| *value as i64;
    match element {
        Element::F32 => Tensor::from_shape(shape, numbers),
        Element::F16 => {
            let numbers: Vec<f16> = numbers.iter().map(|&value| f16::from_f32(value)).collect();
            Tensor::from_shape(shape, &numbers)
        }
        Element::I32 => {
            let numbers: Vec<i32> = numbers.iter().map(|value| whole(value) as i32).collect();
            Tensor::from_shape(shape, &numbers)
        }
        Element::I64 => {
            let numbers: Vec<i64> = numbers.iter().map(whole).collect();
            Tensor::from_shape(shape, &numbers)
        }
    }
}

impl Loaded {
    pub(super) fn run(
        &self,
        graph: &GraphPlace<'_>,
        batch: usize,
        data: &[&[f32]],
    ) -> Result<Vec<RawOutput>, String> {
        let mut all = vec![RawOutput::default(); graph.outputs.len()];
        for first in (0..batch).step_by(self.batch.max(1)) {
            let some = self.run_once(graph, first, data).map_err(|error| format!("{error:#}"))?;
            all.iter_mut().zip(some).for_each(|(all, some)| all.extend(some));
        }
        all.iter_mut().for_each(|output| output.truncate(batch));
        Ok(all)
    }

    /// The items from `first` on, as many as the plan takes.
    fn run_once(
        &self,
        graph: &GraphPlace<'_>,
        first: usize,
        data: &[&[f32]],
    ) -> TractResult<Vec<RawOutput>> {
        let mut values: TVec<TValue> = tvec!();
        for &given in &self.order {
            let (Some(input), Some(numbers)) = (graph.inputs.get(given), data.get(given)) else {
                return Err(TractError::msg("an input is missing"));
            };
            let each = input.each();
            let part = numbers.get(first * each..(first + self.batch) * each);
            let part = part.ok_or_else(|| TractError::msg("a batch that the plan does not take"))?;
            values.push(tensor(input.element, &input.full(self.batch), part)?.into());
        }
        let outputs = self.plan.run(values)?;
        outputs.iter().map(|output| raw(output)).collect()
    }

    pub(super) fn ports(&self) -> (Vec<Port>, Vec<Port>) {
        (self.inputs.clone(), self.outputs.clone())
    }
}

fn raw(output: &Tensor) -> TractResult<RawOutput> {
    let floats = output.cast_to::<f32>()?;
    let view = floats.to_plain_array_view::<f32>()?;
    Ok(RawOutput { shape: output.shape().to_vec(), data: view.iter().copied().collect() })
}

/// Inputs and outputs that a file declares, without loading its graph.
pub(crate) fn declared_ports(path: &std::path::Path) -> Result<(Vec<Port>, Vec<Port>), String> {
    let proto = tract_onnx::onnx().proto_model_for_path(path);
    proto.map(|proto| declared(&proto)).map_err(|error| format!("{error:#}"))
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
        Some(number) => match ELEMENTS.iter().find(|(known, _)| *known == number) {
            Some((_, element)) => element.name().to_owned(),
            None => format!("ONNX element type {number}"),
        },
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
