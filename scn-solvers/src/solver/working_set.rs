//! Working sets: the few atoms that the code of a column may need.
//!
//! Each column of a tile has its own set. In each round the atoms whose descents are furthest
//! beyond their thresholds join it, a few sweeps of coordinate descent solve the problem on the
//! set, for all columns of the tile side by side, and `c - H a` is recomputed for all atoms. That
//! is `n |set|` multiply-adds per column and round; a sweep over all atoms takes `n²`.

use super::Tile;
use super::small_problems::{CAPACITY, SWEEPS, SmallProblems};
use crate::problem::Problem;
use crate::tile::Scalar;
use crate::tile::columns::tile_columns_mut;
use crate::tile::kernels::{ColumnDescent, FindAbove, FromTile, LargestQuotient};

/// Minimum number of atoms, and minimum overlap, for which working sets pay; on other dictionaries
/// a few sweeps find any code. With 256 atoms learned from patches of 8 x 8 pixels (overlap 10) and
/// 9 active atoms per signal, working sets are 4 to 7 times faster than sweeps; with random atoms
/// (overlap 0.4) and 26 active atoms, they are as fast.
const FEWEST_ATOMS: usize = 96;
const LEAST_OVERLAP: f64 = 1.0;

/// Maximum number of atoms that join in a round, and how close they must come to the furthest one.
const JOINING: usize = 6;
const NEAR: f64 = 0.6;

/// Maximum number of rounds.
const ROUNDS: usize = 24;

/// If sets hold more than one in this many atoms on average, sweeps over all atoms are likely to be
/// faster.
const SPARSE: usize = 8;

/// Maximum number of sweeps over the sets in a round.
const MOST_SWEEPS: u32 = 60;

/// The goal as a fraction of the tolerance. Sweeps over the set aim at a fraction of the goal, or
/// at a fraction of the largest excess of any atom over its threshold if that is more.
const OF_TOLERANCE: f64 = 0.5;
const OF_GOAL: f64 = 0.4;
const OF_FURTHEST: f64 = 0.1;

/// The smallest tolerance that sums of few products in `T` can reach, in units of ε.
const ROUNDING: f64 = 64.0;

/// The state of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    Solved,
    /// The column needs more atoms than a set can hold.
    GivenUp,
}

/// The memory for solving the columns of a tile on working sets.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkingSets<T> {
    /// The correlations c, one column after the other, each as long as a row of `H`.
    correlations: Vec<T>,
    /// The descents `c - H a`, in the same layout.
    descents: Vec<T>,
    /// λ1; infinite for zero atoms and padding.
    lambda1: Vec<T>,
    columns: Vec<Column<T>>,
    /// The problems restricted to the sets.
    small: SmallProblems<T>,
    /// Atoms that may join.
    found: Vec<u32>,
    /// The codes of a column.
    codes: Vec<T>,
}

#[derive(Debug, Clone)]
struct Column<T> {
    /// The working set.
    atoms: Vec<u32>,
    /// The largest `d_j - λ1_j`, or `|d_j| - λ1_j` for signed codes.
    furthest: T,
    /// The bound on `furthest`, and on how far descents on the set may be from their thresholds.
    goal: T,
    standing: Standing,
}

impl<T: Scalar> Column<T> {
    /// Creates an empty set with room for all its atoms, so that it never reallocates.
    fn new() -> Self {
        Self {
            atoms: Vec::with_capacity(CAPACITY),
            furthest: T::ZERO,
            goal: T::ZERO,
            standing: Standing::Open,
        }
    }
}

impl<T: Scalar> WorkingSets<T> {
    /// Whether working sets may pay for a problem. Whether they do depends on the codes, and shows
    /// after a few rounds.
    pub(super) fn suit(problem: &Problem<T>) -> bool {
        problem.atoms() >= FEWEST_ATOMS
            && problem.operator().coupling() >= LEAST_OVERLAP
            && problem.largest_lambda1() > 0.0
    }

