//! The seam to models that run elsewhere: this room names no HTTP, whoever opens it brings the way.

use std::fmt;
use std::sync::Arc;

use vitrail_domain::Raster;

use crate::manifest::{Manifest, Output};
use crate::take::finish;

/// Brings encoded pictures and texts to a container and its vectors back, as `manifest.vertex`
/// says; batches, retries and time bounds are its own.
pub trait Transport: Send + Sync {
    /// The numbers of the image output of each picture (PNG), in order; rows one after another.
    ///
    /// # Errors
    /// What the container or the way to it said, in words without credentials.
    fn pictures(&self, manifest: &Manifest, pictures: &[Vec<u8>]) -> Result<Vec<Vec<f32>>, String>;

    /// The same of texts.
    ///
    /// # Errors
    /// As `pictures`.
    fn texts(&self, manifest: &Manifest, texts: &[&str]) -> Result<Vec<Vec<f32>>, String>;
}

/// A transport, and who encodes pictures for it.
#[derive(Clone)]
pub struct Remote {
    /// The way there.
    pub transport: Arc<dyn Transport>,
    /// Encodes without loss.
    pub encode: fn(&Raster) -> Result<Vec<u8>, String>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

impl Remote {
    pub(crate) fn pictures(
        &self,
        manifest: &Manifest,
        pictures: &[Raster],
    ) -> Result<Vec<Vec<f32>>, String> {
        let output = manifest.image_output().ok_or("no output has the role image")?;
        let encoded: Vec<_> = pictures.iter().map(self.encode).collect::<Result<_, _>>()?;
        let vectors = self.transport.pictures(manifest, &encoded)?;
        checked(manifest, output, vectors, pictures.len())
    }

    pub(crate) fn texts(
        &self,
        manifest: &Manifest,
        texts: &[&str],
    ) -> Result<Vec<Vec<f32>>, String> {
        let output = manifest.text_output().ok_or("no output has the role text")?;
        let vectors = self.transport.texts(manifest, texts)?;
        checked(manifest, output, vectors, texts.len())
    }
}

/// What comes from elsewhere is believed as little as a graph is.
fn checked(
    manifest: &Manifest,
    output: &Output,
    mut vectors: Vec<Vec<f32>>,
    count: usize,
) -> Result<Vec<Vec<f32>>, String> {
    let (name, values) = (&output.name, output.values());
    if vectors.len() != count {
        return Err(format!("{} vectors for {count} items", vectors.len()));
    }
    for vector in &mut vectors {
        if vector.len() != values {
            let got = vector.len();
            return Err(format!("output {name} has {got} numbers, the manifest says {values}"));
        }
        if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
            return Err(format!("output {name}: component {at} is not finite"));
        }
        finish(vector, output.dim, None, manifest.post.l2_normalize);
    }
    Ok(vectors)
}
