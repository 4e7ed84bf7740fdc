//! The operation: codes in the forward pass, gradients in the backward pass.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, DType, Error, Layout, Result, Shape, Tensor, WithDType};
use scn_grad::{Gradients, Linearization, MaskedAuto};
use scn_solvers::faer::{Mat, MatRef};
use scn_solvers::{Auto, ElasticNet, Lambda1, Problem, Report, Scalar, Settings, Sign, Start};

use crate::SparseCodingError;

/// Solves for nonnegative codes (n × N) of `signals` (m × N) over `dictionary` (m × n), with the
/// default [`Settings`].
///
/// `lambda1` is a scalar tensor or has one entry per atom. Dictionary, signals and `lambda1` have
/// the same type, f32 or f64, and get gradients.
///
/// # Errors
/// Returns an error if the tensors do not fit each other, or if the codes miss their tolerance.
pub fn encode(
    dictionary: &Tensor,
    signals: &Tensor,
    lambda1: &Tensor,
    lambda2: f64,
) -> Result<Tensor> {
    let (codes, report) = SparseCoding::new(lambda2).encode(dictionary, signals, lambda1)?;
    if report.converged() {
        Ok(codes)
    } else {
        Err(SparseCodingError::Unconverged(Box::new(report)).into())
    }
}

/// Sparse coding with a choice of sign and tolerances.
///
/// [`encode`] is a shortcut with the defaults.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `lambda2` | | weight of `1/2 ‖a‖²`, zero or more |
/// | `sign` | nonnegative | whether codes may be negative |
/// | `settings` | tolerance 1e-4, 1000 passes | when the solver of the codes stops |
/// | `adjoint` | tolerance 1e-4, 1000 passes | relative residual at which the linear solver of the backward pass stops; after this number of passes, the systems are factorised |
///
/// Training tolerates far coarser solutions of these systems
/// ([`scn_grad::MaskedAuto::tolerance_for`]), but nothing corrects their error afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseCoding {
    /// Weight of `1/2 ‖a‖²`, zero or more.
    pub lambda2: f64,
    /// Whether codes may be negative.
    pub sign: Sign,
    /// When the solver of the codes stops.
    pub settings: Settings,
    /// When the linear solver of the backward pass stops.
    pub adjoint: Settings,
}

impl SparseCoding {
    /// Creates a configuration for nonnegative codes with the default settings.
    pub fn new(lambda2: f64) -> Self {
        Self {
            lambda2,
            sign: Sign::NonNegative,
            settings: Settings::default(),
            adjoint: Settings::default(),
        }
    }

    /// Solves for the codes like [`encode`](crate::encode()), and also returns the report of the
    /// solver.
    ///
    /// Codes that miss their tolerance are not an error here.
    ///
    /// # Errors
    /// Returns an error if the tensors do not fit each other, or are not on the CPU.
    pub fn encode(
        &self,
        dictionary: &Tensor,
        signals: &Tensor,
        lambda1: &Tensor,
    ) -> Result<(Tensor, Report)> {
        let (_, atoms) = dictionary.dims2()?;
        signals.dims2()?;
        if lambda1.rank() > 0 && lambda1.dims() != [atoms] {
            return Err(Error::UnexpectedShape {
                msg: "lambda1 must be a scalar or have an entry per atom".to_string(),
                expected: Shape::from(atoms),
                got: lambda1.shape().clone(),
            });
        }
        let report = Arc::new(OnceLock::new());
        let operation = Operation {
            parameters: *self,
            report: Arc::clone(&report),
        };
        let codes = dictionary.contiguous()?.apply_op3(
            &signals.contiguous()?,
            &lambda1.contiguous()?,
            operation,
        )?;
        let report = report.get().cloned().unwrap_or_else(Report::empty);
        Ok((codes, report))
    }

    fn problem<T: Number>(
        &self,
        dictionary: MatRef<'_, T>,
        lambda1: &[T],
        shared: bool,
    ) -> std::result::Result<Problem<T>, SparseCodingError> {
        let lambda1 = if shared {
            Lambda1::Scalar(lambda1[0])
        } else {
            Lambda1::PerAtom(lambda1.to_vec())
        };
        let penalty = ElasticNet {
            lambda1,
            lambda2: <T as WithDType>::from_f64(self.lambda2),
            sign: self.sign,
        };
        Ok(Problem::new(dictionary, penalty)?)
    }

    fn forward<T: Number>(
        &self,
        inputs: Inputs<'_, T>,
    ) -> std::result::Result<(Vec<T>, Report), SparseCodingError> {
        let problem = self.problem(inputs.dictionary, inputs.lambda1, inputs.shared)?;
        let mut codes = Mat::zeros(inputs.dictionary.ncols(), inputs.signals.ncols());
        let solver = Auto::new(self.settings);
        let report = scn_solvers::encode(
            &solver,
            &problem,
            &inputs.signals,
            codes.as_mut(),
            Start::Zero,
        )?;
        Ok((row_major(codes.as_ref()), report))
    }

