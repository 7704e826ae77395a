//! The reference of the code kernels, in plain Rust. All sums are of whole numbers, so that every
//! instruction set gives the same ones.

use crate::codes::each::each_kernel;
use crate::lines::LINE;
pub(crate) use crate::rotate::rotate_plain as rotate;
pub(crate) use crate::sq8::encode_plain as sq8_encode;
use crate::{bits, sq8};

each_kernel!(sq8_each(sq8::Form) = sq8_sums);
each_kernel!(bits_each(bits::Form) = bits_sums);

/// The code as a number from -127 to 127.
fn signed(code: u8) -> i32 {
    i32::from(code) - 128
}

/// Sums of products of codes. Query and rows are rows of bytes of one length.
fn sq8_sums<const R: usize>(query: &[u8], rows: [&[u8]; R]) -> [i32; R] {
    let codes = query.len() - LINE;
    rows.map(|row| {
        let pairs = query[..codes].iter().zip(&row[..codes]);
        pairs.map(|(&a, &b)| signed(a) * signed(b)).sum()
    })
}

/// Sums of the query's codes where a row's bit is set. The query is a row of bytes.
fn bits_sums<const R: usize>(query: &[u8], rows: [&[u8]; R]) -> [i32; R] {
    let codes = &query[..query.len() - LINE];
    rows.map(|row| {
        let set = |place: usize| i32::from((row[place / 8] >> (place % 8)) & 1);
        codes.iter().enumerate().map(|(place, &code)| signed(code) * set(place)).sum()
    })
}
