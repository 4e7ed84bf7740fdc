//! Throughput of the adjoint, in columns per second, with each solver for its linear systems.
//!
//! Measured from dLoss/da in memory to all gradients in memory, at the shapes of network layers and
//! λ1 = 0, where about half of the codes are active.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faer::Mat;
use scn_grad::{
    Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedConjugateGradient,
    MaskedGaussSeidel, MaskedSolver,
};
use scn_solvers::synthetic::{Workload, normal_matrix};
use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, encode};

const SHAPES: [(usize, usize); 4] = [(27, 16), (144, 64), (576, 16), (576, 256)];
const COLUMNS: usize = 960;

fn adjoint(criterion: &mut Criterion) {
    let settings = Settings::new(1e-4, 1000).expect("a valid tolerance");
    let rough = Settings::new(MaskedAuto::tolerance_for(1e-4), 1000).expect("a valid tolerance");
    let solvers: [&dyn MaskedSolver<f32>; 5] = [
        &MaskedAuto::new(rough),
        &MaskedGaussSeidel::new(rough),
        &MaskedConjugateGradient::new(rough),
        &MaskedConjugateGradient::with_symmetric_gauss_seidel(rough),
        &MaskedCholesky,
    ];
    let mut group = criterion.benchmark_group("adjoint");
    group
        .throughput(Throughput::Elements(COLUMNS as u64))
        .sample_size(10);
    for (m, n) in SHAPES {
        let work = Workload::<f32>::new((m, n), COLUMNS, 0.0, None, 1);
        let penalty = ElasticNet::nonnegative(work.lambda1, work.lambda2);
        let problem = Problem::new(work.dictionary.as_ref(), penalty).expect("a valid problem");
        let mut codes = Mat::<f32>::zeros(n, COLUMNS);
        let report = encode(
            &Auto::new(settings),
            &problem,
            &work.signals,
            codes.as_mut(),
            Start::Zero,
        );
        assert!(report.expect("shapes that fit").converged());
        let cotangent = normal_matrix::<f32>(n, COLUMNS, 2);
        let point = Linearization::new(&problem, &work.signals, codes.as_ref());
        let point = point.expect("shapes that fit");
        let mut gradients = Gradients::zeros(&problem);
        let mut by_signals = Mat::<f32>::zeros(m, COLUMNS);
        for solver in solvers {
            let name = BenchmarkId::new(solver.name(), format!("{m} x {n}"));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let by_signals = Some(by_signals.as_mut());
                    let report = point.vjp(solver, cotangent.as_ref(), &mut gradients, by_signals);
                    black_box(report.expect("shapes that fit"))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, adjoint);
criterion_main!(benches);
