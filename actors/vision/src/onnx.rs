//! What an ONNX file tells without a runtime: inputs, outputs, metadata, and how its graph ends.
//!
//! Only the fields that are needed are declared, with the numbers of `onnx.proto3`; weights are skipped, not kept.

mod proto;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    path::{Path, PathBuf},
};

use parapet_contracts::ports::inference::{DType, ModelSignature, TensorSpec};
use prost::Message;

use crate::foreign::kind_of;

/// Files above this are not read (a protobuf message ends at 2 GiB; larger models keep their weights in files beside them).
const MAX_BYTES: u64 = 2 << 30;

/// What an ONNX file tells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnnxSummary {
    /// Inputs, outputs and metadata, as the runtime will tell them.
    pub signature: ModelSignature,
    /// The version of the standard operators.
    pub opset: Option<i64>,
    /// The version of the file's format itself.
    pub ir_version: i64,
    /// Operators that no ONNX Runtime has by itself, such as plugins of TensorRT.
    pub plugins: BTreeSet<String>,
    /// The tool that wrote the file, with its version.
    pub producer: String,
    /// How often each operator occurs.
    pub ops: BTreeMap<String, usize>,
    /// Files beside the model that hold its weights, as the model names them.
    pub external_files: BTreeSet<PathBuf>,
    /// The operators between the last convolutions (or what stands for them) and the first output.
    pub tail: BTreeSet<String>,
    /// The same for each output.
    pub tails: Vec<BTreeSet<String>>,
    /// The operators that take the first input.
    pub head: BTreeSet<String>,
    /// The operators between the first input and the first convolutions.
    pub stem: BTreeSet<String>,
}

/// Why a file is no ONNX model.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file can't be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bytes are no ONNX model.
    #[error("{what}")]
    Corrupt {
        /// What is wrong.
        what: String,
    },
}

