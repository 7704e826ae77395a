//! From stored values to shades: modality LUT, window or VOI LUT, inversion (PS3.3 C.11.1, C.11.2).
//!
//! A sample has 16 bits at most, so each step is one table from stored values to shades.

use std::ops::ControlFlow;

use super::codecs::Samples;
use super::data_set::{DataSet, Stop};
use super::groups;
use super::header::{Header, Photometric};
use super::tags;

/// How values outside a window's middle are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowRule {
    /// As the standard says (PS3.3 C.11.2.1.2): what a viewer shows.
    #[default]
    DicomPs3,
    /// As the preprocessing of CXR Foundation does it: the window is one unit too narrow and off
    /// its centre, results are cut and not rounded, and the whole range is stretched afterwards.
    /// Kept bit for bit, since its embeddings were made so.
    GoogleCxrLegacy,
}

impl WindowRule {
    /// `dicom_ps3` or `google_cxr_legacy`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DicomPs3 => "dicom_ps3",
            Self::GoogleCxrLegacy => "google_cxr_legacy",
        }
    }
}

/// Shades of one frame, 16 bits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grey16 {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Row major, top left first.
    pub values: Vec<u16>,
}

/// Which window a frame was seen through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Seen {
    /// Centre and width.
    Window(f64, f64),
    /// A table of the file.
    Table,
    /// All values that occur, or all that can.
    Full,
}

#[derive(Debug)]
enum Modality {
    Linear(f64, f64),
    Table(Lut),
}

#[derive(Debug)]
struct Lut {
    first: f64,
    values: Vec<u16>,
    bits: u16,
}

impl Lut {
    fn read(item: &DataSet<'_>, signed: bool) -> Option<Self> {
        let &[count, first, bits] = item.shorts(tags::LUT_DESCRIPTOR).as_slice() else {
            return None;
        };
        let count = if count == 0 { 65_536 } else { usize::from(count) };
        let raw = item.value(tags::LUT_DATA)?;
        let mut values = item.shorts(tags::LUT_DATA);
        if raw.len() < count * 2 {
            values = raw.iter().map(|byte| u16::from(*byte)).collect();
        }
        values.truncate(count);
        let first = if signed { f64::from(first as i16) } else { f64::from(first) };
        (!values.is_empty() && (1..=16).contains(&bits)).then_some(Self { first, values, bits })
    }

    fn at(&self, value: f64) -> f64 {
        let last = self.values.len().saturating_sub(1);
        let index = (value - self.first).clamp(0.0, last as f64) as usize;
        self.values.get(index).copied().unwrap_or_default().into()
    }
}

#[derive(Debug)]
enum Voi {
    Window { center: f64, width: f64, function: Function },
    Table(Lut),
    None,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

/// How the stored values of one frame are read.
#[derive(Debug)]
pub(crate) struct Shades {
    header: Header,
    modality: Modality,
    voi: Voi,
    padding: Option<u16>,
    /// Black and white are the least and greatest value that there can be, not those that occur:
    /// the tiles of one slide are seen alike.
    whole_range: bool,
}

impl Shades {
    /// What the data set says of all tiles of a slide.
    pub(crate) fn of_slide(set: &DataSet<'_>, header: &Header) -> Result<Self, Stop> {
        Ok(Self { whole_range: true, ..Self::read(set, header, 0)? })
    }

    /// Reads what the data set says of one frame.
    pub(crate) fn read(set: &DataSet<'_>, header: &Header, frame: usize) -> Result<Self, Stop> {
        let transformed = groups::of_frame(set, frame, tags::PIXEL_VALUE_TRANSFORMATION)?;
        let windowed = groups::of_frame(set, frame, tags::FRAME_VOI_LUT)?;
        Ok(Self {
            header: *header,
            modality: modality(transformed.as_ref().unwrap_or(set), header)?,
            voi: voi(windowed.as_ref().unwrap_or(set), header)?,
            padding: set.short(tags::PIXEL_PADDING),
            whole_range: false,
        })
    }

    /// Which window these shades are seen through by the standard's rule.
    pub(crate) fn seen(&self) -> Seen {
        match &self.voi {
            Voi::Window { center, width, .. } => Seen::Window(*center, *width),
            Voi::Table(_) => Seen::Table,
            Voi::None => Seen::Full,
        }
    }

