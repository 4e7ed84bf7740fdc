//! Checks of sizes and lengths.

use std::ops::Range;

use crate::error::ArgumentError;

/// The largest size: a larger one could overflow an `int` when a kernel rounds it up.
const LARGEST: usize = 1 << 30;

/// Converts a size to an `int` of the device code.
pub(crate) fn int(what: &'static str, size: usize) -> Result<i32, ArgumentError> {
    if size > LARGEST {
        return Err(ArgumentError::TooLarge {
            what,
            limit: LARGEST,
            found: size,
        });
    }
    Ok(size as i32)
}

/// Converts an `int` of the device code, which is never negative, to a size.
pub(crate) fn size(int: i32) -> usize {
    int.unsigned_abs() as usize
}

/// Checks that a buffer has the expected number of entries.
pub(crate) fn expect_len(
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), ArgumentError> {
    if found == expected {
        Ok(())
    } else {
        Err(ArgumentError::Length {
            what,
            expected,
            found,
        })
    }
}

/// Checks that a range lies within `len` entries.
pub(crate) fn expect_within(range: &Range<usize>, len: usize) -> Result<(), ArgumentError> {
    let &Range { start, end } = range;
    if start <= end && end <= len {
        Ok(())
    } else {
        Err(ArgumentError::Range { start, end, len })
    }
}
