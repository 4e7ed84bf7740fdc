//! Floating-point operations per second of the kernels, on one thread and on two, for sweeps, fused
//! FISTA steps and D'x. Atoms are so coherent that a hundred passes are not enough, so only passes
//! matter. `scn bench solve` shows the peak for comparison.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faer::Mat;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    CoordinateDescent, ElasticNet, Fista, Problem, Settings, Solver, Start, correlate,
    encode_correlations,
};

const ATOMS: [usize; 4] = [16, 64, 128, 256];
const COLUMNS: usize = 48 * 100;
const PASSES: u32 = 100;

fn on_threads<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().expect("threads").install(run)
}

fn passes(criterion: &mut Criterion) {
    let settings = Settings::new(1e-4, PASSES).expect("a valid tolerance");
    let solvers: [&dyn Solver<f32>; 2] = [&CoordinateDescent::new(settings), &Fista::new(settings)];
    for solver in solvers {
        let mut group = criterion.benchmark_group(solver.name());
        group.sample_size(10);
        for n in ATOMS {
            let atoms = dictionary::<f32>(2 * n, n, 0.95, 1);
            let problem = Problem::new(atoms.as_ref(), ElasticNet::nonnegative(0.0, 1e-4));
            let problem = problem.expect("a valid problem");
            let correlations = atoms.transpose() * normal_matrix::<f32>(2 * n, COLUMNS, 2);
            let mut codes = Mat::<f32>::zeros(n, COLUMNS);
            for threads in [1, 2] {
                let mut run = || {
                    let report = encode_correlations(
                        solver,
                        &problem,
                        correlations.as_ref(),
                        codes.as_mut(),
                        Start::Zero,
                    );
                    report.expect("shapes that fit").column_passes
                };
                let operations = 2 * run() * (n * n) as u64;
                group.throughput(Throughput::Elements(operations));
                group.bench_function(
                    BenchmarkId::new(format!("{threads} threads"), n),
                    |bencher| {
                        on_threads(threads, || bencher.iter(&mut run));
                    },
                );
            }
        }
        group.finish();
    }
}

fn correlations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("D'x");
    group.sample_size(10);
    for (m, n) in [(27, 16), (576, 16), (2304, 64), (576, 256)] {
        let atoms = dictionary::<f32>(m, n, 0.0, 1);
        let problem = Problem::new(atoms.as_ref(), ElasticNet::nonnegative(0.0, 1e-4));
        let problem = problem.expect("a valid problem");
        let signals = normal_matrix::<f32>(m, COLUMNS, 2);
        let mut out = Mat::<f32>::zeros(n, COLUMNS);
        group.throughput(Throughput::Elements((2 * m * n * COLUMNS) as u64));
        for threads in [1, 2] {
            let id = BenchmarkId::new(format!("{threads} threads"), format!("{m} x {n}"));
            group.bench_function(id, |bencher| {
                on_threads(threads, || {
                    bencher.iter(|| correlate(&problem, &signals, out.as_mut()));
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, passes, correlations);
criterion_main!(benches);
