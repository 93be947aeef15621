//! How a model wants its pictures, and what of its answers counts.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// All that is needed to turn a picture into a model's input and its outputs into objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// How the outputs are laid out: the name of one of [`crate::layout::LAYOUTS`].
    pub layout: String,
    /// Size of the input in pixels.
    pub size: SizePx,
    /// Order of the colour channels.
    pub channels: Channels,
    /// A pixel's value (0 to 255) becomes `(value × scale − mean) / std`: the factor.
    pub scale: f32,
    /// What is subtracted after scaling, per channel in the order of `channels`.
    pub mean: [f32; 3],
    /// What is divided by at the end, per channel in the order of `channels`.
    pub std: [f32; 3],
    /// How a picture of another shape becomes the input.
    pub resize: Resize,
    /// The grey (0 to 255) that fills what a letterboxed picture leaves free.
    pub pad: u8,
    /// Names of the classes, in the model's order.
    pub labels: Vec<String>,
    /// Objects with a lower score are left out. The score is objectness × class where a model has both.
    pub min_score: f32,
    /// Other minimum scores for some labels.
    pub label_scores: BTreeMap<String, f32>,
    /// Non-maximum suppression: of two boxes that overlap by more than this (intersection over union), the lower score goes.
    pub iou: f32,
    /// Boxes of different classes suppress each other, too.
    pub class_agnostic: bool,
    /// At most so many objects a picture, those with the highest scores.
    pub max_detections: usize,
}

impl ModelSettings {
    /// The minimum score of each class, in the order of the labels.
    pub fn thresholds(&self) -> Vec<f32> {
        self.labels.iter().map(|label| *self.label_scores.get(label).unwrap_or(&self.min_score)).collect()
    }
}

/// What somebody named, in a model file or by a flag. What is `None` is guessed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// See [`ModelSettings::layout`].
    pub layout: Option<String>,
    /// See [`ModelSettings::size`].
    pub size: Option<SizePx>,
    /// See [`ModelSettings::channels`].
    pub channels: Option<Channels>,
    /// See [`ModelSettings::scale`].
    pub scale: Option<f32>,
    /// See [`ModelSettings::mean`].
    pub mean: Option<[f32; 3]>,
    /// See [`ModelSettings::std`].
    pub std: Option<[f32; 3]>,
    /// See [`ModelSettings::resize`].
    pub resize: Option<Resize>,
    /// See [`ModelSettings::pad`].
    pub pad: Option<u8>,
    /// See [`ModelSettings::labels`].
    pub labels: Option<Vec<String>>,
    /// See [`ModelSettings::min_score`]; 0.25 unless named.
    pub min_score: Option<f32>,
    /// See [`ModelSettings::label_scores`].
    pub label_scores: BTreeMap<String, f32>,
    /// See [`ModelSettings::iou`]; 0.45 unless named.
    pub iou: Option<f32>,
    /// See [`ModelSettings::class_agnostic`]; false unless named.
    pub class_agnostic: Option<bool>,
    /// See [`ModelSettings::max_detections`]; 300 unless named.
    pub max_detections: Option<usize>,
}

/// Width and height in pixels; as text `416` or `640x384`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizePx {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl fmt::Display for SizePx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for SizePx {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (width, height) = text.split_once(['x', '×']).unwrap_or((text, text));
        match (width.trim().parse(), height.trim().parse()) {
            (Ok(width @ 1..=16_384), Ok(height @ 1..=16_384)) => Ok(Self { width, height }),
            _ => Err(format!("`{text}` is no size: write `416` or `640x384`, width first, in pixels up to 16384")),
        }
    }
}

/// Order of the colour channels in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red: what OpenCV reads.
    Bgr,
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        })
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rgb" => Ok(Self::Rgb),
            "bgr" => Ok(Self::Bgr),
            _ => Err(format!("`{text}` is no order of channels: `rgb` or `bgr`")),
        }
    }
}

/// How a picture of another shape becomes the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Scaled in proportion, in the top left corner; the rest is padded. What YOLOX does.
    Letterbox,
    /// Scaled in proportion, in the middle; the rest is padded. What Ultralytics does.
    LetterboxCentre,
    /// Scaled to the whole input, out of proportion.
    Stretch,
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Letterbox => "letterbox",
            Self::LetterboxCentre => "letterbox-centre",
            Self::Stretch => "stretch",
        })
    }
}

impl FromStr for Resize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "letterbox" => Ok(Self::Letterbox),
            "letterbox-centre" | "letterbox-center" => Ok(Self::LetterboxCentre),
            "stretch" => Ok(Self::Stretch),
            _ => Err(format!("`{text}` is no way to resize: `letterbox`, `letterbox-centre` or `stretch`")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!("416".parse(), Ok(SizePx { width: 416, height: 416 }));
        assert_eq!("640x384".parse(), Ok(SizePx { width: 640, height: 384 }));
        for bad in ["", "x", "0", "640x", "-1x3", "99999"] {
            assert!(bad.parse::<SizePx>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        for resize in [Resize::Letterbox, Resize::LetterboxCentre, Resize::Stretch] {
            assert_eq!(resize.to_string().parse(), Ok(resize));
        }
        for channels in [Channels::Rgb, Channels::Bgr] {
            assert_eq!(channels.to_string().parse(), Ok(channels));
        }
    }
}
