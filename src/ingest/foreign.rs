//! Kinds of file that are known but not read as a photograph, so that a refusal names them.

/// Bytes of the head that are looked at to tell text from binary.
const HEAD: usize = 512;

/// name, where its mark stands, the mark, what to do.
type Row = (&'static str, usize, &'static [u8], &'static str);

const CONVERT: &str = "convert it to PNG or JPEG";
const NOT_A_PICTURE: &str = "give the picture itself";

const KINDS: [Row; 15] = [
    ("a GIF", 0, b"GIF8", CONVERT),
    ("a JPEG 2000 file", 0, b"\0\0\0\x0cjP  ", CONVERT),
    ("a JPEG 2000 code stream", 0, b"\xff\x4f\xff\x51", CONVERT),
    ("a JPEG XL file", 0, b"\0\0\0\x0cJXL ", CONVERT),
    ("a JPEG XL code stream", 0, b"\xff\x0a", CONVERT),
    ("a HEIF or AVIF picture", 4, b"ftyp", CONVERT),
    ("an icon (ICO)", 0, b"\0\0\x01\0", CONVERT),
    ("a Photoshop document", 0, b"8BPS", CONVERT),
    ("a PDF", 0, b"%PDF", CONVERT),
    ("a ZIP archive", 0, b"PK\x03\x04", NOT_A_PICTURE),
    ("a gzip file", 0, b"\x1f\x8b", NOT_A_PICTURE),
    ("an HDF5 file", 0, b"\x89HDF\r\n", NOT_A_PICTURE),
    ("a NumPy array", 0, b"\x93NUMPY", NOT_A_PICTURE),
    ("a Parquet file", 0, b"PAR1", NOT_A_PICTURE),
    ("a program", 0, b"\x7fELF", NOT_A_PICTURE),
];

/// What bytes that no driver knows are, and what to do, in a sentence.
pub(crate) fn sentence(bytes: &[u8]) -> String {
    let known = KINDS
        .iter()
        .find(|(_, at, mark, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
    if let Some((name, _, _, what_to_do)) = known {
        return format!("{name} is a kind of file that is not read here: {what_to_do}");
    }
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let text = head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 32..=126));
    match head.trim_ascii_start().first() {
        Some(b'<') if text => {
            format!("a page of markup (SVG, HTML or XML) is not a picture: {CONVERT}")
        }
        _ if text => format!("the file holds text, not a picture: {NOT_A_PICTURE}"),
        _ => "the first bytes are of no kind of picture that is known here: JPEG, PNG, TIFF, \
              WebP, BMP and DICOM are read"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_kinds_are_named() {
        let cases: [(&[u8], &str); 4] = [
            (b"GIF89a", "GIF"),
            (b" <svg xmlns", "markup"),
            (b"hello", "text"),
            (&[200, 1, 2, 3], "no kind"),
        ];
        for (bytes, word) in cases {
            assert!(sentence(bytes).contains(word), "{}", sentence(bytes));
        }
    }
}
