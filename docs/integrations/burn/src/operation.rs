//! The operation: codes in the forward pass, gradients in the backward pass.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::Tensor;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::{
    BalancedCheckpointing, CheckpointStrategy, NoCheckpointing,
};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, DispatchKindConversion, DispatchTensor, Flex};
use burn::backend::{GradientCheckpointingStrategy, TensorMetadata};
use burn::tensor::DType;
use scn_solvers::{Report, Settings, Sign};

use crate::SparseCodingError;
use crate::number::Number;
use crate::solved::Solved;

/// Solves for nonnegative codes (n × N) of `signals` (m × N) over `dictionary` (m × n), with the
/// default [`Settings`].
///
/// `lambda1` has one entry, or one per atom. Dictionary, signals and `lambda1` have the same type,
/// f32 or f64, and get gradients if they require them.
///
/// # Errors
/// Returns an error if the tensors do not fit each other, or if the codes miss their tolerance.
pub fn encode(
    dictionary: Tensor<2>,
    signals: Tensor<2>,
    lambda1: Tensor<1>,
    lambda2: f64,
) -> Result<Tensor<2>, SparseCodingError> {
    let (codes, report) = SparseCoding::new(lambda2).encode(dictionary, signals, lambda1)?;
    if report.converged() {
        Ok(codes)
    } else {
        Err(SparseCodingError::Unconverged(Box::new(report)))
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
/// ([`scn_grad::MaskedAuto::tolerance_for`]), but nothing corrects their error afterwards. The
/// backward pass reports no errors: if active atoms depend linearly on each other, which
/// `lambda2 > 0` rules out, its gradients may miss their tolerance unnoticed.
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
    /// Returns an error if the tensors do not fit each other, or are on a backend other than
    /// `Flex`.
    pub fn encode(
        &self,
        dictionary: Tensor<2>,
        signals: Tensor<2>,
        lambda1: Tensor<1>,
    ) -> Result<(Tensor<2>, Report), SparseCodingError> {
        let strategy = dictionary.device().gradient_checkpointing_strategy();
        match strategy {
            None => self.plain(dictionary, signals, lambda1),
            Some(GradientCheckpointingStrategy::Disabled) => {
                self.tracked::<NoCheckpointing>(dictionary, signals, lambda1)
            }
            Some(GradientCheckpointingStrategy::Balanced) => {
                self.tracked::<BalancedCheckpointing>(dictionary, signals, lambda1)
            }
        }
    }

    fn plain(
        &self,
        dictionary: Tensor<2>,
        signals: Tensor<2>,
        lambda1: Tensor<1>,
    ) -> Result<(Tensor<2>, Report), SparseCodingError> {
        let inputs = [
            dictionary.try_into_primitive::<Flex>(),
            signals.try_into_primitive::<Flex>(),
            lambda1.try_into_primitive::<Flex>(),
        ];
        let [d, x, l] = inputs.map(|input| input.map_err(SparseCodingError::Device));
        let inputs = [d?, x?, l?];
        let (codes, report) = match dtype(&inputs)? {
            DType::F64 => {
                let (solved, report) = Solved::<f64>::new(self, inputs)?;
                (solved.codes(), report)
            }
            _ => {
                let (solved, report) = Solved::<f32>::new(self, inputs)?;
                (solved.codes(), report)
            }
        };
        Ok((Tensor::from_primitive::<Flex>(codes), report))
    }

    fn tracked<C: CheckpointStrategy>(
        &self,
        dictionary: Tensor<2>,
        signals: Tensor<2>,
        lambda1: Tensor<1>,
    ) -> Result<(Tensor<2>, Report), SparseCodingError>
    where
        DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
    {
        let inputs = [
            dictionary.try_into_primitive::<Autodiff<Flex, C>>(),
            signals.try_into_primitive::<Autodiff<Flex, C>>(),
            lambda1.try_into_primitive::<Autodiff<Flex, C>>(),
        ];
        let [d, x, l] = inputs.map(|input| input.map_err(SparseCodingError::Device));
        let [(d, d_node), (x, x_node), (l, l_node)] =
            [d?, x?, l?].map(|tensor| tensor.into_parts());
        let (inputs, nodes) = ([d, x, l], [d_node, x_node, l_node]);
        match dtype(&inputs)? {
            DType::F64 => self.register::<f64, C>(inputs, nodes),
            _ => self.register::<f32, C>(inputs, nodes),
        }
    }

    fn register<T: Number, C: CheckpointStrategy>(
        &self,
        inputs: [FlexTensor; 3],
        nodes: [NodeGuard; 3],
    ) -> Result<(Tensor<2>, Report), SparseCodingError>
    where
        DispatchTensor: DispatchKindConversion<Autodiff<Flex, C>>,
    {
        let (solved, report) = Solved::<T>::new(self, inputs)?;
        let codes = solved.codes();
        let operation = Operation::<T>(PhantomData).prepare::<C>(nodes);
        let codes = match operation.compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish(Arc::new(solved), codes),
            OpsKind::UnTracked(operation) => operation.finish(codes),
        };
        Ok((Tensor::from_primitive::<Autodiff<Flex, C>>(codes), report))
    }
}

/// Returns the common type of all three inputs.
fn dtype(inputs: &[FlexTensor; 3]) -> Result<DType, SparseCodingError> {
    match inputs.each_ref().map(TensorMetadata::dtype) {
        [DType::F32, DType::F32, DType::F32] => Ok(DType::F32),
        [DType::F64, DType::F64, DType::F64] => Ok(DType::F64),
        [d, x, l] => Err(SparseCodingError::Type(d, x, l)),
    }
}

#[derive(Debug)]
struct Operation<T>(PhantomData<T>);

impl<T: Number> Backward<Flex, 3> for Operation<T> {
    type State = Arc<Solved<T>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let cotangent = grads.consume::<Flex>(&ops.node);
        let gradients = ops.state.backward(cotangent);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
