//! OpenVINO's and Caffe's `DetectionOutput`: `[1, 1, n, 7]`, a row a box that was found: index in the batch, class (0 is the background),
//! score, left, top, right, bottom as fractions of the input. A row with a negative index ends the list.
//! <https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets/operation-specs/detection/detection-output-8.html>

use parapet_contracts::ports::inference::{TensorSpec, TensorView};

use super::{
    Candidates, Layout, ModelShape, check_count,
    tensors::{check_columns, numbers},
};
use crate::refusal::DecodeError;

/// Rows of seven behind two dimensions of 1.
pub struct DetectionOutput;

impl Layout for DetectionOutput {
    fn name(&self) -> &'static str {
        "detection_output"
    }

    fn description(&self) -> &'static str {
        "[1, 1, n, 7], doubles suppressed in the graph: batch, class from 1, score, left, top, right, bottom as fractions"
    }

    fn classes(&self, outputs: &[TensorSpec]) -> Option<Option<usize>> {
        let [output] = outputs else { return None };
        matches!(output.shape[..], [None | Some(1), None | Some(1), _, Some(7)]).then_some(None)
    }

    fn read(
        &self,
        model: ModelShape<'_>,
        outputs: &[TensorView<'_>],
        into: &mut Candidates,
    ) -> Result<(), DecodeError> {
        let name = self.name();
        let (shape, data) = numbers(name, "boxes", outputs.first().filter(|_| outputs.len() == 1))?;
        let [1, 1, n, columns] = *shape else {
            return Err(DecodeError::shape(format!("layout {name} wants [1, 1, n, 7], the model gave {shape:?}")));
        };
        check_columns(name, "boxes", columns, 7)?;
        check_count(n)?;
        let (width, height) = (model.size.width as f32, model.size.height as f32);
        for row in data.chunks_exact(7).take_while(|row| row[0] >= 0.0) {
            into.take_found(row[1] - 1.0, row[2], [row[3] * width, row[4] * height, row[5] * width, row[6] * height])?;
        }
        Ok(())
    }

    fn suppresses(&self) -> bool {
        true
    }

    fn mixes_pictures(&self) -> bool {
        true
    }
}
