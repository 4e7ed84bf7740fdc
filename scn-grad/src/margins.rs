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
    ///
    /// # Example
    ///
    /// ```
    /// use faer::{Mat, mat};
    /// use scn_grad::Linearization;
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// let dictionary = Mat::<f64>::identity(2, 2);
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// // The second entry of the second signal is exactly lambda1, where its code becomes active.
    /// let (signals, codes) = (mat![[2.0, 2.0], [0.25, 0.5]], mat![[1.5, 1.5], [0.0, 0.0]]);
    /// let margins = Linearization::new(&problem, &signals, codes.as_ref())?.margins(1e-6);
    /// assert_eq!((margins.smallest, margins.column, margins.undecided), (0.0, 1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
