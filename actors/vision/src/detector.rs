//! A model's settings, checked against what the model itself tells, and the way from a picture to objects through it.

use parapet_contracts::{
    Object, Picture,
    ports::inference::{DType, ModelSignature, TensorView},
};

use crate::{
    layout::{self, Candidates, Layout, ModelShape},
    nms::{Scored, suppress},
    placement::{Placement, Region},
    prepare::{InputTensor, Order, PrepareError},
    refusal::{DecodeError, Reason, Refused},
    settings::{ModelSettings, SizePx},
};

/// Settings that don't fit the model or themselves; all of them at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

/// What a model saw in one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// Objects, highest score first, their boxes clipped to the picture.
    pub objects: Vec<Object>,
    /// What was refused, by reason.
    pub refused: Vec<Refused>,
}

/// Prepares pictures for one model and reads its answers. Immutable: share it among the model's slots.
pub struct Detector {
    settings: ModelSettings,
    thresholds: Vec<f32>,
    layout: &'static dyn Layout,
    order: Order,
    bytes: bool,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Detector {
    /// Checks settings against a model.
    ///
    /// # Errors
    /// All that doesn't fit: a layout that the outputs can't have, another input size, labels of another number, …
    pub fn new(settings: ModelSettings, signature: &ModelSignature) -> Result<Self, SettingsError> {
        let mut errors = check_numbers(&settings);
        let input = input_of(signature).map_err(|e| errors.push(e)).ok();
        if let Some(input) = &input {
            if let Some(fixed) = input.size
                && fixed != settings.size
            {
                errors.push(format!("size: the model's input is {fixed}, not {}", settings.size));
            }
            let plain = settings.scale == 1.0 && settings.mean == [0.0; 3] && settings.std == [1.0; 3];
            if input.bytes && !plain {
                errors.push("scale, mean, std: the model takes bytes, so nothing can be scaled or shifted".into());
            }
        }
        let layout = layout::by_name(&settings.layout);
        match layout {
            None => errors.push(format!("layout: `{}` is none of {}", settings.layout, layout::names())),
            Some(layout) => errors.extend(check_layout(layout, &settings, signature)),
        }
        match (input, layout) {
            (Some(input), Some(layout)) if errors.is_empty() => {
                let thresholds = settings.thresholds();
                Ok(Self { settings, thresholds, layout, order: input.order, bytes: input.bytes })
            }
            _ => Err(SettingsError(errors)),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// An input tensor for this model. One a slot, reused from picture to picture.
    pub fn new_input(&self) -> InputTensor {
        InputTensor::new(self.order, self.settings.size, self.bytes)
    }

    /// Fills `input` with a picture, or with a region of it.
    ///
    /// # Errors
    /// When the region has no pixel of the picture.
    pub fn prepare(
        &self,
        picture: &Picture,
        region: Option<Region>,
        input: &mut InputTensor,
    ) -> Result<Placement, PrepareError> {
        input.fill(picture, region, &self.settings)
    }

    /// Reads the outputs of the model for the picture that was prepared with `placement`.
    ///
    /// # Errors
    /// When the answer as a whole is refused: shapes that are not the layout's, or absurdly many boxes.
    pub fn decode(&self, placement: &Placement, outputs: &[TensorView<'_>]) -> Result<Decoded, DecodeError> {
        let size = self.settings.size;
        let model = ModelShape { size, classes: self.settings.labels.len() };
        let mut candidates = Candidates::new(self.thresholds.clone(), size.width.max(size.height));
        self.layout.read(model, outputs, &mut candidates)?;
        let Candidates { kept, mut counts, .. } = candidates;
        let (width, height) = placement.picture;
        let mut boxes = Vec::with_capacity(kept.len());
        for candidate in kept {
            let bbox = placement.to_picture(candidate.xyxy).clipped(width, height);
            if !bbox.is_finite() {
                counts.add(Reason::NotFinite);
            } else if bbox.area() > 0.0 {
                boxes.push(Scored { bbox, class: candidate.class, score: candidate.score });
            } else {
                counts.add(Reason::Outside);
            }
        }
        let kept = suppress(boxes, self.settings.iou, self.settings.class_agnostic, self.settings.max_detections);
        let label = |class: u32| self.settings.labels.get(class as usize).cloned().unwrap_or_default();
        let objects = kept
            .into_iter()
            .map(|b| Object { label: label(b.class), class: b.class, score: b.score, bbox: b.bbox, track: None })
            .collect();
        Ok(Decoded { objects, refused: counts.into_refused() })
    }
}

/// What the model's one input tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InputForm {
    pub(crate) order: Order,
    /// `None` when it is only known at run time.
    pub(crate) size: Option<SizePx>,
    pub(crate) bytes: bool,
}

/// Reads the form of the model's one input.
pub(crate) fn input_of(signature: &ModelSignature) -> Result<InputForm, String> {
    let [input] = signature.inputs.as_slice() else {
        return Err(format!("the model has {} inputs; one picture is wanted", signature.inputs.len()));
    };
    let shown = || {
        let dims: Vec<_> = input.shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect();
        format!("`{}` [{}]", input.name, dims.join(", "))
    };
    let bytes = match input.dtype {
        DType::F32 | DType::F16 => false,
        DType::U8 => true,
        other => return Err(format!("the input {} holds {other:?}; floats or bytes are wanted", shown())),
    };
    let (batch, order, height, width) = match input.shape[..] {
        [batch, Some(3), height, width] => (batch, Order::Chw, height, width),
        [batch, height, width, Some(3)] => (batch, Order::Hwc, height, width),
        // An exporter that leaves everything open writes channels first.
        [batch, None, height, width] => (batch, Order::Chw, height, width),
        _ => return Err(format!("the input {} is no picture of three channels", shown())),
    };
    if !matches!(batch, None | Some(1)) {
        return Err(format!(
            "the input {} takes several pictures at once; export the model with a batch of 1",
            shown()
        ));
    }
    let size = match (width, height) {
        (Some(w), Some(h)) => match (u32::try_from(w), u32::try_from(h)) {
            (Ok(width @ 1..=16_384), Ok(height @ 1..=16_384)) => Some(SizePx { width, height }),
            _ => return Err(format!("the input {} is larger than 16384 pixels", shown())),
        },
        _ => None,
    };
    Ok(InputForm { order, size, bytes })
}

fn check_numbers(settings: &ModelSettings) -> Vec<String> {
    let mut errors = Vec::new();
    let mut fraction = |name: &str, value: f32| {
        if !(0.0..=1.0).contains(&value) {
            errors.push(format!("{name}: {value} is not between 0 and 1"));
        }
    };
    fraction("min_score", settings.min_score);
    fraction("iou", settings.iou);
    for (label, score) in &settings.label_scores {
        fraction(&format!("minimum score of `{label}`"), *score);
    }
    for label in settings.label_scores.keys().filter(|l| !settings.labels.contains(l)) {
        errors.push(format!("minimum score of `{label}`: the model has no such label"));
    }
    if settings.max_detections == 0 {
        errors.push("max_detections: 0 would leave nothing".into());
    }
    if !settings.scale.is_finite() || settings.scale == 0.0 {
        errors.push(format!("scale: {} is no factor", settings.scale));
    }
    if settings.mean.iter().any(|m| !m.is_finite()) || settings.std.iter().any(|s| !s.is_finite() || *s == 0.0) {
        errors.push("mean, std: finite numbers are wanted, and none of std may be 0".into());
    }
    let SizePx { width, height } = settings.size;
    if !(1..=16_384).contains(&width) || !(1..=16_384).contains(&height) {
        errors.push(format!("size: {} is not between 1 and 16384 pixels", settings.size));
    }
    errors
}

fn check_layout(layout: &dyn Layout, settings: &ModelSettings, signature: &ModelSignature) -> Vec<String> {
    let shapes = || {
        let dims = |shape: &[Option<usize>]| {
            shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect::<Vec<_>>().join(", ")
        };
        signature.outputs.iter().map(|o| format!("[{}]", dims(&o.shape))).collect::<Vec<_>>().join(", ")
    };
    match layout.classes(&signature.outputs) {
        None => {
            vec![format!("layout: {} is {}; the model's outputs are {}", layout.name(), layout.description(), shapes())]
        }
        Some(Some(classes)) if classes != settings.labels.len() => vec![format!(
            "labels: {} are named, and outputs of shape {} have {classes} classes in layout {}",
            settings.labels.len(),
            shapes(),
            layout.name()
        )],
        _ if settings.labels.is_empty() => vec!["labels: none are named".into()],
        _ => Vec::new(),
    }
}
