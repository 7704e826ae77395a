//! A series' instances -> the levels of one slide.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use vitrail_domain::Code;
use vitrail_domain::limits::{DICOM_SIBLINGS_MAX, FILES_MAX, SLIDE_LEVELS_MAX};

use super::instance::{Instance, Peek};
use super::{Flavor, is_dicom_file, label};
use crate::refusal::Refusal;
use crate::walk::Found;

/// One level: where its tiles are.
#[derive(Debug)]
pub(crate) struct Level {
    pub width: u32,
    pub height: u32,
    pub tile_width: u32,
    pub tile_height: u32,
    /// Instance and frame of each tile that there is, by column and row.
    tiles: HashMap<(u32, u32), (usize, usize)>,
}

/// The instances of a slide, open for reading.
#[derive(Debug)]
pub(crate) struct Series {
    /// Largest first.
    pub levels: Vec<Level>,
    /// Micrometres across and down a pixel of level 0.
    pub mpp: Option<(f64, f64)>,
    instances: Vec<Instance>,
}

/// Whether a file is an instance of a whole slide.
pub(crate) fn is_instance(path: &Path) -> bool {
    is_dicom_file(path) && Peek::at(path).is_some()
}

/// Leaves of the instances of each slide only the one of its largest level, whose neighbours are
/// found again when it is opened; labels go too where their slide is there. Returns how many slides
/// there are. Reads the heads of DICOM files; other files of known endings are not opened.
pub fn one_per_slide(found: &mut Vec<Found>) -> usize {
    let peeked: Vec<Option<Peek>> = found.iter().map(peek).collect();
    let mut first: HashMap<(PathBuf, &str), usize> = HashMap::new();
    for (at, peek) in peeked.iter().enumerate() {
        let Some(peek) = peek.as_ref().filter(|peek| peek.flavor == Flavor::Level) else {
            continue;
        };
        let best = first.entry(key(found, at, peek)).or_insert(at);
        if let Some(Some(other)) = peeked.get(*best)
            && rank(peek) < rank(other)
        {
            *best = at;
        }
    }
    let keep: Vec<bool> = peeked
        .iter()
        .enumerate()
        .map(|(at, peek)| {
            let chosen = peek.as_ref().and_then(|peek| first.get(&key(found, at, peek)));
            chosen.is_none_or(|chosen| *chosen == at)
        })
        .collect();
    let slides = first.len();
    drop(first);
    let mut keep = keep.into_iter();
    found.retain(|_| keep.next().unwrap_or(true));
    slides
}

/// Pictures of other kinds are not opened to see whether they are slides.
const OTHERS: [&str; 11] =
    ["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "svs", "btf", "ndpi"];

fn peek(file: &Found) -> Option<Peek> {
    let ending = Path::new(&file.relative).extension().unwrap_or_default();
    let ending = ending.to_string_lossy().to_lowercase();
    if OTHERS.contains(&ending.as_str()) || !is_dicom_file(&file.path) {
        return None;
    }
    Peek::at(&file.path)
}

/// A slide is what lies in one folder under one series; without a series each file is its own.
fn key<'p>(found: &[Found], at: usize, peek: &'p Peek) -> (PathBuf, &'p str) {
    let path = found.get(at).map(|file| file.path.as_path()).unwrap_or(Path::new(""));
    let place = if peek.series.is_empty() { Some(path) } else { path.parent() };
    (place.unwrap_or(path).to_owned(), peek.series.as_str())
}

/// The largest level first, of a concatenation its first part, then by name.
fn rank(peek: &Peek) -> (std::cmp::Reverse<u64>, usize, &str) {
    let pixels = u64::from(peek.width) * u64::from(peek.height);
    (std::cmp::Reverse(pixels), peek.first_frame, &peek.instance)
}

impl Series {
    /// Opens the slide that the instance at `path` belongs to, with the others of its series in the
    /// same folder.
    ///
    /// # Errors
    /// A label; damage, or what is not read, in words.
    pub(crate) fn open(path: &Path) -> Result<Self, Refusal> {
        let Some(own) = Peek::at(path) else {
            // Opening it says what is wrong.
            return Err(Instance::open(path).err().unwrap_or_else(label));
        };
        if own.flavor == Flavor::Label {
            return Err(label());
        }
        let mut instances = vec![Instance::open(path)?];
        for sibling in siblings(path, &own)? {
            instances.push(Instance::open(&sibling)?);
        }
        Self::of(instances)
    }

    fn of(instances: Vec<Instance>) -> Result<Self, Refusal> {
        let mut levels: BTreeMap<(u64, u32), Level> = BTreeMap::new();
        for (index, instance) in instances.iter().enumerate() {
            let (width, height) = (instance.peek.width, instance.peek.height);
            let (tile_width, tile_height) = (instance.header.width, instance.header.height);
            let size = u64::from(width) * u64::from(height);
            let level = levels.entry((u64::MAX - size, width)).or_insert_with(|| Level {
                width,
                height,
                tile_width,
                tile_height,
                tiles: HashMap::new(),
            });
            if (level.tile_width, level.tile_height) != (tile_width, tile_height) {
                let message = "the DICOM slide has two levels of one size with unlike tiles";
                return Err(Refusal::new(Code::ImageUnsupported, message));
            }
            for (frame, place) in instance.places.iter().enumerate() {
                level.tiles.entry(*place).or_insert((index, frame));
            }
        }
        if levels.len() > SLIDE_LEVELS_MAX {
            let message = format!("the DICOM slide has {} levels", levels.len());
            return Err(Refusal::new(Code::ImageTooLarge, message));
        }
        let levels: Vec<Level> = levels.into_values().collect();
        let base = levels.first().map(|level| level.width);
        let of_base = |instance: &&Instance| Some(instance.peek.width) == base;
        let mpp = instances.iter().filter(of_base).find_map(|instance| instance.mpp);
        Ok(Self { levels, mpp, instances })
    }

    /// One tile as RGB; `None` where the slide has none.
    pub(crate) fn tile(
        &self,
        level: usize,
        column: u32,
        row: u32,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let place = self.levels.get(level).and_then(|level| level.tiles.get(&(column, row)));
        let Some((index, frame)) = place else { return Ok(None) };
        self.instances.get(*index).map(|instance| instance.tile(*frame)).transpose()
    }
}

/// The other level instances of the same series in the same folder, in the order of their names.
fn siblings(path: &Path, own: &Peek) -> Result<Vec<PathBuf>, Refusal> {
    let mut siblings = Vec::new();
    let Some(folder) = path.parent().filter(|_| !own.series.is_empty()) else {
        return Ok(siblings);
    };
    let unreadable = |error| Refusal::unreadable(folder, error);
    for entry in std::fs::read_dir(folder).map_err(unreadable)?.take(FILES_MAX) {
        let other = entry.map_err(unreadable)?.path();
        if other.file_name() == path.file_name() || !is_dicom_file(&other) {
            continue;
        }
        let peeked = Peek::at(&other);
        if peeked.is_some_and(|peek| peek.series == own.series && peek.flavor == Flavor::Level) {
            siblings.push(other);
        }
        if siblings.len() > DICOM_SIBLINGS_MAX {
            let message = format!("a slide has more than {DICOM_SIBLINGS_MAX} DICOM files");
            return Err(Refusal::new(Code::ImageTooLarge, message));
        }
    }
    siblings.sort();
    Ok(siblings)
}
