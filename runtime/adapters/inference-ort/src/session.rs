//! One loaded model: its signature, and one inference at a time.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use half::f16;
use ort::{
    session::{Session, SessionInputValue},
    value::{DynValue, Outlet, PrimitiveTensorElementType, TensorElementType, TensorRef, ValueType},
};
use parapet_contracts::{
    ErrorKind,
    ports::inference::{DType, InferenceError, InferenceSession, ModelSignature, TensorData, TensorSpec, TensorView},
};

use crate::errors::{error, loading, panicked, running};

pub(crate) struct OrtSession {
    session: Session,
    signature: ModelSignature,
    model: String,
    note: Option<String>,
    /// Inputs that the model takes as 16-bit floats, converted.
    halves: Vec<Vec<f16>>,
    /// Outputs that the model gives as 16-bit floats, converted.
    floats: Vec<Vec<f32>>,
}

impl OrtSession {
    pub(crate) fn new(session: Session, model: &Path) -> Result<Self, InferenceError> {
        let mut metadata = BTreeMap::new();
        {
            let props = session.metadata().map_err(|e| loading(model, &e))?;
            for key in props.custom_keys().map_err(|e| loading(model, &e))? {
                if let Some(value) = props.custom(&key) {
                    metadata.insert(key, value);
                }
            }
        }
        let signature = ModelSignature {
            inputs: session.inputs().iter().map(spec).collect(),
            outputs: session.outputs().iter().map(spec).collect(),
            metadata,
        };
        if let Some(odd) = signature.inputs.iter().chain(&signature.outputs).find(|t| t.dtype == DType::Other) {
            let all = session.inputs().iter().chain(session.outputs());
            let kind = all.filter(|outlet| outlet.name() == odd.name).map(|outlet| outlet.dtype().to_string()).next();
            let text = format!(
                "model {}: `{}` is {}, no tensor of floats of 32 or 16 bits, bytes or whole numbers: export it with one of them",
                model.display(),
                odd.name,
                kind.unwrap_or_default()
            );
            return Err(error(ErrorKind::Fatal, "unsupported", text));
        }
        Ok(Self {
            halves: vec![Vec::new(); signature.inputs.len()],
            floats: vec![Vec::new(); signature.outputs.len()],
            session,
            signature,
            model: model.display().to_string(),
            note: None,
        })
    }

    /// With something that whoever runs it should know.
    pub(crate) fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }
}

