//! Detection of the vector instructions of the CPU.

use pulp::Simd;

use super::kernel::KernelAdapter;

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// x86-64 with AVX-512 (F, CD, BW, DQ, VL): 32 registers of 64 bytes.
    Avx512,
    /// x86-64 with AVX2 and FMA: 16 registers of 32 bytes.
    Avx2,
    /// AArch64: 32 registers of 16 bytes.
    Neon,
    /// Any processor: plain loops, left to the compiler.
    Plain,
}

impl InstructionSet {
    /// Returns the widest instruction set that this processor has.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if pulp::x86::V4::try_new().is_some() {
                return Self::Avx512;
            }
            if pulp::x86::V3::try_new().is_some() {
                return Self::Avx2;
            }
        }
        #[cfg(target_arch = "aarch64")]
        if pulp::aarch64::Neon::try_new().is_some() {
            return Self::Neon;
        }
        Self::Plain
    }

    /// Returns all instruction sets that this processor has, widest first.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_solvers::InstructionSet;
    ///
    /// let available = InstructionSet::available();
    /// assert_eq!(available.first(), Some(&InstructionSet::detect()));
    /// assert_eq!(available.last(), Some(&InstructionSet::Plain));
    /// ```
    pub fn available() -> Vec<Self> {
        let all = [Self::Avx512, Self::Avx2, Self::Neon, Self::Plain];
        let widest = Self::detect();
        let has = |&set: &Self| match set {
            Self::Plain => true,
            Self::Avx2 => matches!(widest, Self::Avx512 | Self::Avx2),
            set => set == widest,
        };
        all.into_iter().filter(has).collect()
    }

    /// Returns the size of a tile row in bytes: whole groups of the registers in which a kernel
    /// keeps its sums.
    ///
    /// Sums of four rows by three registers hide the latency of the multiply-add and use each
    /// loaded register four times. With 16 registers there is room for only two: three would leave
    /// none free, and the compiler would keep a sum in memory, which halves the speed.
    pub(crate) fn tile_bytes(self) -> usize {
        match self {
            Self::Avx512 => 3 * 64,
            Self::Avx2 => 2 * 32,
            Self::Neon => 3 * 16,
            Self::Plain => 64,
        }
    }

    /// Runs a kernel, in plain loops if the CPU lacks this instruction set.
    #[inline]
    pub(crate) fn run<K, T>(
        self,
        kernel: KernelAdapter<K, T>,
    ) -> <KernelAdapter<K, T> as pulp::WithSimd>::Output
    where
        KernelAdapter<K, T>: pulp::WithSimd,
    {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => match pulp::x86::V4::try_new() {
                Some(simd) => Simd::vectorize(simd, kernel),
                None => Simd::vectorize(pulp::Scalar::new(), kernel),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => match pulp::x86::V3::try_new() {
                Some(simd) => Simd::vectorize(simd, kernel),
                None => Simd::vectorize(pulp::Scalar::new(), kernel),
            },
            #[cfg(target_arch = "aarch64")]
            Self::Neon => match pulp::aarch64::Neon::try_new() {
                Some(simd) => Simd::vectorize(simd, kernel),
                None => Simd::vectorize(pulp::Scalar::new(), kernel),
            },
            _ => Simd::vectorize(pulp::Scalar::new(), kernel),
        }
    }
}

impl std::fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2 with FMA",
            Self::Neon => "NEON",
            Self::Plain => "plain",
        })
    }
}
