//! The adjoint of the codes, and all gradients that follow from it.

use approx::assert_abs_diff_eq;
use faer::Mat;
use scn_gpu::update::{Parameters, Rule};
use scn_gpu::{
    Context, DeviceProblems, EncodeMethod, GradientSums, ProblemParameters, Reports, SolveReport,
    SolveSettings,
};
use scn_grad::{Gradients, Linearization, MaskedCholesky};
use scn_solvers::Settings;

use super::oracle::{Instance, largest, map, row_major, wide_rows};
use crate::device;

const TOLERANCE: f64 = 1e-5;

/// Everything that the device computes for an instance, row by row.
#[derive(Debug, PartialEq)]
struct Backward {
    codes: Vec<f32>,
    adjoint: Vec<f32>,
    report: SolveReport,
    dictionary: Vec<f32>,
    lambda1: Vec<f32>,
    lambda2: Vec<f32>,
    map: Vec<f32>,
}

/// Returns the gradient dLoss/da of each code.
fn cotangent(instance: &Instance) -> Vec<f32> {
    crate::noise(instance.atoms() * instance.windows().positions(), 77)
}

/// Computes everything on the device, with one λ1 for all atoms or one per atom. Gradients must be
/// overwritten.
fn backward(context: &Context, instance: &Instance, per_atom: bool) -> Backward {
    let settings = Settings::new(TOLERANCE, 1000).unwrap();
    let settings = SolveSettings::new(context, settings).unwrap();
    let mut single = if per_atom {
        instance.on(context)
    } else {
        instance.with_lambda1(context, &instance.lambda1[..1])
    };
    for index in 0..3 {
        let mut place = single.parameters.gradients.get_mut(index).unwrap();
        let foreign = vec![f32::NAN; place.len()];
        place.write(&foreign).unwrap();
    }
    let problem = single.problem().unwrap();
    let windows = instance.windows();
    let map = context.upload(&instance.map).unwrap();
    let mut reports = Reports::new(context, 2).unwrap();
    let cotangent = context.upload(&cotangent(instance)).unwrap();
    let mut codes = context.unspecified(cotangent.len()).unwrap();
    let method = EncodeMethod::CoordinateDescent;
    let solved = problem
        .encode(method, &settings, windows, &map, &mut codes, &mut reports)
        .unwrap();
    let mut adjoint = context.unspecified(cotangent.len()).unwrap();
    let pending = problem
        .adjoint(&settings, &codes, &cotangent, &mut adjoint, &mut reports)
        .unwrap();
    let mut map_gradient = context.upload(&vec![f32::NAN; map.len()]).unwrap();
    problem
        .signal_gradient(windows, &adjoint, &mut map_gradient)
        .unwrap();
    let mut sums = GradientSums::new(context, &single.problems, &[windows]).unwrap();
    sums.take(0, &problem, &map, &codes, &adjoint).unwrap();
    sums.finish(&mut single.parameters).unwrap();
    let gradient = |index| {
        let gradient = single.parameters.gradients.get(index).unwrap();
        gradient.download().unwrap()
    };

    let values = reports.download().unwrap();
    assert!(solved.read(&values).converged());
    Backward {
        codes: codes.download().unwrap(),
        adjoint: adjoint.download().unwrap(),
        report: pending.read(&values),
        dictionary: gradient(0),
        lambda1: gradient(1),
        lambda2: gradient(2),
        map: map_gradient.download().unwrap(),
    }
}

/// Asserts that the error of a vector, in the Euclidean norm, is within `tolerance` relative to the
/// expected vector.
#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let pairs = found.iter().zip(expected);
    let error = norm(&mut pairs.map(|(&found, &expected)| f64::from(found) - expected));
    let size = norm(&mut expected.iter().copied());
    assert!(
        error <= tolerance * size,
        "{what}: error {error:.1e} exceeds {tolerance:.1e} times {size:.1e}"
    );
}