    /// Loads the correlations of a tile.
    fn load(&mut self, tile: &Tile<'_, T>) {
        let problem = tile.problem;
        let (atoms, length) = (problem.atoms(), problem.operator().row_length());
        self.lambda1.clear();
        let weights = problem.lambda1().iter().zip(problem.inverse_diagonal());
        self.lambda1.extend(weights.map(|(&weight, &inverse)| {
            if inverse == T::ZERO {
                T::INFINITY
            } else {
                weight
            }
        }));
        self.lambda1.resize(length, T::INFINITY);
        self.found.clear();
        self.found.reserve(atoms);
        self.codes.clear();
        self.codes.reserve(CAPACITY);
        for buffer in [&mut self.correlations, &mut self.descents] {
            buffer.resize(tile.columns * length, T::ZERO);
        }
        for column in self.correlations.chunks_exact_mut(length) {
            column[atoms..].fill(T::ZERO);
        }
        let mut columns = tile_columns_mut(self.correlations.chunks_exact_mut(length));
        T::from_tile(FromTile {
            tile: &tile.memory.correlations,
            rows: atoms,
            columns: &mut columns[..tile.columns],
        });
    }

    /// Solves as many columns as it can, and returns whether that is all of them.
    pub(super) fn solve(&mut self, tile: &mut Tile<'_, T>, tolerance: f64) -> bool {
        let problem = tile.problem;
        let tolerance = tolerance.max(ROUNDING * T::EPSILON.to_f64());
        self.load(tile);
        self.small.clear();
        self.columns.resize_with(T::tile(), Column::new);
        for column in &mut self.columns[tile.columns..] {
            column.atoms.clear();
            column.standing = Standing::Solved;
        }
        for index in 0..tile.columns {
            self.begin(tile, index, tolerance);
        }
        let mut products = 0;
        for _ in 0..ROUNDS {
            let (mut size, mut joined) = (0, 0);
            for index in 0..tile.columns {
                self.widen(problem, index);
                let column = &self.columns[index];
                joined += column.atoms.len();
                if column.standing == Standing::Open {
                    size = size.max(column.atoms.len());
                }
            }
            if size == 0 || joined * SPARSE > problem.atoms() * tile.columns {
                break;
            }
            let sweeps = self.sweep(problem, size);
            products += sweeps as usize * size * size * T::tile();
            for index in 0..tile.columns {
                if self.columns[index].standing == Standing::Open {
                    self.descend(problem, index);
                    products += self.columns[index].atoms.len() * self.lambda1.len();
                }
            }
        }
        for (index, column) in self.columns.iter().enumerate() {
            for (place, &atom) in column.atoms.iter().enumerate() {
                tile.memory.codes[atom as usize * T::tile() + index] =
                    self.small.codes[place * T::tile() + index];
            }
        }
        let pass = problem.atoms().pow(2) * tile.columns;
        tile.count_products((products / pass) as u32);
        self.count(Standing::Solved) == self.columns.len()
    }

    fn count(&self, standing: Standing) -> usize {
        let columns = self.columns.iter();
        columns.filter(|column| column.standing == standing).count()
    }

    /// Initialises the set of a column with the atoms active in its code.
    fn begin(&mut self, tile: &Tile<'_, T>, index: usize, tolerance: f64) {
        let problem = tile.problem;
        let scale = tile.memory.scale[index];
        let column = &mut self.columns[index];
        column.atoms.clear();
        column.goal = T::from_f64(OF_TOLERANCE * tolerance * scale.to_f64());
        // A column that is not finite keeps the zero code.
        column.standing = if scale.finite() {
            Standing::Open
        } else {
            Standing::Solved
        };
        let codes = tile.memory.codes[index..].iter().step_by(T::tile());
        for (atom, &code) in codes.enumerate().filter(|(_, code)| **code != T::ZERO) {
            if column.atoms.len() == CAPACITY {
                column.standing = Standing::GivenUp;
                column.atoms.clear();
                break;
            }
            self.small
                .add(problem, index, &column.atoms, atom as u32, code);
            column.atoms.push(atom as u32);
            self.small.change[index] = T::INFINITY;
        }
        if self.columns[index].standing == Standing::Open {
            self.descend(problem, index);
        }
    }

