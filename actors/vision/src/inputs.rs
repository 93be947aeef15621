//! What a model's inputs tell: one picture, and beside it perhaps the sizes that some families want.

use parapet_contracts::ports::inference::{DType, ModelSignature, TensorData, TensorSpec, TensorView};

use crate::{prepare::Order, settings::SizePx};

/// What the model's inputs tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputForm {
    pub(crate) order: Order,
    /// `None` when it is only known at run time.
    pub(crate) size: Option<SizePx>,
    pub(crate) bytes: bool,
    /// Whether it takes any number of pictures at once.
    pub(crate) any_batch: bool,
    /// Where the picture stands among the inputs.
    pub(crate) at: usize,
    /// The inputs beside it, in order.
    pub(crate) extras: Vec<Role>,
}

/// What an input beside the picture stands for. Boxes shall come back in pixels of the input, so its own size is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role {
    meaning: Meaning,
    dtype: DType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// `orig_target_sizes` of RT-DETR and D-FINE: width, height.
    WidthHeight,
    /// `im_shape` of PaddleDetection, `image_shape` of YOLOv3 in ONNX's zoo: height, width.
    HeightWidth,
    /// `scale_factor` of PaddleDetection: the picture has its size already.
    Ones,
}

/// A small tensor beside the picture: a pair of numbers for each picture of a batch, the same for all.
#[derive(Debug)]
pub(crate) struct Extra {
    values: Values,
    shape: [usize; 2],
}

#[derive(Debug)]
enum Values {
    F32(Vec<f32>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

impl Extra {
    pub(crate) fn new(role: Role, size: SizePx) -> Self {
        let [a, b] = match role.meaning {
            Meaning::WidthHeight => [size.width, size.height],
            Meaning::HeightWidth => [size.height, size.width],
            Meaning::Ones => [1, 1],
        };
        let values = match role.dtype {
            // Sizes end at 16384 pixels.
            DType::I32 => Values::I32(vec![a as i32, b as i32]),
            DType::I64 => Values::I64(vec![i64::from(a), i64::from(b)]),
            _ => Values::F32(vec![a as f32, b as f32]),
        };
        Self { values, shape: [1, 2] }
    }

    pub(crate) fn set_count(&mut self, count: usize) {
        fn repeat<T: Copy>(values: &mut Vec<T>, count: usize) {
            let pair = [values[0], values[1]];
            values.clear();
            values.extend(std::iter::repeat_n(pair, count).flatten());
        }
        if count == self.shape[0] || count == 0 {
            return;
        }
        self.shape[0] = count;
        match &mut self.values {
            Values::F32(values) => repeat(values, count),
            Values::I32(values) => repeat(values, count),
            Values::I64(values) => repeat(values, count),
        }
    }

    pub(crate) fn view(&self) -> TensorView<'_> {
        let data = match &self.values {
            Values::F32(values) => TensorData::F32(values),
            Values::I32(values) => TensorData::I32(values),
            Values::I64(values) => TensorData::I64(values),
        };
        TensorView { shape: &self.shape, data }
    }
}

fn shown(input: &TensorSpec) -> String {
    let dims: Vec<_> = input.shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
    format!("`{}` [{}]", input.name, dims.join(", "))
}

/// What an input beside the picture stands for, by its name.
fn role(input: &TensorSpec) -> Result<Role, String> {
    let name = input.name.to_lowercase();
    let meaning = if ["target_size", "orig_size"].iter().any(|word| name.contains(word)) {
        Meaning::WidthHeight
    } else if ["im_shape", "image_shape"].iter().any(|word| name.contains(word)) {
        Meaning::HeightWidth
    } else if name.contains("scale_factor") {
        Meaning::Ones
    } else {
        return Err(format!(
            "the model has an input {} beside the picture, and nothing is known to put there",
            shown(input)
        ));
    };
    let fits = matches!(input.shape[..], [None | Some(1), None | Some(2)])
        && matches!(input.dtype, DType::F32 | DType::F16 | DType::I32 | DType::I64);
    if !fits {
        return Err(format!("the input {} of {:?} is no pair of numbers", shown(input), input.dtype));
    }
    Ok(Role { meaning, dtype: input.dtype })
}

/// Reads the form of the model's inputs.
pub(crate) fn input_of(signature: &ModelSignature) -> Result<InputForm, String> {
    let mut pictures = signature.inputs.iter().enumerate().filter(|(_, input)| input.shape.len() == 4);
    let (at, input) = match (pictures.next(), pictures.next(), signature.inputs.as_slice()) {
        (Some(one), None, _) => one,
        (None, None, [one]) => (0, one),
        _ => {
            let inputs: Vec<_> = signature.inputs.iter().map(shown).collect();
            return Err(format!(
                "the model has {} inputs ({}); one picture is wanted: export it with one",
                inputs.len(),
                inputs.join(", ")
            ));
        }
    };
    let extras = signature.inputs.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, input)| role(input));
    let extras = extras.collect::<Result<_, _>>()?;
    let bytes = match input.dtype {
        DType::F32 | DType::F16 => false,
        DType::U8 => true,
        DType::Other => {
            let text = "is of a type that can't be filled; floats of 32 or 16 bits, or bytes, are wanted";
            return Err(format!("the input {} {text}: export it with one of them", shown(input)));
        }
        other => {
            return Err(format!(
                "the input {} holds {other:?}; floats of 32 or 16 bits, or bytes, are wanted: export it with one of them",
                shown(input)
            ));
        }
    };
    let (batch, order, height, width) = match input.shape[..] {
        [batch, Some(3), height, width] => (batch, Order::Chw, height, width),
        [batch, height, width, Some(3)] => (batch, Order::Hwc, height, width),
        // An exporter that leaves everything open writes channels first.
        [batch, None, height, width] => (batch, Order::Chw, height, width),
        _ => {
            return Err(format!(
                "the input {} is no picture of three channels; [1, 3, height, width] or [1, height, width, 3] is wanted",
                shown(input)
            ));
        }
    };
    if !matches!(batch, None | Some(1)) {
        return Err(format!(
            "the input {} takes several pictures at once; export the model with a batch of 1",
            shown(input)
        ));
    }
    let size = match (width, height) {
        (Some(w), Some(h)) => match (u32::try_from(w), u32::try_from(h)) {
            (Ok(width @ 1..=16_384), Ok(height @ 1..=16_384)) => Some(SizePx { width, height }),
            _ => return Err(format!("the input {} is larger than 16384 pixels", shown(input))),
        },
        _ => None,
    };
    Ok(InputForm { order, size, bytes, any_batch: batch.is_none(), at, extras })
}
