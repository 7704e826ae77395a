//! What the index knows of a condition: slots where it holds, and slots where it may hold.

use std::borrow::Cow;
use std::sync::Arc;

use roaring::RoaringBitmap;

/// Three-valued: in `yes` it holds, in `maybe` only the payload tells, elsewhere it doesn't hold.
/// The two are disjoint; slots outside the question's own may be in `yes`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) yes: Arc<RoaringBitmap>,
    pub(crate) maybe: Arc<RoaringBitmap>,
}

impl Known {
    pub(crate) fn surely(yes: Arc<RoaringBitmap>) -> Self {
        Self { yes, maybe: Arc::default() }
    }

    pub(crate) fn of(yes: RoaringBitmap, maybe: RoaringBitmap) -> Self {
        Self { yes: Arc::new(yes), maybe: Arc::new(maybe) }
    }

    /// Slots where it holds or may hold.
    fn can(&self) -> Cow<'_, RoaringBitmap> {
        if self.maybe.is_empty() {
            Cow::Borrowed(&self.yes)
        } else {
            Cow::Owned(&*self.yes | &*self.maybe)
        }
    }

    /// All of `must`, any of `should` where there are some, none of `must_not`, within `slots`.
    pub(crate) fn combine<'a>(
        slots: &RoaringBitmap,
        must: impl Iterator<Item = &'a Self>,
        should: impl Iterator<Item = &'a Self>,
        must_not: impl Iterator<Item = &'a Self>,
    ) -> Self {
        let (mut yes, mut can) = (slots.clone(), slots.clone());
        for known in must {
            yes &= &*known.yes;
            can &= &*known.can();
        }
        let mut any: Option<(RoaringBitmap, RoaringBitmap)> = None;
        for known in should {
            let (any_yes, any_can) = any.get_or_insert_default();
            *any_yes |= &*known.yes;
            *any_can |= &*known.can();
        }
        if let Some((any_yes, any_can)) = any {
            yes &= any_yes;
            can &= any_can;
        }
        for known in must_not {
            yes -= &*known.can();
            can -= &*known.yes;
        }
        can -= &yes;
        Self::of(yes, can)
    }
}
