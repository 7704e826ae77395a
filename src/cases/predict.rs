//! Pictures and texts -> vectors for people who build their own models: what Google's containers
//! answer, and what a model does to one picture.

use std::sync::Arc;

use thiserror::Error;
use vitrail_domain::limits::PREDICT_PATCHES_MAX;
use vitrail_domain::{Dim, Raster, Vector};
use vitrail_embed::{Explained, Priority, Report, Serving, VertexSchema};
use vitrail_ingest::{encode_png, read_picture_guarded};

use crate::error::CaseError;
use crate::similar::Cases;

/// A box of a picture in its own pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Patches of one picture.
#[derive(Debug, Clone)]
pub struct PatchRequest {
    /// The encoded picture.
    pub picture: Arc<[u8]>,
    /// Its boxes.
    pub patches: Vec<Patch>,
    /// What the picture is resized to first.
    pub resize: Option<(u32, u32)>,
    /// Whether what lies outside is black; else such a patch is an error.
    pub fill: bool,
}

/// Why patches have no vectors.
#[derive(Debug, Error)]
pub enum PredictError {
    /// More patches than the bound.
    #[error("{got} patches are more than the limit of {most}")]
    TooMany {
        /// Patches asked for.
        got: usize,
        /// The bound.
        most: usize,
    },
    /// A patch of another size than the network's input.
    #[error("a patch of {width} x {height} pixels, the model takes {side} x {side}")]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Side of the model's tiles.
        side: u32,
    },
    /// A patch that reaches beyond the picture.
    #[error("the patch at ({x}, {y}) reaches beyond the picture of {width} x {height} pixels")]
    Outside {
        /// Left edge.
        x: u32,
        /// Top edge.
        y: u32,
        /// The picture's pixels across.
        width: u32,
        /// The picture's pixels down.
        height: u32,
    },
    /// A size that the picture can't be given.
    #[error("the picture can't be resized to {width} x {height} pixels")]
    Resize {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The picture, the model or its graph.
    #[error(transparent)]
    Case(#[from] CaseError),
}

/// One model as it speaks over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaks {
    /// Whose requests and answers.
    pub schema: VertexSchema,
    /// Side of its tiles.
    pub side: u32,
    /// Patches of one request.
    pub patches_max: usize,
    /// Factor of the cosine in the model's own probability.
    pub logit_scale: Option<f64>,
    /// Added to it.
    pub logit_bias: Option<f64>,
}

/// What a model does to one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The steps, the tensor, and what the network sees.
    pub explained: Explained,
    /// What the network sees, as PNG.
    pub png: Vec<u8>,
}

impl Cases {
    /// How a model speaks: as its manifest says; else by patches where it takes tiles of one size,
    /// by picture or text where it has a text tower, by picture otherwise.
    ///
    /// # Errors
    /// An unknown or refused model.
    pub fn speaks(&self, model: &str) -> Result<Speaks, CaseError> {
        let serving = self.models().serving(model)?;
        let manifest = serving.model().manifest();
        let schema = match &manifest.vertex {
            Some(vertex) => vertex.schema,
            None if serving.model().has_text() => VertexSchema::Medsiglip,
            None => VertexSchema::DermFoundation,
        };
        let most = manifest.limits.max_tiles_per_request.unwrap_or(PREDICT_PATCHES_MAX);
        Ok(Speaks {
            schema,
            side: serving.model().tile_px(),
            patches_max: most.min(PREDICT_PATCHES_MAX),
            logit_scale: manifest.search.logit_scale,
            logit_bias: manifest.search.logit_bias,
        })
    }

    /// One vector a patch, in order.
    ///
    /// # Errors
    /// A patch that does not fit, a refused picture, a model that fails.
    pub fn predict_patches(
        &self,
        model: &str,
        request: &PatchRequest,
    ) -> Result<Vec<Vector>, PredictError> {
        let speaks = self.speaks(model)?;
        let (got, most) = (request.patches.len(), speaks.patches_max);
        if got > most {
            return Err(PredictError::TooMany { got, most });
        }
        let side = speaks.side;
        for &Patch { width, height, .. } in &request.patches {
            if (width, height) != (side, side) {
                return Err(PredictError::Size { width, height, side });
            }
        }
        let serving = self.models().serving(model).map_err(CaseError::from)?;
        let picture = decoded(&request.picture)?;
        let picture = match request.resize {
            Some((width, height)) => vitrail_embed::opencv_resize(&picture, width, height)
                .ok_or(PredictError::Resize { width, height })?,
            None => picture,
        };
        let mut cut = Vec::with_capacity(got);
        for &patch in &request.patches {
            cut.push(cut_out(&picture, patch, request.fill)?);
        }
        Ok(embed_all(&serving, cut)?)
    }

