//! Random problems for tests, benches and examples (feature `synthetic`).

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::encode::encode;
use crate::penalty::ElasticNet;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::solver::Auto;
use crate::start::Start;
use crate::tile::Scalar;

/// Returns a matrix of standard normal numbers, determined by the seed.
///
/// # Example
///
/// ```
/// use scn_solvers::synthetic::normal_matrix;
///
/// assert_eq!(normal_matrix::<f64>(3, 2, 7), normal_matrix::<f64>(3, 2, 7));
/// assert_ne!(normal_matrix::<f64>(3, 2, 7), normal_matrix::<f64>(3, 2, 8));
/// ```
pub fn normal_matrix<T: Scalar>(rows: usize, columns: usize, seed: u64) -> Mat<T> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| {
        let value: f64 = StandardNormal.sample(&mut random);
        T::from_f64(value)
    })
}

/// Returns unit-norm atoms with mutual inner products of about `coherence`, in [0, 1).
///
/// A shared direction is mixed into independent normal atoms.
///
/// # Example
///
/// ```
/// use approx::assert_abs_diff_eq;
/// use scn_solvers::synthetic::dictionary;
///
/// let atoms = dictionary::<f64>(1000, 2, 0.5, 1);
/// assert_abs_diff_eq!(atoms.col(0).norm_l2(), 1.0, epsilon = 1e-12);
/// assert_abs_diff_eq!(atoms.col(0).transpose() * atoms.col(1), 0.5, epsilon = 0.1);
/// ```
pub fn dictionary<T: Scalar>(rows: usize, atoms: usize, coherence: f64, seed: u64) -> Mat<T> {
    let own = normal_matrix::<f64>(rows, atoms, seed);
    let shared = normal_matrix::<f64>(rows, 1, seed ^ 0x5bd1_e995);
    let unit = |column: faer::ColRef<'_, f64>| column.to_owned() / column.norm_l2();
    let shared = unit(shared.col(0));
    let mut dictionary = Mat::zeros(rows, atoms);
    for j in 0..atoms {
        let atom = unit(own.col(j)) * (1.0 - coherence).sqrt() + &shared * coherence.sqrt();
        let norm = atom.norm_l2();
        for i in 0..rows {
            dictionary[(i, j)] = T::from_f64(atom[i] / norm);
        }
    }
    dictionary
}

/// A problem for benchmarks: random signals, and λ1 chosen to make a given fraction of the codes
/// active.
#[derive(Debug, Clone)]
pub struct Workload<T: Scalar> {
    /// The dictionary, m × n, with atoms of norm 1.
    pub dictionary: Mat<T>,
    /// The signals, m × P, stored one after the other.
    pub signals: Mat<T>,
    /// λ1, the same for all atoms.
    pub lambda1: T,
    /// λ2 = 1e-3.
    pub lambda2: T,
}

impl<T: Scalar> Workload<T> {
    /// Creates signals `D z + noise`: a fifth of z is active with sizes |N(0,1)|, and the noise is
    /// a tenth of the root mean square.
    ///
    /// λ1 is found by bisection on the first columns so that `active` is the fraction of codes
    /// above zero; `None` means λ1 = 0.
    pub fn new(
        (rows, atoms): (usize, usize),
        columns: usize,
        coherence: f64,
        active: Option<f64>,
        seed: u64,
    ) -> Self {
        let dictionary = dictionary::<T>(rows, atoms, coherence, seed);
        let sizes = normal_matrix::<T>(atoms, columns, seed + 1);
        // A normal number exceeds 0.841621 with probability 0.2.
        let choice = normal_matrix::<T>(atoms, columns, seed + 2);
        let codes = Mat::from_fn(atoms, columns, |j, k| {
            let chosen = choice[(j, k)] > T::from_f64(0.841_621);
            if chosen {
                sizes[(j, k)].magnitude()
            } else {
                T::ZERO
            }
        });
        let fit = &dictionary * &codes;
        let size = fit.norm_l2().to_f64() / ((rows * columns) as f64).sqrt();
        let noise =
            normal_matrix::<T>(rows, columns, seed + 3) * faer::Scale(T::from_f64(0.1 * size));
        let mut workload = Self {
            signals: fit + noise,
            dictionary,
            lambda1: T::ZERO,
            lambda2: T::from_f64(1e-3),
        };
        if let Some(active) = active {
            let probe = workload.signals.subcols(0, columns.min(480)).to_owned();
            let correlations = workload.dictionary.transpose() * &probe;
            let (mut low, mut high) = (T::ZERO, correlations.norm_max());
            for _ in 0..16 {
                let middle = (low + high) * T::from_f64(0.5);
                if workload.active(&probe, middle) > active {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            workload.lambda1 = (low + high) * T::from_f64(0.5);
        }
        workload
    }

    /// Returns the fraction of codes above zero for this λ1.
    fn active(&self, signals: &Mat<T>, lambda1: T) -> f64 {
        let penalty = ElasticNet::nonnegative(lambda1, self.lambda2);
        let mut codes = Mat::zeros(self.dictionary.ncols(), signals.ncols());
        let solved = Settings::new(1e-3, 500).ok().and_then(|settings| {
            let problem = Problem::new(self.dictionary.as_ref(), penalty).ok()?;
            let solver = Auto::new(settings);
            encode(&solver, &problem, signals, codes.as_mut(), Start::Zero).ok()
        });
        let above = codes
            .col_iter()
            .flat_map(|code| code.iter().copied())
            .filter(|&a| a > T::ZERO);
        solved.map_or(0.0, |_| {
            above.count() as f64 / (codes.nrows() * codes.ncols()) as f64
        })
    }
}
