//! The DICOM driver against pydicom, over real, odd and hostile files.

use std::time::Instant;

use super::read::both;
use super::*;
use crate::tests::test_data;
use crate::{Refusal, read_picture_file, sha256};
use vitrail_domain::Code;

/// What pydicom made of each file (`tests/golden/dicom.py`).
const GOLDEN: &str = include_str!("../../../tests/golden/dicom.csv");

/// Files whose shown values differ from pydicom's, and by how much at most at the places compared.
/// Where no number is given, one of the two doesn't read the file.
const DIFFERENT: [(&str, Option<u8>); 0] = [];

/// File, SHA-256 of stored samples, SHA-256 of shown pixels, some values.
struct Row {
    file: &'static str,
    stored: &'static str,
    shown: &'static str,
    some: Vec<u8>,
}

fn golden() -> impl Iterator<Item = Row> {
    GOLDEN.lines().skip(2).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let [file, _, _, stored, shown, some] = cells[..] else { panic!("{line}") };
        let some = some.split(' ').filter_map(|value| value.parse().ok()).collect();
        Row { file, stored, shown, some }
    })
}

fn hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same places that the golden's script looks at.
fn some(shown: &[u8]) -> Vec<u8> {
    (0..8).map(|place| shown[place * (shown.len() - 1) / 7]).collect()
}

/// `None`: equal; else how far the shown values are off, or why there are none.
fn compare(row: &Row, outcome: Result<(Vec<u16>, Vec<u8>), Refusal>) -> Option<String> {
    match outcome {
        Err(refusal) if row.stored.is_empty() => {
            println!("neither  {}: {} {refusal}", row.file, refusal.code);
            None
        }
        Err(refusal) => Some(format!("refused: {} {refusal}", refusal.code)),
        Ok(_) if row.stored.is_empty() => Some("only Vitrail".to_owned()),
        Ok((stored, shown)) => {
            let raw: Vec<u8> = stored.iter().flat_map(|s| s.to_le_bytes()).collect();
            std::fs::write(format!("/tmp/i5dicom/{}.raw", row.file.replace('/', "_")), raw).unwrap();
            let stored: Vec<u8> = stored.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let off = some(&shown).iter().zip(&row.some).map(|(a, b)| a.abs_diff(*b)).max();
            let (stored, shown) = (hex(&stored) == row.stored, hex(&shown) == row.shown);
            (!stored || !shown)
                .then(|| format!("stored {stored} shown {shown} off by {}", off.unwrap_or(255)))
        }
    }
}

#[test]
fn pixels_are_pydicoms() {
    let Some(data) = test_data() else { return };
    let (mut equal, mut wrong) = (0, Vec::new());
    for row in golden() {
        let bytes = std::fs::read(data.join(row.file)).expect("a file");
        let outcome = crate::catch_panic(|| both(&bytes));
        match compare(&row, outcome) {
            None => equal += 1,
            Some(how) => wrong.push(format!("{}: {how}", row.file)),
        }
    }
    println!("{equal} files as pydicom reads them; the others:\n{}", wrong.join("\n"));
    assert_eq!(wrong.len(), DIFFERENT.len());
}