fn check(context: &Context, instance: &Instance, per_atom: bool) {
    let atoms = instance.atoms();
    let found = backward(context, instance, per_atom);
    assert!(found.report.converged(), "{:?}", found.report);
    assert_eq!(found.report.columns, instance.windows().positions());
    for (&y, &code) in found.adjoint.iter().zip(&found.codes) {
        assert!(code > 0.0 || y == 0.0);
    }

    let problem = if per_atom {
        instance.in_f64()
    } else {
        instance.with_first_lambda1()
    };
    let (codes, signals) = (wide_rows(&found.codes, atoms), instance.signals());
    let cotangent = wide_rows(&cotangent(instance), atoms);
    check_residual(&problem, &codes, &cotangent, &found);

    let point = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
    let mut gradients = Gradients::zeros(&problem);
    let mut columns = Mat::zeros(signals.nrows(), signals.ncols());
    let report = point
        .vjp(
            &MaskedCholesky,
            cotangent.as_ref(),
            &mut gradients,
            Some(columns.as_mut()),
        )
        .unwrap();
    assert!(report.converged());

    // The systems are solved to the tolerance, and the condition number of H amplifies that error
    // in y. The sums and H itself are rounded.
    let (smallest, greatest) = instance.spectrum();
    let rounding = (signals.nrows() as f64).sqrt() * f64::from(f32::EPSILON);
    let tolerance = (atoms as f64).sqrt() * greatest / smallest * (TOLERANCE + rounding);
    let rows = |matrix: &Mat<f64>| -> Vec<f64> {
        let entry = |k: usize| matrix[(k / matrix.ncols(), k % matrix.ncols())];
        (0..matrix.nrows() * matrix.ncols()).map(entry).collect()
    };
    let dictionary = rows(&gradients.dictionary);
    assert_close("dLoss/dD", &found.dictionary, &dictionary, tolerance);
    // A single number may be a small sum of large terms.
    let terms = largest(found.adjoint.iter().map(|&y| f64::from(y))) * signals.ncols() as f64;
    if per_atom {
        assert_close(
            "dLoss/dlambda1",
            &found.lambda1,
            &gradients.lambda1,
            tolerance,
        );
    } else {
        let (shared, epsilon) = (
            f64::from(found.lambda1[0]),
            tolerance * terms * atoms as f64,
        );
        assert_abs_diff_eq!(shared, gradients.shared_lambda1(), epsilon = epsilon);
    }
    let lambda2 = f64::from(found.lambda2[0]);
    assert_abs_diff_eq!(lambda2, gradients.lambda2, epsilon = tolerance * terms);
    assert_close("dLoss/dx", &found.map, &instance.fold(&columns), tolerance);
}

/// Checks that the reported residual is that of the returned adjoint.
fn check_residual(
    problem: &scn_solvers::Problem<f64>,
    codes: &Mat<f64>,
    cotangent: &Mat<f64>,
    found: &Backward,
) {
    let atoms = problem.atoms();
    let y = wide_rows(&found.adjoint, atoms);
    let product = problem.gram() * &y;
    let mut worst = 0.0_f64;
    for p in 0..codes.ncols() {
        let active = || (0..atoms).filter(|&j| codes[(j, p)] > 0.0);
        let scale = largest(active().map(|j| cotangent[(j, p)]));
        let residual = largest(active().map(|j| cotangent[(j, p)] - product[(j, p)]));
        worst = worst.max(residual / if scale > 0.0 { scale } else { 1.0 });
    }
    // Rounding error of a product with H, whose terms are as large as y.
    let size = 1.0 + largest(found.adjoint.iter().map(|&y| f64::from(y)));
    let rounding = 4.0 * (atoms as f64).sqrt() * size * f64::from(f32::EPSILON);
    let reported = f64::from(found.report.residual);
    assert_abs_diff_eq!(worst, reported, epsilon = rounding);
}

#[test]
fn gradients_for_every_padded_number_of_atoms_and_fewer() {
    let Some(context) = device() else { return };
    for (rows, columns, atoms) in [
        (7, 5, 5),
        (30, 67, 16),
        (31, 33, 27),
        (65, 40, 64),
        (70, 9, 50),
        (130, 5, 100),
        (150, 3, 200),
        (180, 7, 256),
    ] {
        let instance = Instance::matrix(rows, columns, atoms);
        check(&context, &instance, true);
        check(&context, &instance, false);
    }
}

/// The columns do not fill whole blocks, and rows and atoms exceed a tile.
#[test]
fn gradients_of_several_blocks() {
    let Some(context) = device() else { return };
    for (rows, columns, atoms) in [(4, 531, 6), (20, 150, 40), (131, 75, 70), (70, 35, 130)] {
        check(&context, &Instance::matrix(rows, columns, atoms), true);
    }
}

