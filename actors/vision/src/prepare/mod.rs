//! From a picture to the input tensor in one pass: crop, scale, YUV to RGB, normalise, and place, row by row.
//!
//! Each row of the input is interpolated bilinearly, with pixel centres at half coordinates as `cv2.resize(INTER_LINEAR)`
//! has them, out of at most two rows a plane; nothing that the input doesn't need is read, and no picture is made on the
//! way. Strides are honoured. Luma and chroma are interpolated apart and become RGB afterwards, which differs from the other
//! order in clipped colours alone.

mod colour;
mod sampler;

use std::ops::Range;

use parapet_contracts::{
    Picture, PixelFormat, Region,
    ports::inference::{TensorData, TensorView},
};

use self::{
    colour::{Levels, Matrix},
    sampler::{Plane, Sampler, taps},
};
use crate::{
    inputs::{Extra, InputForm},
    placement::Placement,
    settings::{Channels, ModelSettings, SizePx},
};

/// Why a picture can't become an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PrepareError(String);

/// How the input lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Channel by channel.
    Chw,
    /// Pixel by pixel.
    Hwc,
}

/// A model's input tensor for one picture or a batch of them, with what is remembered from picture to picture so that it is
/// not computed anew. Make one a slot, with [`crate::Detector::new_input`].
#[derive(Debug)]
pub struct InputTensor {
    order: Order,
    size: SizePx,
    /// Pictures, then the dimensions of one of them.
    shape: [usize; 4],
    /// As many pictures as were ever asked for; those in use come first.
    data: Data,
    plan: Option<Plan>,
    /// How the picture at each place lies in it: a place is padded anew when that changes.
    places: Vec<Option<PlanKey>>,
    /// Where the picture stands among the model's inputs.
    at: usize,
    extras: Vec<Extra>,
    /// What the machine's processor can do.
    arch: pulp::Arch,
}

#[derive(Debug)]
enum Data {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

impl Data {
    fn resize(&mut self, length: usize) {
        match self {
            Self::F32(values) => values.resize(length, 0.0),
            Self::U8(values) => values.resize(length, 0),
        }
    }

    /// The numbers of one picture.
    fn place(&mut self, own: Range<usize>) -> PlaceMut<'_> {
        match self {
            Self::F32(values) => PlaceMut::F32(&mut values[own]),
            Self::U8(values) => PlaceMut::U8(&mut values[own]),
        }
    }
}

