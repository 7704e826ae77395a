//! `multipart/related` of one part (RFC 2046, 5.1; RFC 2387), read as it comes, in bounded memory.

use vitrail_domain::limits::MULTIPART_HEAD_BYTES_MAX;

/// Characters of a boundary (RFC 2046, 5.1.1).
const BOUNDARY_CHARS_MAX: usize = 70;

/// The boundary that a content type names.
///
/// # Errors
/// It names none, or one that is none.
pub(crate) fn boundary(content_type: &str) -> Result<String, String> {
    let mut rest = content_type.split_once(';').map_or("", |(_, rest)| rest);
    while !rest.is_empty() {
        let (name, value, after) = parameter(rest)?;
        if name.eq_ignore_ascii_case("boundary") {
            let is_fit = (1..=BOUNDARY_CHARS_MAX).contains(&value.len())
                && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                && !value.ends_with(' ');
            return if is_fit { Ok(value) } else { Err("its boundary is none".to_owned()) };
        }
        rest = after;
    }
    Err("it is multipart without a boundary".to_owned())
}

/// The first parameter: name, value without quotes, what follows.
fn parameter(text: &str) -> Result<(&str, String, &str), String> {
    let unreadable = || "its content type can't be read".to_owned();
    let (name, rest) = text.split_once('=').ok_or_else(unreadable)?;
    let name = name.trim().trim_start_matches(';').trim();
    let rest = rest.trim_start();
    let Some(quoted) = rest.strip_prefix('"') else {
        let (value, after) = rest.split_once(';').unwrap_or((rest, ""));
        return Ok((name, value.trim().to_owned(), after));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or_default();
                return Ok((name, value, after.trim_start().trim_start_matches(';')));
            }
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => value.push(letter),
        }
    }
    Err(unreadable())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary.
    Preamble,
    /// In the part's headers, from the end of the boundary's line.
    Head,
    /// In the part.
    Body,
    /// Right after the boundary that ended the part.
    After,
    /// After the last boundary: what follows is nobody's.
    Done,
}

/// The reader. It keeps back at most a head or a boundary's length.
#[derive(Debug)]
pub(crate) struct Multipart {
    /// `\r\n--BOUNDARY`
    delimiter: Vec<u8>,
    state: State,
    kept: Vec<u8>,
}

impl Multipart {
    /// A reader for this boundary.
    pub fn new(boundary: &str) -> Self {
        // The first boundary may stand at the very start, without a line before it.
        let kept = b"\r\n".to_vec();
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Self { delimiter, state: State::Preamble, kept }
    }

