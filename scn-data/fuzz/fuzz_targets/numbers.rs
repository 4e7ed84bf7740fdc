//! NumPy arrays as read by the command line: any numeric type, any shape, both orders.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::Contents;
use scn_data::format::npy::Numbers;

fuzz_target!(|bytes: &[u8]| {
    let contents = || Contents::new(bytes, Path::new("file"));
    let Ok(numbers) = Numbers::new(contents()) else {
        return;
    };
    let count = numbers.shape().iter().product::<usize>();
    assert!(count * numbers.kind().size() < bytes.len());
    let narrow = numbers.read::<f32>().expect("checked and small");
    let wide = Numbers::new(contents()).and_then(Numbers::read::<f64>);
    let wide = wide.expect("the same bytes");
    assert_eq!((narrow.len(), wide.len()), (count, count));
    let nearest = |(&narrow, &wide): (&f32, &f64)| narrow == wide as f32 || wide.is_nan();
    assert!(narrow.iter().zip(&wide).all(nearest));
});