enum PlaceMut<'a> {
    F32(&'a mut [f32]),
    U8(&'a mut [u8]),
}

/// What a [`Plan`] depends on: where the picture lies, its format, and whether its range is full.
type PlanKey = (Placement, PixelFormat, bool);

/// What depends on the sizes and the format of the pictures alone.
#[derive(Debug)]
struct Plan {
    key: PlanKey,
    luma: Sampler,
    chroma: Option<Sampler>,
    /// One row of red, one of green, one of blue.
    rgb: Vec<f32>,
}

impl InputTensor {
    pub(crate) fn for_model(form: &InputForm, size: SizePx) -> Self {
        let extras = form.extras.iter().map(|role| Extra::new(*role, size)).collect();
        Self { at: form.at, extras, ..Self::new(form.order, size, form.bytes) }
    }

    pub(crate) fn new(order: Order, size: SizePx, bytes: bool) -> Self {
        let (w, h) = (size.width as usize, size.height as usize);
        let shape = match order {
            Order::Chw => [1, 3, h, w],
            Order::Hwc => [1, h, w, 3],
        };
        let data = if bytes { Data::U8(vec![0; w * h * 3]) } else { Data::F32(vec![0.0; w * h * 3]) };
        Self {
            order,
            size,
            shape,
            data,
            plan: None,
            places: vec![None],
            at: 0,
            extras: Vec::new(),
            arch: pulp::Arch::new(),
        }
    }

    /// Numbers of one picture.
    fn picture_length(&self) -> usize {
        self.size.width as usize * self.size.height as usize * 3
    }

    /// The pictures' tensor.
    pub fn view(&self) -> TensorView<'_> {
        let length = self.shape[0] * self.picture_length();
        let data = match &self.data {
            Data::F32(values) => TensorData::F32(&values[..length]),
            Data::U8(values) => TensorData::U8(&values[..length]),
        };
        TensorView { shape: &self.shape, data }
    }

    /// Makes `count` pictures the tensor's, with room for them.
    fn set_count(&mut self, count: usize) {
        if count > self.places.len() {
            self.data.resize(count * self.picture_length());
            self.places.resize(count, None);
        }
        self.shape[0] = count;
        for extra in &mut self.extras {
            extra.set_count(count);
        }
    }

    /// All inputs of the model in its order, as the inference port takes them: the picture, and the sizes that some models
    /// want beside it.
    pub fn views(&self) -> Vec<TensorView<'_>> {
        let mut views: Vec<_> = self.extras.iter().map(Extra::view).collect();
        views.insert(self.at.min(views.len()), self.view());
        views
    }

    /// Fills a place of the tensor with a region of a picture; the places behind it are not the tensor's any more.
    pub(crate) fn fill(
        &mut self,
        place: usize,
        picture: &Picture,
        region: Option<Region>,
        settings: &ModelSettings,
    ) -> Result<Placement, PrepareError> {
        if self.size != settings.size {
            let text = format!("an input of {} pixels was given to a model that takes {}", self.size, settings.size);
            return Err(PrepareError(text));
        }
        let whole = Region::whole(picture.width, picture.height);
        let region = region.unwrap_or(whole).within(picture.width, picture.height).ok_or_else(|| {
            PrepareError(format!(
                "the region {region:?} has no pixel of a picture of {}×{}",
                picture.width, picture.height
            ))
        })?;
        let placement = Placement::new((picture.width, picture.height), region, self.size, settings.resize);
        let levels = Levels::new(settings);
        let key = (placement, picture.format, picture.colorimetry.full_range);
        self.set_count(place + 1);
        let own = place * self.picture_length()..(place + 1) * self.picture_length();
        if self.places[place] != Some(key) {
            self.pad(own.clone(), &levels, settings.pad);
            self.places[place] = Some(key);
        }
        self.plan.take_if(|plan| plan.key != key);
        let plan = self.plan.get_or_insert_with(|| Plan::new(key));
        let target = Target { order: self.order, size: self.size, swap: settings.channels == Channels::Bgr };
        let matrix = Matrix::new(picture.colorimetry);
        let place = self.data.place(own);
        self.arch.dispatch(Fill { plan, picture, placement, matrix, levels, target, place });
        Ok(placement)
    }

    /// Fills a place with the padding; rows of the picture are written over it.
    fn pad(&mut self, own: Range<usize>, levels: &Levels, pad: u8) {
        match (&mut self.data, self.order) {
            (Data::U8(values), _) => values[own].fill(pad),
            (Data::F32(values), Order::Chw) => {
                let values = &mut values[own];
                let plane = values.len() / 3;
                for (c, values) in values.chunks_exact_mut(plane.max(1)).enumerate() {
                    values.fill(levels.apply(c, f32::from(pad)));
                }
            }
            (Data::F32(values), Order::Hwc) => {
                for pixel in values[own].chunks_exact_mut(3) {
                    for (c, value) in pixel.iter_mut().enumerate() {
                        *value = levels.apply(c, f32::from(pad));
                    }
                }
            }
        }
    }
}

impl Plan {
    fn new(key: PlanKey) -> Self {
        let (placement, format, full_range) = key;
        let n = placement.width as usize;
        let across = taps(placement.region.x, placement.region.width, placement.width);
        let down = taps(placement.region.y, placement.region.height, placement.height);
        let chroma = match format {
            PixelFormat::I420 => Some((2, 1)),
            PixelFormat::Nv12 => Some((1, 2)),
            PixelFormat::Rgb | PixelFormat::Grey => None,
        };
        let chroma = chroma.map(|(planes, samples)| {
            // MPEG puts chroma samples on the left of two luma samples, JPEG (full range) in the middle; down, both in the middle.
            let (w, h) = (placement.picture.0.div_ceil(2), placement.picture.1.div_ceil(2));
            let offset = if full_range { 0.5 } else { 0.0 };
            Sampler::new(&across.chroma(offset, w), down.chroma(0.5, h), planes, samples)
        });
        let samples = if format == PixelFormat::Rgb { 3 } else { 1 };
        Self { key, luma: Sampler::new(&across.taps(), down.taps(), 1, samples), chroma, rgb: vec![0.0; n * 3] }
    }

