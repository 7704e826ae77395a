//! Graphs that are linked: pixels, tokens and other graphs' outputs in, named outputs out.

use std::borrow::Cow;
use std::path::Path;

use crate::manifest::{Manifest, Stage, StageInput, Text};
use crate::preprocess::Recipe;
use crate::runtime::{Element, Input, Port, RawOutput, Runtime};
use crate::sessions::{Graph, Sessions};
use crate::vocabulary::{Mask, OutputRole, TensorType, WireType};

/// What one input of a graph is wired to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wire {
    Pixels,
    Ids,
    Mask,
    /// Output `.1` of stage `.0`.
    Stage(usize, usize),
}

/// What goes in: one side, or both. The absent side is zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// Items.
    pub count: usize,
    /// `[count x floats]`.
    pub pixels: Option<&'a [f32]>,
    /// Token numbers and mask, `[count x max_len]` each.
    pub tokens: Option<(&'a [f32], &'a [f32])>,
}

/// One graph and its wiring.
struct Linked {
    name: String,
    wires: Vec<Wire>,
    sessions: Sessions,
    fixed_batch: usize,
}

/// Graphs in the order in which they run.
pub(crate) struct Pipeline {
    stages: Vec<Linked>,
}

/// How sessions are loaded.
#[derive(Clone, Copy)]
pub(crate) struct Loading<'a> {
    pub folder: &'a Path,
    pub runtime: &'a Runtime,
    pub threads: usize,
    /// Whether one session serves all threads.
    pub shared: bool,
}

/// A stage as it is to be loaded.
struct Planned {
    name: String,
    file: String,
    fixed_batch: usize,
    inputs: Vec<(Input, Wire)>,
    outputs: Vec<String>,
}

impl Pipeline {
    /// The graphs that pictures go through; of linked stages also those that text goes through.
    pub(crate) fn of_images(manifest: &Manifest, loading: Loading<'_>) -> Result<Self, String> {
        let recipe = Recipe::of(manifest);
        let planned = if manifest.stages.is_empty() {
            let file = manifest.files.first().ok_or("the manifest names no file")?;
            let input = pixels(manifest, &manifest.tensor.input_name, recipe.shape(1));
            vec![Planned {
                name: "image".to_owned(),
                file: file.path.clone(),
                fixed_batch: manifest.tensor.fixed_batch,
                inputs: vec![(input, Wire::Pixels)],
                outputs: names(manifest, |role| role != OutputRole::Text),
            }]
        } else {
            staged(manifest, &recipe)?
        };
        Self::load(planned, loading)
    }

    /// The graph of a text tower that stands alone.
    pub(crate) fn of_text(
        manifest: &Manifest,
        text: &Text,
        loading: Loading<'_>,
    ) -> Result<Option<Self>, String> {
        let Some(file) = &text.file else { return Ok(None) };
        let input = |name: &String, dtype| Input {
            name: name.clone(),
            element: element(dtype),
            shape: vec![text.max_len],
        };
        let mut inputs = vec![(input(&text.ids_name, text.ids_dtype), Wire::Ids)];
        if text.mask != Mask::None {
            inputs.push((input(&text.mask_name, text.mask_dtype), Wire::Mask));
        }
        let planned = Planned {
            name: "text".to_owned(),
            file: file.clone(),
            fixed_batch: 0,
            inputs,
            outputs: names(manifest, |role| role == OutputRole::Text),
        };
        Self::load(vec![planned], loading).map(Some)
    }

    fn load(planned: Vec<Planned>, loading: Loading<'_>) -> Result<Self, String> {
        let several = planned.len() > 1;
        let load = |planned: Planned| {
            let (inputs, wires) = planned.inputs.into_iter().unzip();
            let graph = Graph {
                path: loading.folder.join(&planned.file),
                inputs,
                outputs: planned.outputs,
                batch: planned.fixed_batch.max(1),
            };
            let Loading { runtime, threads, shared, .. } = loading;
            let sessions = Sessions::load(runtime, graph, threads, shared);
            let at = |error| if several { format!("stage {}: {error}", planned.name) } else { error };
            let sessions = sessions.map_err(at)?;
            let fixed_batch = planned.fixed_batch;
            Ok(Linked { name: planned.name, wires, sessions, fixed_batch })
        };
        Ok(Self { stages: planned.into_iter().map(load).collect::<Result<_, String>>()? })
    }

    /// The outputs of the last graph in their order.
    pub(crate) fn run(&self, given: &Given<'_>) -> Result<Vec<RawOutput>, String> {
        let mut done: Vec<Option<Vec<RawOutput>>> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            let outputs = match stage.is_reached(given, &done) {
                true => Some(stage.run(given, &done)?),
                false => None,
            };
            done.push(outputs);
        }
        done.pop().flatten().ok_or_else(|| "nothing reaches the last graph".to_owned())
    }

    /// Names of the outputs of the last graph.
    pub(crate) fn outputs(&self) -> &[String] {
        self.stages.last().map_or(&[], |stage| stage.sessions.graph().outputs.as_slice())
    }

    /// Each stage's name, its declared inputs and outputs, how it is fed, its fixed batch.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&str, Vec<Port>, Vec<Port>, &Graph, usize)> {
        self.stages.iter().map(|stage| {
            let (inputs, outputs) = stage.sessions.ports();
            (stage.name.as_str(), inputs, outputs, stage.sessions.graph(), stage.fixed_batch)
        })
    }
}

