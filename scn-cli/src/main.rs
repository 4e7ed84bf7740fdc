//! The command line `scn`.

fn main() {}
