//! What is said of one frame: its own functional group, the shared one, or the data set itself
//! (PS3.3 C.7.6.16).

use super::data_set::{DataSet, Stop};
use super::tags::{self, Tag};

/// The item that describes a frame in the macro `tag`; `None` where only the data set can say.
pub(crate) fn of_frame<'a>(
    set: &DataSet<'a>,
    frame: usize,
    tag: Tag,
) -> Result<Option<DataSet<'a>>, Stop> {
    if let Some(own) = set.items(tags::PER_FRAME_GROUPS)?.get(frame)
        && let Some(item) = own.item(tag)?
    {
        return Ok(Some(item));
    }
    shared(set, tag)
}

/// The item that describes all frames in the macro `tag`.
pub(crate) fn shared<'a>(set: &DataSet<'a>, tag: Tag) -> Result<Option<DataSet<'a>>, Stop> {
    match set.item(tags::SHARED_GROUPS)? {
        Some(shared) => shared.item(tag),
        None => Ok(None),
    }
}
