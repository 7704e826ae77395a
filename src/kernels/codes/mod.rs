//! The kernels of rows of bytes and of bits: the loop over rows that lie apart, and the sums in it
//! for each instruction set.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
pub(crate) mod each;
pub(crate) mod plain;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vnni;

#[cfg(test)]
mod tests;
