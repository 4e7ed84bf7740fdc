//! Inputs that are refused, and results that are reported.

use burn::Tensor;
use burn::tensor::{DType, Device};
use scn_burn::{Settings, SparseCoding, SparseCodingError, encode};

fn inputs(device: &Device) -> (Tensor<2>, Tensor<2>, Tensor<1>) {
    (
        Tensor::from_data([[0.6, 0.5], [0.8, 1.0]], device),
        Tensor::from_data([[1.0, 2.0], [2.0, 0.5]], device),
        Tensor::from_data([0.1], device),
    )
}

#[test]
fn shapes_types_and_devices_must_fit() {
    let device = Device::flex();
    let (dictionary, signals, lambda1) = inputs(&device);
    let error = |signals: &Tensor<2>, lambda1: Tensor<1>| {
        encode(dictionary.clone(), signals.clone(), lambda1, 0.0).expect_err("an error")
    };
    let short = signals.clone().narrow(0, 0, 1);
    assert!(matches!(
        error(&short, lambda1.clone()),
        SparseCodingError::Encode(_)
    ));
    let three = Tensor::from_data([0.1, 0.1, 0.1], &device);
    assert!(matches!(
        error(&signals, three),
        SparseCodingError::Lambda1 { atoms: 2, found: 3 }
    ));
    let wide = lambda1.clone().cast(DType::F64);
    assert!(matches!(error(&signals, wide), SparseCodingError::Type(..)));
    let negative = lambda1.clone().neg();
    assert!(matches!(
        error(&signals, negative),
        SparseCodingError::Problem(_)
    ));
    let (_, tracked, _) = inputs(&device.autodiff());
    assert!(matches!(
        error(&tracked, lambda1),
        SparseCodingError::Device(_)
    ));
}

#[test]
fn codes_that_miss_their_tolerance_are_errors() {
    let device = Device::flex();
    let (dictionary, signals, lambda1) = inputs(&device);
    let nan = signals.clone() * f32::NAN;
    let error = encode(dictionary.clone(), nan, lambda1.clone(), 0.0).expect_err("an error");
    assert!(matches!(error, SparseCodingError::Unconverged(_)));
    // `SparseCoding::encode` returns the report instead of an error.
    let layer = SparseCoding {
        settings: Settings::new(1e-30, 1).expect("within range"),
        ..SparseCoding::new(0.0)
    };
    let (codes, report) = layer.encode(dictionary, signals, lambda1).expect("codes");
    assert_eq!(codes.dims(), [2, 2]);
    assert!(!report.converged());
}
