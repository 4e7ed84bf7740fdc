//! The types of numbers that kernels compute with.

/// What kernels compute with: `f32`, `i32`, `f64` for sums, `u8` for images, and `u64` for reports.
/// Any bits are a number of these types, and zero bits are the number zero.
pub trait Element: Copy + Default + Send + Sync + private::Sealed + 'static {
    /// Its name in CUDA.
    const TYPE: ElementType;
}

/// The types of numbers by the names they have in CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementType {
    /// `float`, here `f32`.
    Float,
    /// `double`, here `f64`.
    Double,
    /// `int`, here `i32`.
    Int,
    /// `unsigned char`, here `u8`.
    UnsignedChar,
    /// `unsigned long long`, here `u64`.
    UnsignedLongLong,
}

mod private {
    /// Other crates cannot add types, which the device code does not know.
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
