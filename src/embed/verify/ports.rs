//! Inputs and outputs as the manifest declares them: probed, never trusted.

use crate::graphs::Graphs;
use crate::manifest::{Manifest, Output};
use crate::pipeline::Pipeline;
use crate::runtime::{Axis, Element, Input, Port};
use crate::vocabulary::Take;

/// Names, types and dimensions of every graph; what was seen, in words.
///
/// # Errors
/// The first that differs, with both sides.
pub(crate) fn ports(graphs: &Graphs, manifest: &Manifest) -> Result<String, String> {
    let mut seen = Vec::new();
    for pipeline in [Some(&graphs.images), graphs.text_pipeline()].into_iter().flatten() {
        of_pipeline(pipeline, manifest, &mut seen)?;
    }
    Ok(seen.join("; "))
}

fn of_pipeline(
    pipeline: &Pipeline,
    manifest: &Manifest,
    seen: &mut Vec<String>,
) -> Result<(), String> {
    for (stage, inputs, outputs, graph, batch) in pipeline.ports() {
        for input in &graph.inputs {
            let port = named(&inputs, &input.name, "input", &[input.element])?;
            fits(port, &input.full(batch), batch, "the recipe gives")?;
        }
        let is_wired = |port: &&Port| graph.inputs.iter().any(|input| input.name == port.name);
        if let Some(port) = inputs.iter().find(|port| !is_wired(port)) {
            let given: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
            let given = given.join(", ");
            return Err(format!("the graph wants input {}, only {given} is given", port.name));
        }
        for name in &graph.outputs {
            let port = named(&outputs, name, "output", &[Element::F32, Element::F16])?;
            let said = manifest.outputs.iter().find(|output| output.name == *name);
            if let Some(shape) = said.and_then(declared) {
                let shape = Input { name: String::new(), element: Element::F32, shape };
                fits(port, &shape.full(batch), batch, "the manifest says")?;
            }
        }
        let names = |ports: &[Port]| {
            ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>().join(", ")
        };
        seen.push(format!("{stage}: {} -> {}", names(&inputs), graph.outputs.join(", ")));
    }
    Ok(())
}

/// The axes after the batch, where the manifest says them.
fn declared(output: &Output) -> Option<Vec<usize>> {
    match output.take {
        _ if !output.shape.is_empty() => Some(output.shape.clone()),
        Take::Vector | Take::Pooler => Some(vec![output.dim]),
        Take::MultiVector => Some(vec![output.n, output.dim]),
        _ => None,
    }
}

fn named<'a>(
    ports: &'a [Port],
    name: &str,
    what: &str,
    elements: &[Element],
) -> Result<&'a Port, String> {
    let names = || ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = ports.iter().find(|port| port.name == name);
    let port =
        found.ok_or_else(|| format!("no {what} is named {name}; the graph has {}", names()))?;
    if elements.iter().any(|element| element.name() == port.element) {
        return Ok(port);
    }
    let expected: Vec<&str> = elements.iter().map(|element| element.name()).collect();
    let expected = expected.join(" or ");
    Err(format!("{what} {name} holds {}, {expected} was expected", port.element))
}

/// A batch of 0 means any: then the first axis must be free.
fn fits(port: &Port, wanted: &[usize], batch: usize, says: &str) -> Result<(), String> {
    let Some(axes) = &port.axes else { return Ok(()) };
    let agree = |axis: &Axis, size: usize| *axis == Axis::Any || *axis == Axis::Fixed(size);
    let rest = axes.iter().zip(wanted).skip(1).all(|(axis, &size)| agree(axis, size));
    let first = axes.first().is_some_and(|axis| *axis == Axis::Any || *axis == Axis::Fixed(batch));
    if axes.len() == wanted.len() && rest && first {
        return Ok(());
    }
    let shape: Vec<_> = axes
        .iter()
        .map(|axis| match axis {
            Axis::Any => "any".to_owned(),
            Axis::Fixed(size) => size.to_string(),
        })
        .collect();
    let hint =
        if rest && !first { " (a graph of one batch size: set fixed_batch)" } else { "" };
    Err(format!("{} is [{}], {says} {wanted:?}{hint}", port.name, shape.join(", ")))
}