    fn backward<T: Number>(&self, tensors: [&Tensor; 5]) -> Result<[Tensor; 3]> {
        let [dictionary, signals, lambda1, codes, cotangent] = tensors;
        let (values, device) = (tensors.map(numbers::<T>), dictionary.device());
        let [d, x, l, a, u] = values;
        let (d, x, l, a, u) = (d?, x?, l?, a?, u?);
        let (d, x) = (matrix(&d, dictionary)?, matrix(&x, signals)?);
        let (a, u) = (matrix(&a, codes)?, matrix(&u, cotangent)?);
        let shared = lambda1.rank() == 0;

        let problem = self.problem(d, &l, shared)?;
        let point = Linearization::new(&problem, &x, a).map_err(SparseCodingError::from)?;
        let mut gradients = Gradients::zeros(&problem);
        let mut signal_gradient = Mat::zeros(x.nrows(), x.ncols());
        let report = point
            .vjp(
                &MaskedAuto::new(self.adjoint),
                u,
                &mut gradients,
                Some(signal_gradient.as_mut()),
            )
            .map_err(SparseCodingError::from)?;
        if !report.converged() {
            return Err(SparseCodingError::Adjoint(Box::new(report)).into());
        }

        let lambda1_gradient = if shared {
            vec![gradients.shared_lambda1()]
        } else {
            gradients.lambda1
        };
        Ok([
            Tensor::from_vec(
                row_major(gradients.dictionary.as_ref()),
                dictionary.shape(),
                device,
            )?,
            Tensor::from_vec(row_major(signal_gradient.as_ref()), signals.shape(), device)?,
            Tensor::from_vec(lambda1_gradient, lambda1.shape(), device)?,
        ])
    }
}

/// Numbers that both candle and the solvers support.
trait Number: WithDType + Scalar {}
impl Number for f32 {}
impl Number for f64 {}

#[derive(Clone, Copy)]
struct Inputs<'a, T: Number> {
    dictionary: MatRef<'a, T>,
    signals: MatRef<'a, T>,
    lambda1: &'a [T],
    /// Whether all atoms share one λ1.
    shared: bool,
}

struct Operation {
    parameters: SparseCoding,
    /// Report of the forward pass.
    report: Arc<OnceLock<Report>>,
}

impl Operation {
    fn forward<T: Number>(
        &self,
        inputs: [(&CpuStorage, &Layout); 3],
    ) -> Result<(CpuStorage, Shape)> {
        let [(s1, l1), (s2, l2), (s3, l3)] = inputs;
        let ((m, n), (rows, columns)) = (l1.shape().dims2()?, l2.shape().dims2()?);
        let inputs = Inputs {
            dictionary: MatRef::from_row_major_slice(contiguous::<T>(s1, l1)?, m, n),
            signals: MatRef::from_row_major_slice(contiguous::<T>(s2, l2)?, rows, columns),
            lambda1: contiguous::<T>(s3, l3)?,
            shared: l3.dims().is_empty(),
        };
        let (codes, report) = self.parameters.forward(inputs)?;
        self.report.get_or_init(|| report);
        Ok((T::to_cpu_storage_owned(codes), Shape::from((n, columns))))
    }
}

impl CustomOp3 for Operation {
    fn name(&self) -> &'static str {
        "sparse-coding"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = [(s1, l1), (s2, l2), (s3, l3)];
        match s1 {
            CpuStorage::F64(_) => self.forward::<f64>(inputs),
            // `forward` rejects storages of any other type.
            _ => self.forward::<f32>(inputs),
        }
    }

    fn bwd(
        &self,
        dictionary: &Tensor,
        signals: &Tensor,
        lambda1: &Tensor,
        codes: &Tensor,
        cotangent: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let tensors = [dictionary, signals, lambda1, codes, cotangent];
        let [dictionary, signals, lambda1] = match codes.dtype() {
            DType::F64 => self.parameters.backward::<f64>(tensors)?,
            _ => self.parameters.backward::<f32>(tensors)?,
        };
        Ok((Some(dictionary), Some(signals), Some(lambda1)))
    }
}

/// Returns the numbers of a storage, row by row.
fn contiguous<'a, T: Number>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or(Error::RequiresContiguous {
            op: "sparse-coding",
        })?;
    Ok(&T::cpu_storage_as_slice(storage)?[start..end])
}

/// Returns the numbers of a tensor, row by row.
fn numbers<T: Number>(tensor: &Tensor) -> Result<Vec<T>> {
    tensor.flatten_all()?.to_vec1()
}

/// Views the numbers of a tensor as a matrix of its shape.
fn matrix<'a, T: Number>(numbers: &'a [T], tensor: &Tensor) -> Result<MatRef<'a, T>> {
    let (rows, columns) = tensor.dims2()?;
    Ok(MatRef::from_row_major_slice(numbers, rows, columns))
}

fn row_major<T: Number>(matrix: MatRef<'_, T>) -> Vec<T> {
    (0..matrix.nrows())
        .flat_map(|i| (0..matrix.ncols()).map(move |j| matrix[(i, j)]))
        .collect()
}