    /// Makes one row of RGB, 0 to 255, rounded to whole levels as an 8-bit picture has them.
    #[inline(always)]
    fn read_row(&mut self, picture: &Picture, row: usize, matrix: &Matrix) {
        let plane = |index| {
            let (data, stride) = picture.plane(index);
            Plane { data, stride }
        };
        let luma = self.luma.row(row, &[plane(0)]);
        match (picture.format, &mut self.chroma) {
            (PixelFormat::I420, Some(chroma)) => {
                matrix.to_rgb(luma, chroma.row(row, &[plane(1), plane(2)]), &mut self.rgb);
            }
            (_, Some(chroma)) => matrix.to_rgb(luma, chroma.row(row, &[plane(1)]), &mut self.rgb),
            // RGB has three rows here, and grey one for all three.
            (_, None) => {
                for channels in self.rgb.chunks_exact_mut(luma.len().max(1)) {
                    channels.copy_from_slice(luma);
                }
                colour::round(&mut self.rgb);
            }
        }
    }
}

/// The work of [`InputTensor::fill`]: compiled once more for the wider instructions that a machine may have, and chosen at run
/// time. All that is called in here must be `inline(always)`, or it is compiled for the least machine.
struct Fill<'a> {
    plan: &'a mut Plan,
    picture: &'a Picture,
    placement: Placement,
    matrix: Matrix,
    levels: Levels,
    target: Target,
    place: PlaceMut<'a>,
}

impl pulp::NullaryFnOnce for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { plan, picture, placement, matrix, levels, target, place } = self;
        let n = placement.width as usize;
        let at = |row| (placement.left as usize, placement.top as usize + row);
        match place {
            PlaceMut::F32(values) => {
                for row in 0..placement.height as usize {
                    plan.read_row(picture, row, &matrix);
                    target.put_f32(values, &plan.rgb, n, at(row), &levels);
                }
            }
            PlaceMut::U8(values) => {
                for row in 0..placement.height as usize {
                    plan.read_row(picture, row, &matrix);
                    target.put_u8(values, &plan.rgb, n, at(row));
                }
            }
        }
    }
}

/// Where rows of RGB go.
struct Target {
    order: Order,
    size: SizePx,
    swap: bool,
}

impl Target {
    #[inline(always)]
    fn source(&self, channel: usize) -> usize {
        if self.swap { 2 - channel } else { channel }
    }

    #[inline(always)]
    fn put_f32(&self, values: &mut [f32], rgb: &[f32], n: usize, (x, y): (usize, usize), levels: &Levels) {
        let (w, h) = (self.size.width as usize, self.size.height as usize);
        for channel in 0..3 {
            let from = &rgb[self.source(channel) * n..][..n];
            let (factor, offset) = levels.of(channel);
            match self.order {
                Order::Chw => {
                    let to = &mut values[channel * w * h + y * w + x..][..n];
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = from * factor + offset;
                    }
                }
                Order::Hwc => {
                    let to = &mut values[(y * w + x) * 3..][..n * 3];
                    for (to, from) in to.chunks_exact_mut(3).zip(from) {
                        to[channel] = from * factor + offset;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn put_u8(&self, values: &mut [u8], rgb: &[f32], n: usize, (x, y): (usize, usize)) {
        let (w, h) = (self.size.width as usize, self.size.height as usize);
        for channel in 0..3 {
            let from = &rgb[self.source(channel) * n..][..n];
            match self.order {
                Order::Chw => {
                    let to = &mut values[channel * w * h + y * w + x..][..n];
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = *from as u8;
                    }
                }
                Order::Hwc => {
                    let to = &mut values[(y * w + x) * 3..][..n * 3];
                    for (to, from) in to.chunks_exact_mut(3).zip(from) {
                        to[channel] = *from as u8;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
