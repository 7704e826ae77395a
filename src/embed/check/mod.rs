//! What a manifest must hold beyond its words: fields that agree, numbers within bounds.

mod graph;
mod picture;
mod text;

use std::path::{Component, Path};

use vitrail_domain::limits::{MODEL_FILES_MAX, NAME_BYTES_MAX};

use crate::manifest::{Golden, Manifest, Verification};
use crate::vocabulary::{GoldenInput, ModelKind, Verified};

impl Manifest {
    /// The first contradiction, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_name()?;
        self.check_files()?;
        self.check_tiling()?;
        self.check_dicom()?;
        self.check_outputs()?;
        if self.kind == ModelKind::Onnx {
            self.check_geometry()?;
            self.check_scaling()?;
            self.check_tensor()?;
            self.check_stages()?;
            self.check_text()?;
        }
        self.check_address()?;
        self.check_golden()
    }

    /// A file that the manifest names must be among `files`, so that its checksum is known;
    /// presets have no files yet.
    fn check_named(&self, key: &str, path: &str) -> Result<(), String> {
        let known = self.files.iter().any(|file| file.path == path);
        match known || self.files.is_empty() && inside(path) {
            true => Ok(()),
            false => Err(format!("{key} is {path:?}, which is not among files")),
        }
    }

    fn check_address(&self) -> Result<(), String> {
        let http = matches!(self.kind, ModelKind::HttpVertex | ModelKind::HttpGeneric);
        match &self.vertex {
            None if http => Err("vertex is missing: whose schema the address speaks".to_owned()),
            Some(vertex) => match &vertex.url {
                Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
                    Err(format!("vertex.url is {url:?}: http:// or https://"))
                }
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn check_name(&self) -> Result<(), String> {
        let name = &self.identity.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.len() <= NAME_BYTES_MAX && name.chars().all(plain) {
            return Ok(());
        }
        Err(format!(
            "identity.name is {name:?}: 1 to {NAME_BYTES_MAX} of a-z, 0-9, '-', '_', '.', \
             beginning with a letter or digit"
        ))
    }

    fn check_files(&self) -> Result<(), String> {
        if self.files.len() > MODEL_FILES_MAX {
            return Err(format!("files: {} where {MODEL_FILES_MAX} are allowed", self.files.len()));
        }
        for file in &self.files {
            if !inside(&file.path) {
                return Err(format!("files.path {:?} leaves the model's folder", file.path));
            }
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if file.sha256.len() != 64 || !file.sha256.chars().all(hex) {
                return Err(format!(
                    "files.sha256 of {} is not 64 lower-case hex digits",
                    file.path
                ));
            }
        }
        Ok(())
    }

    fn check_golden(&self) -> Result<(), String> {
        let Verification { verified, golden, .. } = &self.verification;
        if (*verified == Verified::Golden) == golden.is_empty() {
            return Err("verification: \"golden\" and a golden entry go together".to_owned());
        }
        golden.iter().try_for_each(|one| self.check_one_golden(one))
    }

    fn check_one_golden(&self, one: &Golden) -> Result<(), String> {
        let name = one.input.word();
        let wrong = |what: String| Err(format!("verification.golden {name}: {what}"));
        let output = match one.input {
            GoldenInput::Text => self.text_output(),
            _ => self.image_output(),
        };
        let values = output.map_or(0, crate::manifest::Output::values);
        match (one.input, &one.file, &one.text) {
            (GoldenInput::Picture, Some(file), None) => self.check_named("golden.file", file)?,
            (GoldenInput::Text, None, Some(_)) if values > 0 => (),
            (GoldenInput::Tensor7919 | GoldenInput::Picture7919, None, None) => (),
            _ => return wrong("file goes with picture, text with text (and a text tower)".into()),
        }
        if let Some(file) = &one.vector_file {
            self.check_named("golden.vector_file", file)?;
            let cosine = one.min_cosine.unwrap_or(1.0);
            if !(0.9..=1.0).contains(&cosine) || !one.prefix.is_empty() {
                return wrong("vector_file takes a min_cosine from 0.9 to 1, no prefix".into());
            }
            return Ok(());
        }
        let finite = one.prefix.iter().all(|value| value.is_finite());
        let length = one.norm.is_finite() && one.norm > 0.0;
        let share = one.tolerance > 0.0 && one.tolerance <= 0.05;
        if one.prefix.is_empty() || one.prefix.len() > values || !finite || !length || !share {
            return wrong(format!(
                "1 to {values} finite prefix values, a norm above 0, a tolerance above 0 and up \
                 to 0.05; or a vector_file"
            ));
        }
        Ok(())
    }
}

/// Whether a path stays in the model's folder.
fn inside(path: &str) -> bool {
    let parts = Path::new(path).components();
    !path.is_empty() && parts.into_iter().all(|part| matches!(part, Component::Normal(_)))
}