/// Enough pixels and channels for the larger tiles of the gradient with respect to the map.
#[test]
fn gradients_of_many_pixels() {
    let Some(context) = device() else { return };
    check(&context, &Instance::matrix(35, 16_400, 3), false);
}

#[test]
fn gradients_through_windows() {
    let Some(context) = device() else { return };
    for (shape, window, stride, atoms) in [
        (map(3, 2, 5, 7), 3, 1, 12),
        (map(2, 3, 6, 5), 3, 2, 20),
        (map(1, 1, 4, 4), 5, 1, 9),
        (map(2, 1, 7, 8), 3, 3, 17),
        (map(1, 2, 5, 5), 1, 2, 3),
        (map(20, 2, 3, 4), 3, 1, 40),
        (map(70, 1, 3, 3), 1, 1, 33),
    ] {
        check(&context, &Instance::new(shape, window, stride, atoms), true);
    }
}

/// More than one chunk of columns.
#[test]
fn gradients_of_many_columns() {
    let Some(context) = device() else { return };
    check(&context, &Instance::new(map(1, 3, 11, 13), 3, 1, 4), false);
}

#[test]
fn two_runs_give_the_same_bits() {
    let Some(context) = device() else { return };
    for atoms in [12, 70] {
        let instance = Instance::new(map(3, 2, 5, 7), 3, 1, atoms);
        assert_eq!(
            backward(&context, &instance, true),
            backward(&context, &instance, true)
        );
    }
}

/// Problems of several shapes at once: the same kernels prepare, sum and complete them as a single
/// problem, and the results are bit-identical.
#[test]
fn several_problems_at_once_are_as_each_alone() {
    let Some(context) = device() else { return };
    let instances = [
        Instance::new(map(3, 2, 5, 7), 3, 1, 12),
        Instance::new(map(2, 3, 6, 5), 3, 2, 70),
        Instance::matrix(9, 1, 1),
    ];
    let rule = Rule::learned(1.0);
    let arrays: Vec<Vec<f32>> = instances
        .iter()
        .flat_map(|instance| {
            let dictionary = row_major(instance.dictionary.as_ref());
            [dictionary, instance.lambda1.clone(), vec![instance.lambda2]]
        })
        .collect();
    let lens: Vec<_> = arrays.iter().map(|array| (array.len(), rule)).collect();
    let mut parameters = Parameters::new(&context, &lens).unwrap();
    for (index, array) in arrays.iter().enumerate() {
        parameters
            .values
            .get_mut(index)
            .unwrap()
            .write(array)
            .unwrap();
    }
    let places: Vec<_> = (0..instances.len())
        .map(|layer| {
            let indices = [0, 1, 2].map(|parameter| 3 * layer + parameter);
            ProblemParameters::new(instances[layer].atoms(), indices)
        })
        .collect();
    let mut problems = DeviceProblems::new(&context, &parameters, &places).unwrap();
    problems.update(&parameters).unwrap();
    let all_lambda1 = problems.lambda1().download().unwrap();
    let windows: Vec<_> = instances.iter().map(Instance::windows).collect();
    let mut sums = GradientSums::new(&context, &problems, &windows).unwrap();
    let alone = instances
        .each_ref()
        .map(|instance| backward(&context, instance, true));
    for (layer, (instance, alone)) in instances.iter().zip(&alone).enumerate() {
        assert_eq!(problems.lambda1_of(layer, &all_lambda1), instance.lambda1);
        let problem = problems.get(layer, &parameters).unwrap();
        let [map, codes, adjoint] =
            [&instance.map, &alone.codes, &alone.adjoint].map(|part| context.upload(part).unwrap());
        sums.take(layer, &problem, &map, &codes, &adjoint).unwrap();
        let mut map_gradient = context.unspecified(map.len()).unwrap();
        problem
            .signal_gradient(windows[layer], &adjoint, &mut map_gradient)
            .unwrap();
        assert_eq!(map_gradient.download().unwrap(), alone.map);
    }
    sums.finish(&mut parameters).unwrap();
    for (layer, alone) in alone.iter().enumerate() {
        for (index, expected) in [&alone.dictionary, &alone.lambda1, &alone.lambda2]
            .into_iter()
            .enumerate()
        {
            let found = parameters.gradients.get(3 * layer + index).unwrap();
            assert_eq!(&found.download().unwrap(), expected);
        }
    }
}
