//! The rows of a tile of codes that are not all zero; a sweep can skip the others.

use crate::tile::{Lanes, PANEL, Real};

/// Minimum number of atoms for which live rows are tracked. Fewer atoms are summed faster than they
/// are checked.
const FEWEST_ATOMS: usize = 128;

/// The atoms that are active in any column of a tile, as the last sweep left them and as the
/// current sweep finds them.
///
/// Adding a list of rows is slower than adding all rows in order, so this pays only if a quarter of
/// them can be skipped.
#[derive(Debug, Clone, Default)]
pub struct LiveRows {
    /// The rows as left by the last sweep, in ascending order; valid if `known`.
    rows: Vec<u32>,
    known: bool,
    /// Number of `rows` that the current sweep has passed.
    behind: usize,
    /// The rows as left by the current sweep.
    left: Vec<u32>,
}

impl LiveRows {
    /// Discards the rows. Must be called whenever something else has changed the codes.
    pub fn forget(&mut self) {
        self.known = false;
    }

    /// Returns whether the next sweep over `atoms` atoms gains by skipping zero rows.
    pub(super) fn are_few(&self, atoms: usize) -> bool {
        self.known && self.rows.len() < atoms / 4 * 3
    }

    /// Returns whether live rows are worth tracking.
    pub(super) fn matter(atoms: usize) -> bool {
        atoms >= FEWEST_ATOMS
    }

    /// Ends the sweep. If the sweep `counted` its rows, they are the input of the next.
    pub(super) fn turn(&mut self, counted: bool) {
        std::mem::swap(&mut self.rows, &mut self.left);
        self.left.clear();
        self.behind = 0;
        self.known = counted;
    }

    /// Returns the rows from `atom` on, which the sweep has not reached, and those before, as it
    /// has left them.
    pub(super) fn around(&mut self, atom: usize) -> [&[u32]; 2] {
        let ahead = &self.rows[self.behind..];
        let passed = ahead.iter().take_while(|&&row| (row as usize) < atom);
        self.behind += passed.count();
        [&self.rows[self.behind..], &self.left]
    }

    /// Records which of four rows, from `first` on, the sweep leaves nonzero.
    pub(super) fn leave(&mut self, first: usize, used: [bool; PANEL]) {
        let rows = (first..first + PANEL).zip(used);
        self.left
            .extend(rows.filter(|(_, used)| *used).map(|(row, _)| row as u32));
    }
}

/// Returns whether any number in these registers is nonzero.
#[inline(always)]
pub(super) fn is_used<T: Real, L: Lanes<T>>(lanes: L, row: &[L::Vector]) -> bool {
    let mut largest = lanes.splat(T::ZERO);
    for &codes in row {
        largest = lanes.max(largest, lanes.abs(codes));
    }
    lanes.largest(largest) > T::ZERO
}

#[cfg(test)]
mod tests {
    use super::super::check::{dirty, tile};
    use super::super::{Sweep, SweepRule};
    use super::*;
    use crate::synthetic::dictionary;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;
    use crate::tile::padded;
    use crate::{ElasticNet, Problem};

    /// Tests that sweeps that skip zero rows are bit-identical to those that do not, while rows
    /// come and go.
    ///
    /// Atoms are coherent, and λ1 is so high that some of them are active in some columns only.
    fn leaving_out_zeros_changes_no_bit<T: Scalar>() {
        let atoms = 131;
        let penalty = ElasticNet::nonnegative(T::ONE, T::from_f64(0.1));
        let problem = Problem::new(dictionary::<T>(40, atoms, 0.5, 1).as_ref(), penalty)
            .expect("a valid problem");
        let mut right_side = tile::<T>(padded(atoms), 2);
        for (row, values) in right_side.chunks_exact_mut(T::tile()).enumerate() {
            // Every third code is zero at first and only pulled up by the others later. Padding
            // stays zero.
            let (factor, level) = match row {
                _ if row >= atoms => (0.0, 0.0),
                _ if row % 3 == 0 => (0.1, -0.15),
                _ => (1.0, -0.3),
            };
            let (factor, level) = (T::from_f64(factor), T::from_f64(level));
            values.iter_mut().for_each(|b| *b = *b * factor + level);
        }
        for set in InstructionSet::available() {
            let mut codes = [
                vec![T::ZERO; right_side.len()],
                vec![T::ZERO; right_side.len()],
            ];
            let mut live = LiveRows::default();
            let mut short = 0;
            for round in 0..12 {
                short += usize::from(live.are_few(atoms));
                let [leaving_out, all] = &mut codes;
                for (codes, live) in [(leaving_out, Some(&mut live)), (all, None)] {
                    sweep_once(set, &problem, &right_side, codes, live, round % 4 == 0);
                }
                let [leaving_out, all] = &codes;
                assert!(
                    leaving_out == all,
                    "{set:?}, round {round}: {} rows",
                    live.rows.len()
                );
            }
            assert!(short > 6, "only {short} sweeps skipped any rows");
        }
    }

    fn sweep_once<T: Scalar>(
        set: InstructionSet,
        problem: &Problem<T>,
        right_side: &[T],
        codes: &mut [T],
        live: Option<&mut LiveRows>,
        measure: bool,
    ) {
        let mut change = dirty::<T>(1);
        Sweep {
            matrix: problem.operator().sweep_panels(),
            diagonal: problem.diagonal(),
            rule: SweepRule::Clip,
            right_side,
            codes,
            from_zero: false,
            live,
            measure,
            change: &mut change,
        }
        .run_on(set);
    }

    #[test]
    fn zeros_are_left_out_without_a_trace() {
        leaving_out_zeros_changes_no_bit::<f32>();
        leaving_out_zeros_changes_no_bit::<f64>();
    }
}
