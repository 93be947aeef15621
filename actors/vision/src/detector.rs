//! A model's settings, checked against what the model itself tells, and the way from a picture to objects through it.

use parapet_contracts::{
    BBox, Object, Picture, Region,
    ports::inference::{ModelSignature, TensorSpec, TensorView},
};

use crate::{
    batch::BatchOutputs,
    inputs::{InputForm, input_of},
    layout::{self, Candidates, Layout, ModelShape, WholeLayout},
    nms::{Scored, suppress},
    placement::Placement,
    prepare::{InputTensor, PrepareError},
    reading::{ClassScore, Reading, ReadingKind, Verdict},
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
    head: Head,
    form: InputForm,
    outputs: Vec<TensorSpec>,
}

/// How the answers are read.
#[derive(Clone, Copy)]
enum Head {
    Boxes(&'static dyn Layout),
    Whole(&'static dyn WholeLayout),
}

impl Head {
    fn by_name(name: &str) -> Option<Self> {
        layout::by_name(name).map(Self::Boxes).or_else(|| layout::whole_by_name(name).map(Self::Whole))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boxes(layout) => layout.name(),
            Self::Whole(layout) => layout.name(),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Boxes(layout) => layout.description(),
            Self::Whole(layout) => layout.description(),
        }
    }

    fn classes(self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        match self {
            Self::Boxes(layout) => layout.classes(outputs),
            Self::Whole(layout) => layout.classes(outputs),
        }
    }

    fn has_labels(self) -> bool {
        match self {
            Self::Boxes(_) => true,
            Self::Whole(layout) => layout.has_labels(),
        }
    }
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
        let head = Head::by_name(&settings.layout);
        match head {
            None => errors.push(format!("layout: `{}` is none of {}", settings.layout, layout::names())),
            Some(head) => errors.extend(check_layout(head, &settings, signature)),
        }
        match (input, head) {
            (Some(form), Some(head)) if errors.is_empty() => {
                let thresholds = settings.thresholds();
                Ok(Self { settings, thresholds, head, form, outputs: signature.outputs.clone() })
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
        InputTensor::for_model(&self.form, self.settings.size)
    }

    /// What kind of answer it gives.
    pub fn kind(&self) -> ReadingKind {
        match self.head {
            Head::Boxes(_) => ReadingKind::Objects,
            Head::Whole(layout) if layout.has_labels() => ReadingKind::Classes,
            Head::Whole(_) => ReadingKind::Vector,
        }
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
        input.fill(0, picture, region, &self.settings)
    }

    /// Fills place `place` of a batch, whose pictures are those of places 0 to `place` from then on: fill them in order.
    ///
    /// # Errors
    /// As for [`Self::prepare`]; the place is not taken then.
    pub fn prepare_place(
        &self,
        place: usize,
        picture: &Picture,
        region: Option<Region>,
        input: &mut InputTensor,
    ) -> Result<Placement, PrepareError> {
        input.fill(place, picture, region, &self.settings)
    }

    /// Whether the model takes several pictures at once: the first dimension of its input and of each output is open, and its layout
    /// keeps the pictures apart.
    pub fn takes_batches(&self) -> bool {
        let open = |output: &TensorSpec| output.shape.len() > 1 && output.shape[0].is_none();
        self.form.any_batch
            && self.outputs.iter().all(open)
            && !matches!(self.head, Head::Boxes(layout) if layout.mixes_pictures())
    }

    /// Reads the outputs of the model for the picture that was prepared with `placement`, whatever the model gives.
    ///
    /// # Errors
    /// When the answer as a whole is refused: shapes that are not the layout's, absurdly many boxes, or what is no number.
    pub fn read(&self, placement: &Placement, outputs: &[TensorView<'_>]) -> Result<Reading, DecodeError> {
        match self.head {
            Head::Boxes(layout) => self.objects(layout, placement, outputs).map(Reading::Objects),
            Head::Whole(layout) => layout.read(self.shape(), outputs).map(|verdict| match verdict {
                Verdict::Vector(vector) => Reading::Vector(vector),
                Verdict::Scores(scores) => Reading::Classes(self.classes(&scores)),
            }),
        }
    }

    /// Reads the outputs as objects: [`Self::read`], then [`Self::as_objects`].
    ///
    /// # Errors
    /// As for both.
    pub fn decode(&self, placement: &Placement, outputs: &[TensorView<'_>]) -> Result<Decoded, DecodeError> {
        self.read(placement, outputs).and_then(|reading| self.as_objects(placement, reading))
    }

    /// Reads the outputs for a batch of pictures, which were prepared with `placements` in this order: an answer for each.
    pub fn read_batch(
        &self,
        placements: &[Placement],
        outputs: &[TensorView<'_>],
    ) -> Vec<Result<Reading, DecodeError>> {
        if let [placement] = placements {
            return vec![self.read(placement, outputs)];
        }
        match BatchOutputs::new(outputs, placements.len()) {
            Ok(batch) => placements.iter().zip(0..).map(|(p, i)| self.read(p, &batch.of(i))).collect(),
            Err(error) => placements.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// What a reading means for a camera: objects. The best class of a classifier, when it reaches its minimum score, is one
    /// object as large as the part of the picture that the model saw.
    ///
    /// # Errors
    /// When it is a vector, which is no object.
    pub fn as_objects(&self, placement: &Placement, reading: Reading) -> Result<Decoded, DecodeError> {
        match reading {
            Reading::Objects(decoded) => Ok(decoded),
            Reading::Classes(classes) => Ok(self.whole_object(placement, classes)),
            Reading::Vector(vector) => Err(DecodeError::shape(format!(
                "layout {} gives a vector of {} numbers, no objects",
                self.head.name(),
                vector.len()
            ))),
        }
    }

    fn shape(&self) -> ModelShape<'_> {
        ModelShape { size: self.settings.size, classes: self.settings.labels.len(), outputs: &self.outputs }
    }

    fn label(&self, class: u32) -> String {
        self.settings.labels.get(class as usize).cloned().unwrap_or_default()
    }

    fn classes(&self, scores: &[f32]) -> Vec<ClassScore> {
        let mut classes: Vec<_> = (0u32..)
            .zip(scores)
            .map(|(class, score)| ClassScore { class, label: self.label(class), score: *score })
            .collect();
        classes.sort_by(|a, b| b.score.total_cmp(&a.score));
        classes
    }

    fn whole_object(&self, placement: &Placement, classes: Vec<ClassScore>) -> Decoded {
        let r = placement.region;
        let edges = [r.x, r.y, r.x + r.width, r.y + r.height].map(|edge| edge as f32);
        let best = classes
            .into_iter()
            .next()
            .filter(|best| self.thresholds.get(best.class as usize).is_some_and(|threshold| best.score >= *threshold));
        let object = |ClassScore { class, label, score }| Object::new(label, class, score, BBox::from(edges));
        Decoded { objects: best.map(object).into_iter().collect(), refused: Vec::new() }
    }

    fn objects(
        &self,
        layout: &dyn Layout,
        placement: &Placement,
        outputs: &[TensorView<'_>],
    ) -> Result<Decoded, DecodeError> {
        let size = self.settings.size;
        let mut candidates = Candidates::new(self.thresholds.clone(), size.width.max(size.height));
        layout.read(self.shape(), outputs, &mut candidates)?;
        if layout.may_be_fractions() {
            candidates.settle_units(size);
        }
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
        // No two boxes overlap by more than wholly.
        let iou = if layout.suppresses() { 1.0 } else { self.settings.iou };
        let objects = suppress(boxes, iou, self.settings.class_agnostic, self.settings.max_detections)
            .into_iter()
            .map(|b| Object::new(self.label(b.class), b.class, b.score, b.bbox))
            .collect();
        Ok(Decoded { objects, refused: counts.into_refused() })
    }
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

fn check_layout(head: Head, settings: &ModelSettings, signature: &ModelSignature) -> Vec<String> {
    let shapes = || {
        let dims = |shape: &[Option<usize>]| {
            shape.iter().map(|d| d.map_or("?".into(), |d| d.to_string())).collect::<Vec<_>>().join(", ")
        };
        signature.outputs.iter().map(|o| format!("[{}]", dims(&o.shape))).collect::<Vec<_>>().join(", ")
    };
    match head.classes(&signature.outputs) {
        None => {
            vec![format!("layout: {} is {}; the model's outputs are {}", head.name(), head.description(), shapes())]
        }
        Some(Some(classes)) if head.has_labels() && classes != settings.labels.len() => vec![format!(
            "labels: {} are named, and outputs of shape {} have {classes} classes in layout {}",
            settings.labels.len(),
            shapes(),
            head.name()
        )],
        _ if settings.labels.is_empty() && head.has_labels() => vec!["labels: none are named".into()],
        _ => Vec::new(),
    }
}
