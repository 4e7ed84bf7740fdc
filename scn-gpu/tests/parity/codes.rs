//! Codes and their certificates.

use approx::assert_abs_diff_eq;
use faer::Mat;
use scn_gpu::{
    ArgumentError, Context, EncodeMethod, GpuError, Reports, SolveReport, SolveSettings, Windows,
    encode,
};
use scn_solvers::{ElasticNet, Settings, kkt};

use super::oracle::{Instance, largest, map, wide_rows};
use crate::device;

const TOLERANCE: f64 = 1e-5;

fn settings() -> Settings {
    Settings::new(TOLERANCE, 4000).unwrap()
}

/// Returns the device's codes, row by row, and its report on them.
fn solve(context: &Context, instance: &Instance, method: EncodeMethod) -> (Vec<f32>, SolveReport) {
    let single = instance.on(context);
    let problem = single.problem().unwrap();
    let windows = instance.windows();
    let map = context.upload(&instance.map).unwrap();
    let mut reports = Reports::new(context, 1).unwrap();
    let len = instance.atoms() * windows.positions();
    let mut codes = context.unspecified(len).unwrap();
    let settings = SolveSettings::new(context, settings()).unwrap();
    let pending = problem
        .encode(method, &settings, windows, &map, &mut codes, &mut reports)
        .unwrap();
    let report = pending.read(&reports.download().unwrap());
    (codes.download().unwrap(), report)
}

/// Returns the residual of each column for the given codes, computed in f64.
fn residuals(instance: &Instance, codes: &[f32]) -> Vec<f64> {
    let problem = instance.in_f64();
    let correlations = problem.dictionary().transpose() * instance.signals();
    let codes = wide_rows(codes, instance.atoms());
    (0..codes.ncols())
        .map(|p| {
            let column =
                |matrix: &Mat<f64>| -> Vec<f64> { matrix.col(p).iter().copied().collect() };
            kkt::residual(&problem, &column(&correlations), &column(&codes))
        })
        .collect()
}

/// Returns the rounding error of a residual of zero in f32: that of the correlations and of a row
/// of H times a code.
fn residual_rounding(instance: &Instance) -> f64 {
    let terms = instance.dictionary.nrows() + instance.atoms();
    4.0 * (terms as f64).sqrt() * f64::from(f32::EPSILON)
}

fn check(context: &Context, instance: &Instance, method: EncodeMethod) {
    let (codes, report) = solve(context, instance, method);
    let positions = instance.windows().positions();
    assert_eq!(report.columns, positions);
    assert!(report.converged(), "{report:?}");
    assert!(f64::from(report.residual) <= TOLERANCE);
    assert!(report.column_passes >= positions as u64);
    let active = codes.iter().filter(|&&code| code != 0.0).count();
    assert_eq!(report.active, active as u64);
    assert!(codes.iter().all(|&code| code >= 0.0));

    let worst = largest(residuals(instance, &codes));
    let rounding = residual_rounding(instance);
    assert_abs_diff_eq!(worst, f64::from(report.residual), epsilon = rounding);

    // If steps along the coordinates have at most size r, the minimum of a μ-convex, L-smooth
    // function is within (1 + L) / μ sqrt(n) r.
    let exact = instance.codes();
    let (smallest, greatest) = instance.spectrum();
    let correlations = instance.in_f64().dictionary().transpose() * instance.signals();
    let atoms = instance.atoms();
    let conditioning = (1.0 + greatest) / smallest * (atoms as f64).sqrt();
    let found = wide_rows(&codes, atoms);
    for p in 0..positions {
        let scale = largest(correlations.col(p).iter().copied());
        let bound = conditioning * scale * (TOLERANCE + rounding);
        let error = largest((0..atoms).map(|j| found[(j, p)] - exact[(j, p)]));
        assert!(
            error <= bound,
            "column {p}: error {error:.1e} exceeds {bound:.1e}"
        );
    }
}

#[test]
fn codes_of_every_padded_number_of_atoms_and_fewer() {
    let Some(context) = device() else { return };
    for (rows, columns, atoms) in [
        (7, 5, 5),
        (30, 67, 16),
        (31, 33, 27),
        (65, 40, 64),
        (70, 9, 50),
        (130, 5, 100),
        (129, 17, 128),
        (150, 3, 200),
        (180, 7, 256),
    ] {
        let instance = Instance::matrix(rows, columns, atoms);
        check(&context, &instance, EncodeMethod::CoordinateDescent);
        check(&context, &instance, EncodeMethod::Fista);
    }
}

