//! Small images with captions.

use std::sync::Arc;

use crate::pictures;

/// A PNG image, a few pixels wide, with its caption.
#[derive(Debug, Clone)]
pub(crate) struct CaptionedPicture {
    pub(crate) png: Arc<[u8]>,
    pub(crate) alternative: String,
    /// Caption of one or several lines.
    pub(crate) caption: String,
}

impl CaptionedPicture {
    /// Returns the data URI of the image.
    pub(crate) fn uri(&self) -> String {
        pictures::data_uri(&self.png)
    }
}
