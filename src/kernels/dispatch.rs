//! The table of kernels: filled once with the widest instruction set that this machine runs.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};
use crate::{isa::Isa, plain};

/// Number of the sum of products, for the generic kernels.
pub(crate) const DOT: u8 = 0;
/// Number of the sum of squared differences.
pub(crate) const L2: u8 = 1;
/// Number of the sum of absolute differences.
#[cfg(target_arch = "x86_64")]
pub(crate) const L1: u8 = 2;

type One = unsafe fn(&[f32], &[f32]) -> f32;
type Four = unsafe fn(&[f32], [&[f32]; 4]) -> [f32; 4];

/// One sum in its two shapes; both add in the same order, so that they agree to the last bit.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    one: One,
    four: Four,
}

impl Pair {
    /// The sum of two vectors.
    ///
    /// # Panics
    /// The lengths differ.
    #[inline]
    pub(crate) fn one(self, query: &[f32], row: &[f32]) -> f32 {
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
    pub(crate) fn four(self, query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
        for row in rows {
            assert_eq!(query.len(), row.len(), "vectors of different lengths");
        }
        // SAFETY: as in `one`.
        unsafe { (self.four)(query, rows) }
    }
}

/// The kernels of one instruction set. Copies are three pairs of pointers.
#[derive(Clone, Copy)]
pub struct Kernels {
    isa: Isa,
    pub(crate) dot: Pair,
    pub(crate) l2_squared: Pair,
    pub(crate) l1: Pair,
}

impl Kernels {
    /// Those of the widest instruction set here, found at the first call.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Kernels> = OnceLock::new();
        *BEST.get_or_init(|| Self::of(Isa::detected()).unwrap_or(Self::PLAIN))
    }

    /// Those of `isa`; none where this machine doesn't run it. For tests and comparisons.
    #[must_use]
    pub fn of(isa: Isa) -> Option<Self> {
        isa.is_available().then(|| Self::table(isa))
    }

    /// Which instruction set these are of.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// `sum(a[i] * b[i])`. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[must_use]
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        self.dot.one(a, b)
    }

    /// `sum((a[i] - b[i])^2)`. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[must_use]
    pub fn l2_squared(&self, a: &[f32], b: &[f32]) -> f32 {
        self.l2_squared.one(a, b)
    }

    /// `sum(|a[i] - b[i]|)`. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[must_use]
    pub fn l1(&self, a: &[f32], b: &[f32]) -> f32 {
        self.l1.one(a, b)
    }

    const PLAIN: Self = Self {
        isa: Isa::Plain,
        dot: Pair { one: plain::dot, four: plain::dot_four },
        l2_squared: Pair { one: plain::l2_squared, four: plain::l2_squared_four },
        l1: Pair { one: plain::l1, four: plain::l1_four },
    };

    #[cfg(target_arch = "x86_64")]
    fn table(isa: Isa) -> Self {
        match isa {
            Isa::Plain => Self::PLAIN,
            Isa::Avx2 => Self {
                isa,
                dot: Pair { one: avx2::one::<DOT>, four: avx2::four::<DOT> },
                l2_squared: Pair { one: avx2::one::<L2>, four: avx2::four::<L2> },
                l1: Pair { one: avx2::one::<L1>, four: avx2::four::<L1> },
            },
            Isa::Avx512 => Self {
                isa,
                dot: Pair { one: avx512::one::<DOT>, four: avx512::four::<DOT> },
                l2_squared: Pair { one: avx512::one::<L2>, four: avx512::four::<L2> },
                l1: Pair { one: avx512::one::<L1>, four: avx512::four::<L1> },
            },
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn table(_: Isa) -> Self {
        Self::PLAIN
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
