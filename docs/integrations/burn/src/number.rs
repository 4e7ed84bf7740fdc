//! Conversions between burn's tensors and the solvers' matrices.

use burn::backend::flex::FlexTensor;
use burn::tensor::{Element, TensorData};
use scn_solvers::Scalar;
use scn_solvers::faer::{Mat, MatRef};

/// Numbers that both burn and the solvers support.
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

/// Returns the numbers of a tensor, row by row.
///
/// # Panics
/// Panics if the tensor has a different type.
pub(crate) fn numbers<T: Number>(tensor: FlexTensor) -> Vec<T> {
    let data = tensor.into_data();
    data.as_slice::<T>()
        .expect("the type has been checked")
        .to_vec()
}

/// Converts a tensor of rank two to a matrix.
///
/// # Panics
/// Panics if the tensor has a different type or rank.
pub(crate) fn matrix<T: Number>(tensor: FlexTensor) -> Mat<T> {
    let data = tensor.into_data();
    let (rows, columns) = (data.shape()[0], data.shape()[1]);
    let numbers = data.as_slice::<T>().expect("the type has been checked");
    MatRef::from_row_major_slice(numbers, rows, columns).to_owned()
}

/// Converts a matrix to a tensor.
pub(crate) fn tensor<T: Number>(matrix: MatRef<'_, T>) -> FlexTensor {
    let (rows, columns) = matrix.shape();
    let numbers = (0..rows).flat_map(|i| (0..columns).map(move |j| matrix[(i, j)]));
    FlexTensor::from_data(TensorData::new(
        numbers.collect::<Vec<T>>(),
        [rows, columns],
    ))
}

/// Converts numbers to a tensor of rank one.
pub(crate) fn vector<T: Number>(numbers: Vec<T>) -> FlexTensor {
    let length = numbers.len();
    FlexTensor::from_data(TensorData::new(numbers, [length]))
}
