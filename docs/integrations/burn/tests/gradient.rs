//! Gradients of the operation, compared with central differences of a loss.

use burn::Tensor;
use burn::tensor::{DType, Device, TensorData};
use scn_burn::{Settings, Sign, SparseCoding};
use scn_grad::Linearization;
use scn_solvers::faer::Mat;
use scn_solvers::{ElasticNet, Lambda1, Problem};

const ROWS: usize = 6;
const ATOMS: usize = 8;
const COLUMNS: usize = 5;
const LAMBDA2: f64 = 0.1;

/// Step of the differences. No eigenvalue of `H_LL` is below λ2, so solving to the tolerance
/// t = 1e-12 leaves an error of at most t / λ2 = 1e-11 in the codes, and of 1e-11 / h in the
/// quotient. Third derivatives grow with the inverse of `H_LL`, up to about λ2⁻³ = 1e3, which
/// leaves an error of h² 1e3 / 6. Both errors are 2.6e-7 at h = 4e-5.
const STEP: f64 = 4e-5;
/// Twice the sum of both errors, relative to the largest entry of a gradient, which is 1 or more.
const TOLERANCE: f64 = 1e-6;
/// In f32, codes solved to 1e-6 are accurate to 1e-6 / λ2, and the linear systems of the backward
/// pass divide by λ2 again.
const TOLERANCE_F32: f64 = 1e-6 / (LAMBDA2 * LAMBDA2);

/// Dictionary, signals and λ1, row by row.
type Inputs = [Vec<f64>; 3];

/// Returns a number that is exact in f32, so that both precisions solve the same problem.
fn number(i: usize, j: usize, scale: f32) -> f64 {
    f64::from(((7 * i + 3 * j + i * j) as f32 * 0.7 + 0.3).sin() * scale)
}

fn matrix(rows: usize, columns: usize, scale: f32) -> Vec<f64> {
    (0..rows)
        .flat_map(|i| (0..columns).map(move |j| number(i + 2, j + 1, scale)))
        .collect()
}

fn inputs(shared: bool) -> Inputs {
    let entries = if shared { 1 } else { ATOMS };
    [
        matrix(ROWS, ATOMS, 0.6),
        matrix(ROWS, COLUMNS, 2.0),
        (0..entries)
            .map(|j| f64::from(0.2 + 0.01 * j as f32))
            .collect(),
    ]
}

fn layer(sign: Sign, tolerance: f64) -> SparseCoding {
    let settings = Settings::new(tolerance, 10_000).expect("within range");
    SparseCoding {
        lambda2: LAMBDA2,
        sign,
        settings,
        adjoint: settings,
    }
}

fn tensor(values: &[f64], rows: usize, device: &Device, dtype: DType) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [rows, values.len() / rows]);
    Tensor::from_data(data, (device, dtype))
}

fn vector(values: &[f64], device: &Device, dtype: DType) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::from_data(data, (device, dtype))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.cast(DType::F64).into_data();
    data.as_slice::<f64>().expect("f64").to_vec()
}

/// `1/2 ‖a‖² + <w, a>`: neither linear nor symmetric in the codes.
fn loss(codes: Tensor<2>) -> Tensor<1> {
    let weights = tensor(
        &matrix(ATOMS, COLUMNS, 1.0),
        ATOMS,
        &codes.device(),
        codes.dtype(),
    );
    (codes.clone() * codes.clone()).sum() * 0.5 + (weights * codes).sum()
}

fn codes(layer: &SparseCoding, [d, x, l]: &Inputs) -> Tensor<2> {
    let device = Device::flex();
    let dictionary = tensor(d, ROWS, &device, DType::F64);
    let signals = tensor(x, ROWS, &device, DType::F64);
    let lambda1 = vector(l, &device, DType::F64);
    let (codes, report) = layer.encode(dictionary, signals, lambda1).expect("codes");
    assert!(report.converged(), "{report:?}");
    codes
}

fn gradients(layer: &SparseCoding, [d, x, l]: &Inputs, device: &Device, dtype: DType) -> Inputs {
    let dictionary = tensor(d, ROWS, device, dtype).require_grad();
    let signals = tensor(x, ROWS, device, dtype).require_grad();
    let lambda1 = vector(l, device, dtype).require_grad();
    let (codes, report) = layer
        .encode(dictionary.clone(), signals.clone(), lambda1.clone())
        .expect("codes");
    assert!(report.converged(), "{report:?}");
    let gradients = loss(codes).backward();
    [
        values(dictionary.grad(&gradients).expect("a gradient")),
        values(signals.grad(&gradients).expect("a gradient")),
        values(lambda1.grad(&gradients).expect("a gradient")),
    ]
}

