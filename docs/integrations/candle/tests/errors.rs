//! Inputs that are refused, and results that are reported.

use candle_core::{Device, Error, Result, Tensor};
use scn_candle::{Settings, SparseCoding, SparseCodingError, encode};

fn inputs() -> Result<(Tensor, Tensor, Tensor)> {
    let dictionary = Tensor::new(&[[0.6_f32, 0.5], [0.8, 1.0]], &Device::Cpu)?;
    let signals = Tensor::new(&[[1.0_f32, 2.0], [2.0, 0.5]], &Device::Cpu)?;
    Ok((dictionary, signals, Tensor::new(0.1_f32, &Device::Cpu)?))
}

/// Returns the message of the error that candle's error wraps.
fn message(result: Result<Tensor>) -> String {
    let mut error = result.expect_err("an error");
    while let Error::WithBacktrace { inner, .. } = error {
        error = *inner;
    }
    match error {
        Error::Wrapped(inner) => inner.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn shapes_and_types_must_fit() -> Result<()> {
    let (dictionary, signals, lambda1) = inputs()?;
    let short = signals.narrow(0, 0, 1)?;
    assert!(
        message(encode(&dictionary, &short, &lambda1, 0.0)).starts_with("cannot compute codes: ")
    );
    let three = Tensor::new(&[0.1_f32; 3], &Device::Cpu)?;
    assert!(encode(&dictionary, &signals, &three, 0.0).is_err());
    let wide = lambda1.to_dtype(candle_core::DType::F64)?;
    assert!(encode(&dictionary, &signals, &wide, 0.0).is_err());
    let negative = lambda1.neg()?;
    assert!(
        message(encode(&dictionary, &signals, &negative, 0.0))
            .starts_with("invalid sparse coding problem: ")
    );
    Ok(())
}

#[test]
fn codes_that_miss_their_tolerance_are_errors() -> Result<()> {
    let (dictionary, signals, lambda1) = inputs()?;
    let nan = (signals.clone() * f64::NAN)?;
    assert!(
        message(encode(&dictionary, &nan, &lambda1, 0.0))
            .starts_with("the codes miss their tolerance")
    );
    // `SparseCoding::encode` returns the report instead of an error.
    let layer = SparseCoding {
        settings: Settings::new(1e-30, 1).expect("within range"),
        ..SparseCoding::new(0.0)
    };
    let (codes, report) = layer.encode(&dictionary, &signals, &lambda1)?;
    assert_eq!(codes.dims(), [2, 2]);
    assert!(!report.converged());
    assert!(
        SparseCodingError::Unconverged(Box::new(report))
            .to_string()
            .contains("KKT residual")
    );
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_shows_in_the_gradients() -> Result<()> {
    let (dictionary, signals, lambda1) = inputs()?;
    let dictionary = candle_core::Var::from_tensor(&dictionary)?;
    let codes = encode(&dictionary, &signals, &lambda1, 0.01)?;
    let gradients = (codes * f64::NAN)?.sum_all()?.backward()?;
    let gradient = gradients.get(&dictionary).expect("a gradient");
    assert!(gradient.sum_all()?.to_scalar::<f32>()?.is_nan());
    Ok(())
}
