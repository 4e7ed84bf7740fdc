//! One Gauss-Seidel sweep over all rows of `H a = c`, with a rule applied to every new entry.

use super::live_rows::{LiveRows, is_used};
use super::product::{
    LARGEST_GROUP, Sums, load_rows, subtract_product, subtract_rows, with_registers,
};
use super::sweep_rules::{Clip, Restrict, Rule, Shrink, SweepRule};
use crate::tile::{InstructionSet, Kernel, Lanes, PANEL, Panels, Real};

/// One sweep: for each atom j in turn, `a_j <- rule(a_j + ω (c_j - (H a)_j) / H_jj)`.
///
/// Divisions by `H_jj` are done in advance, in the matrix `M = ω H_ij / H_ii - δ_ij` and in the
/// right side b: `a_j <- rule(b_j - (M a)_j)`.
///
/// Four atoms are visited at a time. The contributions of all other codes to their sums are
/// subtracted together, as in a matrix product. The contributions of the four to each other are
/// subtracted as each of them moves, so the result is that of a sequential sweep up to rounding.
///
/// If `measure` is set, `change` receives `max_j H_jj |change of a_j|` of each column: an estimate
/// of the residual, not a certificate.
pub struct Sweep<'a, T> {
    pub matrix: &'a Panels<T>,
    pub diagonal: &'a [T],
    pub rule: SweepRule<'a, T>,
    /// The right side; its form depends on the rule, see [`SweepRule`].
    pub right_side: &'a [T],
    pub codes: &'a mut [T],
    /// Whether all codes are zero. Only codes that have moved contribute then, which saves half of
    /// the sweep.
    pub from_zero: bool,
    /// The nonzero rows of the codes. If given, zero rows are skipped where that is faster, with
    /// the same result.
    pub live: Option<&'a mut LiveRows>,
    pub measure: bool,
    pub change: &'a mut [T],
}

impl<T: Real> Sweep<'_, T> {
    /// Runs the loop that is compiled for the rule.
    #[inline(always)]
    pub(super) fn run_on(self, set: InstructionSet) {
        match self.rule {
            SweepRule::Clip => self.run_by(set, Clip),
            SweepRule::Shrink(threshold) => self.run_by(set, Shrink { threshold }),
            SweepRule::Restrict(lengthening) => self.run_by(set, Restrict { lengthening }),
        }
    }

    #[inline(always)]
    fn run_by<R: Rule<T>>(self, set: InstructionSet, rule: R) {
        if self.measure {
            T::run_on(set, RuledSweep::<_, _, true> { sweep: self, rule });
        } else {
            T::run_on(set, RuledSweep::<_, _, false> { sweep: self, rule });
        }
    }
}

/// A sweep with a rule known at compile time.
struct RuledSweep<'a, T, R, const MEASURE: bool> {
    sweep: Sweep<'a, T>,
    rule: R,
}

