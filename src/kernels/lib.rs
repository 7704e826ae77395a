//! Room `kernels`: maths on slices. Knows no point ids, payloads or files; the only room that names
//! CPU intrinsics. Every SIMD function stands beside a plain reference, and tests hold them equal.
//!
//! | Module | Holds |
//! |---|---|
//! | [`element`] | what rows are made of: floats or halves |
//! | [`sq8`] | rows of bytes, each with a step of its own; queries of the same format |
//! | [`bits`], [`rotate`] | rows of one bit a component, after a seeded rotation |
//! | `codes` | the kernels of both codes, by instruction set |
//! | [`code_scan`] | search over a list of rows, exact among the best |
//! | [`lines`] | bytes aligned to cache lines |
//! | [`isa`] | which instruction sets this machine has, asked once |
//! | [`plain`] | the reference: dot, squared Euclidean, Manhattan |
//! | `avx2`, `avx512` | the same on wider registers (x86-64) |
//! | [`dispatch`] | the table of the best functions, and `dot`, `l2_squared`, `l1` on top of it |
//! | [`scorer`] | distances where smaller is closer, one row or four at a time |
//! | [`scan`] | exact search over row-major rows |
//! | [`top_k`] | the k nearest so far |
//! | [`prepare`] | scaling to length 1, looking for numbers that are none |
//!
//! Sums are taken in one fixed order per instruction set, whether rows come alone or in fours: the
//! same pair of vectors has the same distance to the last bit by every route of one process.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod bits;
pub mod code_scan;
mod codes;
pub mod dispatch;
pub mod element;
pub mod isa;
pub mod lines;
pub mod plain;
pub mod prepare;
pub mod rotate;
pub mod scan;
pub mod scorer;
pub mod sq8;
pub mod top_k;

#[cfg(test)]
mod tests;

pub use bits::{BitCoder, BitQuery, BitsRef};
pub use code_scan::{SCORED_AT_ONCE, scan_ids, scan_then_rerank};
pub use codes::each::prefetch_links;
pub use dispatch::{Kernels, dot, l1, l2_squared};
pub use element::{Element, encode_halves, f32_to_half, half_to_f32};
pub use isa::Isa;
pub use lines::Lines;
pub use prepare::{first_non_finite, normalise};
pub use rotate::{Rotation, split_mix};
pub use scan::scan;
pub use scorer::{Distance, Scorer, prefetch};
pub use sq8::Sq8Ref;
pub use top_k::TopK;
