//! Very similar atoms, with which simple solvers stall and wrong codes look right.

use scn_solvers::synthetic::Workload;
use scn_solvers::{
    Auto, ElasticNet, Problem, Settings, Sign, Start, Status, certify_columns, encode,
};

use crate::instance::{Instance, solvers};

/// In f32, with inner products of 0.5, every column passes a check in f64 that is independent of
/// the solver. The check and the solver see `D'x` with different rounding in f32, so the bound is
/// 1.5 times the tolerance.
#[test]
fn every_column_is_certified_in_single_precision() {
    for (shape, active) in [
        ((72, 32), Some(0.25)),
        ((144, 64), Some(0.25)),
        ((144, 64), None),
    ] {
        let workload = Workload::<f32>::new(shape, 500, 0.5, active, 3);
        let penalty = ElasticNet::nonnegative(workload.lambda1, workload.lambda2);
        let problem = Problem::new(workload.dictionary.as_ref(), penalty).unwrap();
        for tolerance in [1e-4, 1e-6] {
            let solver = Auto::new(Settings::new(tolerance, 2000).unwrap());
            let mut codes = faer::Mat::zeros(shape.1, 500);
            let report = encode(
                &solver,
                &problem,
                &workload.signals,
                codes.as_mut(),
                Start::Zero,
            )
            .unwrap();
            assert!(report.converged(), "{shape:?}, {tolerance}: {report:?}");
            let columns = certify_columns(&problem, &workload.signals, codes.as_ref()).unwrap();
            assert_eq!(columns.len(), 500);
            let worst = columns
                .iter()
                .map(|column| column.residual)
                .fold(0.0, f64::max);
            assert!(worst <= 1.5 * tolerance, "{shape:?}, {tolerance}: {worst}");
        }
    }
}

/// With inner products of 0.95 and more atoms than rows, each solver reaches its tolerance or
/// reports that it did not. No solver claims more than the independent check confirms.
#[test]
fn nobody_claims_what_is_not_so() {
    for sign in [Sign::NonNegative, Sign::Free] {
        let mut instance = Instance::random(20, 40, 60, 0.95, sign, 8);
        instance.lambda2 = 1e-4;
        let problem = instance.problem::<f64>();
        let mut certain = 0;
        for solver in solvers::<f64>(1e-8, 3000) {
            let (codes, report) = instance.solve(&*solver);
            let columns = certify_columns(&problem, &instance.signals, codes.as_ref()).unwrap();
            let missed = columns
                .iter()
                .filter(|column| column.residual > 1.01e-8)
                .count();
            assert!(
                missed <= report.unconverged.len(),
                "{}: {missed}, {report:?}",
                solver.name()
            );
            assert_eq!(
                report.status == Status::Converged,
                report.unconverged.is_empty(),
                "{}",
                solver.name()
            );
            certain += usize::from(report.converged());
            if ["auto", "lars", "active-set"].contains(&solver.name()) {
                assert!(report.converged(), "{}: {report:?}", solver.name());
            }
        }
        assert!(certain >= 3);
    }
}
