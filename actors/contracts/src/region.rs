//! A part of a picture, as models are shown it.

/// A part of a picture, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Region {
    /// The whole of a picture.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// The part of it that lies within a picture; `None` when none does.
    pub fn within(self, width: u32, height: u32) -> Option<Self> {
        let (x, y) = (self.x.min(width), self.y.min(height));
        let right = self.x.saturating_add(self.width).min(width);
        let bottom = self.y.saturating_add(self.height).min(height);
        let cut = Self { x, y, width: right - x, height: bottom - y };
        (cut.width > 0 && cut.height > 0).then_some(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_cut_to_the_picture_or_refused() {
        let region = Region { x: 90, y: 90, width: 50, height: u32::MAX };
        assert_eq!(region.within(100, 100), Some(Region { x: 90, y: 90, width: 10, height: 10 }));
        assert_eq!(region.within(90, 100), None);
    }
}
