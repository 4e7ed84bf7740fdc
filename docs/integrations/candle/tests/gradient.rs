//! Gradients of the operation, compared with central differences of a loss.

use candle_core::{DType, Device, Result, Tensor, Var};
use scn_candle::{Settings, Sign, SparseCoding};
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

/// Returns a number that is exact in f32, so that both precisions solve the same problem.
fn number(i: usize, j: usize, scale: f32) -> f64 {
    f64::from(((7 * i + 3 * j + i * j) as f32 * 0.7 + 0.3).sin() * scale)
}

fn tensor(rows: usize, columns: usize, scale: f32) -> Tensor {
    let values: Vec<f64> = (0..rows)
        .flat_map(|i| (0..columns).map(move |j| number(i + 2, j + 1, scale)))
        .collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("as many numbers as entries")
}

/// Returns dictionary, signals and λ1.
fn inputs(shared: bool) -> [Tensor; 3] {
    let lambda1: Vec<f64> = (0..ATOMS)
        .map(|j| f64::from(0.2 + 0.01 * j as f32))
        .collect();
    let lambda1 = match shared {
        true => Tensor::new(f64::from(0.2_f32), &Device::Cpu),
        false => Tensor::new(lambda1, &Device::Cpu),
    };
    let lambda1 = lambda1.expect("numbers");
    [
        tensor(ROWS, ATOMS, 0.6),
        tensor(ROWS, COLUMNS, 2.0),
        lambda1,
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

fn codes(layer: &SparseCoding, [d, x, l]: &[Tensor; 3]) -> Result<Tensor> {
    let (codes, report) = layer.encode(d, x, l)?;
    assert!(report.converged(), "{report:?}");
    Ok(codes)
}

/// `1/2 ‖a‖² + <w, a>`: neither linear nor symmetric in the codes.
fn loss(codes: &Tensor) -> Result<Tensor> {
    let weights = tensor(ATOMS, COLUMNS, 1.0).to_dtype(codes.dtype())?;
    (codes.sqr()? * 0.5)?.sum_all()? + (weights * codes)?.sum_all()?
}

fn gradients(layer: &SparseCoding, inputs: &[Tensor; 3], dtype: DType) -> Result<[Vec<f64>; 3]> {
    let variables: Vec<Var> = inputs
        .iter()
        .map(|input| Var::from_tensor(&input.to_dtype(dtype)?))
        .collect::<Result<_>>()?;
    let tensors = [0, 1, 2].map(|i| variables[i].as_tensor().clone());
    let gradients = loss(&codes(layer, &tensors)?)?.backward()?;
    Ok([0, 1, 2].map(|i| {
        let gradient = gradients.get(&variables[i]).expect("a gradient per input");
        assert_eq!(gradient.shape(), inputs[i].shape());
        values(gradient)
    }))
}

fn values(tensor: &Tensor) -> Vec<f64> {
    let wide = tensor.to_dtype(DType::F64).and_then(|t| t.flatten_all());
    wide.and_then(|t| t.to_vec1()).expect("numbers")
}

fn active(codes: &Tensor) -> Vec<bool> {
    values(codes).iter().map(|&code| code != 0.0).collect()
}

/// Returns the difference quotient for every entry of one input. Checks that no step changes an
/// active set, so there is no kink in between.
fn differences(layer: &SparseCoding, inputs: &[Tensor; 3], which: usize) -> Result<Vec<f64>> {
    let set = active(&codes(layer, inputs)?);
    let middle = values(&inputs[which]);
    let moved = |entry: usize, step: f64| -> Result<f64> {
        let mut there = middle.clone();
        there[entry] += step;
        let mut inputs = inputs.clone();
        inputs[which] = Tensor::from_vec(there, inputs[which].shape(), &Device::Cpu)?;
        let codes = codes(layer, &inputs)?;
        assert_eq!(active(&codes), set, "entry {entry} of input {which}");
        loss(&codes)?.to_scalar()
    };
    (0..middle.len())
        .map(|entry| Ok((moved(entry, STEP)? - moved(entry, -STEP)?) / (2.0 * STEP)))
        .collect()
}

/// Returns the distance of the batch from the nearest kink.
fn margin(layer: &SparseCoding, [d, x, l]: &[Tensor; 3]) -> f64 {
    let matrix = |tensor: &Tensor| {
        let (rows, columns) = tensor.dims2().expect("a matrix");
        let values = values(tensor);
        Mat::from_fn(rows, columns, |i, j| values[i * columns + j])
    };
    let lambda1 = match l.rank() {
        0 => Lambda1::Scalar(values(l)[0]),
        _ => Lambda1::PerAtom(values(l)),
    };
    let penalty = ElasticNet {
        lambda1,
        lambda2: LAMBDA2,
        sign: layer.sign,
    };
    let problem = Problem::new(matrix(d).as_ref(), penalty).expect("a problem");
    let codes = matrix(&codes(layer, &[d.clone(), x.clone(), l.clone()]).expect("codes"));
    let signals = matrix(x);
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

fn check(sign: Sign, shared: bool) -> Result<()> {
    let inputs = inputs(shared);
    let (exact, single) = (layer(sign, 1e-12), layer(sign, 1e-6));
    let set = active(&codes(&exact, &inputs)?);
    assert!(set.contains(&true) && set.contains(&false));
    // A thousand times the coarser tolerance, so that the active sets are the same in f32.
    let margin = margin(&exact, &inputs);
    assert!(margin > 1e-3, "{margin:e}");

    let double = gradients(&exact, &inputs, DType::F64)?;
    let single = gradients(&single, &inputs, DType::F32)?;
    for which in 0..3 {
        let expected = differences(&exact, &inputs, which)?;
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
    Ok(())
}

#[test]
fn nonnegative_with_a_shared_lambda1() -> Result<()> {
    check(Sign::NonNegative, true)
}

#[test]
fn signed_with_a_lambda1_per_atom() -> Result<()> {
    check(Sign::Free, false)
}

#[test]
fn transposed_inputs_give_the_same_codes_and_gradients() -> Result<()> {
    let layer = layer(Sign::NonNegative, 1e-12);
    let [d, x, l] = inputs(true);
    let straight = gradients(&layer, &[d.clone(), x.clone(), l.clone()], DType::F64)?;
    let turned = Var::from_tensor(&d.t()?.contiguous()?)?;
    let codes = codes(&layer, &[turned.t()?, x, l])?;
    let gradients = loss(&codes)?.backward()?;
    let gradient = gradients.get(&turned).expect("a gradient").t()?;
    assert_eq!(values(&gradient), straight[0]);
    Ok(())
}
