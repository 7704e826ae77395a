//! What of an index lies on disk, and in which order it is written: segments, tombstones, then the
//! manifest that names them; then what it no longer names is removed.

pub(crate) mod blocks;
pub(crate) mod files;
pub(crate) mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use roaring::RoaringBitmap;
use vitrail_domain::{Seq, Slot, SlotSet};

use crate::error::SegmentError;
use crate::shelf::files::Files;
use crate::shelf::manifest::{Manifest, Named, metric_number};
use crate::view::{Placed, VectorView};

/// The files of an index. One thread at a time changes the manifest.
pub(crate) struct Shelf {
    pub(crate) files: Files,
    state: Mutex<State>,
}

/// What the manifest says, and what is being made.
#[derive(Default)]
pub(crate) struct State {
    /// The manifest's Seq; `None` while there is no manifest.
    pub(crate) seq: Option<Seq>,
    /// Number of the next segment.
    next: u64,
    /// Number -> dead rows in the tombstones file.
    dead: BTreeMap<u64, u32>,
    /// The segments that are being written.
    in_progress: BTreeSet<u64>,
}

/// What was found at opening.
pub(crate) struct FoundOnDisk {
    pub(crate) view: VectorView,
    pub(crate) seq: Option<Seq>,
    pub(crate) pending: SlotSet,
    pub(crate) incomplete: bool,
    pub(crate) problems: Vec<String>,
}

impl Shelf {
    /// Opens what the manifest of `folder` names, into an empty view, and removes all else there.
    pub(crate) fn open(
        folder: &Path,
        empty: VectorView,
    ) -> Result<(Self, FoundOnDisk), SegmentError> {
        let files = Files::open(folder)?;
        let mut found = FoundOnDisk {
            view: empty,
            seq: None,
            pending: SlotSet::new(),
            incomplete: false,
            problems: Vec::new(),
        };
        let mut state = State::default();
        if let Some(manifest) = manifest_of(&files, &mut found)? {
            state.seq = Some(manifest.seq);
            state.next = manifest.next;
            found.seq = Some(manifest.seq);
            for named in &manifest.segments {
                found.open_segment(&files, &mut state, named);
            }
            found.pending = SlotSet::from(manifest.pending);
        }
        files.sweep(&|number| state.dead.contains_key(&number))?;
        Ok((Self { files, state: Mutex::new(state) }, found))
    }

    /// The turn to change the manifest.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// A number for a segment that is about to be written.
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.in_progress.insert(number);
        number
    }

    /// Forgets that a segment was being written, and removes what the view, which the manifest
    /// names, has no more: this one, if it came to nothing, and those it replaced. `view` is asked
    /// in turn, so that it is none that another segment's end has passed.
    pub(crate) fn ended(&self, number: u64, view: impl FnOnce() -> Arc<VectorView>) {
        let mut state = self.state();
        state.in_progress.remove(&number);
        if let Err(error) = self.sweep(&state, &view()) {
            tracing::warn!(%error, "what is left of segments can't be removed yet");
        }
    }

    /// Makes the manifest say what `view` is, complete up to `seq`.
    pub(crate) fn persist(
        &self,
        state: &mut State,
        view: &VectorView,
        seq: Seq,
    ) -> Result<Option<Seq>, SegmentError> {
        let on_disk = |placed: &&Placed| placed.segment.number.is_some();
        if state.seq.is_none() && !view.segments.iter().any(|placed| on_disk(&placed)) {
            return Ok(None);
        }
        let mut segments = Vec::new();
        for placed in view.segments.iter().filter(on_disk) {
            let Some(number) = placed.segment.number else { continue };
            let rows = placed.segment.len();
            let dead = rows - placed.live;
            if state.dead.get(&number) != Some(&dead) {
                let set = view.dead(placed.base, &placed.segment);
                self.files.write_tombstones(number, seq, rows, &set)?;
                state.dead.insert(number, dead);
            }
            segments.push(Named { number, rows, dead });
        }
        let manifest = Manifest {
            seq,
            dim: view.dim().get() as u32,
            metric: metric_number(view.metric()),
            next: state.next,
            segments,
            pending: pending(view),
        };
        manifest.write(&self.files.manifest())?;
        state.seq = Some(seq);
        Ok(Some(seq))
    }

    /// Removes the folders of segments that `view`, which the manifest names, doesn't have.
    pub(crate) fn sweep(&self, state: &State, view: &VectorView) -> Result<(), SegmentError> {
        let kept = |number: u64| {
            let same = |placed: &Placed| placed.segment.number == Some(number);
            state.in_progress.contains(&number) || view.segments.iter().any(same)
        };
        self.files.sweep(&kept)
    }
}

impl FoundOnDisk {
    fn open_segment(&mut self, files: &Files, state: &mut State, named: &Named) {
        let shape = (self.view.dim().get(), self.view.metric());
        let problems = &mut self.problems;
        let mut tell = |error: SegmentError| problems.push(error.to_string());
        match files.open_segment(named, shape, &mut tell) {
            Ok((segment, dead)) => {
                state.dead.insert(named.number, dead.len() as u32);
                self.incomplete |= !self.view.add(segment, &dead);
            }
            Err(error) => {
                tell(error);
                self.incomplete = true;
            }
        }
    }
}

/// The manifest, if there is one of this vector.
fn manifest_of(files: &Files, found: &mut FoundOnDisk) -> Result<Option<Manifest>, SegmentError> {
    let path = files.manifest();
    match Manifest::read(&path) {
        Ok(manifest) if manifest.is_of(found.view.dim(), found.view.metric()) => {
            return Ok(Some(manifest));
        }
        Ok(_) => found.problems.push(format!("{}: of another vector", path.display())),
        Err(SegmentError::Disk(error)) if error.is_missing() => {
            if files.has_segments()? {
                found.problems.push(format!("{}: missing, and segments are there", path.display()));
            }
        }
        Err(error) => found.problems.push(error.to_string()),
    }
    Ok(None)
}

/// Slots whose current row lies in no segment on disk.
fn pending(view: &VectorView) -> RoaringBitmap {
    let mut pending = RoaringBitmap::new();
    for (base, segment) in view.parts().filter(|(_, segment)| segment.number.is_none()) {
        let slots = (0..segment.len()).map(|offset| (offset, segment.slot(offset)));
        let live = slots.filter(|&(offset, slot)| view.is_live(slot, base, offset));
        pending.extend(live.map(|(_, slot)| Slot(slot).0));
    }
    pending
}
