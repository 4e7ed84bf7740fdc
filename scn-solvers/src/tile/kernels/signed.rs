//! Sums of signed numbers.

use crate::tile::{Kernel, Lanes, Real};

/// `sum -= s y`, entry by entry; s are the signs of the codes.
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