impl<T: Real, R: Rule<T>, const MEASURE: bool> Kernel<T> for RuledSweep<'_, T, R, MEASURE> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real, R: Rule<T>, const MEASURE: bool> RuledSweep<'_, T, R, MEASURE> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let atoms = self.sweep.matrix.rows();
        let mut live = self.sweep.live;
        let leaves_out = live.as_ref().is_some_and(|live| live.are_few(atoms));
        // When measuring, counting is cheap.
        let counts = live.is_some() && (leaves_out || MEASURE && LiveRows::matter(atoms));
        let right_side = L::vectors(self.sweep.right_side);
        let codes = L::vectors_mut(self.sweep.codes);
        let change = L::vectors_mut(self.sweep.change);
        if MEASURE {
            change.fill(lanes.splat(T::ZERO));
        }

        for (index, panel) in self.sweep.matrix.panels().enumerate() {
            let first = index * PANEL;
            let mut used = [false; PANEL];
            for group in (0..registers).step_by(L::GROUP) {
                let at = first * registers + group;
                let mut block = Block::<T, L, R, MEASURE> {
                    lanes,
                    rule: self.rule,
                    first,
                    matrix: &panel[first * PANEL..(first + PANEL) * PANEL],
                    diagonal: &self.sweep.diagonal[first..first + PANEL],
                    sums: load_rows::<T, L>(lanes, &right_side[at..], registers),
                    change: [lanes.splat(T::ZERO); LARGEST_GROUP],
                };
                // Codes that have just moved come last, so that the CPU can work on all
                // others meanwhile.
                let (before, rest) = panel.split_at(first * PANEL);
                let (codes_before, codes_rest) = codes.split_at(first * registers);
                if !self.sweep.from_zero {
                    block.take_own(&load_rows::<T, L>(lanes, &codes_rest[group..], registers));
                }
                let sums = &mut block.sums;
                match live.as_mut() {
                    Some(live) if leaves_out => {
                        for rows in live.around(first + PANEL) {
                            subtract_rows::<T, L>(
                                lanes, panel, codes, rows, registers, group, sums,
                            );
                        }
                    }
                    _ => {
                        if !self.sweep.from_zero {
                            let panel = &rest[PANEL * PANEL..];
                            let codes = &codes_rest[PANEL * registers..];
                            subtract_product::<T, L>(lanes, panel, codes, registers, group, sums);
                        }
                        subtract_product::<T, L>(
                            lanes,
                            before,
                            codes_before,
                            registers,
                            group,
                            sums,
                        );
                    }
                }
                let codes = &mut codes[at..];
                block.settle::<0>(&mut codes[..L::GROUP]);
                block.settle::<1>(&mut codes[registers..registers + L::GROUP]);
                block.settle::<2>(&mut codes[2 * registers..2 * registers + L::GROUP]);
                block.settle::<3>(&mut codes[3 * registers..3 * registers + L::GROUP]);
                if counts {
                    for (used, row) in used.iter_mut().zip(codes.chunks(registers)) {
                        *used |= is_used(lanes, &row[..L::GROUP]);
                    }
                }
                if MEASURE {
                    for v in 0..L::GROUP {
                        change[group + v] = lanes.max(change[group + v], block.change[v]);
                    }
                }
            }
            if let Some(live) = live.as_mut().filter(|_| counts) {
                live.leave(first, used);
            }
        }
        if let Some(live) = live {
            live.turn(counts);
        }
    }
}

/// Four atoms whose sums are computed together.
struct Block<'a, T, L: Lanes<T>, R, const MEASURE: bool> {
    lanes: L,
    rule: R,
    /// The index of the first atom.
    first: usize,
    /// The 4 × 4 block of `M`, column by column.
    matrix: &'a [T],
    diagonal: &'a [T],
    sums: Sums<L::Vector>,
    change: [L::Vector; LARGEST_GROUP],
}