    /// Adds the atoms furthest beyond their thresholds to the set of an open column.
    fn widen(&mut self, problem: &Problem<T>, index: usize) {
        let length = self.lambda1.len();
        let column = &mut self.columns[index];
        if column.standing != Standing::Open {
            return;
        }
        if !(column.furthest > column.goal) {
            if self.small.change[index] <= column.goal {
                column.standing = Standing::Solved;
            }
            return;
        }
        let descent = &self.descents[index * length..(index + 1) * length];
        let near = T::from_f64(NEAR) * column.furthest;
        self.found.clear();
        T::find_above(FindAbove {
            signed: problem.signed(),
            descent,
            lambda1: &self.lambda1,
            limit: if near > column.goal {
                near
            } else {
                column.goal
            },
            found: &mut self.found,
        });
        self.found.retain(|atom| !column.atoms.contains(atom));
        if self.found.len() > JOINING {
            let ahead = |atom: u32| {
                let d = descent[atom as usize];
                let size = if problem.signed() { d.magnitude() } else { d };
                (size - self.lambda1[atom as usize]).to_f64()
            };
            // The lower index breaks ties.
            self.found
                .sort_by(|&i, &j| ahead(j).total_cmp(&ahead(i)).then(i.cmp(&j)));
            self.found.truncate(JOINING);
        }
        if column.atoms.len() + self.found.len() > CAPACITY {
            column.standing = Standing::GivenUp;
            return;
        }
        for &atom in &self.found {
            self.small.add(problem, index, &column.atoms, atom, T::ZERO);
            column.atoms.push(atom);
        }
        for (place, &atom) in column.atoms.iter().enumerate() {
            self.small.descent[place * T::tile() + index] = descent[atom as usize];
        }
    }

    /// Sweeps over the sets until every column is solved on its set. Returns the number of sweeps.
    fn sweep(&mut self, problem: &Problem<T>, size: usize) -> u32 {
        for (index, column) in self.columns.iter().enumerate() {
            let share = OF_GOAL * column.goal.to_f64();
            let goal = share.max(OF_FURTHEST * column.furthest.to_f64());
            self.small.goal[index] = match column.standing {
                Standing::Open => T::from_f64(goal),
                _ => T::INFINITY,
            };
        }
        let mut sweeps = 0;
        while sweeps < MOST_SWEEPS {
            self.small.sweep(problem.signed(), size);
            sweeps += SWEEPS;
            let worst = T::largest_quotient(LargestQuotient {
                a: &self.small.change,
                b: &self.small.goal,
            });
            if worst <= T::ONE {
                break;
            }
        }
        sweeps
    }