    /// Every named output of one picture but the text's, with the length of its rows.
    ///
    /// # Errors
    /// A refused picture, a model that fails.
    pub fn predict_outputs(
        &self,
        model: &str,
        picture: &Arc<[u8]>,
    ) -> Result<Vec<(String, Vec<Vec<f32>>)>, CaseError> {
        let serving = self.models().serving(model)?;
        let picture = decoded(picture)?;
        let rows = |name: &str, values: Vec<f32>| {
            let outputs = &serving.model().manifest().outputs;
            let dim = outputs.iter().find(|output| output.name == name).map(|output| output.dim);
            let dim = dim.and_then(|dim| Dim::new(dim).ok()).map_or(values.len(), Dim::get);
            values.chunks(dim.max(1)).map(<[f32]>::to_vec).collect()
        };
        let outputs = serving.model().outputs(&picture)?;
        Ok(outputs.into_iter().map(|(name, all)| (name.clone(), rows(&name, all))).collect())
    }

    /// The vector of a text.
    ///
    /// # Errors
    /// A model without a text tower, or one that fails.
    pub fn predict_text(&self, model: &str, text: &str) -> Result<Vec<f32>, CaseError> {
        let serving = self.models().serving(model)?;
        Ok(serving.embed_texts(&[text])?.pop().unwrap_or_default())
    }

    /// What a model does to a picture before its graph sees it.
    ///
    /// # Errors
    /// A refused picture, a model whose recipe is elsewhere.
    pub fn explain(&self, model: &str, picture: &Arc<[u8]>) -> Result<Explanation, CaseError> {
        let serving = self.models().serving(model)?;
        let explained = serving.model().explain(&decoded(picture)?)?;
        let png = encode_png(&explained.seen)?;
        Ok(Explanation { explained, png })
    }

    /// Repeats a model's checks of registration.
    ///
    /// # Errors
    /// The check that failed, with both values.
    pub fn verify(&self, model: &str) -> Result<Report, CaseError> {
        Ok(self.models().serving(model)?.model().verify()?)
    }
}

fn decoded(bytes: &Arc<[u8]>) -> Result<Raster, CaseError> {
    Ok(read_picture_guarded(bytes.clone())?.raster)
}

/// Queues all and waits: the queue's workers share them.
fn embed_all(serving: &Serving, pictures: Vec<Raster>) -> Result<Vec<Vector>, CaseError> {
    let pending: Vec<_> = pictures
        .into_iter()
        .map(|picture| serving.submit(Priority::Bulk, picture))
        .collect::<Result<_, _>>()?;
    let mut vectors = Vec::with_capacity(pending.len());
    for pending in pending {
        vectors.push(serving.model().vector(pending.wait()?)?);
    }
    Ok(vectors)
}

fn cut_out(picture: &Raster, patch: Patch, fill: bool) -> Result<Raster, PredictError> {
    let Patch { x, y, width, height } = patch;
    let inside = |start: u32, length: u32, size: u32| {
        u64::from(start) + u64::from(length) <= u64::from(size)
    };
    let (across, down) = (picture.width(), picture.height());
    if !fill && !(inside(x, width, across) && inside(y, height, down)) {
        return Err(PredictError::Outside { x, y, width: across, height: down });
    }
    let mut pixels = Vec::with_capacity(width as usize * height as usize * Raster::CHANNELS);
    for row in 0..height {
        for column in 0..width {
            let at = (x.saturating_add(column), y.saturating_add(row));
            pixels.extend(if at.0 < across { picture.pixel(at.0, at.1) } else { [0; 3] });
        }
    }
    Raster::new(width, height, pixels)
        .map_err(|_| PredictError::Outside { x, y, width: across, height: down })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_cut_or_filled_with_black() {
        let pixels = (0..27).collect();
        let picture = Raster::new(3, 3, pixels).expect("a picture");
        let patch = |x, y| Patch { x, y, width: 2, height: 2 };
        let inside = cut_out(&picture, patch(1, 1), false).expect("inside");
        assert_eq!(inside.pixels(), [12, 13, 14, 15, 16, 17, 21, 22, 23, 24, 25, 26]);
        let error = cut_out(&picture, patch(2, 2), false).expect_err("outside");
        assert!(matches!(error, PredictError::Outside { x: 2, y: 2, width: 3, height: 3 }));
        let filled = cut_out(&picture, patch(2, 2), true).expect("filled");
        assert_eq!(filled.pixels(), [24, 25, 26, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let far = cut_out(&picture, patch(u32::MAX, 0), true).expect("filled");
        assert!(far.pixels().iter().all(|&byte| byte == 0));
    }
}