impl OnnxSummary {
    /// The files with weights that should lie beside `model` and don't.
    pub fn missing_files(&self, model: &Path) -> Vec<PathBuf> {
        let folder = model.parent().unwrap_or(Path::new("."));
        self.external_files.iter().filter(|file| !folder.join(file).is_file()).cloned().collect()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When the file can't be read, or is no ONNX model.
    pub fn read(path: &Path) -> Result<Self, OnnxError> {
        let io = |source| OnnxError::Io { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            return Err(OnnxError::Corrupt { what: format!("{} is a folder, not an ONNX model", path.display()) });
        }
        if metadata.len() > MAX_BYTES {
            let what = format!("{} has {} bytes; an ONNX file ends at 2 GiB", path.display(), metadata.len());
            return Err(OnnxError::Corrupt { what });
        }
        let bytes = std::fs::read(path).map_err(io)?;
        Self::parse(&bytes).map_err(|error| match error {
            OnnxError::Corrupt { what } => OnnxError::Corrupt { what: format!("{}: {what}", path.display()) },
            error => error,
        })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are no ONNX model.
    pub fn parse(bytes: &[u8]) -> Result<Self, OnnxError> {
        let corrupt = |what: String| OnnxError::Corrupt { what };
        if let Some(kind) = kind_of(bytes) {
            return Err(corrupt(format!("not an ONNX model but {kind}")));
        }
        let model = proto::Model::decode(bytes).map_err(|e| {
            let length = bytes.len();
            corrupt(format!("not an ONNX model, or cut short ({length} bytes): {e}; copy or export it anew"))
        })?;
        let graph = model.graph.ok_or_else(|| corrupt("not an ONNX model: it has no graph".into()))?;
        if graph.node.is_empty() || graph.output.is_empty() {
            return Err(corrupt("not an ONNX model: its graph has no nodes or no outputs".into()));
        }
        let weights: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        // Before IR version 4 the weights are listed among the inputs.
        let inputs: Vec<_> = graph.input.iter().filter(|i| !weights.contains(i.name.as_str())).map(spec).collect();
        let outputs: Vec<_> = graph.output.iter().map(spec).collect();
        let mut ops = BTreeMap::new();
        for node in &graph.node {
            *ops.entry(node.op_type.clone()).or_default() += 1;
        }
        let external_files = graph
            .initializer
            .iter()
            .filter(|t| t.data_location == proto::EXTERNAL)
            .flat_map(|t| t.external_data.iter().filter(|e| e.key == "location").map(|e| PathBuf::from(&e.value)))
            .collect();
        let tails: Vec<_> = outputs.iter().map(|output| tail(&graph.node, &output.name)).collect();
        Ok(Self {
            opset: model.opset_import.iter().filter(|o| matches!(&*o.domain, "" | "ai.onnx")).map(|o| o.version).max(),
            ir_version: model.ir_version,
            plugins: plugins(&graph.node, &model.functions),
            producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
            tail: tails.first().cloned().unwrap_or_default(),
            tails,
            head: head(&graph.node, inputs.first().map_or("", |i| &i.name)),
            stem: stem(&graph.node, inputs.first().map_or("", |i| &i.name)),
            signature: ModelSignature {
                inputs,
                outputs,
                metadata: model.metadata_props.into_iter().map(|e| (e.key, e.value)).collect(),
            },
            ops,
            external_files,
        })
    }
}

/// Operators of other domains than those that a runtime has, unless the file itself defines them; and TensorRT's, which its exporters
/// write into the standard domain.
fn plugins(nodes: &[proto::Node], functions: &[proto::Function]) -> BTreeSet<String> {
    let is_known = |node: &proto::Node| {
        let domain = &*node.domain;
        let of_runtime =
            domain.is_empty() || ["ai.onnx", "com.microsoft", "com.ms."].iter().any(|d| domain.starts_with(d));
        of_runtime || functions.iter().any(|f| f.domain == domain && f.name == node.op_type)
    };
    let foreign = |node: &&proto::Node| !is_known(node) || node.op_type.ends_with("_TRT");
    nodes.iter().filter(foreign).map(|node| node.op_type.clone()).collect()
}

/// The operators that take `input`.
fn head(nodes: &[proto::Node], input: &str) -> BTreeSet<String> {
    nodes.iter().filter(|n| n.input.iter().any(|i| i == input)).map(|n| n.op_type.clone()).collect()
}

/// The operators on the ways from `input` up to a convolution or a multiplication of matrices.
fn stem(nodes: &[proto::Node], input: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([input]);
    let mut found = BTreeSet::new();
    // The nodes of a graph are sorted: each comes after those that it reads.
    for node in nodes.iter().filter(|node| !ends_a_part(&node.op_type)) {
        if node.input.iter().any(|name| reached.contains(name.as_str())) {
            found.insert(node.op_type.clone());
            reached.extend(node.output.iter().map(String::as_str));
        }
    }
    found
}

/// Operators with weights, between which a graph's parts lie.
fn ends_a_part(op: &str) -> bool {
    matches!(op, "Conv" | "ConvTranspose" | "Gemm" | "MatMul" | "QLinearConv" | "ConvInteger")
}

/// The operators on the ways back from `output` that end at a convolution, a multiplication of matrices, or a sigmoid.
fn tail(nodes: &[proto::Node], output: &str) -> BTreeSet<String> {
    let by_output: HashMap<&str, &proto::Node> =
        nodes.iter().flat_map(|n| n.output.iter().map(move |o| (o.as_str(), n))).collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    let mut open = vec![output];
    while let Some(name) = open.pop() {
        let Some(node) = by_output.get(name) else { continue };
        if !seen.insert(name) {
            continue;
        }
        found.insert(node.op_type.clone());
        let ends = ends_a_part(&node.op_type) || node.op_type == "Sigmoid";
        if !ends {
            open.extend(node.input.iter().map(String::as_str));
        }
    }
    found
}

fn spec(value: &proto::ValueInfo) -> TensorSpec {
    let tensor = value.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let dims = tensor.and_then(|t| t.shape.as_ref()).map(|s| s.dim.as_slice()).unwrap_or_default();
    TensorSpec {
        name: value.name.clone(),
        // The numbers of `TensorProto.DataType`.
        dtype: match tensor.map_or(0, |t| t.elem_type) {
            1 => DType::F32,
            2 => DType::U8,
            6 => DType::I32,
            7 => DType::I64,
            10 => DType::F16,
            _ => DType::Other,
        },
        shape: dims.iter().map(|d| d.dim_value.and_then(|v| usize::try_from(v).ok()).filter(|v| *v > 0)).collect(),
    }
}
