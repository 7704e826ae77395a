//! Pixels -> signs -> one verdict.

use serde_json::{Map, Value, json};
use vitrail_domain::Raster;

use super::plane::Plane;
use super::rules::{Rule, rules};
use super::{damage, focus, ink, light, stain, text};
use crate::encode::shrink;

/// Longest side that signs are measured at: about what models see, and a bounded cost.
const SIDE: u32 = 512;

/// Mean difference of the channels below which a photograph counts as grey: an X-ray film.
const GREY_SATURATION: f64 = 4.0;

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject {
    /// A picture of its own.
    Photograph,
    /// A tile of a stained slide, with its share of tissue where a mask tells it.
    Tile(Option<f64>),
}

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing stands out.
    Pass,
    /// Something may be wrong.
    Warn,
    /// Not to be used without a look.
    Fail,
}

impl Verdict {
    /// The word in payloads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// Every sign that may be measured, by its name under `vitrail.qc`.
#[cfg(test)]
pub(super) const SIGNS: [&str; 25] = [
    "focus",
    "focus_ratio",
    "focus_ratio_half",
    "noise",
    "brightness",
    "low",
    "middle",
    "high",
    "dark",
    "bright",
    "saturation",
    "colour",
    "entropy",
    "background",
    "blocks",
    "tail",
    "text",
    "pen_green",
    "pen_red",
    "pen_blue",
    "black",
    "fold",
    "tissue",
    "stain_h",
    "stain_e",
];

/// Signs, verdict and reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// The verdict: the worst of the rules that spoke.
    pub verdict: Verdict,
    /// What is wrong, in a word each, worst first: `blurred`, `pen`, `empty` ...
    pub reasons: Vec<String>,
    /// What a person should look at, and what is no verdict: `text`.
    pub flags: Vec<String>,
    signs: Vec<(&'static str, f64)>,
}

/// Judges a picture. Work: a few passes over at most 512 x 512 pixels, and one over the rows as
/// stored.
#[must_use]
pub fn judge(raster: &Raster, subject: Subject) -> Quality {
    let signs = measure(raster, subject);
    let kind = match subject {
        Subject::Tile(_) => "tile",
        Subject::Photograph if value(&signs, "saturation") < Some(GREY_SATURATION) => "grey",
        Subject::Photograph => "photo",
    };
    let own = rules().iter().filter(|rule| rule.kind == kind && speaks(rule, &signs));
    let own: Vec<(&Rule, f64)> =
        own.filter_map(|rule| Some((rule, value(&signs, &rule.sign)?))).collect();
    let flagged = own.iter().filter(|(rule, value)| rule.flags(*value));
    let flags = flagged.map(|(rule, _)| rule.reason.clone()).collect();
    let mut spoken: Vec<(Verdict, &str)> = own
        .iter()
        .map(|(rule, value)| (rule.judge(*value), rule.reason.as_str()))
        .filter(|(verdict, _)| *verdict > Verdict::Pass)
        .collect();
    spoken.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let verdict = spoken.first().map_or(Verdict::Pass, |(verdict, _)| *verdict);
    let mut reasons: Vec<String> = Vec::new();
    for (_, reason) in spoken {
        if !reasons.iter().any(|known| known == reason) {
            reasons.push(reason.to_owned());
        }
    }
    Quality { verdict, reasons, flags, signs }
}

fn speaks(rule: &Rule, signs: &[(&'static str, f64)]) -> bool {
    rule.only.as_ref().is_none_or(|(sign, from)| value(signs, sign) >= Some(*from))
}

fn value(signs: &[(&'static str, f64)], name: &str) -> Option<f64> {
    signs.iter().find(|(sign, _)| *sign == name).map(|(_, value)| *value)
}

fn measure(stored: &Raster, subject: Subject) -> Vec<(&'static str, f64)> {
    let factor = stored.width().max(stored.height()).div_ceil(SIDE);
    let shrunk = shrink(stored, factor);
    let raster = shrunk.as_ref().unwrap_or(stored);
    let plane = Plane::luminance(raster);
    let (focus, light) = (focus::focus(&plane), light::light(raster, &plane));
    let (ink, damage) = (ink::ink(raster), damage::damage(stored));
    let mut signs = vec![
        ("focus", focus.laplacian),
        ("focus_ratio", focus.ratio),
        ("focus_ratio_half", focus.ratio_half),
        ("noise", focus.noise),
        ("brightness", light.brightness),
        ("low", light.low),
        ("middle", light.middle),
        ("high", light.high),
        ("dark", light.dark),
        ("bright", light.bright),
        ("saturation", light.saturation),
        ("colour", light.colour),
        ("entropy", light.entropy),
        ("background", light.background),
        ("blocks", damage.blocks),
        ("tail", damage.tail),
        ("text", text::text(&plane)),
        ("pen_green", ink.green),
        ("pen_red", ink.red),
        ("pen_blue", ink.blue),
        ("black", ink.black),
        ("fold", ink.fold),
    ];
    if let Subject::Tile(tissue) = subject {
        signs.extend(tissue.map(|share| ("tissue", share)));
        if let Some(stain) = stain::stain(raster) {
            signs.extend([("stain_h", stain.haematoxylin), ("stain_e", stain.eosin)]);
        }
    }
    signs
}

impl Quality {
    /// One sign's number.
    #[must_use]
    pub fn sign(&self, name: &str) -> Option<f64> {
        value(&self.signs, name)
    }

    /// As it stands under `vitrail.qc`: the verdict, its reasons, and each sign as a number of four
    /// digits.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("verdict".to_owned(), json!(self.verdict.name()));
        fields.insert("reasons".to_owned(), json!(self.reasons));
        fields.insert("flags".to_owned(), json!(self.flags));
        for (name, value) in &self.signs {
            fields.insert((*name).to_owned(), json!(four_digits(*value)));
        }
        Value::Object(fields)
    }
}

fn four_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let places = 3 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(places.clamp(0, 6));
    (value * scale).round() / scale
}
