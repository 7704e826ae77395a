//! The adaptive coder of a JPEG-LS scan: contexts, prediction, runs (ITU-T T.87, annexes A and C).

use super::Why;
use super::bits::Bits;

/// What a scan is decoded by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan {
    pub width: usize,
    pub height: usize,
    pub components: usize,
    /// Components alternate by sample, else by line.
    pub by_sample: bool,
    pub largest: i32,
    pub near: i32,
    pub thresholds: [i32; 3],
    pub reset: i32,
}

/// Lengths of runs, as powers of two.
const RUNS: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

/// Contexts of regular mode; the two of run mode stand behind them.
const REGULAR: usize = 365;

/// The thresholds that hold where a stream says nothing (C.2.4.1.1).
pub(super) fn thresholds(largest: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, low: i32| if value > largest || value < low { low } else { value };
    if largest >= 128 {
        let factor = (largest.min(4095) + 128) / 256;
        let one = clamp(factor + 2 + 3 * near, near + 1);
        let two = clamp(factor * 4 + 3 + 5 * near, one);
        [one, two, clamp(factor * 17 + 4 + 7 * near, two)]
    } else {
        let factor = 256 / (largest + 1);
        let one = clamp((3 / factor + 3 * near).max(2), near + 1);
        let two = clamp((7 / factor + 5 * near).max(3), one);
        [one, two, clamp((21 / factor + 7 * near).max(4), two)]
    }
}

#[derive(Debug, Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// One scan's state.
pub(super) struct Coder<'a> {
    scan: Scan,
    bits: Bits<'a>,
    contexts: Vec<Context>,
    range: i32,
    /// Bits of a value in an escape.
    value_bits: u32,
    limit: u32,
    run_index: Vec<usize>,
    /// Lines above and at hand for each component, a sample wider at both ends.
    above: Vec<Vec<i32>>,
    line: Vec<Vec<i32>>,
}

/// Neighbours of a sample: left, above, above left, above right.
#[derive(Clone, Copy)]
struct Near {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

fn bits_for(values: i32) -> u32 {
    i32::BITS - (values - 1).leading_zeros()
}

impl<'a> Coder<'a> {
    pub(super) fn new(scan: Scan, bits: Bits<'a>) -> Self {
        let range = (scan.largest + 2 * scan.near) / (2 * scan.near + 1) + 1;
        let sample_bits = bits_for(scan.largest + 1).max(2);
        let first = Context { a: ((range + 32) / 64).max(2), b: 0, c: 0, n: 1 };
        let lines = vec![vec![0; scan.width + 2]; scan.components];
        Self {
            scan,
            bits,
            contexts: vec![first; REGULAR + 2],
            range,
            value_bits: bits_for(range),
            limit: 2 * (sample_bits + sample_bits.max(8)),
            run_index: vec![0; scan.components],
            above: lines.clone(),
            line: lines,
        }
    }

    /// Bytes of the stream that were taken.
    pub(super) fn consumed(&self) -> usize {
        self.bits.consumed()
    }

    /// Decodes the scan into components `first..` of interleaved samples of `stride` components.
    pub(super) fn decode(
        &mut self,
        samples: &mut [u16],
        first: usize,
        stride: usize,
    ) -> Result<(), Why> {
        let width = self.scan.width;
        for row in 0..self.scan.height {
            self.start_line();
            if self.scan.by_sample {
                self.line_of(0..self.scan.components)?;
            } else {
                for component in 0..self.scan.components {
                    self.line_of(component..component + 1)?;
                }
            }
            for component in 0..self.scan.components {
                let from = self.line[component][1..=width].iter();
                let into = samples[row * width * stride..][..width * stride].iter_mut();
                for (into, from) in into.skip(first + component).step_by(stride).zip(from) {
                    *into = *from as u16;
                }
            }
        }
        Ok(())
    }

    fn start_line(&mut self) {
        std::mem::swap(&mut self.above, &mut self.line);
        let width = self.scan.width;
        for (line, above) in self.line.iter_mut().zip(&mut self.above) {
            line[0] = above[1];
            above[width + 1] = above[width];
        }
    }

    fn neighbours(&self, component: usize, at: usize) -> Near {
        let (above, line) = (&self.above[component], &self.line[component]);
        Near { a: line[at - 1], b: above[at], c: above[at - 1], d: above[at + 1] }
    }

    /// Decodes one line of these components, which share its codes.
    fn line_of(&mut self, components: std::ops::Range<usize>) -> Result<(), Why> {
        let mut at = 1;
        while at <= self.scan.width {
            let flat = |near: Near| {
                let small = |step: i32| step.abs() <= self.scan.near;
                small(near.d - near.b) && small(near.b - near.c) && small(near.c - near.a)
            };
            if components.clone().all(|component| flat(self.neighbours(component, at))) {
                at = self.run(components.clone(), at)?;
            } else {
                for component in components.clone() {
                    let value = self.regular(self.neighbours(component, at))?;
                    self.line[component][at] = value;
                }
                at += 1;
            }
        }
        Ok(())
    }

    fn quantised(&self, step: i32) -> i32 {
        let [one, two, three] = self.scan.thresholds;
        let size = step.abs();
        let level = match size {
            _ if size <= self.scan.near => 0,
            _ if size < one => 1,
            _ if size < two => 2,
            _ if size < three => 3,
            _ => 4,
        };
        level * step.signum()
    }

