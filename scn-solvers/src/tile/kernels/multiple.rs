//! A multiple of one column, added to a different one.

use crate::tile::{Kernel, Lanes, Real};

/// `sums += factor values`, entry by entry.
pub struct AddMultiple<'a, T> {
    pub factor: T,
    pub values: &'a [T],
    pub sums: &'a mut [T],
}

impl<T: Real> Kernel<T> for AddMultiple<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let whole = self.sums.len() / L::COUNT * L::COUNT;
        let factor = lanes.splat(self.factor);
        let vectors = L::vectors(self.values);
        for (sum, &value) in L::vectors_mut(self.sums).iter_mut().zip(vectors) {
            *sum = lanes.mul_add(factor, value, *sum);
        }
        for (sum, &value) in self.sums[whole..].iter_mut().zip(&self.values[whole..]) {
            *sum += self.factor * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::assert_close;
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::{InstructionSet, Scalar};

    /// Tests every remainder of a register. The product and the sum are rounded once each.
    fn agrees_with_f64<T: Scalar>() {
        for length in [0, 1, 15, 16, 40, 67] {
            let numbers = normal_matrix::<T>(length.max(1), 2, 1);
            let [values, start] = [0, 1].map(|j| &numbers.col_as_slice(j)[..length]);
            for set in InstructionSet::available() {
                let mut sums = start.to_vec();
                let kernel = AddMultiple {
                    factor: T::from_f64(-0.7),
                    values,
                    sums: &mut sums,
                };
                T::run_on(set, kernel);
                for ((&sum, value), start) in sums.iter().zip(values).zip(start) {
                    let added = T::from_f64(-0.7).to_f64() * value.to_f64();
                    let size = added.abs() + start.to_f64().abs();
                    let bound = 2.0 * T::EPSILON.to_f64() * size;
                    assert_close(sum.to_f64(), start.to_f64() + added, bound, "sum");
                }
            }
        }
    }

    #[test]
    fn multiples_are_added() {
        agrees_with_f64::<f32>();
        agrees_with_f64::<f64>();
    }
}
