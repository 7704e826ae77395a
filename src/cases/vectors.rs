//! Pictures -> vectors for files that other programs read, without a store.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use vitrail_domain::limits::EXPORT_BYTES_MAX;
use vitrail_domain::{Code, Dim};
use vitrail_embed::{Priority, Serving};
use vitrail_ingest::{Refusal, read_image_bytes, read_picture_guarded, sha256};

use crate::error::CaseError;
use crate::similar::Cases;

/// A picture's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureVector {
    /// Which of the files, from 0.
    pub file: usize,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
    /// `[dim]`, as the model gives it.
    pub vector: Vec<f32>,
}

/// A picture that has no vector; its neighbours went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPicture {
    /// Which of the files, from 0.
    pub file: usize,
    /// The stable name of what went wrong.
    pub code: Code,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// What became of a list of files, each part in the files' order.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The model.
    pub model: String,
    /// The hash of everything in it that changes numbers.
    pub contract: String,
    /// Components of each vector.
    pub dim: Dim,
    /// Pictures with a vector.
    pub vectors: Vec<PictureVector>,
    /// Pictures without one.
    pub refused: Vec<RefusedPicture>,
}

impl Cases {
    /// Embeds files by a model on `threads` threads; `watch` is told how many are done, from any
    /// thread. The order of the answer is that of the files, whatever the threads do. All vectors
    /// are held in memory.
    ///
    /// # Errors
    /// An unknown or refused model; more vectors than `EXPORT_BYTES_MAX`. A bad picture is no
    /// error: it is told among the refused.
    pub fn embed_files(
        &self,
        model: &str,
        files: &[PathBuf],
        threads: usize,
        watch: &(dyn Fn(usize) + Sync),
    ) -> Result<Embedded, CaseError> {
        let serving = self.models().serving(model)?;
        // A picture of many rows is one line of a file, row after row.
        let dim = Dim::new(serving.model().values()).unwrap_or(serving.model().dim());
        check_bound(files.len(), dim)?;
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(files.len())));
        let work = || {
            while let Some((file, path)) = take(&next, files) {
                let result = embed_file(&serving, file, path);
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                results.push(result);
                watch(results.len());
            }
        };
        std::thread::scope(|scope| {
            // A thread that decodes and one that waits for the model, for each core.
            for _ in 0..2 * threads.max(1) {
                scope.spawn(work);
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let contract = serving.model().contract_hash().to_owned();
        let model = model.to_owned();
        let (vectors, refused) = in_order(results);
        Ok(Embedded { model, contract, dim, vectors, refused })
    }
}

fn check_bound(pictures: usize, dim: Dim) -> Result<(), CaseError> {
    let bytes = (pictures as u64).saturating_mul(4 * dim.get() as u64);
    match bytes {
        0..=EXPORT_BYTES_MAX => Ok(()),
        _ => Err(CaseError::TooMany { pictures, dim: dim.get() }),
    }
}

fn take<'a>(next: &AtomicUsize, files: &'a [PathBuf]) -> Option<(usize, &'a Path)> {
    let file = next.fetch_add(1, Ordering::Relaxed);
    files.get(file).map(|path| (file, path.as_path()))
}

fn embed_file(
    serving: &Serving,
    file: usize,
    path: &Path,
) -> Result<PictureVector, RefusedPicture> {
    let refused =
        |refusal: Refusal| RefusedPicture { file, code: refusal.code, message: refusal.message };
    let bytes = read_image_bytes(path).map_err(refused)?;
    let sha256 = sha256(&bytes);
    let picture = read_picture_guarded(bytes).map_err(refused)?;
    let vector = serving.embed(Priority::Bulk, picture.raster);
    vector.map(|vector| PictureVector { file, sha256, vector }).map_err(|error| RefusedPicture {
        file,
        code: error.code(),
        message: error.to_string(),
    })
}

fn in_order(
    results: Vec<Result<PictureVector, RefusedPicture>>,
) -> (Vec<PictureVector>, Vec<RefusedPicture>) {
    let (mut vectors, mut refused) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(vector) => vectors.push(vector),
            Err(why) => refused.push(why),
        }
    }
    vectors.sort_by_key(|vector: &PictureVector| vector.file);
    refused.sort_by_key(|refused: &RefusedPicture| refused.file);
    (vectors, refused)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vitrail_domain::Raster;
    use vitrail_embed::{Models, ModelsOptions, Places, RuntimeChoice};
    use vitrail_ingest::encode_png;

    use super::*;

    fn cases() -> Cases {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models");
        let options = ModelsOptions {
            folders: vec![fixtures.into()],
            runtime: RuntimeChoice::Tract,
            places: Places::default(),
            threads: 2,
            remote: None,
        };
        Cases::new(Arc::new(Models::discover(&options).expect("models")))
    }

    /// Eleven pictures, of which the fourth is broken and the eighth is not there.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let file = |n: u8| {
            let path = folder.join(format!("{n}.png"));
            let raster = Raster::filled(40 + u32::from(n), 50, [20 * n, 90, 120]);
            let png = encode_png(&raster.expect("a picture")).expect("a PNG");
            let kept = if n == 3 { png.len() / 2 } else { png.len() };
            #[expect(clippy::disallowed_methods, reason = "a test's own files")]
            std::fs::write(&path, &png[..kept]).expect("written");
            if n == 7 { folder.join("none.png") } else { path }
        };
        (0..11).map(file).collect()
    }

    #[test]
    fn vectors_come_in_the_files_order_and_bad_pictures_are_told() {
        let (cases, folder) = (cases(), tempfile::tempdir().expect("a folder"));
        let files = files(folder.path());
        let model = "efficientnet-lite0-cut";
        let embedded = cases.embed_files(model, &files, 3, &|_| ()).expect("embedded");
        let places: Vec<usize> = embedded.vectors.iter().map(|one| one.file).collect();
        assert_eq!(places, [0, 1, 2, 4, 5, 6, 8, 9, 10]);
        let refused: Vec<_> = embedded.refused.iter().map(|one| (one.file, one.code)).collect();
        assert_eq!(refused, [(3, Code::ImageTruncated), (7, Code::FileUnreadable)]);
        let serving = cases.models().serving(model).expect("verified");
        for one in &embedded.vectors {
            let bytes = read_image_bytes(&files[one.file]).expect("bytes");
            assert_eq!(one.sha256, sha256(&bytes));
            let picture = read_picture_guarded(bytes).expect("a picture");
            let alone = serving.embed(Priority::Query, picture.raster).expect("a vector");
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
            assert!(one.vector.iter().zip(&alone).all(close), "file {}", one.file);
        }
        assert_ne!(embedded.vectors[0].vector, embedded.vectors[8].vector);
    }

    #[test]
    fn more_vectors_than_memory_holds_are_refused() {
        let (dim, fit) = (Dim::new(1_024).expect("a dimension"), EXPORT_BYTES_MAX as usize / 4_096);
        assert!(check_bound(fit, dim).is_ok());
        assert!(check_bound(fit + 1, dim).is_err_and(|error| error.code() == Code::TooLarge));
    }
}