    fn inverted(&self) -> bool {
        self.header.photometric == Photometric::Monochrome1
    }

    /// Eight bits a pixel by the standard's rule.
    pub(crate) fn eight(&self, samples: &Samples) -> Vec<u8> {
        let table = self.ps3(samples, 255.0);
        let mask = self.mask();
        let shade = |raw: u16| table.get(usize::from(raw & mask)).copied().unwrap_or(0) as u8;
        match samples {
            Samples::Eight(samples) => samples.iter().map(|raw| shade(u16::from(*raw))).collect(),
            Samples::Sixteen(samples) => samples.iter().map(|raw| shade(*raw)).collect(),
        }
    }

    /// Sixteen bits a pixel by either rule.
    pub(crate) fn sixteen(&self, samples: &Samples, rule: WindowRule) -> Vec<u16> {
        let table = match rule {
            WindowRule::DicomPs3 => self.ps3(samples, 65_535.0),
            WindowRule::GoogleCxrLegacy => self.legacy(samples),
        };
        let mask = self.mask();
        let shade = |raw: u16| table.get(usize::from(raw & mask)).copied().unwrap_or(0);
        match samples {
            Samples::Eight(samples) => samples.iter().map(|raw| shade(u16::from(*raw))).collect(),
            Samples::Sixteen(samples) => samples.iter().map(|raw| shade(*raw)).collect(),
        }
    }

    fn mask(&self) -> u16 {
        u16::MAX >> (16 - self.header.bits_stored.clamp(1, 16))
    }

    /// What every stored value is after the modality LUT.
    fn values(&self) -> Vec<f64> {
        let bits = u32::from(self.header.bits_stored.clamp(1, 16));
        let number = |raw: u32| {
            let negative = self.header.signed && raw >> (bits - 1) == 1;
            if negative { f64::from(raw) - f64::from(1_u32 << bits) } else { f64::from(raw) }
        };
        let meant = |value: f64| match &self.modality {
            Modality::Linear(slope, intercept) => value * slope + intercept,
            Modality::Table(lut) => lut.at(value),
        };
        (0..1_u32 << bits).map(|raw| meant(number(raw))).collect()
    }

    /// Which stored values occur.
    fn occurring(&self, samples: &Samples) -> Vec<bool> {
        let mask = self.mask();
        let mut seen = vec![false; usize::from(mask) + 1];
        let mut mark = |raw: u16| {
            if let Some(seen) = seen.get_mut(usize::from(raw & mask)) {
                *seen = true;
            }
        };
        match samples {
            Samples::Eight(samples) => samples.iter().for_each(|raw| mark(u16::from(*raw))),
            Samples::Sixteen(samples) => samples.iter().for_each(|raw| mark(*raw)),
        }
        seen
    }

    /// Shades from 0 to `top`, rounded.
    fn ps3(&self, samples: &Samples, top: f64) -> Vec<u16> {
        let values = self.values();
        let (low, high) = match &self.voi {
            Voi::None => self.range(samples, &values),
            _ => (0.0, 1.0),
        };
        let shade = |value: f64| {
            let share = match &self.voi {
                Voi::Window { center, width, function } => {
                    windowed(value, *center, *width, *function)
                }
                Voi::Table(lut) => lut.at(value) / f64::from(u16::MAX >> (16 - lut.bits)),
                Voi::None if high > low => (value - low) / (high - low),
                Voi::None => 0.0,
            };
            let share = share.clamp(0.0, 1.0);
            let share = if self.inverted() { 1.0 - share } else { share };
            (share * top + 0.5).floor() as u16
        };
        values.into_iter().map(shade).collect()
    }

    /// The values that become black and white where no window is given: of 8 unsigned bits all that
    /// there can be, else those that occur, padding left out.
    fn range(&self, samples: &Samples, values: &[f64]) -> (f64, f64) {
        let plain = matches!(self.modality, Modality::Linear(1.0, 0.0));
        if plain && !self.header.signed && self.header.bits_stored <= 8 {
            return (0.0, f64::from(self.mask()));
        }
        if self.whole_range {
            return span(values, &vec![true; values.len()]);
        }
        let mut seen = self.occurring(samples);
        if let Some(padding) = self.padding
            && let Some(padding) = seen.get_mut(usize::from(padding & self.mask()))
        {
            *padding = false;
        }
        span(values, &seen)
    }

