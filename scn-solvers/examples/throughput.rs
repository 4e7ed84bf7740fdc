//! Columns per second of two solvers on problems of the sizes that networks use.
use faer::Mat;
use scn_solvers::testing::{dictionary, normal_matrix};
use scn_solvers::*;
use std::time::Instant;
fn main() {
    let s = Settings::new(1e-4, 1000).unwrap();
    for (m, n) in [(27, 16), (144, 16), (144, 64), (288, 32), (576, 64), (576, 16), (576, 256), (2304, 64)] {
        let d = dictionary::<f32>(m, n, 0.0, 1);
        let p = Problem::new(d.as_ref(), ElasticNet::nonnegative(0.0, 1e-3)).unwrap();
        let x = normal_matrix::<f32>(10000, m, 2);
        let mut a = Mat::<f32>::zeros(10000, n);
        for solver in [&CoordinateDescent::new(s) as &dyn Solver<f32>, &Fista::new(s)] {
            for _ in 0..2 {
            let t = Instant::now();
            let r = encode(solver, &p, &x.as_ref().transpose(), a.as_mut().transpose_mut(), Start::Zero).unwrap();
            let e = t.elapsed().as_secs_f64();
            let fma = 10000.0 * (m * n) as f64 + r.column_passes as f64 * (n * n) as f64;
            println!("{m}x{n} {:20} {:9.0} col/s  {:5.1} GFLOP/s  passes {:.1} kkt {:.1e} {:?}", solver.name(), 1e4 / e, 2.0 * fma / e / 1e9, r.mean_passes(), r.kkt, r.status);
            }
        }
    }
}
