//! The two halves of a step of [conjugate gradients](crate::tile::SymmetricGaussSeidel) with a
//! symmetric Gauss-Seidel preconditioner, on `H_LL y = u` for a tile.
//!
//! Let `H` be scaled to a unit diagonal and restricted to the active set of a column, and let K be
//! its lower triangle, including the diagonal. The preconditioned matrix is `K^-1 H K^-T`. Since
//! `H = K + K' - I`, its product with p is `q = t + s` with
//!
//! ```text
//! K' t = p,      K s = p - t
//! ```
//!
//! A step therefore takes two triangular solves, which cost as much as one product with `H`
//! (Eisenstat, "Efficient implementation of a class of preconditioned conjugate gradient methods",
//! SIAM J. Sci. Stat. Comput. 2 (1981)). The rest of the step is done entry by entry during the
//! solves.

use super::product::{Sums, load_rows, subtract_product, with_registers};
use crate::tile::{Kernel, Lanes, PANEL, Panels, Real};

/// `y += α t`, `r -= α (t + s)` and `p = r + β p`, then t from `K' t = p`; also `r'r` of each
/// column.
pub struct Backward<'a, T> {
    /// The scaled matrix without its diagonal.
    pub matrix: &'a Panels<T>,
    pub mask: &'a [T],
    /// α, one per column.
    pub step: &'a [T],
    /// β, one per column.
    pub weight: &'a [T],
    /// s
    pub lower: &'a [T],
    /// y
    pub solution: &'a mut [T],
    /// r
    pub remainder: &'a mut [T],
    /// p
    pub direction: &'a mut [T],
    /// t
    pub upper: &'a mut [T],
    /// `r'r`, one per column.
    pub square: &'a mut [T],
}

impl<T: Real> Kernel<T> for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> Backward<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let (step, weight) = (L::vectors(self.step), L::vectors(self.weight));
        let (mask, lower) = (L::vectors(self.mask), L::vectors(self.lower));
        let solution = L::vectors_mut(self.solution);
        let remainder = L::vectors_mut(self.remainder);
        let direction = L::vectors_mut(self.direction);
        let upper = L::vectors_mut(self.upper);
        let square = L::vectors_mut(self.square);
        square.fill(lanes.splat(T::ZERO));
        for (index, panel) in self.matrix.panels().enumerate().rev() {
            let first = index * PANEL;
            for group in (0..registers).step_by(L::GROUP) {
                let at = first * registers + group;
                let (step, weight) = (&step[group..][..L::GROUP], &weight[group..][..L::GROUP]);
                let t = load_rows::<T, L>(lanes, &upper[at..], registers);
                let s = load_rows::<T, L>(lanes, &lower[at..], registers);
                let y = load_rows::<T, L>(lanes, &solution[at..], registers);
                let mut left = load_rows::<T, L>(lanes, &remainder[at..], registers);
                let mut sums = load_rows::<T, L>(lanes, &direction[at..], registers);
                let square = &mut square[group..group + L::GROUP];
                for r in 0..PANEL {
                    let row = at + r * registers;
                    let solution = &mut solution[row..row + L::GROUP];
                    let remainder = &mut remainder[row..row + L::GROUP];
                    let direction = &mut direction[row..row + L::GROUP];
                    for v in 0..L::GROUP {
                        solution[v] = lanes.mul_add(step[v], t[r][v], y[r][v]);
                        let q = lanes.add(t[r][v], s[r][v]);
                        left[r][v] = lanes.negate_mul_add(step[v], q, left[r][v]);
                        remainder[v] = left[r][v];
                        sums[r][v] = lanes.mul_add(weight[v], sums[r][v], left[r][v]);
                        direction[v] = sums[r][v];
                    }
                }
                for v in 0..L::GROUP {
                    let mut sum = square[v];
                    for r in 0..PANEL {
                        sum = lanes.mul_add(left[r][v], left[r][v], sum);
                    }
                    square[v] = sum;
                }
                // Entries that have just been computed come last, so that the CPU can work on
                // all others meanwhile.
                let (near, far) = (first + PANEL, first + 2 * PANEL);
                let atoms = upper.len() / registers;
                if far < atoms {
                    let (weights, upper) = (&panel[far * PANEL..], &upper[far * registers..]);
                    subtract_product::<T, L>(lanes, weights, upper, registers, group, &mut sums);
                }
                if near < atoms {
                    let weights = &panel[near * PANEL..far * PANEL];
                    let upper = &upper[near * registers..far * registers];
                    subtract_product::<T, L>(lanes, weights, upper, registers, group, &mut sums);
                }
                let mut block = Block::<T, L> {
                    lanes,
                    matrix: &panel[first * PANEL..(first + PANEL) * PANEL],
                    sums,
                };
                let (mask, upper) = (&mask[at..], &mut upper[at..]);
                block.settle::<3>(mask, upper, registers, 0, 3);
                block.settle::<2>(mask, upper, registers, 0, 2);
                block.settle::<1>(mask, upper, registers, 0, 1);
                block.settle::<0>(mask, upper, registers, 0, 0);
            }
        }
    }
}

