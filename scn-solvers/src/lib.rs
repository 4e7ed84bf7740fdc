//! Exact sparse codes for many signals over one dictionary: nonnegative and signed elastic nets with certificates
