//! Decoding keyframes only, while nothing happens in front of the camera: which frames go into the decoder.
//!
//! A frame builds upon those before it, back to the last keyframe. So after frames were skipped, the next that can be decoded is a keyframe.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Idling {
    /// The last frame that was decoded is not the one before this.
    broken: bool,
    /// A keyframe went in, and may still be inside.
    holds_keyframe: bool,
    without_keyframes: bool,
}

/// What to do with an encoded frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Decode it.
    Decode,
    /// Nobody needs it.
    Skip {
        /// The decoder may hold the keyframe before it, and should give it now.
        drain: bool,
    },
    /// It is wanted, and can't be decoded without those that were skipped.
    Await,
}

impl Idling {
    /// Says whether the stream begins with a keyframe. One that refreshes gradually has none, and is decoded as a whole.
    pub(crate) fn has_keyframes(&mut self, any: bool) {
        self.without_keyframes = !any;
    }

    /// Judges a frame; `keyframes_only` is what is wanted now.
    pub(crate) fn judge(&mut self, keyframes_only: bool, keyframe: bool) -> Step {
        if keyframe || self.without_keyframes {
            (self.broken, self.holds_keyframe) = (false, keyframe);
            return Step::Decode;
        }
        if keyframes_only {
            self.broken = true;
            return Step::Skip { drain: std::mem::take(&mut self.holds_keyframe) };
        }
        if self.broken { Step::Await } else { Step::Decode }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_frames_were_skipped_the_next_keyframe_is_awaited() {
        let mut idling = Idling::default();
        let steps = [
            (false, true, Step::Decode),
            (false, false, Step::Decode),
            (true, false, Step::Skip { drain: true }),
            (true, false, Step::Skip { drain: false }),
            (true, true, Step::Decode),
            (true, false, Step::Skip { drain: true }),
            (false, false, Step::Await),
            (false, false, Step::Await),
            (false, true, Step::Decode),
            (false, false, Step::Decode),
        ];
        for (index, (keyframes_only, keyframe, step)) in steps.into_iter().enumerate() {
            assert_eq!(idling.judge(keyframes_only, keyframe), step, "frame {index}");
        }
    }

    #[test]
    fn a_stream_without_keyframes_is_decoded_as_a_whole() {
        let mut idling = Idling::default();
        idling.has_keyframes(false);
        assert!((0..5).all(|_| idling.judge(true, false) == Step::Decode));
    }
}
