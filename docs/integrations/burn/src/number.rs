//! Between the tensors of burn and the matrices of the solvers.

use burn::backend::flex::FlexTensor;
use burn::tensor::{Element, TensorData};
use scn_solvers::Scalar;
use scn_solvers::faer::{Mat, MatRef};

/// What both burn and the solvers compute with.
pub(crate) trait Number: Element + Scalar {
    fn of(value: f64) -> Self;
}

impl Number for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Number for f64 {
    fn of(value: f64) -> Self {
        value
    }
}

/// The numbers of a tensor, row by row.
///
/// # Panics
/// If the tensor is of another type.
pub(crate) fn numbers<T: Number>(tensor: FlexTensor) -> Vec<T> {
    let data = tensor.into_data();
    data.as_slice::<T>()
        .expect("the type has been checked")
        .to_vec()
}

/// A tensor of rank two as a matrix.
///
/// # Panics
/// If the tensor is of another type or rank.
pub(crate) fn matrix<T: Number>(tensor: FlexTensor) -> Mat<T> {
    let data = tensor.into_data();
    let (rows, columns) = (data.shape()[0], data.shape()[1]);
    let numbers = data.as_slice::<T>().expect("the type has been checked");
    MatRef::from_row_major_slice(numbers, rows, columns).to_owned()
}

/// A matrix as a tensor.
pub(crate) fn tensor<T: Number>(matrix: MatRef<'_, T>) -> FlexTensor {
    let (rows, columns) = matrix.shape();
    let numbers = (0..rows).flat_map(|i| (0..columns).map(move |j| matrix[(i, j)]));
    FlexTensor::from_data(TensorData::new(
        numbers.collect::<Vec<T>>(),
        [rows, columns],
    ))
}

/// Numbers as a tensor of rank one.
pub(crate) fn vector<T: Number>(numbers: Vec<T>) -> FlexTensor {
    let length = numbers.len();
    FlexTensor::from_data(TensorData::new(numbers, [length]))
}
