//! Sparse codes of signals in host memory.

use faer::{Mat, MatRef};
use scn_solvers::{ElasticNet, Lambda1, Settings, Sign};

use crate::context::Context;
use crate::encode::EncodeMethod;
use crate::error::{ArgumentError, GpuError};
use crate::report::{Reports, SolveReport};
use crate::single_problem::SingleProblem;
use crate::solve_settings::SolveSettings;
use crate::windows::Windows;

/// Computes the codes (n × P) of signals (m × P, one per column), and reports on the solve.
///
/// To encode many batches, or to use the codes on the device, use
/// [`DeviceProblems`](crate::DeviceProblems).
///
/// # Errors
/// Returns an error if the dictionary, the penalty or the length of the signals is invalid, if
/// signed codes are requested, or if the device fails.
pub fn encode(
    context: &Context,
    dictionary: MatRef<'_, f32>,
    penalty: &ElasticNet<f32>,
    signals: MatRef<'_, f32>,
    settings: Settings,
) -> Result<(Mat<f32>, SolveReport), GpuError> {
    if penalty.sign == Sign::Free {
        return Err(ArgumentError::SignedCodes.into());
    }
    // The same checks as on the CPU.
    scn_solvers::Problem::new(dictionary, penalty.clone()).map_err(ArgumentError::from)?;
    let (rows, atoms) = dictionary.shape();
    if signals.nrows() != rows {
        return Err(ArgumentError::Length {
            what: "a signal",
            expected: rows,
            found: signals.nrows(),
        }
        .into());
    }
    let lambda1 = match &penalty.lambda1 {
        Lambda1::Scalar(value) => std::slice::from_ref(value),
        Lambda1::PerAtom(values) => values,
    };
    let dictionary = row_major(dictionary);
    let single = SingleProblem::new(context, &dictionary, atoms, lambda1, penalty.lambda2)?;

    let columns = signals.ncols();
    let mut reports = Reports::new(context, 1)?;
    let mut codes = context.unspecified(atoms * columns)?;
    let pending = single.problem()?.encode(
        EncodeMethod::default(),
        &SolveSettings::new(context, settings)?,
        Windows::matrix(rows, columns)?,
        &context.upload(&row_major(signals))?,
        &mut codes,
        &mut reports,
    )?;
    let codes = codes.download()?;
    let codes = MatRef::from_row_major_slice(&codes, atoms, columns).to_owned();
    Ok((codes, pending.read(&reports.download()?)))
}

/// Returns the entries of a matrix row by row.
fn row_major(matrix: MatRef<'_, f32>) -> Vec<f32> {
    let rows = 0..matrix.nrows();
    rows.flat_map(|i| (0..matrix.ncols()).map(move |j| matrix[(i, j)]))
        .collect()
}
