//! Telling the processor what will be read soon. The one place in this crate with `unsafe`: signals are read in twelve
//! streams at a time, more than processors follow by themselves, and with few atoms to a signal a core waits for memory
//! almost half of the time. There is no safe way to say so. Nothing but speed depends on it.

/// Bytes that memory comes in.
pub(crate) const CACHE_LINE: usize = 64;

/// Numbers of a cache line: so many rows of columns are worked on at a time, where each is read once.
pub(crate) const fn line_numbers<T>() -> usize {
    CACHE_LINE / size_of::<T>()
}

/// Asks for the line in which the rows `next..next + line_numbers()` of a column end. Where they begin in the line before, that was
/// asked for with the rows before.
#[inline(always)]
pub(crate) fn prefetch_rows<T>(column: &[T], next: usize) {
    let end = column.len().min(next + line_numbers::<T>());
    if end > next {
        prefetch(&column[end - 1]);
    }
}

/// Asks for all cache lines of some numbers.
#[inline(always)]
pub(crate) fn prefetch_all<T>(values: &[T]) {
    for line in values.chunks(line_numbers::<T>()) {
        prefetch(&line[0]);
    }
}

/// Asks for the cache line of a number; does nothing on processors other than x86-64.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[expect(unsafe_code, reason = "see the top of this file")]
    // SAFETY: a hint, which changes no memory and cannot fault; the instruction belongs to every x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_NTA, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_NTA>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = value;
}