    /// Takes the next bytes and hands on those of the part. O(bytes).
    ///
    /// # Errors
    /// A second part, or heads that are longer than the bound.
    pub fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        if self.state == State::Done {
            return Ok(());
        }
        self.kept.extend_from_slice(bytes);
        let mut data = std::mem::take(&mut self.kept);
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            match self.step(rest, out)? {
                Some(used) => at += used,
                None => break,
            }
        }
        if self.state != State::Done {
            let keep = self.keep(data.get(at..).unwrap_or_default(), out)?;
            data.drain(..data.len() - keep);
            self.kept = data;
        }
        Ok(())
    }

    /// One change of state; how many bytes it used, or `None` if it needs more of them.
    fn step(&mut self, rest: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<Option<usize>, String> {
        match self.state {
            State::Preamble => Ok(find(rest, &self.delimiter).map(|at| {
                self.state = State::Head;
                at + self.delimiter.len()
            })),
            State::Head => {
                if rest.starts_with(b"--") {
                    return Err("it has no part".to_owned());
                }
                Ok(find(rest, b"\r\n\r\n").map(|at| {
                    self.state = State::Body;
                    at + 4
                }))
            }
            State::Body => Ok(find(rest, &self.delimiter).map(|at| {
                out(rest.get(..at).unwrap_or_default());
                self.state = State::After;
                at + self.delimiter.len()
            })),
            State::After => match rest {
                [b'-', b'-', ..] => {
                    self.state = State::Done;
                    Ok(None)
                }
                [_, _, ..] => Err("it has a second part; one was asked for".to_owned()),
                _ => Ok(None),
            },
            State::Done => Ok(None),
        }
    }

    /// How much of the end must be kept; hands on what can't belong to a boundary.
    fn keep(&self, rest: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<usize, String> {
        match self.state {
            State::Body => {
                let sure = rest.len().saturating_sub(self.delimiter.len() - 1);
                out(rest.get(..sure).unwrap_or_default());
                Ok(rest.len() - sure)
            }
            _ if rest.len() > MULTIPART_HEAD_BYTES_MAX => {
                Err(format!("a head has more than {MULTIPART_HEAD_BYTES_MAX} bytes"))
            }
            _ => Ok(rest.len()),
        }
    }

    /// The end of the bytes.
    ///
    /// # Errors
    /// The last boundary has not come.
    pub fn finish(self) -> Result<(), String> {
        match self.state {
            State::Done => Ok(()),
            _ => Err("it ends before its last boundary".to_owned()),
        }
    }
}

/// Where `wanted` begins: every place of its first byte is looked at.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(found) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + found;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an answer in pieces of `step` bytes.
    fn read(answer: &[u8], step: usize) -> Result<Vec<u8>, String> {
        let mut reader = Multipart::new("b");
        let mut body = Vec::new();
        for piece in answer.chunks(step) {
            reader.push(piece, &mut |bytes| body.extend_from_slice(bytes))?;
            assert!(reader.kept.len() <= MULTIPART_HEAD_BYTES_MAX);
        }
        reader.finish().map(|()| body)
    }

    #[test]
    fn the_part_comes_out_however_it_is_cut() {
        let body = b"\r\n--\r\n-a\r\n--c\r\r\n\x00\xff--b\r";
        let heads: [&[u8]; 3] = [
            b"--b\r\nContent-Type: application/dicom\r\n\r\n",
            b"preamble\r\n--b  \r\nA: b\r\nC: d\r\n\r\n",
            b"--b\r\n\r\n",
        ];
        for head in heads {
            for tail in [b"\r\n--b--".as_slice(), b"\r\n--b--\r\nepilogue\r\n--b\r\n\r\nx"] {
                let answer = [head, body, tail].concat();
                for step in 1..answer.len() + 1 {
                    assert_eq!(read(&answer, step).unwrap(), body, "in pieces of {step}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_one_part_is_refused() {
        let cases: [(&[u8], &str); 5] = [
            (b"--b\r\n\r\nbody\r\n--b\r\n\r\nother\r\n--b--", "second part"),
            (b"--b\r\n\r\nbody", "ends before"),
            (b"--b\r\n\r\nbody\r\n--b", "ends before"),
            (b"--b--\r\n", "no part"),
            (b"", "ends before"),
        ];
        for (answer, why) in cases {
            for step in [1, 7, 100] {
                let refused = read(answer, step).unwrap_err();
                assert!(refused.contains(why), "{refused}");
            }
        }
        let endless = [b"--b\r\n".as_slice(), &[b'a'; 2 * MULTIPART_HEAD_BYTES_MAX]].concat();
        assert!(read(&endless, 1_000).unwrap_err().contains("head"));
        assert!(read(&[b'a'; 2 * MULTIPART_HEAD_BYTES_MAX], 1_000).unwrap_err().contains("head"));
    }

    #[test]
    fn boundaries_are_read() {
        let cases = [
            ("multipart/related; boundary=abc", Ok("abc")),
            ("multipart/related; type=\"application/dicom\"; boundary=\"a;b=c\"", Ok("a;b=c")),
            ("multipart/related;BOUNDARY=\"a\\\"b\";type=x", Ok("a\"b")),
            ("multipart/related", Err(())),
            ("multipart/related; boundary=", Err(())),
            ("multipart/related; boundary=\"abc", Err(())),
            ("multipart/related; type", Err(())),
        ];
        for (text, expected) in cases {
            let read = boundary(text);
            assert_eq!(read.as_deref().map_err(|_| ()), expected, "{text}");
        }
        assert!(boundary(&format!("multipart/related; boundary={}", "a".repeat(71))).is_err());
    }
}