impl Linked {
    /// Whether anything that is there comes to this graph.
    fn is_reached(&self, given: &Given<'_>, done: &[Option<Vec<RawOutput>>]) -> bool {
        self.wires.iter().any(|wire| match wire {
            Wire::Pixels => given.pixels.is_some(),
            Wire::Ids | Wire::Mask => given.tokens.is_some(),
            Wire::Stage(stage, _) => done.get(*stage).is_some_and(Option::is_some),
        })
    }

    fn run(
        &self,
        given: &Given<'_>,
        done: &[Option<Vec<RawOutput>>],
    ) -> Result<Vec<RawOutput>, String> {
        let graph = self.sessions.graph();
        let mut inputs: Vec<Cow<'_, [f32]>> = Vec::with_capacity(self.wires.len());
        for (wire, input) in self.wires.iter().zip(&graph.inputs) {
            let numbers = match wire {
                Wire::Pixels => given.pixels,
                Wire::Ids => given.tokens.map(|(ids, _)| ids),
                Wire::Mask => given.tokens.map(|(_, mask)| mask),
                Wire::Stage(stage, output) => {
                    let outputs = done.get(*stage).and_then(Option::as_ref);
                    outputs.and_then(|all| all.get(*output)).map(|raw| raw.data.as_slice())
                }
            };
            let wanted = given.count * input.each();
            let numbers = numbers.map_or_else(|| Cow::Owned(vec![0.0; wanted]), Cow::Borrowed);
            if numbers.len() != wanted {
                let (name, got) = (&input.name, numbers.len());
                return Err(format!("input {name} takes {wanted} numbers, {got} were given"));
            }
            inputs.push(numbers);
        }
        self.calls(given.count, &inputs)
    }

    /// Calls of the size that the graph takes; one of a fixed batch is padded with zeros.
    fn calls(&self, count: usize, inputs: &[Cow<'_, [f32]>]) -> Result<Vec<RawOutput>, String> {
        let graph = self.sessions.graph();
        if self.fixed_batch == 0 || self.fixed_batch == count {
            let data: Vec<&[f32]> = inputs.iter().map(AsRef::as_ref).collect();
            return self.sessions.run(count, &data);
        }
        let mut all = vec![RawOutput::default(); graph.outputs.len()];
        for first in (0..count).step_by(self.fixed_batch) {
            let part = |(numbers, input): (&Cow<'_, [f32]>, &Input)| {
                let each = input.each();
                let end = (first + self.fixed_batch).min(count) * each;
                let mut part = numbers.get(first * each..end).unwrap_or(&[]).to_vec();
                part.resize(self.fixed_batch * each, 0.0);
                part
            };
            let parts: Vec<Vec<f32>> = inputs.iter().zip(&graph.inputs).map(part).collect();
            let data: Vec<&[f32]> = parts.iter().map(Vec::as_slice).collect();
            let some = self.sessions.run(self.fixed_batch, &data)?;
            all.iter_mut().zip(some).for_each(|(all, some)| all.extend(some));
        }
        all.iter_mut().for_each(|output| output.truncate(count));
        Ok(all)
    }
}

fn names(manifest: &Manifest, wanted: fn(OutputRole) -> bool) -> Vec<String> {
    let outputs = manifest.outputs.iter().filter(|output| wanted(output.role));
    outputs.map(|output| output.name.clone()).collect()
}

fn element(dtype: WireType) -> Element {
    match dtype {
        WireType::F32 => Element::F32,
        WireType::I32 => Element::I32,
        WireType::I64 => Element::I64,
    }
}

fn pixels(manifest: &Manifest, name: &str, [_, rest @ ..]: [usize; 4]) -> Input {
    let element = match manifest.tensor.dtype {
        TensorType::F32 => Element::F32,
        TensorType::F16 => Element::F16,
    };
    Input { name: name.to_owned(), element, shape: rest.to_vec() }
}

fn staged(manifest: &Manifest, recipe: &Recipe) -> Result<Vec<Planned>, String> {
    let last = manifest.stages.len().saturating_sub(1);
    let plan = |(at, stage): (usize, &Stage)| {
        let input = |input: &StageInput| {
            let wire = wire(manifest, &input.from)?;
            let tensor = match wire {
                Wire::Pixels => pixels(manifest, &input.name, recipe.shape(1)),
                _ => Input {
                    name: input.name.clone(),
                    element: element(input.dtype),
                    shape: input.shape.clone(),
                },
            };
            Ok((tensor, wire))
        };
        Ok(Planned {
            name: stage.name.clone(),
            file: stage.file.clone(),
            fixed_batch: stage.fixed_batch,
            inputs: stage.inputs.iter().map(input).collect::<Result<_, String>>()?,
            outputs: if at == last { names(manifest, |_| true) } else { stage.outputs.clone() },
        })
    };
    manifest.stages.iter().enumerate().map(plan).collect()
}

fn wire(manifest: &Manifest, from: &str) -> Result<Wire, String> {
    match from {
        "pixels" => return Ok(Wire::Pixels),
        "token_ids" => return Ok(Wire::Ids),
        "token_mask" => return Ok(Wire::Mask),
        _ => {}
    }
    let found = from.split_once('.').and_then(|(stage, output)| {
        let at = manifest.stages.iter().position(|other| other.name == stage)?;
        let outputs = &manifest.stages.get(at)?.outputs;
        Some(Wire::Stage(at, outputs.iter().position(|other| other == output)?))
    });
    found.ok_or_else(|| format!("nothing is named {from}"))
}
