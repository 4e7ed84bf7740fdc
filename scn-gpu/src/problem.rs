//! Quantities that solvers need, derived from dictionary and penalty once per step.

use std::ops::Range;

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::kernels::prepare::{GRAM_SIDE, PACK_ENTRIES, PREPARE_NUMBERS, PrepareProblems};
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::memory::view::View;
use crate::padded::Padded;
use crate::sizes::expect_len;
use crate::tables::{LayerRow, LayerTable};
use crate::update::Parameters;

/// Indices of the [`Parameters`] that make up a problem: a dictionary `D` (m × n, row by row), λ1
/// (one number, or one per atom) and λ2 (one number).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProblemParameters {
    /// Number of atoms: n.
    pub atoms: usize,
    /// Index of the dictionary among the parameters.
    pub dictionary: usize,
    /// Index of λ1 among the parameters.
    pub lambda1: usize,
    /// Index of λ2 among the parameters.
    pub lambda2: usize,
}

impl ProblemParameters {
    /// Creates a problem from its number of atoms and the indices of its dictionary, λ1 and λ2.
    pub fn new(atoms: usize, [dictionary, lambda1, lambda2]: [usize; 3]) -> Self {
        Self {
            atoms,
            dictionary,
            lambda1,
            lambda2,
        }
    }
}

/// Several problems, with the quantities that solvers need: `H = D'D + λ2 I`, `1 / H_jj` and the
/// dictionary in the order in which kernels read it. A single kernel computes them for all
/// problems. Codes are nonnegative.
#[derive(Debug)]
pub struct DeviceProblems {
    pub(crate) layouts: Vec<ProblemLayout>,
    panels: Buffer<f32>,
    gram: Buffer<f32>,
    inverse_diagonal: Buffer<f32>,
    /// One value per padded atom.
    lambda1: Buffer<f32>,
    table: LayerTable<PREPARE_NUMBERS, 5>,
    context: Context,
}

/// Positions of the arrays of a problem in the buffers of all problems.
#[derive(Debug, Clone)]
pub(crate) struct ProblemLayout {
    pub(crate) rows: usize,
    pub(crate) atoms: usize,
    padded: Padded,
    pub(crate) dictionary: Range<usize>,
    pub(crate) lambda1_parameter: Range<usize>,
    pub(crate) lambda2: Range<usize>,
    panels: Range<usize>,
    gram: Range<usize>,
    per_atom: Range<usize>,
}

impl DeviceProblems {
    /// Allocates problems with these parameters. [`update`](Self::update) fills them in.
    ///
    /// # Errors
    /// Returns an error if a problem has no atoms or more than [`MAX_ATOMS`](crate::MAX_ATOMS), if
    /// its parameters do not fit together, or if device memory is exhausted.
    pub fn new(
        context: &Context,
        parameters: &Parameters,
        problems: &[ProblemParameters],
    ) -> Result<Self, GpuError> {
        let mut layouts: Vec<ProblemLayout> = Vec::new();
        let (mut panels, mut gram, mut per_atom) = (0, 0, 0);
        for &problem in problems {
            let layout = ProblemLayout::new(parameters, problem, [panels, gram, per_atom])?;
            (panels, gram, per_atom) = (layout.panels.end, layout.gram.end, layout.per_atom.end);
            layouts.push(layout);
        }
        let rows: Vec<_> = layouts.iter().map(ProblemLayout::row).collect();
        Ok(Self {
            panels: context.zeros(panels)?,
            gram: context.zeros(gram)?,
            inverse_diagonal: context.zeros(per_atom)?,
            lambda1: context.zeros(per_atom)?,
            table: LayerTable::new(context, &rows)?,
            context: context.clone(),
            layouts,
        })
    }

    /// Recomputes all quantities from the current values of the parameters. Values that are not
    /// finite show up in the reports of the solves.
    ///
    /// # Errors
    /// Returns an error if there are fewer parameters than the problems were created with, or if
    /// they belong to a different context.
    pub fn update(&mut self, parameters: &Parameters) -> Result<(), GpuError> {
        let (table, layers) = self.table.arguments()?;
        let prepare = PrepareProblems {
            parameters: parameters.values.all(),
            table,
            layers,
            panels: self.panels.view_mut(),
            gram: self.gram.view_mut(),
            inverse_diagonal: self.inverse_diagonal.view_mut(),
            padded_lambda1: self.lambda1.view_mut(),
        };
        launch(&self.context, &prepare)
    }

