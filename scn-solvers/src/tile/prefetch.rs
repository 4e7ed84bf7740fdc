//! Prefetching of memory that will be read soon.
//!
//! Apart from the MPI interface, this is the only `unsafe` code in this crate; there is no safe way
//! to prefetch. Signals are read in twelve streams at a time, more than processors follow by
//! themselves, and with few atoms a core would otherwise wait for memory almost half of the time.
//! Prefetching affects only speed.

/// Bytes per cache line.
pub(crate) const CACHE_LINE: usize = 64;

/// Returns how many numbers a cache line holds.
///
/// Columns that are read only once are processed this many rows at a time.
pub(crate) const fn line_numbers<T>() -> usize {
    CACHE_LINE / size_of::<T>()
}

/// Prefetches the cache line in which rows `next..next + line_numbers()` of a column end.
///
/// If the rows begin in the line before, that line was prefetched with the previous rows.
#[inline(always)]
pub(crate) fn prefetch_rows<T>(column: &[T], next: usize) {
    let end = column.len().min(next + line_numbers::<T>());
    if end > next {
        prefetch(&column[end - 1]);
    }
}

/// Prefetches all cache lines of a slice.
#[inline(always)]
pub(crate) fn prefetch_all<T>(values: &[T]) {
    for line in values.chunks(line_numbers::<T>()) {
        prefetch(&line[0]);
    }
}

/// Prefetches the cache line of a value. Does nothing on processors other than x86-64.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "see the top of this file")]
    // SAFETY: a prefetch is a hint that changes no memory and cannot fault, and every x86-64
    // processor has the instruction.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_NTA, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_NTA>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}
