//! The hardware that runs a model, and by which library of its maker.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Which hardware runs a session. Reads and shows as `cpu`, `cuda`, `cuda:1`, `tensorrt`, `openvino`, `openvino:gpu.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU by index, through CUDA.
    Cuda(u32),
    /// An NVIDIA GPU by index, through TensorRT; what that can't run goes through CUDA.
    TensorRt(u32),
    /// Intel's hardware, through OpenVINO.
    OpenVino(Accelerator),
}

/// Which of Intel's hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Accelerator {
    /// OpenVINO's choice.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU by index.
    Gpu(u32),
    /// The NPU.
    Npu,
}

/// No device is written like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", NotADevice::EXPECTED)]
pub struct NotADevice;

impl NotADevice {
    /// What was expected.
    pub const EXPECTED: &str = "`cpu`, `cuda`, `cuda:1`, `tensorrt`, `openvino` or `openvino:gpu`";
}

impl FromStr for Device {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let (name, which) = text.split_once(':').map_or((text, None), |(name, which)| (name, Some(which)));
        let index = |text: &str| text.parse::<u8>().map(u32::from).map_err(|_| NotADevice);
        let nth = || which.map_or(Ok(0), index);
        match name {
            "cpu" if which.is_none() => Ok(Self::Cpu),
            "cuda" => nth().map(Self::Cuda),
            "tensorrt" => nth().map(Self::TensorRt),
            "openvino" => Ok(Self::OpenVino(match which {
                None | Some("auto") => Accelerator::Auto,
                Some("cpu") => Accelerator::Cpu,
                Some("npu") => Accelerator::Npu,
                Some("gpu") => Accelerator::Gpu(0),
                Some(other) => Accelerator::Gpu(index(other.strip_prefix("gpu.").ok_or(NotADevice)?)?),
            })),
            _ => Err(NotADevice),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::TensorRt(index) => write!(f, "tensorrt:{index}"),
            Self::OpenVino(Accelerator::Auto) => f.write_str("openvino"),
            Self::OpenVino(Accelerator::Cpu) => f.write_str("openvino:cpu"),
            Self::OpenVino(Accelerator::Gpu(index)) => write!(f, "openvino:gpu.{index}"),
            Self::OpenVino(Accelerator::Npu) => f.write_str("openvino:npu"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_read_back_as_they_are_shown() {
        for device in [
            Device::Cpu,
            Device::Cuda(1),
            Device::TensorRt(0),
            Device::OpenVino(Accelerator::Auto),
            Device::OpenVino(Accelerator::Cpu),
            Device::OpenVino(Accelerator::Gpu(2)),
            Device::OpenVino(Accelerator::Npu),
        ] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
        assert_eq!("openvino:gpu".parse(), Ok(Device::OpenVino(Accelerator::Gpu(0))));
        for odd in ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:300", "openvino:tpu", "openvino:gpu.", "CPU"] {
            assert_eq!(odd.parse::<Device>(), Err(NotADevice), "{odd}");
        }
    }
}
