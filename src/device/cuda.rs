//! Finding a GPU at run time: the binary itself links only libtorch's CPU libraries.

use std::ffi::CStr;
use std::sync::OnceLock;

use tch::{Cuda, Device, Kind, Tensor};

use super::Error;
use crate::nn::operators::set_exact_matmul;
use crate::nn::{Precision, Products};

/// Opens libtorch's CUDA library where the loader finds it (`LD_LIBRARY_PATH`, then RUNPATH), which
/// registers its operators. libtorch remembers its first answer to "is there a GPU", so this comes
/// before any such question. Gives the loader's complaint if there is none.
fn load() -> &'static Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(|| {
        // SAFETY: the names are valid C strings; running the initialisers of a libtorch library is
        // what linking to it would do as well. dlerror's text is copied before any other dl call.
        unsafe {
            let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL;
            if !libc::dlopen(c"libtorch_cuda.so".as_ptr(), flags).is_null() {
                return Ok(());
            }
            let message = libc::dlerror();
            if message.is_null() {
                return Err("libtorch_cuda.so cannot be loaded".to_owned());
            }
            Err(CStr::from_ptr(message).to_string_lossy().into_owned())
        }
    })
}

/// Whether libtorch's CUDA library is here at all.
pub(super) fn is_loadable() -> bool {
    load().is_ok()
}

/// The GPU of that number, after a computation on it has succeeded.
pub(super) fn usable(index: usize) -> Result<Device, Error> {
    load()
        .as_ref()
        .map_err(|reason| Error::NoCuda(reason.clone()))?;
    if !Cuda::is_available() {
        return Err(Error::NoCuda("the driver reports no device".to_owned()));
    }
    let count = usize::try_from(Cuda::device_count()).unwrap_or(0);
    if index >= count {
        return Err(Error::NoSuchDevice {
            wanted: index,
            count,
        });
    }
    let device = Device::Cuda(index);
    // 32-bit floats in full: TF32 would be another precision than the records state.
    set_exact_matmul(true).map_err(|error| Error::Broken {
        index,
        reason: error.to_string(),
    })?;
    let tried = Tensor::f_ones([8, 8], (Kind::Float, device))
        .and_then(|ones| ones.f_matmul(&ones))
        .and_then(|product| product.f_double_value(&[0, 0]));
    match tried {
        Ok(_) => Ok(device),
        Err(error) => Err(Error::Broken {
            index,
            reason: error.to_string(),
        }),
    }
}

/// While it lives, products of 32-bit floats on a GPU are as accurate as training asks for; then they
/// are exact again, as evaluation needs them. On a CPU there is nothing to switch.
#[derive(Debug)]
pub struct TrainingProducts {
    rounded: bool,
}

impl TrainingProducts {
    /// Switches.
    ///
    /// # Errors
    /// Whatever libtorch says.
    pub fn set(precision: Precision, device: Device) -> Result<Self, tch::TchError> {
        let rounded = precision.products(device) == Products::Tf32;
        if rounded {
            set_exact_matmul(false)?;
        }
        Ok(Self { rounded })
    }
}

impl Drop for TrainingProducts {
    fn drop(&mut self) {
        if self.rounded {
            // It could be switched off, so it can be switched on.
            let _ = set_exact_matmul(true);
        }
    }
}
