//! How good a picture is: signs measured on its pixels, and one verdict with its reasons.
//!
//! | Module | Holds |
//! |---|---|
//! | [`judge`] | pixels -> [`Quality`]: signs, verdict, reasons |
//! | `plane` | luminance as one plane, gradients, halves |
//! | `focus` | sharpness and noise |
//! | `light` | exposure, contrast, colour, emptiness |
//! | `ink` | pen, edges and folds by hue and darkness |
//! | `damage` | what JPEG and truncation leave behind |
//! | `text` | burnt-in text near corners |
//! | `stain` | haematoxylin and eosin by Macenko |
//! | `rules` | `thresholds.toml`: which number of which sign is a warning or a failure |

mod damage;
mod focus;
mod ink;
mod judge;
mod light;
mod plane;
mod rules;
mod stain;
#[cfg(test)]
mod tests;
mod text;

pub use judge::{Quality, Subject, Verdict, judge};
