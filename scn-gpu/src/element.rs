//! Number types of kernels.

/// A number type of kernels: `f32`, `i32`, `f64` for sums, `u8` for images, and `u64` for reports.
/// Every bit pattern is a valid number, and all-zero bits are the number zero.
pub trait Element: Copy + Default + Send + Sync + private::Sealed + 'static {
    /// The corresponding type in CUDA.
    const TYPE: ElementType;
}

/// A number type, by its CUDA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementType {
    /// `float`, which is `f32` in Rust.
    Float,
    /// `double`, which is `f64` in Rust.
    Double,
    /// `int`, which is `i32` in Rust.
    Int,
    /// `unsigned char`, which is `u8` in Rust.
    UnsignedChar,
    /// `unsigned long long`, which is `u64` in Rust.
    UnsignedLongLong,
}

mod private {
    /// Prevents other crates from adding types, which the device code would not support.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for i32 {}
    impl Sealed for u8 {}
    impl Sealed for u64 {}
}

impl Element for f32 {
    const TYPE: ElementType = ElementType::Float;
}
impl Element for f64 {
    const TYPE: ElementType = ElementType::Double;
}
impl Element for i32 {
    const TYPE: ElementType = ElementType::Int;
}
impl Element for u8 {
    const TYPE: ElementType = ElementType::UnsignedChar;
}
impl Element for u64 {
    const TYPE: ElementType = ElementType::UnsignedLongLong;
}