/// s from `K s = p - t`; also `p'q` and `q'q` of each column, with `q = t + s`.
pub struct Forward<'a, T> {
    /// The scaled matrix without its diagonal.
    pub matrix: &'a Panels<T>,
    pub mask: &'a [T],
    /// p
    pub direction: &'a [T],
    /// t
    pub upper: &'a [T],
    /// s
    pub lower: &'a mut [T],
    /// `p'q`, one per column.
    pub curvature: &'a mut [T],
    /// `q'q`, one per column.
    pub length: &'a mut [T],
}

impl<T: Real> Kernel<T> for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> Forward<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let zero = lanes.splat(T::ZERO);
        let (mask, direction) = (L::vectors(self.mask), L::vectors(self.direction));
        let (upper, lower) = (L::vectors(self.upper), L::vectors_mut(self.lower));
        let curvature = L::vectors_mut(self.curvature);
        let length = L::vectors_mut(self.length);
        curvature.fill(zero);
        length.fill(zero);
        for (index, panel) in self.matrix.panels().enumerate() {
            let first = index * PANEL;
            for group in (0..registers).step_by(L::GROUP) {
                let at = first * registers + group;
                let p = load_rows::<T, L>(lanes, &direction[at..], registers);
                let t = load_rows::<T, L>(lanes, &upper[at..], registers);
                let mut sums = p;
                for r in 0..PANEL {
                    for v in 0..L::GROUP {
                        sums[r][v] = lanes.sub(p[r][v], t[r][v]);
                    }
                }
                let before = &lower[..first * registers];
                let weights = &panel[..first * PANEL];
                subtract_product::<T, L>(lanes, weights, before, registers, group, &mut sums);
                let mut block = Block::<T, L> {
                    lanes,
                    matrix: &panel[first * PANEL..(first + PANEL) * PANEL],
                    sums,
                };
                let (mask, lower) = (&mask[at..], &mut lower[at..]);
                block.settle::<0>(mask, lower, registers, 1, PANEL);
                block.settle::<1>(mask, lower, registers, 2, PANEL);
                block.settle::<2>(mask, lower, registers, 3, PANEL);
                block.settle::<3>(mask, lower, registers, 4, PANEL);
                let curvature = &mut curvature[group..group + L::GROUP];
                let length = &mut length[group..group + L::GROUP];
                for v in 0..L::GROUP {
                    let (mut pq, mut qq) = (curvature[v], length[v]);
                    for r in 0..PANEL {
                        let q = lanes.add(t[r][v], lower[r * registers + v]);
                        pq = lanes.mul_add(p[r][v], q, pq);
                        qq = lanes.mul_add(q, q, qq);
                    }
                    (curvature[v], length[v]) = (pq, qq);
                }
            }
        }
    }
}

/// Four atoms whose sums lack only their contributions to each other.
struct Block<'a, T, L: Lanes<T>> {
    lanes: L,
    /// The 4 × 4 block of the four atoms, column by column.
    matrix: &'a [T],
    sums: Sums<L::Vector>,
}