    fn regular(&mut self, near: Near) -> Result<i32, Why> {
        let Near { a, b, c, d } = near;
        let index = 81 * self.quantised(d - b) + 9 * self.quantised(b - c) + self.quantised(c - a);
        let sign = if index < 0 { -1 } else { 1 };
        let index = index.unsigned_abs() as usize;
        let context = self.contexts[index];
        let guess = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let guess = (guess + sign * context.c).clamp(0, self.scan.largest);
        let k = golomb(context.n, context.a)?;
        let code = self.code(k, self.limit)?;
        let turned = self.scan.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let error = match (code % 2 == 1, turned) {
            (false, false) => code / 2,
            (true, false) => -(code + 1) / 2,
            (true, true) => (code - 1) / 2,
            (false, true) => -(code / 2) - 1,
        };
        self.learn(index, error);
        Ok(self.rebuilt(guess, sign * error))
    }

    /// A Golomb code of parameter `k`, of at most `limit` bits.
    fn code(&mut self, k: u32, limit: u32) -> Result<i32, Why> {
        let escape = limit - self.value_bits - 1;
        let zeros = self.bits.zeros(limit)?;
        let code = if zeros < escape {
            zeros << k | self.bits.take(k)?
        } else {
            self.bits.take(self.value_bits)? + 1
        };
        // No error is larger than the range, and its code not than twice that.
        if code > 1 << 20 { Err("a code is larger than it may be") } else { Ok(code as i32) }
    }

    fn rebuilt(&self, guess: i32, error: i32) -> i32 {
        let (near, largest) = (self.scan.near, self.scan.largest);
        let step = 2 * near + 1;
        let mut value = guess + error * step;
        if value < -near {
            value += self.range * step;
        } else if value > largest + near {
            value -= self.range * step;
        }
        value.clamp(0, largest)
    }

    fn learn(&mut self, index: usize, error: i32) {
        let (reset, near) = (self.scan.reset, self.scan.near);
        let Context { a, b, c, n } = &mut self.contexts[index];
        *b += error * (2 * near + 1);
        *a += error.abs();
        if *n == reset {
            *a >>= 1;
            *b = if *b >= 0 { *b >> 1 } else { -((1 - *b) >> 1) };
            *n >>= 1;
        }
        *n += 1;
        if *b <= -*n {
            *b = (*b + *n).max(1 - *n);
            *c = (*c - 1).max(-128);
        } else if *b > 0 {
            *b = (*b - *n).min(0);
            *c = (*c + 1).min(127);
        }
    }

    /// A run of equal samples and the one that ends it; where decoding goes on.
    fn run(&mut self, components: std::ops::Range<usize>, start: usize) -> Result<usize, Why> {
        let (width, counter) = (self.scan.width, components.start);
        let mut at = start;
        while self.bits.take(1)? == 1 {
            let length = 1_usize << RUNS[self.run_index[counter]];
            let left = width + 1 - at;
            if length <= left {
                self.run_index[counter] = (self.run_index[counter] + 1).min(RUNS.len() - 1);
            }
            at += length.min(left);
            if at > width {
                self.repeat(components, start, at);
                return Ok(at);
            }
        }
        let rest = self.bits.take(RUNS[self.run_index[counter]])? as usize;
        at += rest;
        if at > width {
            return Err("a run is longer than its line");
        }
        self.repeat(components.clone(), start, at);
        let alone = components.len() == 1;
        for component in components {
            let Near { a, b, .. } = self.neighbours(component, at);
            let same = alone && (a - b).abs() <= self.scan.near;
            let error = self.run_end(same, RUNS[self.run_index[counter]])?;
            self.line[component][at] = match (same, b < a) {
                (true, _) => self.rebuilt(a, error),
                (false, true) => self.rebuilt(b, -error),
                (false, false) => self.rebuilt(b, error),
            };
        }
        self.run_index[counter] = self.run_index[counter].saturating_sub(1);
        Ok(at + 1)
    }

    fn repeat(&mut self, components: std::ops::Range<usize>, start: usize, end: usize) {
        for component in components {
            let line = &mut self.line[component];
            let value = line[start - 1];
            line[start..end].fill(value);
        }
    }

    /// The error of the sample that ends a run; `c` of its context counts negative ones.
    fn run_end(&mut self, same: bool, run_bits: u32) -> Result<i32, Why> {
        let kind = i32::from(same);
        let index = REGULAR + usize::from(same);
        let context = self.contexts[index];
        let size = if same { context.a + (context.n >> 1) } else { context.a };
        let k = golomb(context.n, size)?;
        let code = self.code(k, self.limit - run_bits - 1)?;
        let (odd, size) = ((code + kind) % 2 == 1, (code + kind + 1) / 2);
        let turned = k != 0 || 2 * context.c >= context.n;
        let error = if turned == odd { -size } else { size };
        let reset = self.scan.reset;
        let Context { a, c, n, .. } = &mut self.contexts[index];
        *c += i32::from(error < 0);
        *a += (code + 1 - kind) >> 1;
        if *n == reset {
            *a >>= 1;
            *n >>= 1;
            *c >>= 1;
        }
        *n += 1;
        Ok(error)
    }
}

/// The parameter of a context's codes: the least `k` of `n 2^k >= a`.
fn golomb(n: i32, a: i32) -> Result<u32, Why> {
    let fits = |k: &u32| i64::from(n) << k >= i64::from(a);
    (0..24).find(fits).ok_or("its statistics have run away")
}
