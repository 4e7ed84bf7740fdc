//! Mirror images and a scaled λ1 on GPUs.

use scn_net::evaluate_average_mirrored;

use super::{config, devices};
use crate::inference::{averaged_by_hand, compare, loader, network};

/// Tests one device and two that share a batch, with images that the device makes from bytes and
/// contrast-normalised ones that are copied to it. The second time, the images are already on the
/// device.
#[test]
fn mirror_images_are_averaged_as_by_hand() {
    for device in [devices(&[0]), devices(&[0, 1])].into_iter().flatten() {
        for loader in [loader(None), loader(Some(10.0))] {
            let mut network = network(&config(), &loader);
            network.move_to(&device).unwrap();
            let expected = averaged_by_hand(&network, &loader);
            for _ in 0..2 {
                let found = evaluate_average_mirrored(&network, &loader, &device).unwrap();
                compare(&found, &expected);
            }
        }
    }
}

/// λ1 can be scaled before or after the network moves to the device, with the same result. The
/// parameters fetched from the device are scaled.
#[test]
fn lambda1_is_scaled_before_and_after_the_move() {
    let loader = loader(None);
    for device in [devices(&[0]), devices(&[0, 1])].into_iter().flatten() {
        let [mut plain, mut before, mut after] = [(); 3].map(|()| network(&config(), &loader));
        before.scale_lambda1(2.5).unwrap();
        for network in [&mut plain, &mut before, &mut after] {
            network.move_to(&device).unwrap();
        }
        after.scale_lambda1(2.5).unwrap();
        let [plain, found, expected] = [&plain, &after, &before].map(|network| {
            let mut logits = Vec::new();
            let mut lambda1 = Vec::new();
            network
                .infer_on(&loader, 3, &mut |batch, _, activity| {
                    logits.extend_from_slice(batch.data());
                    lambda1.extend(activity.iter().map(|layer| layer.lambda1));
                    Ok(())
                })
                .unwrap();
            (logits, lambda1)
        });
        assert_eq!(found, expected);
        assert_eq!(found.1, [0.3125, 0.15625].repeat(3));
        assert_ne!(found.0, plain.0);
        assert_eq!(
            after.param("layer0.lambda1").unwrap().unwrap().value,
            [0.3125]
        );
    }
}
