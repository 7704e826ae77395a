//! The table of kernels: filled once with the widest instruction set that this machine runs.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::codes::{avx2 as codes_avx2, vnni as codes_vnni};
use crate::codes::{each::Job, plain as codes_plain};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};
use crate::{bits, isa::Isa, plain, sq8};

/// Number of the sum of products, for the generic kernels.
pub(crate) const DOT: u8 = 0;
/// Number of the sum of squared differences.
pub(crate) const L2: u8 = 1;
/// Number of the sum of absolute differences.
pub(crate) const L1: u8 = 2;

type One<E> = unsafe fn(&[f32], &[E]) -> f32;
type Four<E> = unsafe fn(&[f32], [&[E]; 4]) -> [f32; 4];
type Each<F> = unsafe fn(&F, &Job<'_>, &mut [f32]);

/// One sum in its two shapes; both add in the same order, so that they agree to the last bit.
#[derive(Clone, Copy)]
pub(crate) struct Pair<E> {
    one: One<E>,
    four: Four<E>,
}

impl<E> Pair<E> {
    /// The sum of two vectors.
    ///
    /// # Panics
    /// The lengths differ.
    #[inline]
    pub(crate) fn one(self, query: &[f32], row: &[E]) -> f32 {
        assert_eq!(query.len(), row.len(), "vectors of different lengths");
        // SAFETY: a `Pair` comes only out of `Kernels::of`, which gives functions of an instruction
        // set only where the machine has it.
        unsafe { (self.one)(query, row) }
    }

    /// The sums of one query with four rows.
    ///
    /// # Panics
    /// A length differs.
    #[inline]
    pub(crate) fn four(self, query: &[f32], rows: [&[E]; 4]) -> [f32; 4] {
        for row in rows {
            assert_eq!(query.len(), row.len(), "vectors of different lengths");
        }
        // SAFETY: as in `one`.
        unsafe { (self.four)(query, rows) }
    }
}

/// The kernels of one instruction set. A copy is a pointer.
#[derive(Clone, Copy)]
pub struct Kernels(pub(crate) &'static Table);

/// Where the kernels are.
pub(crate) struct Table {
    isa: Isa,
    pub(crate) dot: Pair<f32>,
    pub(crate) l2_squared: Pair<f32>,
    pub(crate) l1: Pair<f32>,
    pub(crate) dot_half: Pair<u16>,
    pub(crate) l2_squared_half: Pair<u16>,
    pub(crate) l1_half: Pair<u16>,
    codes: Codes,
}

/// The kernels of codes.
#[derive(Clone, Copy)]
struct Codes {
    sq8_encode: unsafe fn(&[f32], &mut [u8]),
    sq8_each: Each<sq8::Form>,
    bits_each: Each<bits::Form>,
    rotate: unsafe fn(&[f32], &mut [f32]),
}

impl Kernels {
    /// Those of the widest instruction set here, found at the first call.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Kernels> = OnceLock::new();
        *BEST.get_or_init(|| Self::of(Isa::detected()).unwrap_or(Self(&PLAIN)))
    }

    /// Those of `isa`; none where this machine doesn't run it. For tests and comparisons.
    #[must_use]
    pub fn of(isa: Isa) -> Option<Self> {
        isa.is_available().then(|| Self(table_of(isa)))
    }

    /// Which instruction set these are of.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.0.isa
    }

    /// `sum(a[i] * b[i])`. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[must_use]
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        self.0.dot.one(a, b)
    }

    /// `sum((a[i] - b[i])^2)`. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[must_use]
    pub fn l2_squared(&self, a: &[f32], b: &[f32]) -> f32 {
        self.0.l2_squared.one(a, b)
    }

    /// `sum(|a[i] - b[i]|)`. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[must_use]
    pub fn l1(&self, a: &[f32], b: &[f32]) -> f32 {
        self.0.l1.one(a, b)
    }

    /// [`sq8::encode`] on these kernels; to the bit the same on all.
    pub(crate) fn encode_sq8(&self, vector: &[f32], out: &mut [u8]) {
        // SAFETY: as in `Pair::one`: `of` gives a table only where the machine has what it needs.
        unsafe { (self.0.codes.sq8_encode)(vector, out) }
    }

    /// A rotation by its signs.
    pub(crate) fn rotate(&self, signs: &[f32], vector: &mut [f32]) {
        // SAFETY: as in `encode_sq8`.
        unsafe { (self.0.codes.rotate)(signs, vector) }
    }

    /// Distances to rows of bytes.
    #[inline]
    pub(crate) fn sq8_each(&self, form: &sq8::Form, job: &Job<'_>, out: &mut [f32]) {
        // SAFETY: as in `encode_sq8`.
        unsafe { (self.0.codes.sq8_each)(form, job, out) }
    }

    /// Distances to rows of bits.
    #[inline]
    pub(crate) fn bits_each(&self, form: &bits::Form, job: &Job<'_>, out: &mut [f32]) {
        // SAFETY: as in `encode_sq8`.
        unsafe { (self.0.codes.bits_each)(form, job, out) }
    }
}

/// The table of an instruction set: its modules of float and of code kernels.
macro_rules! table {
    ($isa:expr, $codes:ident, $floats:ident) => {
        Table {
            isa: $isa,
            dot: table!(pair $floats DOT),
            l2_squared: table!(pair $floats L2),
            l1: table!(pair $floats L1),
            dot_half: table!(pair $floats DOT),
            l2_squared_half: table!(pair $floats L2),
            l1_half: table!(pair $floats L1),
            codes: Codes {
                sq8_encode: $codes::sq8_encode,
                sq8_each: $codes::sq8_each,
                bits_each: $codes::bits_each,
                rotate: $codes::rotate,
            },
        }
    };
    (pair $floats:ident $op:ident) => {
        Pair { one: $floats::one::<$op, _>, four: $floats::four::<$op, _> }
    };
}

static PLAIN: Table = table!(Isa::Plain, codes_plain, plain);
#[cfg(target_arch = "x86_64")]
static AVX2: Table = table!(Isa::Avx2, codes_avx2, avx2);
#[cfg(target_arch = "x86_64")]
static AVX512: Table = table!(Isa::Avx512, codes_avx2, avx512);
#[cfg(target_arch = "x86_64")]
static AVX512_VNNI: Table = table!(Isa::Avx512Vnni, codes_vnni, avx512);

fn table_of(isa: Isa) -> &'static Table {
    match isa {
        Isa::Plain => &PLAIN,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &AVX2,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &AVX512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => &AVX512_VNNI,
        #[cfg(not(target_arch = "x86_64"))]
        _ => &PLAIN,
    }
}

/// `sum(a[i] * b[i])` on the best kernels here. O(n).
///
/// # Panics
/// The lengths differ.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    Kernels::best().dot(a, b)
}

/// `sum((a[i] - b[i])^2)` on the best kernels here. O(n).
///
/// # Panics
/// The lengths differ.
#[must_use]
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    Kernels::best().l2_squared(a, b)
}

/// `sum(|a[i] - b[i]|)` on the best kernels here. O(n).
///
/// # Panics
/// The lengths differ.
#[must_use]
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    Kernels::best().l1(a, b)
}
