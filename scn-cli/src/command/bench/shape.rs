//! Shapes of random problems, as arguments.

use scn_data::{MemoryError, bytes_of, check_memory};

/// Checks that memory suffices for a random problem of this shape and number of signals.
pub(super) fn check_workload<T>(
    (rows, atoms): (usize, usize),
    columns: usize,
) -> Result<(), MemoryError> {
    // Dictionary; Gram matrix; sizes, choices and values of the codes that signals are made of;
    // signals, noise and their sum.
    let parts = [
        bytes_of::<T>(&[rows, atoms]),
        bytes_of::<T>(&[atoms, atoms]),
        bytes_of::<T>(&[3, atoms, columns]),
        bytes_of::<T>(&[3, rows, columns]),
    ];
    let bytes = parts.into_iter().fold(0, u64::saturating_add);
    check_memory("the problem", bytes)
}

/// Parses a shape of the form `MxN`.
///
/// # Errors
/// Returns what was expected; clap adds what was found.
pub(super) fn parse(text: &str) -> Result<(usize, usize), String> {
    let number = |side: &str| {
        side.trim()
            .parse()
            .ok()
            .filter(|&side| (1..=1 << 20).contains(&side))
    };
    text.split_once('x')
        .and_then(|(rows, atoms)| Some((number(rows)?, number(atoms)?)))
        .ok_or_else(|| "expected two numbers, such as 144x64".to_string())
}