/// The columns do not fill whole blocks.
#[test]
fn codes_of_several_blocks() {
    let Some(context) = device() else { return };
    for (rows, columns, atoms) in [(4, 531, 6), (20, 150, 40), (24, 75, 70), (40, 35, 130)] {
        let instance = Instance::matrix(rows, columns, atoms);
        check(&context, &instance, EncodeMethod::CoordinateDescent);
        check(&context, &instance, EncodeMethod::Fista);
    }
}

#[test]
fn codes_of_windows() {
    let Some(context) = device() else { return };
    for (shape, window, stride, atoms) in [
        (map(3, 2, 5, 7), 3, 1, 12),
        (map(2, 3, 6, 5), 3, 2, 20),
        (map(1, 1, 4, 4), 5, 1, 9),
        (map(5, 2, 3, 4), 1, 1, 33),
    ] {
        let instance = Instance::new(shape, window, stride, atoms);
        check(&context, &instance, EncodeMethod::CoordinateDescent);
        check(&context, &instance, EncodeMethod::Fista);
    }
}

#[test]
fn two_runs_give_the_same_bits() {
    let Some(context) = device() else { return };
    for atoms in [12, 70] {
        let instance = Instance::new(map(3, 2, 5, 7), 3, 1, atoms);
        for method in [EncodeMethod::CoordinateDescent, EncodeMethod::Fista] {
            assert_eq!(
                solve(&context, &instance, method),
                solve(&context, &instance, method)
            );
        }
    }
}

/// More columns than 66 blocks with four columns per group are solved by a different kernel, with
/// bit-identical results.
#[test]
fn codes_do_not_depend_on_how_many_columns_there_are() {
    let Some(context) = device() else { return };
    // The fewest atoms of each padded number, so that launches are recorded.
    for (rows, atoms) in [(6, 5), (10, 17), (20, 33), (24, 65), (40, 129)] {
        let few = Instance::matrix(rows, 11, atoms);
        let (expected, few_report) = solve(&context, &few, EncodeMethod::CoordinateDescent);

        let padded = atoms.next_power_of_two().max(16);
        let block = 128 / (padded / 16) * 4;
        let width = 66 * block + 4;
        // The same columns at the beginning and at the end, with zero signals between them, which
        // are done immediately.
        let place = |column: usize| {
            if column < 8 {
                column
            } else {
                width - 11 + column
            }
        };
        let mut many = Instance::matrix(rows, width, atoms);
        many.map.fill(0.0);
        for (of_many, of_few) in many.map.chunks_mut(width).zip(few.map.chunks(11)) {
            for (column, &value) in of_few.iter().enumerate() {
                of_many[place(column)] = value;
            }
        }
        let (codes, report) = solve(&context, &many, EncodeMethod::CoordinateDescent);
        let found: Vec<f32> = codes
            .chunks(width)
            .flat_map(|row| (0..11).map(|column| row[place(column)]))
            .collect();
        assert_eq!(found, expected, "{atoms} atoms");
        assert_eq!(report.residual, few_report.residual);
        assert_eq!(report.active, few_report.active);
    }
}

#[test]
fn certificates_of_given_codes() {
    let Some(context) = device() else { return };
    // Every padded number of atoms.
    for (rows, columns, atoms) in [
        (30, 13, 16),
        (20, 9, 30),
        (40, 131, 50),
        (50, 9, 100),
        (90, 37, 256),
    ] {
        let instance = Instance::matrix(rows, columns, atoms);
        let codes: Vec<f32> = crate::noise(atoms * columns, 3)
            .iter()
            .map(|value| value.max(0.0))
            .collect();
        let mut found = context.unspecified(columns).unwrap();
        instance
            .on(&context)
            .problem()
            .unwrap()
            .certify(
                instance.windows(),
                &context.upload(&instance.map).unwrap(),
                &context.upload(&codes).unwrap(),
                &mut found,
            )
            .unwrap();
        // These codes are far from optimal, so the products are large.
        let (_, greatest) = instance.spectrum();
        let found = found.download().unwrap();
        for (found, expected) in found.into_iter().zip(residuals(&instance, &codes)) {
            let bound = (1.0 + greatest) * residual_rounding(&instance) * (1.0 + expected);
            assert_abs_diff_eq!(f64::from(found), expected, epsilon = bound);
        }
    }
}

