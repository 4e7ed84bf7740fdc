//! Destinations of `dLoss/dx`.

use std::ops::Range;

use faer::MatMut;
use scn_solvers::Scalar;

/// A destination of `dLoss/dx`: the transpose of
/// [`ColumnSource::pack`](scn_solvers::ColumnSource::pack).
///
/// Overlapping windows add up; a matrix takes each column once.
///
/// # Example
///
/// ```
/// use std::ops::Range;
/// use std::sync::Mutex;
/// use scn_grad::SignalGradient;
///
/// /// The sum over all columns: the gradient with respect to a vector added to every signal.
/// #[derive(Clone, Copy)]
/// struct Sum<'a>(&'a Mutex<Vec<f64>>);
///
/// impl SignalGradient<f64> for Sum<'_> {
///     fn add(&mut self, columns: Range<usize>, gradient: &[f64], stride: usize) {
///         let mut sums = self.0.lock().expect("no thread has panicked");
///         for (sum, row) in sums.iter_mut().zip(gradient.chunks(stride)) {
///             *sum += row[..columns.len()].iter().sum::<f64>();
///         }
///     }
///     fn split_at(self, _: usize) -> (Self, Self) { (self, self) }
/// }
///
/// let sums = Mutex::new(vec![0.0; 2]);
/// Sum(&sums).add(4..6, &[1.0, 2.0, 0.0, 3.0, 4.0, 0.0], 3);
/// assert_eq!(sums.into_inner()?, [3.0, 7.0]);
/// # Ok::<(), std::sync::PoisonError<Vec<f64>>>(())
/// ```
pub trait SignalGradient<T>: Send {
    /// Prepares this part before anything is added to it.
    fn begin(&mut self) {}

    /// Adds columns: entry i of column `columns.start + k` is `gradient[i * stride + k]`.
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize);

    /// Returns these columns for addition in place, if they are adjacent in memory and each is
    /// contiguous (row stride 1).
    fn in_memory(&mut self, columns: Range<usize>) -> Option<MatMut<'_, T>> {
        let _ = columns;
        None
    }

    /// Splits into the parts before and from a column of the batch, so that threads can share them.
    /// Called with the first column of a task.
    fn split_at(self, column: usize) -> (Self, Self)
    where
        Self: Sized;
}

/// A matrix as a destination; its column 0 is column `offset` of the batch.
pub(crate) struct MatrixGradient<'a, T> {
    pub(crate) matrix: MatMut<'a, T>,
    pub(crate) offset: usize,
}

impl<T: Scalar> MatrixGradient<'_, T> {
    fn columns(&mut self, columns: Range<usize>) -> MatMut<'_, T> {
        let first = columns.start - self.offset;
        self.matrix.as_mut().subcols_mut(first, columns.len())
    }
}

impl<T: Scalar> SignalGradient<T> for MatrixGradient<'_, T> {
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize) {
        let mut matrix = self.columns(columns);
        let rows = matrix.nrows();
        for (i, row) in gradient.chunks(stride).take(rows).enumerate() {
            for (entry, &value) in matrix.as_mut().row_mut(i).iter_mut().zip(row) {
                *entry += value;
            }
        }
    }

    fn in_memory(&mut self, columns: Range<usize>) -> Option<MatMut<'_, T>> {
        let matrix = self.columns(columns);
        matrix.as_ref().try_as_col_major()?;
        Some(matrix)
    }

    fn split_at(self, column: usize) -> (Self, Self) {
        let (matrix, rest) = self.matrix.split_at_col_mut(column - self.offset);
        let (offset, from) = (self.offset, column);
        (
            Self { matrix, offset },
            Self {
                matrix: rest,
                offset: from,
            },
        )
    }
}