impl<T: Real, L: Lanes<T>, R: Rule<T>, const MEASURE: bool> Block<'_, T, L, R, MEASURE> {
    /// Subtracts from each sum the contributions of the atom itself and of those after it, which
    /// move later.
    #[inline(always)]
    fn take_own(&mut self, codes: &Sums<L::Vector>) {
        let lanes = self.lanes;
        for q in 0..PANEL {
            for r in 0..=q {
                let weight = lanes.splat(self.matrix[q * PANEL + r]);
                for v in 0..L::GROUP {
                    self.sums[r][v] = lanes.negate_mul_add(weight, codes[q][v], self.sums[r][v]);
                }
            }
        }
    }

    /// Moves atom ROW, and subtracts its contribution from the sums of those after it.
    ///
    /// As ROW is a constant, all four atoms are unrolled and the sums stay in registers.
    #[inline(always)]
    fn settle<const ROW: usize>(&mut self, codes: &mut [L::Vector]) {
        let lanes = self.lanes;
        let diagonal = lanes.splat(self.diagonal[ROW]);
        for v in 0..L::GROUP {
            let old = codes[v];
            let new = self
                .rule
                .end(lanes, self.sums[ROW][v], old, self.first + ROW);
            codes[v] = new;
            for q in ROW + 1..PANEL {
                let weight = lanes.splat(self.matrix[ROW * PANEL + q]);
                self.sums[q][v] = lanes.negate_mul_add(weight, new, self.sums[q][v]);
            }
            if MEASURE {
                let moved = lanes.mul(lanes.abs(lanes.sub(new, old)), diagonal);
                self.change[v] = lanes.max(self.change[v], moved);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::*;
    use crate::synthetic::dictionary;
    use crate::tile::Scalar;
    use crate::tile::padded;
    use crate::{ElasticNet, Problem};

    #[derive(Clone, Copy, Debug)]
    enum Which {
        Clip,
        Shrink,
        Restrict,
    }

    /// κ, with few binary digits, so that it is exact in all types.
    const LENGTHENING: f64 = 1.125;

    struct Setting<T: Scalar> {
        problem: Problem<T>,
        correlations: Vec<T>,
        start: Vec<T>,
        from_zero: bool,
        mask: Vec<T>,
    }

    impl<T: Scalar> Setting<T> {
        fn random(atoms: usize) -> Self {
            let penalty = ElasticNet::signed(T::from_f64(0.3), T::from_f64(0.1));
            let problem = Problem::new(dictionary::<T>(9, atoms, 0.3, 1).as_ref(), penalty);
            // Padding rows are zero, as in every tile.
            let zero_padding = |mut tile: Vec<T>| {
                tile[atoms * T::tile()..].fill(T::ZERO);
                tile
            };
            let mask: Vec<T> = tile::<T>(padded(atoms), 4)
                .iter()
                .map(|&value| if value > T::ZERO { T::ONE } else { T::ZERO })
                .collect();
            let start = tile::<T>(padded(atoms), 3);
            Self {
                problem: problem.expect("a valid problem"),
                correlations: zero_padding(tile(padded(atoms), 2)),
                start: zero_padding(start.iter().zip(&mask).map(|(&a, &m)| a * m).collect()),
                from_zero: false,
                mask: zero_padding(mask),
            }
        }

        fn sweep(&self, which: Which, set: InstructionSet) -> [Vec<T>; 2] {
            let mut scaled = self.correlations.clone();
            let rows = scaled.chunks_exact_mut(T::tile());
            for (row, &step) in rows.zip(self.problem.operator().steps()) {
                row.iter_mut().for_each(|c| *c *= step);
            }
            let threshold = self.problem.thresholds();
            match which {
                Which::Clip => {
                    for (row, &threshold) in scaled.chunks_exact_mut(T::tile()).zip(threshold) {
                        row.iter_mut().for_each(|c| *c -= threshold);
                    }
                    self.run(SweepRule::Clip, &scaled, set)
                }
                Which::Shrink => self.run(SweepRule::Shrink(threshold), &scaled, set),
                Which::Restrict => {
                    for (c, &mask) in scaled.iter_mut().zip(&self.mask) {
                        *c = if mask == T::ONE { *c } else { T::INFINITY };
                    }
                    let lengthening = T::from_f64(LENGTHENING);
                    self.run(SweepRule::Restrict(lengthening), &scaled, set)
                }
            }
        }

        /// Runs a sweep, and checks that measuring the change does not affect the codes.
        fn run(
            &self,
            rule: SweepRule<'_, T>,
            right_side: &[T],
            set: InstructionSet,
        ) -> [Vec<T>; 2] {
            let run = |measure: bool| {
                let mut codes = self.start.clone();
                let mut change = dirty::<T>(1);
                Sweep {
                    matrix: self.problem.operator().sweep_panels(),
                    diagonal: self.problem.diagonal(),
                    rule,
                    right_side,
                    codes: &mut codes,
                    from_zero: self.from_zero,
                    live: None,
                    measure,
                    change: &mut change,
                }
                .run_on(set);
                if !measure {
                    assert!(change.iter().all(|&change| !change.finite()));
                }
                [codes, change]
            };
            let bits =
                |codes: &[T]| -> Vec<u64> { codes.iter().map(|&a| a.to_f64().to_bits()).collect() };
            let measured = run(true);
            assert_eq!(bits(&measured[0]), bits(&run(false)[0]));
            measured
        }

        /// Computes one column sequentially in f64: the new codes, and bounds on the errors of the
        /// kernel's codes.
        ///
        /// An update sums at most n + 1 terms, each with a matrix entry or right side that
        /// underwent up to 3 roundings. It inherits the errors of the atoms before it. The rule
        /// does not amplify errors.
        fn reference(&self, which: Which, column: usize) -> Vec<(f64, f64)> {
            let n = self.problem.atoms();
            let epsilon = T::EPSILON.to_f64();
            let gram = |i: usize, j: usize| self.problem.gram()[(i, j)].to_f64();
            let mut codes: Vec<(f64, f64)> =
                (0..n).map(|j| (at(&self.start, j, column), 0.0)).collect();
            for j in 0..n {
                let inverse = self.problem.operator().steps()[j].to_f64();
                let threshold = self.problem.thresholds()[j].to_f64();
                let c = at(&self.correlations, j, column);
                let old = codes[j].0;
                let gradient = c - (0..n).map(|i| gram(j, i) * codes[i].0).sum::<f64>();
                let free = old + gradient * inverse;
                let new = match which {
                    Which::Clip => (free - threshold).max(0.0),
                    Which::Shrink => (free - threshold).max(0.0) + (free + threshold).min(0.0),
                    Which::Restrict => {
                        (old + LENGTHENING * (free - old)) * at(&self.mask, j, column)
                    }
                };
                let size: f64 = (0..n)
                    .map(|i| {
                        gram(j, i).abs()
                            * (codes[i].0.abs() + 2.0 * at(&self.start, i, column).abs())
                    })
                    .sum();
                let inherited: f64 = (0..j).map(|i| gram(j, i).abs() * codes[i].1).sum();
                let rounding = (n + 4) as f64 * epsilon * ((c.abs() + size) * inverse + threshold)
                    + 3.0 * epsilon * (old.abs() + free.abs() + threshold);
                codes[j] = (new, rounding + inherited * inverse);
            }
            codes
        }
    }

    fn is_sequential<T: Scalar>() {
        for atoms in [1, 2, 3, 4, 5, 7, 8, 9, 17] {
            let setting = Setting::<T>::random(atoms);
            for which in [Which::Clip, Which::Shrink, Which::Restrict] {
                for set in InstructionSet::available() {
                    let [codes, change] = setting.sweep(which, set);
                    assert!(
                        codes[atoms * T::tile()..].iter().all(|&a| a == T::ZERO),
                        "padding"
                    );
                    for k in 0..T::tile() {
                        let (mut moved, mut doubt) = (0.0_f64, 0.0_f64);
                        for (j, (new, bound)) in setting.reference(which, k).into_iter().enumerate()
                        {
                            assert_close(at(&codes, j, k), new, bound, "code");
                            let diagonal = setting.problem.diagonal()[j].to_f64();
                            let moving = diagonal * (new - at(&setting.start, j, k)).abs();
                            moved = moved.max(moving);
                            // The difference and the product add one rounding each.
                            doubt =
                                doubt.max(diagonal * bound + 3.0 * T::EPSILON.to_f64() * moving);
                        }
                        assert_close(at(&change, 0, k), moved, doubt, "change");
                    }
                }
            }
        }
    }

    #[test]
    fn sweep_is_sequential_coordinate_descent() {
        is_sequential::<f32>();
        is_sequential::<f64>();
    }

    /// A sweep from zero is bit-identical to a full sweep: only zeros are skipped.
    #[test]
    fn a_sweep_from_zero_leaves_out_zeros() {
        let mut setting = Setting::<f64>::random(9);
        setting.start.fill(0.0);
        for which in [Which::Clip, Which::Shrink, Which::Restrict] {
            let expected = setting.sweep(which, InstructionSet::detect());
            setting.from_zero = true;
            assert_eq!(setting.sweep(which, InstructionSet::detect()), expected);
            setting.from_zero = false;
        }
    }

    /// Columns are independent: a NaN in one leaves all others bit-identical.
    #[test]
    fn a_bad_column_stays_alone() {
        let mut setting = Setting::<f32>::random(6);
        let [expected, _] = setting.sweep(Which::Shrink, InstructionSet::detect());
        setting.correlations[2 * f32::tile() + 7] = f32::NAN;
        setting.start[4 * f32::tile() + 7] = f32::INFINITY;
        let [codes, _] = setting.sweep(Which::Shrink, InstructionSet::detect());
        for (index, (a, b)) in codes.iter().zip(&expected).enumerate() {
            assert!(index % f32::tile() == 7 || a.to_bits() == b.to_bits());
        }
    }
}