fn active(codes: Tensor<2>) -> Vec<bool> {
    values(codes).iter().map(|&code| code != 0.0).collect()
}

/// Returns the difference quotient for every entry of one input. Checks that no step changes an
/// active set, so there is no kink in between.
fn differences(layer: &SparseCoding, inputs: &Inputs, which: usize) -> Vec<f64> {
    let set = active(codes(layer, inputs));
    let moved = |entry: usize, step: f64| {
        let mut inputs = inputs.clone();
        inputs[which][entry] += step;
        let codes = codes(layer, &inputs);
        assert_eq!(active(codes.clone()), set, "entry {entry} of input {which}");
        values(loss(codes))[0]
    };
    (0..inputs[which].len())
        .map(|entry| (moved(entry, STEP) - moved(entry, -STEP)) / (2.0 * STEP))
        .collect()
}

/// Returns the distance of the batch from the nearest kink.
fn margin(layer: &SparseCoding, inputs: &Inputs) -> f64 {
    let matrix = |values: &[f64], rows: usize| {
        let columns = values.len() / rows;
        Mat::from_fn(rows, columns, |i, j| values[i * columns + j])
    };
    let [d, x, l] = inputs;
    let penalty = ElasticNet {
        lambda1: match l.len() {
            1 => Lambda1::Scalar(l[0]),
            _ => Lambda1::PerAtom(l.clone()),
        },
        lambda2: LAMBDA2,
        sign: layer.sign,
    };
    let problem = Problem::new(matrix(d, ROWS).as_ref(), penalty).expect("a problem");
    let (signals, codes) = (
        matrix(x, ROWS),
        matrix(&values(codes(layer, inputs)), ATOMS),
    );
    let point = Linearization::new(&problem, &signals, codes.as_ref()).expect("shapes that fit");
    point.margins(layer.settings.tolerance()).smallest
}

/// Returns the largest difference relative to the largest entry.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    let pairs = found.iter().zip(expected);
    pairs.fold(0.0, |max: f64, (a, b)| max.max((a - b).abs())) / largest
}

fn check(sign: Sign, shared: bool) {
    let inputs = inputs(shared);
    let (exact, single) = (layer(sign, 1e-12), layer(sign, 1e-6));
    let set = active(codes(&exact, &inputs));
    assert!(set.contains(&true) && set.contains(&false));
    // A thousand times the coarser tolerance, so that the active sets are the same in f32.
    let margin = margin(&exact, &inputs);
    assert!(margin > 1e-3, "{margin:e}");

    let device = Device::flex().autodiff();
    let double = gradients(&exact, &inputs, &device, DType::F64);
    let single = gradients(&single, &inputs, &device, DType::F32);
    for which in 0..3 {
        let expected = differences(&exact, &inputs, which);
        assert!(expected.iter().any(|quotient| quotient.abs() >= 1.0));
        let (double, single) = (
            distance(&double[which], &expected),
            distance(&single[which], &expected),
        );
        println!(
            "{sign:?}, input {which}: {double:.1e} in f64, {single:.1e} in f32, margin {margin:.1e}"
        );
        assert!(double < TOLERANCE, "input {which}: {double:e}");
        assert!(single < TOLERANCE_F32, "input {which}: {single:e}");
    }
}

#[test]
fn nonnegative_with_a_shared_lambda1() {
    check(Sign::NonNegative, true);
}

#[test]
fn signed_with_a_lambda1_per_atom() {
    check(Sign::Free, false);
}

#[test]
fn checkpointing_is_bit_identical() {
    let (layer, inputs) = (layer(Sign::NonNegative, 1e-12), inputs(true));
    let plain = Device::flex().autodiff();
    let checkpointing = Device::flex().autodiff().gradient_checkpointing();
    assert_eq!(
        gradients(&layer, &inputs, &plain, DType::F64),
        gradients(&layer, &inputs, &checkpointing, DType::F64)
    );
}

#[test]
fn transposed_inputs_give_the_same_gradients() {
    let (layer, inputs) = (layer(Sign::NonNegative, 1e-12), inputs(true));
    let device = Device::flex().autodiff();
    let [straight, _, _] = gradients(&layer, &inputs, &device, DType::F64);
    let [d, x, l] = &inputs;
    let turned = tensor(d, ROWS, &device, DType::F64)
        .transpose()
        .detach()
        .require_grad();
    // The other inputs need no gradient.
    let (codes, _) = layer
        .encode(
            turned.clone().transpose(),
            tensor(x, ROWS, &device, DType::F64),
            vector(l, &device, DType::F64),
        )
        .expect("codes");
    let gradients = loss(codes).backward();
    let gradient = turned.grad(&gradients).expect("a gradient").transpose();
    assert_eq!(values(gradient), straight);
}
