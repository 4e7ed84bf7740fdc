//! Derivatives of sparse codes through their optimality conditions, without unrolling
