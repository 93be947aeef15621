//! What models that follow another one say of its objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ModelId, Object, Timestamp};

/// What following models say of an object, by the names of the models.
pub type Attributes = BTreeMap<ModelId, Attribute>;

/// What one following model last said of an object, after a look at a crop of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// The class that a classifier gave, or that of the best object that a detector found in the crop; absent when nothing reached
    /// the model's minimum score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The index of that class in the model's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u32>,
    /// Its confidence, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// When the camera took the frame that the crop was cut from: an attribute may be older than the frame that it is told with.
    pub at: Timestamp,
    /// The vector of an embedding, of length 1. Told in the update alone, and not repeated with later frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vector: Vec<f32>,
    /// What a detector found in the crop, in pixels of the whole picture of `at`, highest score first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

impl Attribute {
    /// An attribute that says nothing but that somebody looked.
    pub fn nothing(at: Timestamp) -> Self {
        Self { label: None, class: None, score: None, at, vector: Vec::new(), objects: Vec::new() }
    }

    /// What is worth repeating with later frames: all but vectors.
    #[must_use]
    pub fn without_vectors(&self) -> Self {
        let objects = self.objects.iter().map(|object| Object {
            attributes: object.attributes.iter().map(|(model, own)| (model.clone(), own.without_vectors())).collect(),
            ..object.clone()
        });
        Self { vector: Vec::new(), objects: objects.collect(), ..self.clone() }
    }
}

/// Makes an event an update: it tells again one object of an earlier event, of which more is known now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateOf {
    /// The id of the earlier event, of the same camera, model and frame.
    pub event: Uuid,
    /// The index of the object in the earlier event's `objects`.
    pub object: u32,
    /// The model that said more: the name in the object's `attributes`.
    pub by: ModelId,
    /// The way from the object to the one that the model looked at, for a model that follows a detector of crops: the detector, and the
    /// index among its `objects`. Empty when it looked at the object itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Step>,
}

/// One step from an object to one that was found in a crop of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// The model that found it: a name in `attributes`.
    pub model: ModelId,
    /// The index among that attribute's `objects`.
    pub object: u32,
}

impl Object {
    /// An object that nothing more is known of.
    pub fn new(label: impl Into<String>, class: u32, score: f32, bbox: crate::BBox) -> Self {
        Self { label: label.into(), class, score, bbox, track: None, attributes: Attributes::new() }
    }

    /// The object at the end of `path`, itself when the path is empty.
    pub fn at_path(&self, path: &[Step]) -> Option<&Self> {
        path.iter().try_fold(self, |object, step| {
            object.attributes.get(&step.model)?.objects.get(usize::try_from(step.object).ok()?)
        })
    }

    /// As [`Self::at_path`], to write more into it.
    pub fn at_path_mut(&mut self, path: &[Step]) -> Option<&mut Self> {
        path.iter().try_fold(self, |object, step| {
            object.attributes.get_mut(&step.model)?.objects.get_mut(usize::try_from(step.object).ok()?)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn object(label: &str) -> Object {
        Object::new(label, 0, 0.5, [0.0, 0.0, 1.0, 1.0].into())
    }

    #[test]
    fn a_path_leads_through_what_was_found_in_crops() {
        let (plates, text) = (ModelId::new("plates").unwrap(), ModelId::new("text").unwrap());
        let mut car = object("car");
        let found = Attribute { objects: vec![object("plate")], ..Attribute::nothing(Timestamp::UNIX_EPOCH) };
        car.attributes.insert(plates.clone(), found);
        let path = [Step { model: plates.clone(), object: 0 }];
        let vector = Attribute { vector: vec![1.0], ..Attribute::nothing(Timestamp::UNIX_EPOCH) };
        car.at_path_mut(&path).unwrap().attributes.insert(text.clone(), vector);
        assert_eq!(car.at_path(&path).unwrap().attributes[&text].vector, [1.0]);
        assert_eq!(car.at_path(&[]).unwrap().label, "car");
        assert!(car.at_path(&[Step { model: plates.clone(), object: 1 }]).is_none());
        let repeated = car.attributes[&plates].without_vectors();
        assert!(repeated.objects[0].attributes[&text].vector.is_empty());
    }
}
