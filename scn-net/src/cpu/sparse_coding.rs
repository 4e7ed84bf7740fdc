//! The sparse coding layer on the CPU.

use std::ops::Range;

use faer::MatMut;
use rayon::prelude::*;
use scn_grad::{AdjointSums, Gradients, MaskedReport};
use scn_solvers::{Problem, Report, Status, Workspaces};

use super::solvers::Solvers;
use crate::error::NetError;
use crate::finite::signals_of;
use crate::layer::sparse_coding::{SparseCoding, problem};
use crate::ops::encode::{WindowCoding, encode_windows, encode_windows_adjoint};
use crate::report::SolveCounts;
use crate::tensor::Tensor;

/// Data derived from a layer's parameters, and workspaces.
#[derive(Debug)]
pub(super) struct Coding {
    /// The name of the layer in the model file, for messages.
    name: String,
    problem: Problem<f32>,
    workspaces: Workspaces<f32>,
    adjoint_workspaces: scn_grad::AdjointWorkspaces<f32>,
}

impl Coding {
    pub(super) fn new(name: &str, layer: &SparseCoding) -> Result<Self, NetError> {
        let problem = problem(layer.params()).map_err(|source| NetError::Problem {
            layer: name.to_string(),
            source,
        })?;
        Ok(Self {
            name: name.to_string(),
            problem,
            workspaces: Workspaces::new(),
            adjoint_workspaces: scn_grad::AdjointWorkspaces::new(),
        })
    }

    /// Recomputes the problem from the parameters.
    pub(super) fn refresh(&mut self, layer: &SparseCoding) -> Result<(), NetError> {
        let updated = self.problem.update(layer.dictionary(), layer.penalty());
        updated.map_err(|source| NetError::Problem {
            layer: self.name.clone(),
            source,
        })
    }

    /// Returns the codes of all windows.
    pub(super) fn forward(
        &self,
        layer: &SparseCoding,
        solvers: &Solvers,
        input: &Tensor,
    ) -> Result<(Tensor, SolveCounts), NetError> {
        let coding = self.windows(layer, solvers);
        let (codes, report) = encode_windows(coding, &*solvers.codes, &self.workspaces, input)?;
        if report.status == Status::NonFinite {
            // The residual of such a window is NaN, which counts as the worst. Its code is zero.
            let shape = codes.shape();
            return Err(NetError::Overflow {
                image: Some(report.worst_column / (shape.height * shape.width).max(1)),
                what: signals_of(&self.name),
            });
        }
        let counts = counts(&codes, &report);
        Ok((codes, counts))
    }

    /// Returns dLoss/dinput and, for each of these runs of images, the sums from which
    /// [`finish`](Self::finish) computes the gradients of the parameters.
    pub(super) fn backward(
        &self,
        layer: &SparseCoding,
        solvers: &Solvers,
        input: &Tensor,
        codes: &Tensor,
        dy: &Tensor,
        nodes: &[Range<usize>],
    ) -> Result<(Tensor, Vec<AdjointSums<f32>>, MaskedReport), NetError> {
        encode_windows_adjoint(
            self.windows(layer, solvers),
            &solvers.adjoint,
            &self.adjoint_workspaces,
            input,
            codes,
            dy,
            nodes,
        )
    }

    /// Returns the length of the sums over a run of images.
    pub(super) fn sums(&self) -> usize {
        AdjointSums::count(&self.problem)
    }

    /// Adds to the gradients of the parameters, given the sums over all images.
    pub(super) fn finish(
        &self,
        layer: &mut SparseCoding,
        numbers: Vec<f32>,
    ) -> Result<(), NetError> {
        let mut gradients = Gradients::zeros(&self.problem);
        AdjointSums::from_numbers(&self.problem, numbers)?.finish(&self.problem, &mut gradients)?;
        let (rows, atoms) = (layer.rows(), layer.atoms());
        let mut dictionary =
            MatMut::from_row_major_slice_mut(&mut layer.dictionary.grad, rows, atoms);
        dictionary += &gradients.dictionary;
        match layer.lambda1.grad.as_mut_slice() {
            [shared] => *shared += gradients.shared_lambda1(),
            per_atom => per_atom
                .iter_mut()
                .zip(&gradients.lambda1)
                .for_each(|(sum, &value)| *sum += value),
        }
        layer.lambda2.grad[0] += gradients.lambda2;
        Ok(())
    }

    fn windows(&self, layer: &SparseCoding, solvers: &Solvers) -> WindowCoding<'_> {
        WindowCoding {
            problem: &self.problem,
            timed: solvers.timed,
            window: layer.window,
            stride: layer.stride,
        }
    }
}

fn counts(codes: &Tensor, report: &Report) -> SolveCounts {
    let active = |codes: &[f32]| codes.iter().filter(|&&code| code != 0.0).count() as u64;
    SolveCounts {
        active: codes.data().par_chunks(1 << 16).map(active).sum(),
        column_passes: report.column_passes,
        residual: report.residual,
        unconverged: report.unconverged.len(),
        columns: report.columns,
        times: report.times,
    }
}
