//! Sums of numbers with the signs of codes.

use crate::tile::{Kernel, Lanes, Real};

/// `sums -= s y` entry by entry, where s is -1 if the code is negative and 1 otherwise.
pub struct SubtractSigned<'a, T> {
    pub codes: &'a [T],
    pub values: &'a [T],
    pub sums: &'a mut [T],
}

impl<T: Real> Kernel<T> for SubtractSigned<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let entries = self.sums.iter_mut().zip(self.codes).zip(self.values);
        for ((sum, &code), &y) in entries {
            *sum += if code < T::ZERO { y } else { -y };
        }
    }
}
