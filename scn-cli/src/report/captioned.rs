//! Small pictures with words to them.

use std::sync::Arc;

use crate::pictures;

/// A picture as PNG, a few pixels wide, and the words to it.
#[derive(Debug, Clone)]
pub(crate) struct CaptionedPicture {
    pub(crate) png: Arc<[u8]>,
    pub(crate) alternative: String,
    /// One or several lines.
    pub(crate) caption: String,
}

impl CaptionedPicture {
    /// The address of the picture within a page.
    pub(crate) fn uri(&self) -> String {
        pictures::data_uri(&self.png)
    }
}
