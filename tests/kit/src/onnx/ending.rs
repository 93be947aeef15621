//! A model with another end: its weights and its graph stay, operators are added behind it, and other tensors come out. So one
//! detector speaks in the layout of any other one, and what it sees is known.

use super::{Elements, Value, constant, info, number, put};

/// The value of an operator's attribute.
#[derive(Debug, Clone)]
pub enum Attribute {
    /// One whole number.
    Int(i64),
    /// Several.
    Ints(Vec<i64>),
}

/// What is put behind a model.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    graph: Vec<u8>,
    outputs: Vec<u8>,
}

impl Ending {
    /// An operator without attributes. It gives `output`.
    pub fn op(&mut self, op: &str, inputs: &[&str], output: &str) -> &mut Self {
        self.with(op, inputs, output, &[])
    }

    /// An operator with attributes; of several `output`s, parted by spaces.
    pub fn with(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute)]) -> &mut Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|name| put(&mut node, 1, name.as_bytes()));
        output.split(' ').for_each(|name| put(&mut node, 2, name.as_bytes()));
        put(&mut node, 4, op.as_bytes());
        for (name, value) in attributes {
            let mut attribute = Vec::new();
            put(&mut attribute, 1, name.as_bytes());
            match value {
                Attribute::Int(value) => {
                    number(&mut attribute, 3, value.cast_unsigned());
                    number(&mut attribute, 20, 2);
                }
                Attribute::Ints(values) => {
                    values.iter().for_each(|value| number(&mut attribute, 8, value.cast_unsigned()));
                    number(&mut attribute, 20, 7);
                }
            }
            put(&mut node, 5, &attribute);
        }
        put(&mut self.graph, 1, &node);
        self
    }

    /// Tensors one behind the other along an axis.
    pub fn concat(&mut self, inputs: &[&str], axis: i64, output: &str) -> &mut Self {
        self.with("Concat", inputs, output, &[("axis", Attribute::Int(axis))])
    }

    /// A constant of floats.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> &mut Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        put(&mut self.graph, 5, &constant(&Value::new(name, Elements::F32, dims), &bytes));
        self
    }

    /// A constant list of whole numbers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> &mut Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        put(&mut self.graph, 5, &constant(&Value::new(name, Elements::I64, &[values.len()]), &bytes));
        self
    }

    /// A tensor that comes out; a dimension of 0 is only known at run time.
    pub fn output(&mut self, name: &str, elements: Elements, dims: &[usize]) -> &mut Self {
        let dims = dims.iter().map(|dim| (*dim > 0).then_some(*dim)).collect();
        put(&mut self.outputs, 12, &info(&Value { name: name.to_owned(), elements, dims }));
        self
    }

    /// The model with this end. What came out of it before comes out no more.
    ///
    /// # Panics
    /// When `model` is no ONNX model.
    pub fn of(&self, model: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(model.len() + self.graph.len());
        for field in fields(model) {
            if field.number != 7 {
                out.extend_from_slice(field.all);
                continue;
            }
            let mut graph = Vec::with_capacity(model.len() + self.graph.len());
            fields(field.content).filter(|f| f.number != 12).for_each(|f| graph.extend_from_slice(f.all));
            graph.extend_from_slice(&self.graph);
            graph.extend_from_slice(&self.outputs);
            put(&mut out, 7, &graph);
        }
        out
    }
}

/// A field of a protobuf message.
struct Field<'a> {
    number: u64,
    /// Its bytes with its number.
    all: &'a [u8],
    /// What it holds, when that is bytes.
    content: &'a [u8],
}

fn fields(mut message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let (key, mut at) = varint(message);
        let mut content = &[][..];
        match key & 7 {
            0 => at += varint(&message[at..]).1,
            1 => at += 8,
            5 => at += 4,
            2 => {
                let (length, used) = varint(&message[at..]);
                at += used;
                content = &message[at..at + length as usize];
                at += length as usize;
            }
            other => panic!("a field of wire type {other}: no ONNX model"),
        }
        let (all, rest) = message.split_at(at);
        message = rest;
        Some(Field { number: key >> 3, all, content })
    })
}

/// A number and how many bytes it takes.
fn varint(bytes: &[u8]) -> (u64, usize) {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (value, at + 1);
        }
    }
    panic!("a number that doesn't end: no ONNX model")
}
