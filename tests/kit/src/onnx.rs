//! Small ONNX models made on the spot: what a test wants a model to say, it says.
//!
//! The few fields of `onnx.proto3` that a runtime needs are written by hand, so that no model lies in the repository. [`ending`] gives a
//! model that is there another end.

pub mod ending;

/// Numbers of `TensorProto.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// 32-bit floats.
    F32 = 1,
    /// 8-bit unsigned.
    U8 = 2,
    /// 32-bit signed.
    I32 = 6,
    /// 64-bit signed.
    I64 = 7,
    /// 16-bit floats.
    F16 = 10,
}

/// An input, an output, or a constant: name, elements and dimensions. `None` is a dimension that is only known at run time.
#[derive(Debug, Clone)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// Its elements.
    pub elements: Elements,
    /// Its dimensions.
    pub dims: Vec<Option<usize>>,
}

impl Value {
    /// A value with all its dimensions known.
    pub fn new(name: &str, elements: Elements, dims: &[usize]) -> Self {
        Self { name: name.to_owned(), elements, dims: dims.iter().copied().map(Some).collect() }
    }

    /// A value whose dimensions are only known at run time.
    pub fn open(name: &str, elements: Elements, rank: usize) -> Self {
        Self { name: name.to_owned(), elements, dims: vec![None; rank] }
    }
}

/// A model.
#[derive(Debug, Clone, Default)]
pub struct OnnxModel {
    /// Inputs.
    pub inputs: Vec<Value>,
    /// Outputs.
    pub outputs: Vec<Value>,
    /// Constants, with their bytes in little-endian order.
    pub constants: Vec<(Value, Vec<u8>)>,
    /// Operator, names of its inputs, names of its outputs.
    pub nodes: Vec<(&'static str, Vec<String>, Vec<String>)>,
    /// Metadata.
    pub metadata: Vec<(String, String)>,
}

impl OnnxModel {
    /// A model that looks at a picture of `size` × `size` pixels and always gives the same floats, of shape `dims`. Its output is
    /// declared with `declared` instead of `dims` where that is given.
    pub fn constant(size: usize, dims: &[usize], declared: Option<Value>, floats: &[f32]) -> Self {
        let bytes = floats.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self {
            inputs: vec![Value::new("images", Elements::F32, &[1, 3, size, size])],
            outputs: vec![declared.unwrap_or_else(|| Value::new("output", Elements::F32, dims))],
            constants: vec![(Value::new("answer", Elements::F32, dims), bytes)],
            nodes: vec![("Identity", vec!["answer".into()], vec!["output".into()])],
            metadata: Vec::new(),
        }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        for (op, inputs, outputs) in &self.nodes {
            let mut node = Vec::new();
            inputs.iter().for_each(|name| put(&mut node, 1, name.as_bytes()));
            outputs.iter().for_each(|name| put(&mut node, 2, name.as_bytes()));
            put(&mut node, 4, op.as_bytes());
            put(&mut graph, 1, &node);
        }
        put(&mut graph, 2, b"made by a test");
        self.constants.iter().for_each(|(value, bytes)| put(&mut graph, 5, &constant(value, bytes)));
        self.inputs.iter().for_each(|value| put(&mut graph, 11, &info(value)));
        self.outputs.iter().for_each(|value| put(&mut graph, 12, &info(value)));
        let mut model = Vec::new();
        number(&mut model, 1, 8); // IR version
        put(&mut model, 7, &graph);
        let mut opset = Vec::new();
        number(&mut opset, 2, 17);
        put(&mut model, 8, &opset);
        for (key, value) in &self.metadata {
            let mut entry = Vec::new();
            put(&mut entry, 1, key.as_bytes());
            put(&mut entry, 2, value.as_bytes());
            put(&mut model, 14, &entry);
        }
        model
    }
}

fn constant(value: &Value, bytes: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    value.dims.iter().for_each(|dim| number(&mut tensor, 1, dim.unwrap_or(0) as u64));
    number(&mut tensor, 2, value.elements as u64);
    put(&mut tensor, 8, value.name.as_bytes());
    put(&mut tensor, 9, bytes);
    tensor
}

fn info(value: &Value) -> Vec<u8> {
    let mut shape = Vec::new();
    for (at, dim) in value.dims.iter().enumerate() {
        let mut one = Vec::new();
        match dim {
            Some(dim) => number(&mut one, 1, *dim as u64),
            None => put(&mut one, 2, format!("{}_{at}", value.name).as_bytes()),
        }
        put(&mut shape, 1, &one);
    }
    let mut tensor = Vec::new();
    number(&mut tensor, 1, value.elements as u64);
    put(&mut tensor, 2, &shape);
    let mut kind = Vec::new();
    put(&mut kind, 1, &tensor);
    let mut info = Vec::new();
    put(&mut info, 1, value.name.as_bytes());
    put(&mut info, 2, &kind);
    info
}

/// A field of bytes: text or a message.
fn put(into: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn number(into: &mut Vec<u8>, field: u64, value: u64) {
    varint(into, field << 3);
    varint(into, value);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}
