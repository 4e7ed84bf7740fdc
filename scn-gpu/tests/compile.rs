//! The output of the compiler for all kernels and several generations of GPUs. Needs a compiler,
//! but no device.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod skip;

use std::collections::{BTreeMap, BTreeSet};

use scn_gpu::inspect::{
    KernelReport, Parameter, Signature, compile_report, compiled_parameters, known_architectures,
    signatures,
};
use scn_gpu::{GpuError, KernelFile, SetupError};

use self::skip::skipped;

/// The paper's GPU, and a server GPU of each later generation up to 2022.
const ARCHITECTURES: [u32; 4] = [61, 70, 80, 90];

/// Returns those that this compiler supports, or `None` without a compiler.
fn architectures() -> Option<Vec<u32>> {
    let known = unless_missing(known_architectures())?;
    let tested = ARCHITECTURES
        .into_iter()
        .filter(|architecture| known.contains(architecture));
    let tested: Vec<u32> = tested.collect();
    assert!(!tested.is_empty(), "the compiler only knows {known:?}");
    Some(tested)
}

/// Padded numbers of atoms.
const SIZES: [usize; 5] = [16, 32, 64, 128, 256];

/// Returns the compiler's result. Without a compiler, reports that the test is skipped and returns
/// `None`.
fn unless_missing<T>(result: Result<T, GpuError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ GpuError::Setup(SetupError::NoCompiler))
            if std::env::var_os("SCN_REQUIRE_CUDA").is_none() =>
        {
            skipped(error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Returns the names of all compiled kernels of a signature.
fn names(signature: &Signature) -> Vec<String> {
    if signature.per_size {
        let name = |size| format!("{}_n{size}", signature.name);
        SIZES.map(name).to_vec()
    } else {
        vec![signature.name.to_string()]
    }
}

/// Returns the type of a parameter in portable code.
fn compiled_type(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Input(_) | Parameter::Output(_) => ".u64",
        Parameter::Int => ".u32",
        Parameter::Float => ".f32",
        Parameter::Windows => ".align 4 .b8[32]",
        other => panic!("{other:?} has no known type in portable code"),
    }
}

#[test]
fn declared_parameters_are_those_of_the_compiled_kernels() {
    let Some(oldest) = architectures().map(|tested| tested[0]) else {
        return;
    };
    let mut compiled = BTreeMap::new();
    for source in KernelFile::ALL {
        let kernels = compiled_parameters(source, oldest).unwrap();
        for (name, types) in kernels {
            compiled.insert((source, name), types);
        }
    }
    let declared: BTreeMap<(KernelFile, String), Vec<String>> = signatures()
        .iter()
        .flat_map(|signature| {
            let types: Vec<String> = signature
                .parameters
                .iter()
                .map(|&(_, parameter)| compiled_type(parameter).to_string())
                .collect();
            let key = |name| ((signature.file, name), types.clone());
            names(signature).into_iter().map(key).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(declared, compiled);
}

/// Types alone cannot reveal two swapped buffers; names and constness can.
#[test]
fn declared_parameters_are_those_of_the_sources() {
    for signature in signatures() {
        let suffix = if signature.per_size {
            "_n##ATOMS("
        } else {
            "("
        };
        // Kernels with sizes are defined by macros, whose lines end in backslashes.
        let text = signature.file.text().replace('\\', " ");
        let start = format!(" {}{suffix}", signature.name);
        let (_, rest) = text
            .split("__global__")
            .skip(1)
            .find_map(|kernel| kernel.split_once(&start))
            .unwrap_or_else(|| panic!("{} is not in its file", signature.name));
        let written = rest.split(')').next().unwrap();
        let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
        let declared: Vec<String> = signature
            .parameters
            .iter()
            .map(|&(name, parameter)| format!("{}{name}", source_type(parameter)))
            .collect();
        assert_eq!(written, declared.join(", "), "{}", signature.name);
    }
}

/// Returns the type of a parameter in the sources.
fn source_type(parameter: Parameter) -> String {
    use scn_gpu::inspect::ElementType;
    let number = |number| match number {
        ElementType::Float => "float",
        ElementType::Double => "double",
        ElementType::Int => "int",
        ElementType::UnsignedChar => "unsigned char",
        ElementType::UnsignedLongLong => "unsigned long long",
        other => panic!("{other:?} has no known name in the sources"),
    };
    match parameter {
        Parameter::Input(kind) => format!("const {}* ", number(kind)),
        Parameter::Output(kind) => format!("{}* ", number(kind)),
        Parameter::Int => "int ".to_string(),
        Parameter::Float => "float ".to_string(),
        Parameter::Windows => "Windows ".to_string(),
        other => panic!("{other:?} has no known type in the sources"),
    }
}

/// Returns the limit on registers per thread. A multiprocessor has 65,536: with 255 per thread, it
/// holds two blocks of 128 threads, with 168 three, and with 128 four.
fn register_budget(kernel: &KernelReport) -> usize {
    match kernel.file {
        KernelFile::Encode | KernelFile::Certify | KernelFile::Adjoint => 255,
        KernelFile::Fista
        | KernelFile::Gradients
        | KernelFile::OuterSums
        | KernelFile::SignalGradient => 168,
        _ => 64,
    }
}

#[test]
fn kernels_keep_to_registers_and_shared_memory() {
    /// Available to a block on every device without opt-in.
    const SHARED_MEMORY: usize = 48 * 1024;

    let Some(architectures) = architectures() else {
        return;
    };
    let expected: BTreeSet<String> = signatures().iter().flat_map(names).collect();
    let compile = |architecture| -> Vec<KernelReport> {
        let of_file = |source| compile_report(source, architecture).unwrap();
        KernelFile::ALL.into_iter().flat_map(of_file).collect()
    };
    let by_architecture: Vec<(u32, Vec<KernelReport>)> = std::thread::scope(|scope| {
        let started = architectures
            .into_iter()
            .map(|architecture| (architecture, scope.spawn(move || compile(architecture))));
        let started: Vec<_> = started.collect();
        let finished = started
            .into_iter()
            .map(|(architecture, kernels)| (architecture, kernels.join().unwrap()));
        finished.collect()
    });
    let mut complaints = Vec::new();
    for (architecture, kernels) in by_architecture {
        let found: BTreeSet<String> = kernels.iter().map(|kernel| kernel.name.clone()).collect();
        assert_eq!(found, expected, "sm_{architecture}");
        for kernel in kernels {
            let fits = kernel.registers <= register_budget(&kernel)
                && (kernel.spill_stores, kernel.spill_loads) == (0, 0)
                && kernel.shared_memory <= SHARED_MEMORY;
            if !fits {
                complaints.push(format!("sm_{architecture}: {kernel:?}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