impl InferenceSession for OrtSession {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        read: &mut dyn FnMut(&[TensorView<'_>]),
    ) -> Result<(), InferenceError> {
        let Self { session, signature, model, halves, floats, .. } = self;
        check(&signature.inputs, inputs)
            .map_err(|why| error(ErrorKind::Reject, "bad_input", format!("model {model}: {why}")))?;
        for ((half, spec), input) in halves.iter_mut().zip(&signature.inputs).zip(inputs) {
            if let (DType::F16, TensorData::F32(values)) = (spec.dtype, input.data) {
                half.clear();
                half.extend(values.iter().map(|v| f16::from_f32(*v)));
            }
        }
        let values: Result<Vec<SessionInputValue<'_>>, ort::Error> = inputs
            .iter()
            .zip(&signature.inputs)
            .zip(halves.iter())
            .map(|((input, spec), half)| match input.data {
                TensorData::F32(_) if spec.dtype == DType::F16 => tensor(input.shape, half),
                TensorData::F32(values) => tensor(input.shape, values),
                TensorData::U8(values) => tensor(input.shape, values),
                TensorData::I32(values) => tensor(input.shape, values),
                TensorData::I64(values) => tensor(input.shape, values),
            })
            .collect();
        let values = values.map_err(|e| running(model, &e))?;
        let values = values.as_slice();
        let run = AssertUnwindSafe(move || {
            // Moved, so that the outputs may borrow it for longer than the closure lives.
            let session = session;
            session.run(values)
        });
        let outputs = catch_unwind(run)
            .map_err(|payload| panicked(&format!("model {model}"), &*payload))?
            .map_err(|e| running(model, &e))?;

        let mut shapes = Vec::with_capacity(signature.outputs.len());
        for (output, float) in outputs.values().zip(floats.iter_mut()) {
            shapes.push(
                shape_of(&output)
                    .map_err(|why| error(ErrorKind::Reject, "run_failed", format!("model {model}: {why}")))?,
            );
            if let Ok((_, halves)) = output.try_extract_tensor::<f16>() {
                float.clear();
                float.extend(halves.iter().map(|h| h.to_f32()));
            }
        }
        let mut views = Vec::with_capacity(shapes.len());
        for (index, (shape, float)) in shapes.iter().zip(floats.iter()).enumerate() {
            let data = data_of(&outputs[index], float).map_err(|e| running(model, &e))?;
            views.push(TensorView { shape, data });
        }
        read(&views);
        Ok(())
    }
}

/// What the port can check before the runtime reads memory by these shapes.
fn check(specs: &[TensorSpec], inputs: &[TensorView<'_>]) -> Result<(), String> {
    if specs.len() != inputs.len() {
        return Err(format!("{} inputs were given, it takes {}", inputs.len(), specs.len()));
    }
    for (spec, input) in specs.iter().zip(inputs) {
        let (dtype, length) = match input.data {
            TensorData::F32(values) => (DType::F32, values.len()),
            TensorData::U8(values) => (DType::U8, values.len()),
            TensorData::I32(values) => (DType::I32, values.len()),
            TensorData::I64(values) => (DType::I64, values.len()),
        };
        if dtype != spec.dtype && (dtype, spec.dtype) != (DType::F32, DType::F16) {
            return Err(format!("`{}` takes {:?}, not {dtype:?}", spec.name, spec.dtype));
        }
        if input.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)) != Some(length) {
            return Err(format!("`{}` was given {length} numbers for a shape of {:?}", spec.name, input.shape));
        }
        let fits = spec.shape.len() == input.shape.len()
            && spec.shape.iter().zip(input.shape).all(|(want, is)| want.is_none_or(|want| want == *is));
        if !fits {
            let want: Vec<_> = spec.shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
            return Err(format!("`{}` takes a shape of [{}], not {:?}", spec.name, want.join(", "), input.shape));
        }
    }
    Ok(())
}

fn tensor<'v, T>(shape: &[usize], values: &'v [T]) -> Result<SessionInputValue<'v>, ort::Error>
where
    T: PrimitiveTensorElementType + Debug + Clone + 'static,
{
    Ok(TensorRef::from_array_view((shape.to_vec(), values))?.into())
}

fn shape_of(value: &DynValue) -> Result<Vec<usize>, String> {
    match value.dtype() {
        ValueType::Tensor { shape, .. } => {
            shape.iter().map(|d| usize::try_from(*d).map_err(|_| format!("an output has a dimension of {d}"))).collect()
        }
        other => Err(format!("an output is no tensor but {other}")),
    }
}

fn data_of<'a>(value: &'a DynValue, converted: &'a [f32]) -> Result<TensorData<'a>, ort::Error> {
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err(ort::Error::new("an output is no tensor"));
    };
    Ok(match ty {
        TensorElementType::Float32 => TensorData::F32(value.try_extract_tensor::<f32>()?.1),
        TensorElementType::Float16 => TensorData::F32(converted),
        TensorElementType::Uint8 => TensorData::U8(value.try_extract_tensor::<u8>()?.1),
        TensorElementType::Int32 => TensorData::I32(value.try_extract_tensor::<i32>()?.1),
        TensorElementType::Int64 => TensorData::I64(value.try_extract_tensor::<i64>()?.1),
        other => return Err(ort::Error::new(format!("an output holds {other}"))),
    })
}

fn spec(outlet: &Outlet) -> TensorSpec {
    let (dtype, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let dtype = match ty {
                TensorElementType::Float32 => DType::F32,
                TensorElementType::Float16 => DType::F16,
                TensorElementType::Uint8 => DType::U8,
                TensorElementType::Int32 => DType::I32,
                TensorElementType::Int64 => DType::I64,
                _ => DType::Other,
            };
            (dtype, shape.iter().map(|d| usize::try_from(*d).ok()).collect())
        }
        _ => (DType::Other, Vec::new()),
    };
    TensorSpec { name: outlet.name().to_owned(), dtype, shape }
}
