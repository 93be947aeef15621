//! ONNX Runtime's execution providers: the libraries of hardware makers that run a model, or parts of it.
//!
//! A provider that was asked for is used, or the session is not made. What a provider can't run of a model, ONNX Runtime runs on the
//! processor; that is how it works, and no fallback of ours.

use std::path::Path;

use ort::{
    ep::{self, ExecutionProvider, ExecutionProviderDispatch},
    session::builder::SessionBuilder,
};
use parapet_contracts::{
    ErrorKind,
    ports::inference::{Accelerator, Device, InferenceError, SessionOptions},
};

use crate::errors::error;

/// Makes a session of this builder run on the device that is asked for.
///
/// # Errors
/// `no_device` when it can't be used; the text says why, and what to do.
pub(crate) fn with_device(
    builder: SessionBuilder,
    options: &SessionOptions,
    library: &Path,
) -> Result<SessionBuilder, InferenceError> {
    let refused = |why: &str| no_device(options.device, why, library);
    let providers = match options.device {
        Device::Cpu => return Ok(builder),
        Device::Cuda(index) => vec![cuda(index).map_err(refused)?],
        Device::TensorRt(index) => {
            vec![tensorrt(index, options.cache.as_deref()).map_err(refused)?, cuda(index).map_err(refused)?]
        }
        Device::OpenVino(accelerator) => vec![openvino(accelerator, options).map_err(refused)?],
    };
    builder.with_execution_providers(providers).map_err(|e| no_device(options.device, &e.to_string(), library))
}

fn available<P: ExecutionProvider>(missing: &'static str) -> Result<(), &'static str> {
    if P::is_available().unwrap_or(false) { Ok(()) } else { Err(missing) }
}

fn index_of(index: u32) -> Result<i32, &'static str> {
    i32::try_from(index).map_err(|_| "there is no such index")
}

fn cuda(index: u32) -> Result<ExecutionProviderDispatch, &'static str> {
    available::<ep::CUDA>("this ONNX Runtime was built without CUDA")?;
    Ok(ep::CUDA::default().with_device_id(index_of(index)?).build().error_on_failure())
}

/// TensorRT compiles an engine for the model and the GPU, which takes minutes: it is kept, and so is what was learned of single layers.
fn tensorrt(index: u32, cache: Option<&Path>) -> Result<ExecutionProviderDispatch, &'static str> {
    available::<ep::TensorRT>("this ONNX Runtime was built without TensorRT")?;
    let mut provider = ep::TensorRT::default().with_device_id(index_of(index)?).with_fp16(true);
    if let Some(folder) = cache.map(|cache| cache.join("tensorrt")).and_then(|folder| made(&folder)) {
        provider = provider
            .with_engine_cache(true)
            .with_engine_cache_path(&folder)
            .with_timing_cache(true)
            .with_timing_cache_path(&folder);
    }
    Ok(provider.build().error_on_failure())
}

fn openvino(accelerator: Accelerator, options: &SessionOptions) -> Result<ExecutionProviderDispatch, &'static str> {
    available::<ep::OpenVINO>("this ONNX Runtime was built without OpenVINO")?;
    let mut provider = ep::OpenVINO::default().with_device_type(match accelerator {
        Accelerator::Auto => "AUTO".to_owned(),
        Accelerator::Cpu => "CPU".to_owned(),
        Accelerator::Gpu(index) => format!("GPU.{index}"),
        Accelerator::Npu => "NPU".to_owned(),
    });
    if accelerator == Accelerator::Cpu {
        provider = provider.with_num_threads(options.threads.max(1));
    } else if let Some(folder) =
        options.cache.as_deref().map(|cache| cache.join("openvino")).and_then(|folder| made(&folder))
    {
        provider = provider.with_cache_dir(folder);
    }
    Ok(provider.build().error_on_failure())
}

/// The folder, made if it was not there. Without one, engines are built anew at each start: slow, and no failure.
fn made(folder: &Path) -> Option<String> {
    let text = folder.to_str()?.to_owned();
    std::fs::create_dir_all(folder)
        .inspect_err(|error| tracing::warn!("{text} can't be made, so that engines are not kept: {error}"))
        .ok()?;
    Some(text)
}

fn no_device(device: Device, why: &str, library: &Path) -> InferenceError {
    let (name, wheel, needs) = match device {
        Device::OpenVino(_) => {
            ("OpenVINO", "onnxruntime-openvino", "OpenVINO's libraries and the driver of the hardware")
        }
        Device::TensorRt(_) => ("TensorRT", "onnxruntime-gpu", "CUDA, cuDNN and TensorRT"),
        Device::Cuda(_) | Device::Cpu => ("CUDA", "onnxruntime-gpu", "CUDA and cuDNN"),
    };
    let text = format!(
        "device {device} can't be used: {why}. The ONNX Runtime in use is {}; for {name} it is the one out of the PyPI wheel `{wheel}`, with {needs} on the library path, named by ORT_DYLIB_PATH. Or set the device to cpu, or say what to fall back to: `fallback: cpu`",
        library.display()
    );
    error(ErrorKind::Fatal, "no_device", text)
}
