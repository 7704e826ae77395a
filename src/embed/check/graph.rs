//! Inputs, outputs and stages that fit together.

use vitrail_domain::limits::{
    DIM_MAX, EMBED_BATCH_MAX, MODEL_OUTPUTS_MAX, MODEL_STAGES_MAX, MULTI_COMPONENTS_MAX,
    MULTI_ROWS_MAX, TENSOR_FLOATS_MAX,
};
use vitrail_domain::Dim;

use crate::manifest::{Manifest, Output, StageInput, TensorSpec};
use crate::vocabulary::{ModelKind, OutputRole, Take};

impl Manifest {
    pub(super) fn check_outputs(&self) -> Result<(), String> {
        if self.outputs.len() > MODEL_OUTPUTS_MAX {
            return Err(format!("outputs: at most {MODEL_OUTPUTS_MAX}"));
        }
        let count = |role| self.outputs.iter().filter(|output| output.role == role).count();
        if count(OutputRole::Image) != 1 {
            let images = count(OutputRole::Image);
            return Err(format!("outputs: {images} have the role image, one must"));
        }
        if count(OutputRole::Text) > 1 {
            return Err("outputs: more than one has the role text".to_owned());
        }
        self.outputs.iter().try_for_each(check_output)?;
        self.check_comparison()
    }

    fn check_comparison(&self) -> Result<(), String> {
        let Some(image) = self.image_output() else { return Ok(()) };
        if self.is_multi() != (image.take == Take::MultiVector) {
            return Err("search.late_interaction and an image output that takes multi_vector go \
                        together"
                .to_owned());
        }
        match self.text_output() {
            Some(text) if text.dim != image.dim => Err(format!(
                "outputs: {} has {} components and {} has {}: they can't be compared",
                text.name, text.dim, image.name, image.dim
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn check_tensor(&self) -> Result<(), String> {
        let TensorSpec { fixed_batch, max_batch, channels, .. } = self.tensor;
        if !(1..=EMBED_BATCH_MAX).contains(&max_batch) || fixed_batch > EMBED_BATCH_MAX {
            return Err(format!("tensor: batches are of 1 to {EMBED_BATCH_MAX} pictures"));
        }
        if channels != 1 && channels != 3 {
            return Err(format!("tensor.channels is {channels}: 1 or 3"));
        }
        if self.stages.is_empty() && self.tensor.input_name.is_empty() {
            return Err("tensor.input_name is missing".to_owned());
        }
        Ok(())
    }

    pub(super) fn check_stages(&self) -> Result<(), String> {
        if self.stages.len() > MODEL_STAGES_MAX {
            return Err(format!("stages: at most {MODEL_STAGES_MAX}"));
        }
        for (at, stage) in self.stages.iter().enumerate() {
            self.check_named("stages.file", &stage.file)?;
            let before = self.stages.get(..at).unwrap_or(&[]);
            if before.iter().any(|other| other.name == stage.name) || stage.name.contains('.') {
                return Err(format!("stages: {:?} is no name of its own", stage.name));
            }
            if stage.fixed_batch > EMBED_BATCH_MAX || stage.inputs.is_empty() {
                return Err(format!("stage {}: inputs are missing", stage.name));
            }
            for input in &stage.inputs {
                let known = self.sources_before(at);
                if !known.contains(&input.from) {
                    return Err(format!(
                        "stage {}: input {} is from {:?}; known here: {}",
                        stage.name,
                        input.name,
                        input.from,
                        known.join(", ")
                    ));
                }
                check_input(input)?;
            }
        }
        let takes = |what: &str| {
            self.stages.iter().flat_map(|stage| &stage.inputs).any(|input| input.from == what)
        };
        match self.stages.is_empty() || takes("pixels") {
            true => Ok(()),
            false => Err("stages: none takes the pixels".to_owned()),
        }
    }

    /// What an input of stage `at` may be wired to.
    fn sources_before(&self, at: usize) -> Vec<String> {
        let mut known = vec!["pixels".to_owned()];
        if self.text.is_some() {
            known.extend(["token_ids".to_owned(), "token_mask".to_owned()]);
        }
        for stage in self.stages.iter().take(at) {
            known.extend(stage.outputs.iter().map(|output| format!("{}.{output}", stage.name)));
        }
        known
    }
}

fn check_input(input: &StageInput) -> Result<(), String> {
    if input.shape.is_empty() && input.from != "pixels" {
        return Err(format!("stages: input {} has no shape", input.name));
    }
    check_shape(&input.name, &input.shape)
}

fn check_shape(name: &str, shape: &[usize]) -> Result<(), String> {
    let floats = shape.iter().try_fold(1_usize, |all, &axis| all.checked_mul(axis));
    match floats {
        Some(1..=TENSOR_FLOATS_MAX) => Ok(()),
        _ => Err(format!("{name}: a shape of 1 to {TENSOR_FLOATS_MAX} numbers")),
    }
}

fn check_output(output: &Output) -> Result<(), String> {
    Dim::new(output.dim).map_err(|error| format!("outputs: {error}, at most {DIM_MAX}"))?;
    if output.take == Take::ClsConcatMeanPatch && output.dim % 2 == 1 {
        return Err("outputs: cls_concat_mean_patch makes an even dim".to_owned());
    }
    let rows = (2..=MULTI_ROWS_MAX).contains(&output.n);
    if (output.take == Take::MultiVector) != (output.n != 1) || (output.n != 1 && !rows) {
        return Err(format!("outputs: multi_vector takes n from 2 to {MULTI_ROWS_MAX}, others none"));
    }
    if output.values() > MULTI_COMPONENTS_MAX {
        return Err(format!("outputs: n x dim is at most {MULTI_COMPONENTS_MAX}"));
    }
    if output.shape.is_empty() { Ok(()) } else { check_shape(&output.name, &output.shape) }
}

impl Manifest {
    /// Why this program can't do what the manifest says, though every word of it is known.
    pub(crate) fn unserved(&self) -> Option<String> {
        use crate::vocabulary::{AlphaRule, BitDepth, ExifOrient, IccTarget};
        if matches!(self.kind, ModelKind::Precomputed) {
            return Some("its vectors come from files: it embeds no picture and no text".into());
        }
        let said = [
            (self.source.exif_orient != ExifOrient::Apply, "source.exif_orient = \"ignore\""),
            (self.source.alpha != AlphaRule::OverWhite, "source.alpha other than over_white"),
            (self.source.bit_depth != BitDepth::Eight, "source.bit_depth other than 8"),
            (self.colour.icc != IccTarget::None, "colour.icc other than none"),
            (!self.dicom.multi_window.is_empty(), "dicom.multi_window"),
            (!self.post.projection_in_graph, "a projection outside the graph"),
        ];
        let found = said.iter().find(|(unserved, _)| *unserved);
        found.map(|(_, what)| format!("{what} is not served by this version"))
    }
}

