//! Solving allocates nothing after the first call.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::{AllocationInfo, measure};
use faer::Mat;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    Admm, Auto, CoordinateDescent, ElasticNet, Fista, Ista, Problem, Settings, Solver, Start,
    Workspaces, encode_with,
};

/// Measures what two calls allocate, one after the other, on a pool with one thread.
fn calls(
    solver: &dyn Solver<f32>,
    (rows, atoms): (usize, usize),
    lambda1: f32,
    coherence: f64,
) -> [AllocationInfo; 2] {
    let columns = 1000;
    let matrix = dictionary::<f32>(rows, atoms, coherence, 1);
    let problem = Problem::new(matrix.as_ref(), ElasticNet::nonnegative(lambda1, 1e-3)).unwrap();
    let signals = normal_matrix::<f32>(rows, columns, 2);
    let mut codes = Mat::<f32>::zeros(atoms, columns);
    let workspaces = Workspaces::new();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    pool.build().unwrap().install(|| {
        [(); 2].map(|()| {
            measure(|| {
                let report = encode_with(
                    solver,
                    &problem,
                    &signals,
                    codes.as_mut(),
                    Start::Zero,
                    &workspaces,
                );
                assert!(report.unwrap().converged(), "{}", solver.name());
            })
        })
    })
}

/// Covers certificates in `f32` and in `f64`, and atoms so coherent that `auto` takes steps on the
/// active set.
#[test]
fn nothing_is_allocated_after_the_first_call() {
    for (tolerance, coherence) in [(1e-4, 0.0), (3e-6, 0.0), (1e-4, 0.6)] {
        let settings = Settings::new(tolerance, 100_000).unwrap();
        let solvers: [&dyn Solver<f32>; 7] = [
            &Auto::new(settings),
            &CoordinateDescent::new(settings),
            &Fista::new(settings),
            &Fista::without_restart(settings),
            &Fista::with_backtracking(settings),
            &Ista::new(settings),
            &Admm::new(settings),
        ];
        for solver in solvers {
            let [first, second] = calls(solver, (40, 24), 0.3, coherence);
            assert!(first.count_total > 0, "{}: nothing counted", solver.name());
            assert_eq!(
                second.count_total,
                0,
                "{} at {tolerance:e}: {second:?}",
                solver.name()
            );
        }
    }
}

/// Codes are so sparse that `auto` solves them on working sets.
#[test]
fn working_sets_are_allocated_once() {
    for tolerance in [1e-4, 3e-6] {
        let auto = Auto::new(Settings::new(tolerance, 100_000).unwrap());
        let [first, second] = calls(&auto, (24, 150), 1.5, 0.1);
        assert!(first.count_total > 0);
        assert_eq!(second.count_total, 0, "at {tolerance:e}: {second:?}");
    }
}
