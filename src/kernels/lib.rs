//! Room `kernels`: maths on slices. Knows no point ids, payloads or files; the only room that names
//! CPU intrinsics. Every SIMD function stands beside a plain reference, and tests hold them equal.
//!
//! | Module | Holds |
//! |---|---|
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
pub mod dispatch;
pub mod isa;
pub mod plain;
pub mod prepare;
pub mod scan;
pub mod scorer;
pub mod top_k;

#[cfg(test)]
mod tests;

pub use dispatch::{Kernels, dot, l1, l2_squared};
pub use isa::Isa;
pub use prepare::{first_non_finite, normalise};
pub use scan::scan;
pub use scorer::{Distance, Scorer, prefetch};
pub use top_k::TopK;
