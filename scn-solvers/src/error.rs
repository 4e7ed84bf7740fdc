//! The errors of this crate.

/// An invalid dictionary, Gram matrix or penalty.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// The dictionary has no rows or no columns.
    #[error("the dictionary must have at least one row and one atom, but is {rows} x {atoms}")]
    Empty {
        /// Number of rows.
        rows: usize,
        /// Number of atoms.
        atoms: usize,
    },
    /// The dictionary, or the Gram matrix given instead, contains NaN or infinity.
    #[error("the dictionary must be finite, but entry ({row}, {atom}) is {found}")]
    Dictionary {
        /// Row of the first such entry.
        row: usize,
        /// Atom (column) of that entry.
        atom: usize,
        /// Value of that entry.
        found: f64,
    },
    /// The dictionary is so large that its Gram matrix overflows.
    #[error(
        "the Gram matrix must be finite, but atom {atom} has squared norm plus lambda2 of {found:e}"
    )]
    Gram {
        /// The atom.
        atom: usize,
        /// Squared norm of the atom plus λ2.
        found: f64,
    },
    /// The Gram matrix is empty or not square.
    #[error(
        "the Gram matrix must be square, one row and one column per atom, but is {rows} x {atoms}"
    )]
    NotSquare {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        atoms: usize,
    },
    /// The Gram matrix is not symmetric.
    #[error(
        "the Gram matrix must be symmetric, but entry ({row}, {column}) is {found} and entry ({column}, {row}) is {mirrored}"
    )]
    NotSymmetric {
        /// Row of the first such entry.
        row: usize,
        /// Column of that entry.
        column: usize,
        /// Value of that entry.
        found: f64,
        /// Value of the entry mirrored across the diagonal.
        mirrored: f64,
    },
    /// The Gram matrix has a negative eigenvalue, so the problem has no minimum.
    #[error("the Gram matrix must be positive semidefinite, but has an eigenvalue of {found}")]
    Indefinite {
        /// The smallest eigenvalue.
        found: f64,
    },
    /// The dictionary of an update has a different shape.
    #[error("the dictionary must keep its shape {expected:?} (rows, atoms), but is {found:?}")]
    Shape {
        /// Shape of the problem.
        expected: (usize, usize),
        /// Shape of the update.
        found: (usize, usize),
    },
    /// λ1 is negative or not finite.
    #[error("lambda1 must be finite and at least 0, but is {found} for atom {atom}")]
    Lambda1 {
        /// The atom.
        atom: usize,
        /// λ1 of that atom.
        found: f64,
    },
    /// The number of values of λ1 differs from the number of atoms.
    #[error("lambda1 must have one value per atom, {expected} in all, but has {found}")]
    Lambda1Length {
        /// Number of atoms.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// λ2 is negative or not finite.
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
    /// The length of the signals differs from that of the atoms.
    #[error("signals must have {expected} entries, like the atoms, but have {found}")]
    SignalLength {
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the signals.
        found: usize,
    },
    /// The length of the correlations differs from the number of atoms.
    #[error("correlations must have {expected} entries, one per atom, but have {found}")]
    CorrelationLength {
        /// Atoms of the problem.
        expected: usize,
        /// Rows of the correlations.
        found: usize,
    },
    /// The matrix of codes is not atoms × signals.
    #[error("codes must be {expected:?} (atoms, signals), but are {found:?}")]
    CodesShape {
        /// Expected shape.
        expected: (usize, usize),
        /// Actual shape.
        found: (usize, usize),
    },
}

/// An error in following a regularisation path.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Correlations, offsets or weights are not one per atom.
    #[error("a path needs one value per atom, {expected} in all, but has {found}")]
    Length {
        /// Number of atoms.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// A correlation is NaN or infinite.
    #[error("correlations must be finite, but that of atom {atom} is {found}")]
    Correlation {
        /// The first such atom.
        atom: usize,
        /// Correlation of that atom.
        found: f64,
    },
    /// An offset is negative, or a weight is not positive, or one of them is not finite.
    #[error(
        "lambda1 = offset + t weight needs offset >= 0 and weight > 0, but atom {atom} has offset {offset} and weight {weight}"
    )]
    Weight {
        /// The first such atom.
        atom: usize,
        /// Offset of that atom.
        offset: f64,
        /// Weight of that atom.
        weight: f64,
    },
    /// The path has more breakpoints than the limit.
    #[error("the path has more than {limit} breakpoints")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// An error in solving for a grid of λ1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// Signals or codes do not fit the problem.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A weight overflows when it is multiplied by a value of the grid.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// A value is negative or not finite.
    #[error("lambda1 must be finite and at least 0, but value {index} of the grid is {found}")]
    Lambda1 {
        /// Index of the value in the grid.
        index: usize,
        /// The value.
        found: f64,
    },
    /// The ratio of the last value to the first is not between 0 and 1.
    #[error("the ratio of the last to the first lambda1 must be between 0 and 1, but is {found}")]
    Ratio {
        /// The value.
        found: f64,
    },
}

/// Layers, a problem or settings that [`Lista`](crate::Lista) cannot use.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListaError {
    /// The shape of a layer differs from that of the first layer.
    #[error(
        "layer {layer} must have {atoms} x {atoms} matrices and {atoms} thresholds, but has {found:?} and {thresholds}"
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
    /// A threshold is negative or not a number.
    #[error("thresholds must be at least 0, but that of atom {atom} in layer {layer} is {found}")]
    Threshold {
        /// The layer.
        layer: usize,
        /// The atom.
        atom: usize,
        /// The value.
        found: f64,
    },
    /// The number of atoms of the problem differs from that of the layers.
    #[error("these layers are for {expected} atoms, but the problem has {found}")]
    Problem {
        /// Atoms of the layers.
        expected: usize,
        /// Atoms of the problem.
        found: usize,
    },
    /// Correlations do not fit the problem.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A setting of the training is out of range.
    #[error(
        "training needs a batch size of at least 1 and a positive learning rate, but has {batch_size} and {learning_rate}"
    )]
    Training {
        /// Signals per step.
        batch_size: usize,
        /// Learning rate of Adam.
        learning_rate: f64,
    },
    /// The optimal codes of some signals, the targets of the training, could not be computed.
    #[error(
        "the optimal codes of {unconverged} signals could not be computed: their largest KKT residual is {residual}"
    )]
    Optimum {
        /// Number of such signals.
        unconverged: usize,
        /// The largest KKT residual among them.
        residual: f64,
    },
}

/// A setting that is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The tolerance is not a positive number.
    #[error("the tolerance must be positive and finite, but is {found}")]
    Tolerance {
        /// The value.
        found: f64,
    },
    /// The relaxation is not between 0 and 2.
    #[error("the relaxation must be between 0 and 2, but is {found}")]
    Relaxation {
        /// The value.
        found: f64,
    },
    /// The maximum number of passes is 0.
    #[error("the maximum number of passes must be at least 1, but is 0")]
    MaxPasses,
}
