//! Processes with GPUs get results bit-identical to those of one process with all the GPUs.

use scn_net::{Device, NetError, Network, RunStart};

use super::devices;
use crate::processes::{config, files, found, run, together};

/// Distributes the first GPUs among `count` processes with `each` GPUs each.
fn shared_out(count: usize, each: usize) -> Vec<Device> {
    let own = |rank: usize| Device::cuda(&Vec::from_iter(rank * each..(rank + 1) * each));
    (0..count).map(|rank| own(rank).unwrap()).collect()
}

/// The last batch has fewer groups than four devices.
#[test]
fn steps_and_evaluations_are_those_of_one_process() {
    for (count, each) in [(2, 1), (2, 2)] {
        let all = Vec::from_iter(0..count * each);
        let Some(device) = devices(&all) else { return };
        let mut config = config();
        config.training.clip_norm = Some(0.5);
        let alone = found(&device, &config);
        assert!(alone.losses.iter().all(|loss| loss.is_finite()));
        let shared = together(&shared_out(count, each), |_, device| {
            found(&device, &config)
        });
        for (rank, found) in shared.into_iter().enumerate() {
            assert_eq!(found, alone, "{rank} of {count} with {each} each");
        }
    }
}

/// A run is stopped by the last process, resumed by one process with all GPUs, then stopped and
/// resumed again. The report of a step arrives one step late.
#[test]
fn a_run_goes_on_with_other_processes() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let [alone, shared] = ["alone", "shared"].map(|name| folder.path().join(name));
    let pair = [pair];
    assert_eq!(run(&alone, &pair, RunStart::Fresh, usize::MAX), None);
    let two = shared_out(2, 1);
    assert_eq!(run(&shared, &two, RunStart::Fresh, 1), Some((0, 2)));
    assert_eq!(run(&shared, &pair, RunStart::Resume, 1), Some((1, 2)));
    assert_eq!(run(&shared, &two, RunStart::Resume, usize::MAX), None);
    assert_eq!(files(&shared), files(&alone));
}

/// All processes get an error if they cannot share a network.
#[test]
fn devices_that_do_not_fit_are_errors() {
    let Some(_pair) = devices(&[0, 1]) else {
        return;
    };
    let cuda = |indices| Device::cuda(indices).unwrap();
    let refused = |devices: [Device; 2]| {
        together(&devices, |_, device| {
            let mut network = Network::new(&config().network, 3).unwrap();
            network.move_to(&device).unwrap_err()
        })
    };
    for error in refused([cuda(&[0]), cuda(&[0, 1])]) {
        let NetError::DeviceCount {
            expected,
            rank,
            found,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((expected, rank, found), (1, 1, 2));
    }
    for error in refused([cuda(&[1]), cuda(&[1])]) {
        assert!(error.to_string().contains("the same device"), "{error}");
    }
}
