//! Margins: how far a solved point is from where its codes have no derivative.

use rayon::prelude::*;
use scn_solvers::Scalar;
use scn_solvers::certificate::correlations;
use scn_solvers::kkt::margin;

use crate::Linearization;

impl<T: Scalar> Linearization<'_, T> {
    /// Measures how far the columns are from where the map has no derivative.
    ///
    /// `tolerance` is that of the solve: an entry closer to its kink than that may be on the wrong
    /// side of it. Columns are spread over the threads of the current `rayon` pool.
    pub fn margins(&self, tolerance: f64) -> Margins {
        let problem = self.problem();
        let margins: Vec<f64> = (0..self.codes().ncols())
            .into_par_iter()
            .map_init(
                || (vec![T::ZERO; problem.rows()], Vec::new()),
                |(signal, code), k| {
                    self.signals().pack(k..k + 1, signal, 1);
                    code.clear();
                    code.extend(self.codes().col(k).iter().copied());
                    margin(problem, &correlations(problem, signal), code)
                },
            )
            .collect();
        let mut result = Margins {
            smallest: f64::INFINITY,
            column: 0,
            undecided: 0,
        };
        for (column, &margin) in margins.iter().enumerate() {
            if margin < result.smallest {
                (result.smallest, result.column) = (margin, column);
            }
            // Written so that NaN counts as undecided.
            result.undecided += usize::from(!(margin > tolerance));
        }
        result
    }
}

/// How far the columns of a batch are from the kinks of the map; see [`Linearization::margins`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Margins {
    /// The smallest [margin of strict complementarity](scn_solvers::kkt::margin) of any column: how
    /// close an entry is to changing its activity. Infinite for an empty batch.
    pub smallest: f64,
    /// The first column with that margin.
    pub column: usize,
    /// Number of columns whose margin is at most the tolerance, so that their active sets and
    /// derivatives are uncertain.
    pub undecided: usize,
}
