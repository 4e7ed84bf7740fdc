//! Modules of compiled kernels on a device.

use std::collections::HashMap;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaFunction, CudaModule};
use cudarc::nvrtc::Ptx;

use crate::compile::supply::Supply;
use crate::compile::unit::Unit;
use crate::driver::failed;
use crate::error::GpuError;

/// The kernels of a device, loaded when first needed.
#[derive(Debug)]
pub(crate) struct Modules {
    modules: HashMap<Unit, Arc<CudaModule>>,
    functions: HashMap<String, CudaFunction>,
    supply: Supply,
    device: Arc<CudaContext>,
}

impl Modules {
    pub(crate) fn new(device: Arc<CudaContext>, supply: Supply) -> Self {
        Self {
            modules: HashMap::new(),
            functions: HashMap::new(),
            supply,
            device,
        }
    }

    /// Returns a kernel, loading it if necessary.
    pub(crate) fn function(&mut self, unit: Unit, name: &str) -> Result<CudaFunction, GpuError> {
        if let Some(function) = self.loaded(name) {
            return Ok(function);
        }
        let module = self.module(unit)?;
        let function = module
            .load_function(name)
            .map_err(failed("find a kernel in its module"))?;
        self.functions.insert(name.to_string(), function.clone());
        Ok(function)
    }

    /// Returns a kernel, if it is already loaded.
    pub(crate) fn loaded(&self, name: &str) -> Option<CudaFunction> {
        self.functions.get(name).cloned()
    }

    /// Returns the module of a unit, loading it if necessary.
    fn module(&mut self, unit: Unit) -> Result<Arc<CudaModule>, GpuError> {
        if let Some(module) = self.modules.get(&unit) {
            return Ok(Arc::clone(module));
        }
        let module = self.supply.load(unit, |image| {
            let loaded = self.device.load_module(Ptx::from_binary(image));
            loaded.map_err(failed("load compiled kernels"))
        })?;
        self.modules.insert(unit, Arc::clone(&module));
        Ok(module)
    }
}
