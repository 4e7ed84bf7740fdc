//! What can be wrong with the input.

/// A dictionary or a penalty that poses no problem (1).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// No rows or no columns.
    #[error("the dictionary must have at least one row and one atom, but is {rows} x {atoms}")]
    Empty {
        /// Rows found.
        rows: usize,
        /// Atoms found.
        atoms: usize,
    },
    /// NaN or infinity in the dictionary, or in the Gram matrix that is given instead.
    #[error("the dictionary must be finite, but entry ({row}, {atom}) is {found}")]
    Dictionary {
        /// Row of the first such entry.
        row: usize,
        /// Its atom.
        atom: usize,
        /// Its value.
        found: f64,
    },
    /// A dictionary so large that its Gram matrix overflows.
    #[error(
        "the Gram matrix must be finite, but atom {atom} has squared norm plus lambda2 of {found:e}"
    )]
    Gram {
        /// The atom.
        atom: usize,
        /// Its squared norm plus λ2.
        found: f64,
    },
    /// A Gram matrix that is empty or not square.
    #[error(
        "the Gram matrix must be square, one row and one column per atom, but is {rows} x {atoms}"
    )]
    NotSquare {
        /// Rows found.
        rows: usize,
        /// Columns found.
        atoms: usize,
    },
    /// A Gram matrix that is not symmetric.
    #[error(
        "the Gram matrix must be symmetric, but entry ({row}, {column}) is {found} and its mirror image {mirrored}"
    )]
    NotSymmetric {
        /// Row of the first such entry.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value.
        found: f64,
        /// The value across the diagonal.
        mirrored: f64,
    },
    /// A Gram matrix with a negative eigenvalue: the problem has no minimum.
    #[error("the Gram matrix must be positive semidefinite, but has an eigenvalue of {found}")]
    Indefinite {
        /// The smallest eigenvalue.
        found: f64,
    },
    /// An update with a dictionary of another shape.
    #[error("the dictionary must stay {expected:?} (rows, atoms), but is {found:?}")]
    Shape {
        /// Shape of the problem.
        expected: (usize, usize),
        /// Shape of the update.
        found: (usize, usize),
    },
    /// λ1 negative or not finite.
    #[error("lambda1 must be finite and at least 0, but is {found} for atom {atom}")]
    Lambda1 {
        /// The atom.
        atom: usize,
        /// Its λ1.
        found: f64,
    },
    /// λ1 per atom, but not one per atom.
    #[error("lambda1 must have one value per atom, {expected} in all, but has {found}")]
    Lambda1Length {
        /// Number of atoms.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// λ2 negative or not finite.
    #[error("lambda2 must be finite and at least 0, but is {found}")]
    Lambda2 {
        /// The value.
        found: f64,
    },
}

/// Signals or codes whose shape does not fit the problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Signals of another length than the atoms.
    #[error("signals must have {expected} entries, like the atoms, but have {found}")]
    SignalLength {
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the signals.
        found: usize,
    },
    /// Correlations of another length than the number of atoms.
    #[error("correlations must have {expected} entries, one per atom, but have {found}")]
    CorrelationLength {
        /// Atoms of the problem.
        expected: usize,
        /// Rows of the correlations.
        found: usize,
    },
    /// A matrix of codes of another shape than atoms × signals.
    #[error("codes must be {expected:?} (atoms, signals), but are {found:?}")]
    CodesShape {
        /// Shape that fits.
        expected: (usize, usize),
        /// Shape found.
        found: (usize, usize),
    },
}

/// Why a regularisation path cannot be followed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Correlations, offsets or weights that are not one per atom.
    #[error("a path needs one value per atom, {expected} in all, but has {found}")]
    Length {
        /// Number of atoms.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// A correlation that is NaN or infinite.
    #[error("correlations must be finite, but that of atom {atom} is {found}")]
    Correlation {
        /// The first such atom.
        atom: usize,
        /// Its correlation.
        found: f64,
    },
    /// An offset below zero, or a weight that is not positive.
    #[error(
        "lambda1 = offset + t weight needs offset >= 0 and weight > 0, but atom {atom} has {offset} and {weight}"
    )]
    Weight {
        /// The first such atom.
        atom: usize,
        /// Its offset.
        offset: f64,
        /// Its weight.
        weight: f64,
    },
    /// More breakpoints than were to be expected.
    #[error("the path has more than {limit} breakpoints")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// Why a grid of λ1 cannot be solved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// Signals or codes that do not fit the problem.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Weights that overflow when they are multiplied by a value of the grid.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// A value that is negative or not finite.
    #[error("lambda1 must be finite and at least 0, but value {index} of the grid is {found}")]
    Lambda1 {
        /// Its place in the grid.
        index: usize,
        /// The value.
        found: f64,
    },
    /// A ratio of the last to the first value that is not one.
    #[error("the ratio of the last to the first lambda1 must be between 0 and 1, but is {found}")]
    Ratio {
        /// The value.
        found: f64,
    },
}

/// Layers, a problem or settings that [`Lista`](crate::Lista) cannot work with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListaError {
    /// A layer that is not like the first.
    #[error(
        "layer {layer} must have matrices {atoms} x {atoms} and {atoms} thresholds, but has {found:?} and {thresholds}"
    )]
    Shape {
        /// The layer.
        layer: usize,
        /// Atoms of the first layer.
        atoms: usize,
        /// Shape of a matrix.
        found: (usize, usize),
        /// Number of thresholds.
        thresholds: usize,
    },
    /// A threshold that is negative or not a number.
    #[error("thresholds must be at least 0, but that of atom {atom} in layer {layer} is {found}")]
    Threshold {
        /// The layer.
        layer: usize,
        /// The atom.
        atom: usize,
        /// The value.
        found: f64,
    },
    /// A problem with another number of atoms.
    #[error("these layers are for {expected} atoms, but the problem has {found}")]
    Problem {
        /// Atoms of the layers.
        expected: usize,
        /// Atoms of the problem.
        found: usize,
    },
    /// Correlations that do not fit the problem.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Settings of the training out of range.
    #[error(
        "training needs minibatches and a positive learning rate, but has batch size {batch_size} and rate {learning_rate}"
    )]
    Training {
        /// Signals per step.
        batch_size: usize,
        /// Step size of Adam.
        learning_rate: f64,
    },
    /// Signals whose optimal codes could not be computed, to compare with.
    #[error(
        "the optimum of {unconverged} signals is not known: their KKT residual is up to {residual}"
    )]
    Optimum {
        /// How many.
        unconverged: usize,
        /// The largest residual.
        residual: f64,
    },
}

/// Settings out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A tolerance that is not a positive number.
    #[error("the tolerance must be positive and finite, but is {found}")]
    Tolerance {
        /// The value.
        found: f64,
    },
    /// A relaxation outside (0, 2).
    #[error("the relaxation must be between 0 and 2, but is {found}")]
    Relaxation {
        /// The value.
        found: f64,
    },
    /// No pass at all.
    #[error("the limit of passes must be at least 1, but is 0")]
    MaxPasses,
}
