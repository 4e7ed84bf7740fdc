//! Columns per second of each solver, from signals in memory to codes in memory, at the shapes of
//! network layers: with λ1 = 0, where about half of the entries are active, and with a λ1 that
//! leaves about a quarter active.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faer::Mat;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    ActiveSet, Admm, Auto, CoordinateDescent, ElasticNet, Fista, Ista, Lars, Problem, Settings,
    Solver, Start, encode,
};

const SHAPES: [(usize, usize); 6] = [
    (27, 16),
    (144, 64),
    (576, 16),
    (288, 128),
    (2304, 64),
    (576, 256),
];
const COLUMNS: usize = 960;

fn solve(criterion: &mut Criterion) {
    let settings = Settings::new(1e-4, 1000).expect("a valid tolerance");
    let solvers: [&dyn Solver<f32>; 9] = [
        &Auto::new(settings),
        &CoordinateDescent::new(settings),
        &Fista::new(settings),
        &Fista::without_restart(settings),
        &Fista::with_backtracking(settings),
        &Ista::new(settings),
        &Admm::new(settings),
        &Lars::new(settings),
        &ActiveSet::new(settings),
    ];
    for lambda1 in [0.0, 0.5] {
        let mut group = criterion.benchmark_group(format!("encode, lambda1 {lambda1}"));
        group
            .throughput(Throughput::Elements(COLUMNS as u64))
            .sample_size(10);
        for (m, n) in SHAPES {
            let atoms = dictionary::<f32>(m, n, 0.0, 1);
            let signals = normal_matrix::<f32>(COLUMNS, m, 2);
            let mut codes = Mat::<f32>::zeros(COLUMNS, n);
            for solver in solvers {
                group.bench_function(
                    BenchmarkId::new(solver.name(), format!("{m} x {n}")),
                    |bencher| {
                        bencher.iter(|| {
                            let problem = Problem::new(
                                atoms.as_ref(),
                                ElasticNet::nonnegative(lambda1, 1e-3),
                            );
                            let problem = problem.expect("a valid problem");
                            let (signals, codes) =
                                (signals.transpose(), codes.as_mut().transpose_mut());
                            black_box(
                                encode(solver, &problem, &signals, codes, Start::Zero)
                                    .expect("shapes that fit"),
                            )
                        });
                    },
                );
            }
        }
        group.finish();
    }
}

criterion_group!(benches, solve);
criterion_main!(benches);
