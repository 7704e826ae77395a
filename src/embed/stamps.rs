//! Which models were verified before, so that a short command need not prove a large model again.

use std::path::PathBuf;

use vitrail_disk::{create_dir_synced, safe_write};

use crate::verify::Report;

/// A folder with one file for each mark: the checks that were passed. Without a folder nothing is
/// remembered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamps(pub Option<PathBuf>);

impl Stamps {
    fn path(&self, mark: &[u8; 32]) -> Option<PathBuf> {
        let name: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.as_deref().map(|folder| folder.join(name))
    }

    /// Whether this mark was set.
    pub(crate) fn has(&self, mark: &[u8; 32]) -> bool {
        self.path(mark).is_some_and(|path| path.is_file())
    }

    /// The checks that were passed when this mark was set.
    pub(crate) fn report(&self, mark: &[u8; 32]) -> Option<Report> {
        let text = std::fs::read_to_string(self.path(mark)?).ok()?;
        Some(Report::of_text(&text))
    }

    /// Sets the mark. A folder that can't be written costs time at the next start, nothing else.
    pub(crate) fn set(&self, mark: &[u8; 32], report: &Report) {
        let (Some(folder), Some(path)) = (&self.0, self.path(mark)) else { return };
        let text = report.to_text();
        let written =
            create_dir_synced(folder).and_then(|()| safe_write(&path, text.as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "the verification of a model is not remembered");
        }
    }
}