    /// Computes `c - H a` of a column, and the largest excess of an atom over its threshold.
    fn descend(&mut self, problem: &Problem<T>, index: usize) {
        let length = self.lambda1.len();
        let column = &mut self.columns[index];
        let places = 0..column.atoms.len();
        self.codes.clear();
        self.codes
            .extend(places.map(|place| self.small.codes[place * T::tile() + index]));
        column.furthest = T::column_descent(ColumnDescent {
            signed: problem.signed(),
            gram: problem.operator().gram_rows(),
            atoms: &column.atoms,
            codes: &self.codes,
            correlations: &self.correlations[index * length..(index + 1) * length],
            lambda1: &self.lambda1,
            descent: &mut self.descents[index * length..(index + 1) * length],
        });
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::synthetic::{dictionary, normal_matrix};
    use crate::tile::Real;
    use crate::{
        Auto, CoordinateDescent, ElasticNet, Lambda1, Lars, Report, Settings, Sign, Solver, Start,
        certify_columns, encode,
    };

    /// Creates a problem with overlapping atoms, one of them zero, and weights λ1 from `lambda1`
    /// upwards.
    fn problem<T: Scalar>(lambda1: f64, sign: Sign) -> Problem<T> {
        let atoms = 2 * FEWEST_ATOMS + 5;
        let mut matrix = dictionary::<T>(24, atoms, 0.1, 1);
        matrix.col_mut(7).fill(T::ZERO);
        let weights = (0..atoms).map(|j| T::from_f64(lambda1 * (1.0 + 0.001 * j as f64)));
        let penalty = ElasticNet {
            lambda1: Lambda1::PerAtom(weights.collect()),
            lambda2: T::from_f64(0.001),
            sign,
        };
        Problem::new(matrix.as_ref(), penalty).unwrap()
    }

    fn signals<T: Scalar>() -> Mat<T> {
        let mut signals = normal_matrix::<T>(24, 2 * T::tile() + 3, 2);
        signals.col_mut(1).fill(T::ZERO);
        signals
    }

    fn solve<T: Scalar>(
        solver: &dyn Solver<T>,
        problem: &Problem<T>,
        signals: &Mat<T>,
        codes: &mut Mat<T>,
        start: Start,
    ) -> Report {
        encode(solver, problem, signals, codes.as_mut(), start).unwrap()
    }

    fn solve_auto<T: Scalar>(
        settings: Settings,
        problem: &Problem<T>,
        signals: &Mat<T>,
        codes: &mut Mat<T>,
        start: Start,
    ) -> Report {
        solve(&Auto::new(settings), problem, signals, codes, start)
    }

    /// Codes match those of LARS, from zero and from other starts, in a fraction of the passes of
    /// sweeps.
    fn sparse_codes_are_exact<T: Scalar>(tolerance: f64) {
        for sign in [Sign::NonNegative, Sign::Free] {
            let (problem, signals) = (problem::<T>(1.5, sign), signals::<T>());
            let settings = Settings::new(tolerance, 1000).unwrap();
            let mut exact = Mat::zeros(problem.atoms(), signals.ncols());
            let lars = Lars::new(settings);
            let _ = solve(&lars, &problem, &signals, &mut exact, Start::Zero);
            let mut codes = Mat::zeros(problem.atoms(), signals.ncols());
            for start in [Start::Zero, Start::Codes] {
                let report = solve_auto(settings, &problem, &signals, &mut codes, start);
                assert!(report.converged(), "{report:?}");
                for certificate in certify_columns(&problem, &signals, codes.as_ref()).unwrap() {
                    assert!(certificate.residual <= tolerance);
                }
                // An error of δ in the codes raises the objective by (λ2/2) δ² or more, and by at
                // most the gap.
                let scale = signals.norm_max().to_f64().powi(2) * 24.0;
                let difference = (&codes - &exact).norm_max().to_f64();
                assert!(difference <= (2.0 * scale * tolerance / 0.001).sqrt());
                // Perturb the codes for the next start.
                codes.col_mut(3).fill(T::ZERO);
                codes[(5, 4)] = T::ONE;
            }
            let mut swept = Mat::zeros(problem.atoms(), signals.ncols());
            let sweeps = CoordinateDescent::new(settings);
            let all = solve(&sweeps, &problem, &signals, &mut swept, Start::Zero);
            let few = solve_auto(settings, &problem, &signals, &mut codes, Start::Zero);
            assert!(
                4.0 * few.mean_passes() < all.mean_passes(),
                "{} and {} passes",
                few.mean_passes(),
                all.mean_passes()
            );
        }
    }

    #[test]
    fn sparse_codes_are_those_of_lars() {
        sparse_codes_are_exact::<f32>(1e-4);
        sparse_codes_are_exact::<f64>(1e-4);
        sparse_codes_are_exact::<f64>(1e-9);
    }

    /// Codes with more active atoms than a set can hold are still solved, and so are those next to
    /// a NaN.
    #[test]
    fn what_is_given_up_is_solved_by_sweeps() {
        let mut matrix = dictionary::<f64>(100, 130, 0.1, 3);
        // The sum of all atoms is a signal whose code has more active atoms than a set can hold.
        let along: Vec<f64> = (0..100).map(|i| matrix.row(i).sum()).collect();
        matrix.col_mut(9).fill(0.0);
        let problem = Problem::new(matrix.as_ref(), ElasticNet::nonnegative(0.5, 0.01)).unwrap();
        assert!(problem.operator().coupling() >= LEAST_OVERLAP);
        let mut signals = normal_matrix::<f64>(100, f64::tile(), 4);
        for (row, value) in along.into_iter().enumerate() {
            signals[(row, 2)] = value;
        }
        let settings = Settings::new(1e-8, 2000).unwrap();
        let mut codes = Mat::zeros(130, signals.ncols());
        let report = solve_auto(settings, &problem, &signals, &mut codes, Start::Zero);
        assert!(report.converged());
        let active = codes.col(2).iter().filter(|code| **code != 0.0).count();
        assert!(active > CAPACITY, "{active} active");
        let expected = codes.clone();
        let report = solve_auto(settings, &problem, &signals, &mut codes, Start::Codes);
        assert!(report.converged());
        assert!((&codes - &expected).norm_max() < 1e-4);

        signals[(0, 1)] = f64::NAN;
        let report = solve_auto(settings, &problem, &signals, &mut codes, Start::Zero);
        assert_eq!(report.unconverged, [1]);
        assert_eq!(codes.col(1).norm_max(), 0.0);
        for column in (0..signals.ncols()).filter(|&column| column != 1) {
            assert!((codes.col(column) - expected.col(column)).norm_max() < 1e-4);
        }
    }

    /// A problem updated to a different dictionary has the same codes as one created with it.
    #[test]
    fn codes_follow_the_dictionary() {
        let signals = signals::<f32>();
        let settings = Settings::new(1e-4, 1000).unwrap();
        let codes = |problem: &Problem<f32>| {
            let mut codes = Mat::zeros(problem.atoms(), signals.ncols());
            let report = solve_auto(settings, problem, &signals, &mut codes, Start::Zero);
            assert!(report.converged());
            codes
        };
        let mut problem = problem::<f32>(1.5, Sign::NonNegative);
        let before = codes(&problem);
        let other = dictionary::<f32>(24, problem.atoms(), 0.1, 2);
        let penalty = problem.penalty().clone();
        problem.update(other.as_ref(), penalty.clone()).unwrap();
        let expected = codes(&Problem::new(other.as_ref(), penalty).unwrap());
        assert_eq!(codes(&problem), expected);
        assert_ne!(before, expected);
    }

    /// Working sets are not used if sweeps are fast, or if nothing suggests that codes are sparse.
    #[test]
    fn other_problems_are_swept() {
        let signals = normal_matrix::<f64>(260, f64::tile(), 5);
        let few = dictionary::<f64>(24, FEWEST_ATOMS - 1, 0.1, 1);
        let incoherent = dictionary::<f64>(260, FEWEST_ATOMS, 0.0, 1);
        let many = dictionary::<f64>(24, FEWEST_ATOMS, 0.1, 1);
        for (matrix, lambda1) in [(few, 1.5), (incoherent, 1.5), (many, 0.0)] {
            let penalty = ElasticNet::nonnegative(lambda1, 0.1);
            let problem = Problem::new(matrix.as_ref(), penalty).unwrap();
            let signals = signals.subrows(0, problem.rows()).to_owned();
            let settings = Settings::new(1e-2, 1000).unwrap();
            let [mut auto, mut swept] =
                [(); 2].map(|()| Mat::zeros(problem.atoms(), signals.ncols()));
            let report = solve_auto(settings, &problem, &signals, &mut auto, Start::Zero);
            let sweeps = CoordinateDescent::new(settings);
            let expected = solve(&sweeps, &problem, &signals, &mut swept, Start::Zero);
            assert_eq!((report.passes, auto), (expected.passes, swept));
        }
    }
}