impl<T: Real, L: Lanes<T>> Block<'_, T, L> {
    /// Computes the entry of atom ROW, and subtracts its contribution from the sums of atoms
    /// `from..to`.
    ///
    /// As ROW is a constant, all four atoms are unrolled and the sums stay in registers.
    #[inline(always)]
    fn settle<const ROW: usize>(
        &mut self,
        mask: &[L::Vector],
        out: &mut [L::Vector],
        registers: usize,
        from: usize,
        to: usize,
    ) {
        let lanes = self.lanes;
        let at = ROW * registers;
        for v in 0..L::GROUP {
            let found = lanes.mul(mask[at + v], self.sums[ROW][v]);
            out[at + v] = found;
            for q in 0..PANEL {
                if (from..to).contains(&q) {
                    let weight = lanes.splat(self.matrix[ROW * PANEL + q]);
                    self.sums[q][v] = lanes.negate_mul_add(weight, found, self.sums[q][v]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;
    use crate::tile::padded;
    use faer::Mat;

    /// Returns a symmetric matrix with small entries and a zero diagonal: triangular solves amplify
    /// errors little.
    fn coupling<T: Scalar>(atoms: usize) -> Mat<T> {
        let random = normal_matrix::<T>(atoms, atoms, 1);
        let size = T::from_f64(0.3 / atoms as f64);
        Mat::from_fn(atoms, atoms, |i, j| {
            if i == j {
                T::ZERO
            } else {
                size * (random[(i, j)] + random[(j, i)])
            }
        })
    }

    /// Tests both halves against their definitions in f64, entry by entry.
    ///
    /// With `|row sums| <= 1` an entry is off by at most its own n + 8 roundings of numbers up to
    /// 8, plus inherited errors.
    fn halves_are_their_definition<T: Scalar>() {
        for atoms in [1, 3, 4, 6, 9, 17] {
            let matrix = coupling::<T>(atoms);
            let rows = padded(atoms);
            let panels = Panels::pack(matrix.as_ref(), rows);
            // Zero outside the mask and in padding rows, as in every tile.
            let mask: Vec<T> = tile::<T>(rows, 2)
                .iter()
                .enumerate()
                .map(|(entry, &v)| {
                    if v > T::ZERO && entry < atoms * T::tile() {
                        T::ONE
                    } else {
                        T::ZERO
                    }
                })
                .collect();
            let masked = |seed| -> Vec<T> {
                let values = tile::<T>(rows, seed);
                values.iter().zip(&mask).map(|(&v, &m)| v * m).collect()
            };
            let [y, r, p, t, s] = [3, 4, 5, 6, 7].map(masked);
            let (step, weight) = (tile::<T>(1, 8), tile::<T>(1, 9));
            let bound = (atoms * atoms + 8) as f64 * 32.0 * T::EPSILON.to_f64();
            for set in InstructionSet::available() {
                let (mut new_y, mut new_r) = (y.clone(), r.clone());
                let (mut new_p, mut new_t) = (p.clone(), t.clone());
                let mut new_s = dirty::<T>(rows);
                let [mut curvature, mut length, mut square] = [(); 3].map(|()| dirty::<T>(1));
                let backward = Backward {
                    matrix: &panels,
                    mask: &mask,
                    step: &step,
                    weight: &weight,
                    lower: &s,
                    solution: &mut new_y,
                    remainder: &mut new_r,
                    direction: &mut new_p,
                    upper: &mut new_t,
                    square: &mut square,
                };
                T::run_on(set, backward);
                let forward = Forward {
                    matrix: &panels,
                    mask: &mask,
                    direction: &new_p,
                    upper: &new_t,
                    lower: &mut new_s,
                    curvature: &mut curvature,
                    length: &mut length,
                };
                T::run_on(set, forward);
                for k in 0..T::tile() {
                    let (alpha, beta) = (at(&step, 0, k), at(&weight, 0, k));
                    let mut expected_t = vec![0.0; atoms];
                    let mut expected_p = vec![0.0; atoms];
                    let mut rr = 0.0;
                    for j in (0..atoms).rev() {
                        let q = at(&t, j, k) + at(&s, j, k);
                        let left = at(&r, j, k) - alpha * q;
                        assert_close(at(&new_r, j, k), left, bound, "remainder");
                        rr += left * left;
                        let found = at(&y, j, k) + alpha * at(&t, j, k);
                        assert_close(at(&new_y, j, k), found, bound, "solution");
                        expected_p[j] = left + beta * at(&p, j, k);
                        assert_close(at(&new_p, j, k), expected_p[j], bound, "direction");
                        let coupled =
                            (j + 1..atoms).map(|i| matrix[(j, i)].to_f64() * expected_t[i]);
                        expected_t[j] = at(&mask, j, k) * (expected_p[j] - coupled.sum::<f64>());
                        assert_close(at(&new_t, j, k), expected_t[j], bound, "upper");
                    }
                    let (mut pq, mut qq) = (0.0, 0.0);
                    let mut expected_s = vec![0.0; atoms];
                    for j in 0..atoms {
                        let coupled = (0..j).map(|i| matrix[(j, i)].to_f64() * expected_s[i]);
                        let left = expected_p[j] - expected_t[j] - coupled.sum::<f64>();
                        expected_s[j] = at(&mask, j, k) * left;
                        assert_close(at(&new_s, j, k), expected_s[j], bound, "lower");
                        let q = expected_t[j] + expected_s[j];
                        pq += expected_p[j] * q;
                        qq += q * q;
                    }
                    let size = 1.0 + qq + rr + pq.abs();
                    assert_close(at(&curvature, 0, k), pq, 8.0 * bound * size, "curvature");
                    assert_close(at(&length, 0, k), qq, 8.0 * bound * size, "length");
                    assert_close(at(&square, 0, k), rr, 8.0 * bound * size, "square");
                }
            }
        }
    }

    #[test]
    fn both_halves_are_their_definition() {
        halves_are_their_definition::<f32>();
        halves_are_their_definition::<f64>();
    }
}