    /// The steps of `image_utils.py` of CXR Foundation, in their order.
    fn legacy(&self, samples: &Samples) -> Vec<u16> {
        let (mut values, seen) = (self.values(), self.occurring(samples));
        let plain = matches!(self.modality, Modality::Linear(1.0, 0.0));
        let eight = plain && self.header.bits_allocated == 8;
        let (low, _) = span(&values, &seen);
        let top = match (eight, self.header.signed || low < 0.0) {
            (true, false) => 255.0,
            (true, true) => 127.0,
            (false, false) => 65_535.0,
            (false, true) => 32_767.0,
        };
        if let Voi::Window { center, width, .. } = &self.voi {
            let (low, high) = (center - width / 2.0, center - 1.0 + width / 2.0);
            for value in &mut values {
                let clipped = value.clamp(low.min(high), high.max(low));
                *value =
                    if high > low { ((clipped - low) / (high - low) * top).trunc() } else { 0.0 };
            }
        }
        let (low, high) = span(&values, &seen);
        if self.inverted() {
            values.iter_mut().for_each(|value| *value = high - *value);
        }
        let (low, high) = if self.inverted() { (0.0, high - low) } else { (low, high) };
        let shift = if self.header.signed || low < 0.0 { low } else { 0.0 };
        let stretched = |value: f64| match (eight, high > low) {
            (true, _) => value - shift,
            (false, true) => (value - low) / (high - low) * 65_535.0,
            (false, false) => 0.0,
        };
        values.into_iter().map(|value| stretched(value).clamp(0.0, 65_535.0) as u16).collect()
    }
}

/// The smallest and largest of the values that occur.
fn span(values: &[f64], seen: &[bool]) -> (f64, f64) {
    let occurring = values.iter().zip(seen).filter(|(_, seen)| **seen).map(|(value, _)| *value);
    let widened = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
    let span = occurring.fold((f64::INFINITY, f64::NEG_INFINITY), widened);
    if span.0.is_finite() { span } else { (0.0, 0.0) }
}

/// A value's share of the way from black to white.
fn windowed(value: f64, center: f64, width: f64, function: Function) -> f64 {
    match function {
        Function::Linear if width <= 1.0 => f64::from(value > center - 0.5),
        Function::Linear => (value - (center - 0.5)) / (width - 1.0) + 0.5,
        Function::LinearExact => (value - center) / width + 0.5,
        Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - center) / width).exp()),
    }
}

fn modality(set: &DataSet<'_>, header: &Header) -> Result<Modality, Stop> {
    if let Some(lut) =
        set.item(tags::MODALITY_LUT)?.and_then(|item| Lut::read(&item, header.signed))
    {
        return Ok(Modality::Table(lut));
    }
    let slope = set.decimal(tags::RESCALE_SLOPE).unwrap_or(1.0);
    let intercept = set.decimal(tags::RESCALE_INTERCEPT).unwrap_or(0.0);
    Ok(Modality::Linear(slope, intercept))
}

/// The first window, else the first table.
fn voi(set: &DataSet<'_>, header: &Header) -> Result<Voi, Stop> {
    let window = set.decimal(tags::WINDOW_CENTER).zip(set.decimal(tags::WINDOW_WIDTH));
    let function = match set.text(tags::VOI_LUT_FUNCTION) {
        Some("SIGMOID") => Function::Sigmoid,
        Some("LINEAR_EXACT") => Function::LinearExact,
        _ => Function::Linear,
    };
    if let Some((center, width)) = window.filter(|(_, width)| *width > 0.0) {
        return Ok(Voi::Window { center, width, function });
    }
    let read = |item: &DataSet<'_>| match Lut::read(item, header.signed) {
        Some(lut) => ControlFlow::Break(lut),
        None => ControlFlow::Continue(()),
    };
    let lut = set.items(tags::VOI_LUT)?.iter().try_for_each(read).break_value();
    Ok(lut.map_or(Voi::None, Voi::Table))
}