#[test]
fn a_column_that_is_no_number_is_reported_and_harms_no_other() {
    let Some(context) = device() else { return };
    let mut instance = Instance::matrix(30, 41, 16);
    for method in [EncodeMethod::CoordinateDescent, EncodeMethod::Fista] {
        instance.map[3] = 0.25;
        let (clean, _) = solve(&context, &instance, method);
        instance.map[3] = f32::NAN;
        let (codes, report) = solve(&context, &instance, method);
        assert!(report.residual.is_nan());
        assert_eq!(report.unconverged, 1);
        // Far below the limit of 4000 passes for a column.
        assert!(report.column_passes < 4000);
        for (k, (code, clean)) in codes.iter().zip(&clean).enumerate() {
            assert!(k % 41 == 3 || code == clean, "code {k}");
        }
    }
}

#[test]
fn too_few_passes_are_reported() {
    let Some(context) = device() else { return };
    let instance = Instance::matrix(20, 9, 40);
    let mut reports = Reports::new(&context, 1).unwrap();
    let mut codes = context.unspecified(40 * 9).unwrap();
    let pending = instance
        .on(&context)
        .problem()
        .unwrap()
        .encode(
            EncodeMethod::CoordinateDescent,
            &SolveSettings::new(&context, Settings::new(1e-5, 1).unwrap()).unwrap(),
            instance.windows(),
            &context.upload(&instance.map).unwrap(),
            &mut codes,
            &mut reports,
        )
        .unwrap();
    let report = pending.read(&reports.download().unwrap());
    assert!(report.unconverged > 0);
    assert_eq!(report.column_passes, 9);
    let codes = codes.download().unwrap();
    let worst = largest(residuals(&instance, &codes));
    assert_abs_diff_eq!(worst, f64::from(report.residual), epsilon = 1e-3 * worst);
}

#[test]
fn no_column_at_all() {
    let Some(context) = device() else { return };
    let single = Instance::matrix(7, 1, 5).on(&context);
    let problem = single.problem().unwrap();
    let mut reports = Reports::new(&context, 1).unwrap();
    let pending = problem
        .encode(
            EncodeMethod::default(),
            &SolveSettings::new(&context, settings()).unwrap(),
            Windows::matrix(7, 0).unwrap(),
            &context.zeros(0).unwrap(),
            &mut context.zeros(0).unwrap(),
            &mut reports,
        )
        .unwrap();
    let report = pending.read(&reports.download().unwrap());
    assert!(report.converged());
    assert_eq!(report.mean_passes(), 0.0);
}

#[test]
fn matrices_are_encoded_in_one_call() {
    let Some(context) = device() else { return };
    let instance = Instance::matrix(12, 11, 6);
    let signals = Mat::from_fn(12, 11, |i, p| instance.map[i * 11 + p]);
    let penalty = ElasticNet {
        lambda1: scn_solvers::Lambda1::PerAtom(instance.lambda1.clone()),
        ..ElasticNet::nonnegative(0.0, instance.lambda2)
    };
    let dictionary = instance.dictionary.as_ref();
    let (codes, report) =
        encode(&context, dictionary, &penalty, signals.as_ref(), settings()).unwrap();
    assert!(report.converged());
    let (expected, _) = solve(&context, &instance, EncodeMethod::default());
    assert_eq!(super::oracle::row_major(codes.as_ref()), expected);

    let signed = ElasticNet::signed(0.1, 0.1);
    assert_eq!(
        encode(&context, dictionary, &signed, signals.as_ref(), settings()).unwrap_err(),
        GpuError::Argument(ArgumentError::SignedCodes)
    );
    let negative = ElasticNet::nonnegative(-0.1, 0.1);
    assert!(matches!(
        encode(
            &context,
            dictionary,
            &negative,
            signals.as_ref(),
            settings()
        ),
        Err(GpuError::Argument(ArgumentError::Problem(_)))
    ));
}