    /// Returns problem `index`, counted from 0. `parameters` supplies the dictionary and must be
    /// the same as in the last [update](Self::update).
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if there is no such problem.
    pub fn get<'a>(
        &'a self,
        index: usize,
        parameters: &'a Parameters,
    ) -> Result<DeviceProblem<'a>, GpuError> {
        let layout = self.layout(index)?;
        Ok(DeviceProblem {
            rows: layout.rows,
            atoms: layout.atoms,
            padded: layout.padded,
            dictionary: parameters.values.all().range(layout.dictionary.clone())?,
            panels: self.panels.range(layout.panels.clone())?,
            gram: self.gram.range(layout.gram.clone())?,
            inverse_diagonal: self.inverse_diagonal.range(layout.per_atom.clone())?,
            lambda1: self.lambda1.range(layout.per_atom.clone())?,
            context: &self.context,
        })
    }

    /// Returns λ1 of all problems as of the last update. [`lambda1_of`](Self::lambda1_of) finds
    /// those of one problem.
    pub fn lambda1(&self) -> View<'_, f32> {
        self.lambda1.view()
    }

    /// Returns λ1 of each atom of problem `index`, given a copy of [`lambda1`](Self::lambda1).
    /// Empty if there is no such problem.
    pub fn lambda1_of<'a>(&self, index: usize, all: &'a [f32]) -> &'a [f32] {
        let of = |layout: &ProblemLayout| {
            all.get(layout.per_atom.start..layout.per_atom.start + layout.atoms)
        };
        self.layouts.get(index).and_then(of).unwrap_or_default()
    }

    pub(crate) fn layout(&self, index: usize) -> Result<&ProblemLayout, ArgumentError> {
        let none = || ArgumentError::no_such(index, self.layouts.len());
        self.layouts.get(index).ok_or_else(none)
    }
}

impl ProblemLayout {
    fn new(
        parameters: &Parameters,
        problem: ProblemParameters,
        [panels, gram, per_atom]: [usize; 3],
    ) -> Result<Self, GpuError> {
        let padded = Padded::of(problem.atoms)?;
        let wide = padded.atoms();
        let of = |index| parameters.values.place(index);
        let (dictionary, lambda1, lambda2) = (
            of(problem.dictionary)?,
            of(problem.lambda1)?,
            of(problem.lambda2)?,
        );
        let rows = dictionary.len() / problem.atoms;
        let expected = [
            ("the dictionary", rows * problem.atoms, dictionary.len()),
            (
                "lambda1",
                if lambda1.len() == 1 { 1 } else { problem.atoms },
                lambda1.len(),
            ),
            ("lambda2", 1, lambda2.len()),
        ];
        for (what, expected, found) in expected {
            expect_len(what, expected, found)?;
        }
        Ok(Self {
            rows,
            atoms: problem.atoms,
            padded,
            dictionary,
            lambda1_parameter: lambda1,
            lambda2,
            panels: panels..panels + rows * wide,
            gram: gram..gram + wide * wide,
            per_atom: per_atom..per_atom + wide,
        })
    }

    /// Returns the end of the last parameter of the problem.
    pub(crate) fn parameters_end(&self) -> usize {
        let penalty_end = self.lambda1_parameter.end.max(self.lambda2.end);
        self.dictionary.end.max(penalty_end)
    }

    /// Returns the problem's row of the kernel's table.
    fn row(&self) -> LayerRow<PREPARE_NUMBERS, 5> {
        let tiles = self.padded.atoms() / GRAM_SIDE;
        LayerRow {
            blocks: tiles * tiles + self.panels.len().div_ceil(PACK_ENTRIES),
            numbers: [
                0,
                self.rows,
                self.atoms,
                self.padded.atoms(),
                self.dictionary.start,
                self.lambda1_parameter.start,
                self.lambda1_parameter.len(),
                self.lambda2.start,
                self.panels.start,
                self.gram.start,
                self.per_atom.start,
            ],
            ends: [
                self.parameters_end(),
                self.panels.end,
                self.gram.end,
                self.per_atom.end,
                self.per_atom.end,
            ],
        }
    }
}

/// One of several [`DeviceProblems`].
#[derive(Debug, Clone, Copy)]
pub struct DeviceProblem<'a> {
    pub(crate) rows: usize,
    pub(crate) atoms: usize,
    pub(crate) padded: Padded,
    pub(crate) dictionary: View<'a, f32>,
    pub(crate) panels: View<'a, f32>,
    pub(crate) gram: View<'a, f32>,
    pub(crate) inverse_diagonal: View<'a, f32>,
    /// One value per padded atom.
    pub(crate) lambda1: View<'a, f32>,
    pub(crate) context: &'a Context,
}

impl<'a> DeviceProblem<'a> {
    /// Length of signals and atoms: m.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of atoms: n.
    pub fn atoms(&self) -> usize {
        self.atoms
    }

    /// The dictionary, m × n, row by row.
    pub fn dictionary(&self) -> View<'a, f32> {
        self.dictionary
    }

    /// The context that the problem belongs to.
    pub fn context(&self) -> &'a Context {
        self.context
    }
}
