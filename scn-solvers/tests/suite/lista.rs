//! Learned ISTA: its codes before and after training, and errors on layers that do not fit.

use faer::Mat;
use scn_solvers::synthetic::Workload;
use scn_solvers::{
    Auto, ElasticNet, Ista, Lista, ListaError, ListaTraining, Problem, Report, Scalar, Settings,
    Solver, Start, Status, encode, encode_correlations,
};

struct Setting<T: Scalar> {
    problem: Problem<T>,
    signals: Mat<T>,
    correlations: Mat<T>,
}

impl<T: Scalar> Setting<T> {
    fn new(signed: bool) -> Self {
        let work = Workload::<T>::new((18, 12), 700, 0.2, Some(0.3), 5);
        let penalty = if signed {
            ElasticNet::signed(work.lambda1, work.lambda2)
        } else {
            ElasticNet::nonnegative(work.lambda1, work.lambda2)
        };
        Self {
            problem: Problem::new(work.dictionary.as_ref(), penalty).unwrap(),
            correlations: work.dictionary.transpose() * &work.signals,
            signals: work.signals,
        }
    }

    fn codes(&self, solver: &dyn Solver<T>) -> (Mat<T>, Report) {
        let mut codes = Mat::zeros(12, 700);
        let report = encode(
            solver,
            &self.problem,
            &self.signals,
            codes.as_mut(),
            Start::Zero,
        );
        (codes, report.unwrap())
    }
}

/// The same computation in a different order: about ten roundings of numbers below 10 in each of k
/// steps.
#[test]
fn untrained_it_is_ista() {
    for signed in [false, true] {
        let setting = Setting::<f64>::new(signed);
        for steps in [1, 3, 10] {
            let settings = Settings::new(1e-12, steps).unwrap();
            let (expected, _) = setting.codes(&Ista::new(settings));
            let lista = Lista::new(&setting.problem, steps as usize, Settings::default());
            let (codes, report) = setting.codes(&lista);
            assert!((&codes - &expected).norm_max() < 1e-12);
            assert_eq!((report.status, report.passes), (Status::Stalled, 2 * steps));
        }
    }
}

/// Training at least halves the gap, also on held-out signals. The report does not count the codes
/// as converged, and they are a good start for an exact solver.
fn learns<T: Scalar>(signed: bool) {
    let setting = Setting::<T>::new(signed);
    let (known, held_out) = setting.correlations.as_ref().split_at_col(500);
    let mut lista = Lista::new(&setting.problem, 3, Settings::default());
    let before = lista.gap(&setting.problem, held_out).unwrap();
    let mut epochs = Vec::new();
    let training = ListaTraining::default().epochs(20);
    lista
        .train(&setting.problem, known, &training, &mut |epoch| {
            epochs.push(epoch);
        })
        .unwrap();
    let after = lista.gap(&setting.problem, held_out).unwrap();
    assert!(0.0 < after && after < 0.5 * before, "{before} {after}");
    assert_eq!(epochs.len(), 20);
    assert!(epochs[19].gap < 0.5 * epochs[0].gap);

    let (mut codes, report) = setting.codes(&lista);
    assert!(report.status == Status::Stalled && report.residual > 1e-4);
    let exact = Auto::new(Settings::default());
    let warm = encode(
        &exact,
        &setting.problem,
        &setting.signals,
        codes.as_mut(),
        Start::Codes,
    );
    let (_, cold) = setting.codes(&exact);
    let warm = warm.unwrap();
    assert!(warm.converged() && warm.column_passes < cold.column_passes);
}

#[test]
fn it_learns() {
    learns::<f64>(false);
    learns::<f64>(true);
    learns::<f32>(false);
}

/// Saved layers give bit-identical codes, and training again gives bit-identical layers.
#[test]
fn layers_can_be_kept() {
    let setting = Setting::<f32>::new(false);
    let learn = || {
        let mut lista = Lista::new(&setting.problem, 2, Settings::default());
        let training = ListaTraining::default().epochs(2);
        let correlations = setting.correlations.as_ref();
        lista
            .train(&setting.problem, correlations, &training, &mut |_| ())
            .unwrap();
        lista
    };
    let lista = learn();
    let again = Lista::from_layers(lista.layers().to_vec(), Settings::default()).unwrap();
    assert_eq!(setting.codes(&lista).0, setting.codes(&again).0);
    assert_eq!(lista.layers(), learn().layers());
}

#[test]
fn what_does_not_fit_is_named() {
    let setting = Setting::<f64>::new(false);
    let mut lista = Lista::new(&setting.problem, 2, Settings::default());
    let mut layers = lista.layers().to_vec();
    layers[1].thresholds[3] = -1.0;
    assert!(matches!(
        Lista::from_layers(layers.clone(), Settings::default()),
        Err(ListaError::Threshold {
            layer: 1,
            atom: 3,
            ..
        })
    ));
    layers[1].thresholds.pop();
    assert!(matches!(
        Lista::from_layers(layers, Settings::default()),
        Err(ListaError::Shape { layer: 1, .. })
    ));

    let other = Problem::from_gram(
        Mat::<f64>::identity(3, 3).as_ref(),
        ElasticNet::nonnegative(0.1, 0.0),
    )
    .unwrap();
    let correlations = Mat::<f64>::full(3, 2, 1.0);
    assert!(matches!(
        lista.gap(&other, correlations.as_ref()),
        Err(ListaError::Problem {
            expected: 12,
            found: 3
        })
    ));
    let mut codes = Mat::full(3, 2, 0.5);
    let report = encode_correlations(
        &lista,
        &other,
        correlations.as_ref(),
        codes.as_mut(),
        Start::Codes,
    );
    assert!(report.unwrap().unconverged == [0, 1] && codes == Mat::<f64>::full(3, 2, 0.5));

    let training = ListaTraining::default().batch_size(0);
    let correlations = setting.correlations.as_ref();
    let refused = lista.train(&setting.problem, correlations, &training, &mut |_| ());
    assert!(matches!(
        refused,
        Err(ListaError::Training { batch_size: 0, .. })
    ));
    let short = correlations.subrows(0, 5);
    assert!(matches!(
        lista.gap(&setting.problem, short),
        Err(ListaError::Encode(_))
    ));
}
