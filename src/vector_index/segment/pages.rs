//! A map from u32 to u32 in pages that views share: a write copies the pages it touches.

use std::sync::Arc;

/// What a number without an entry maps to.
pub(crate) const NONE: u32 = u32::MAX;

const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;

/// Clones share pages. A clone costs 8 bytes for each 4,096 numbers up to the largest one.
#[derive(Clone, Default)]
pub(crate) struct Pages(Vec<Option<Arc<Vec<u32>>>>);

impl Pages {
    /// What `number` maps to, or [`NONE`]. O(1).
    #[inline]
    pub(crate) fn get(&self, number: u32) -> u32 {
        let page = self.0.get((number >> PAGE_BITS) as usize).and_then(Option::as_ref);
        page.map_or(NONE, |page| page[number as usize % PAGE])
    }

    /// Maps `number` to `value`; copies the page if a view shares it.
    pub(crate) fn set(&mut self, number: u32, value: u32) {
        let at = (number >> PAGE_BITS) as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, None);
        }
        let page = self.0[at].get_or_insert_with(|| Arc::new(vec![NONE; PAGE]));
        Arc::make_mut(page)[number as usize % PAGE] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_does_not_see_later_writes() {
        let mut pages = Pages::default();
        pages.set(5, 50);
        pages.set(1_000_000, 7);
        let before = pages.clone();
        pages.set(5, 51);
        pages.set(6, 60);
        assert_eq!((before.get(5), before.get(6), before.get(1_000_000)), (50, NONE, 7));
        assert_eq!((pages.get(5), pages.get(6), pages.get(70_000)), (51, 60, NONE));
        assert_eq!(pages.get(u32::MAX), NONE);
    }
}
