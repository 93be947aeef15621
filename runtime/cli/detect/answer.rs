//! What a model saw in a frame, as a line of JSON, and what was refused, as a sum at the end.

use std::collections::BTreeMap;

use parapet_contracts::Object;
use parapet_vision::{DecodeError, Decoded};
use serde::Serialize;

use super::Failure;
use crate::cli::tell;

/// What a model answered for a frame.
pub(super) type Answer = Result<Decoded, DecodeError>;

#[derive(Serialize)]
struct Line<'a> {
    frame: u64,
    t: f64,
    detections: Vec<Detection<'a>>,
    /// Why the whole answer was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Detection<'a> {
    class: u32,
    label: &'a str,
    score: f64,
    #[serde(rename = "box")]
    bbox: [f64; 4],
}

/// The line of a frame: score with five digits, box in pixels of the source with two, time in seconds with six.
pub(super) fn line(frame: u64, t: f64, answer: &Answer) -> String {
    let (objects, error) = match answer {
        Ok(decoded) => (decoded.objects.as_slice(), None),
        Err(error) => (&[][..], Some(error.text.as_str())),
    };
    let line = Line { frame, t: rounded(t, 6), detections: objects.iter().map(detection).collect(), error };
    // Numbers and strings alone: there is nothing that JSON can't hold, since what is not finite was refused.
    serde_json::to_string(&line).unwrap_or_default()
}

fn detection(object: &Object) -> Detection<'_> {
    Detection {
        class: object.class,
        label: &object.label,
        score: rounded(f64::from(object.score), 5),
        bbox: <[f32; 4]>::from(object.bbox).map(|edge| rounded(f64::from(edge), 2)),
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

/// Counts what was refused, by reason.
#[derive(Default)]
pub(super) struct Refusals {
    boxes: BTreeMap<&'static str, u64>,
    answers: u64,
    first: Option<String>,
}

impl Refusals {
    pub(super) fn count(&mut self, answer: &Answer) {
        match answer {
            Ok(decoded) => {
                for refused in &decoded.refused {
                    *self.boxes.entry(refused.reason.as_str()).or_default() += refused.count;
                }
            }
            Err(error) => {
                self.answers += 1;
                self.first.get_or_insert_with(|| error.text.clone());
            }
        }
    }

    /// Tells the sums.
    pub(super) fn end(self) -> Result<(), Failure> {
        if !self.boxes.is_empty() {
            let sums: Vec<_> = self.boxes.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            tell(&format!("refused boxes: {}", sums.join(", ")));
        }
        match self.first {
            Some(first) => {
                Err(Failure::Other(format!("the answers for {} frames were refused: {first}", self.answers)))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parapet_contracts::BBox;

    #[test]
    fn a_line_is_as_it_is_documented() {
        let bbox = BBox { x1: 1.234_567, y1: 2.0, x2: 30.5, y2: 40.001 };
        let car = Object::new("car", 2, 0.514_041, bbox);
        let answer = Ok(Decoded { objects: vec![car], refused: Vec::new() });
        assert_eq!(
            line(10, 0.501_611_12, &answer),
            r#"{"frame":10,"t":0.501611,"detections":[{"class":2,"label":"car","score":0.51404,"box":[1.23,2.0,30.5,40.0]}]}"#
        );
        assert_eq!(line(0, 0.0, &Ok(Decoded::default())), r#"{"frame":0,"t":0.0,"detections":[]}"#);
    }
}
