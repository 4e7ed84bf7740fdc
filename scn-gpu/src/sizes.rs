//! Sizes and lengths: whether they fit each other, and whether the device code can count them.

use std::ops::Range;

use crate::error::ArgumentError;

/// Sizes above this could overflow an `int` where a kernel rounds them up.
const LARGEST: usize = 1 << 30;

/// A size as the device code counts it.
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

/// A size of the device code, never negative.
pub(crate) fn size(int: i32) -> usize {
    int.unsigned_abs() as usize
}

/// `Ok` if a buffer has as many entries as it must have.
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

/// `Ok` if a range lies within so many entries.
pub(crate) fn expect_within(range: &Range<usize>, len: usize) -> Result<(), ArgumentError> {
    let &Range { start, end } = range;
    if start <= end && end <= len {
        Ok(())
    } else {
        Err(ArgumentError::Range { start, end, len })
    }
}
