//! Memory that two processes see, with tensors in it.
//!
//! Why this is sound, as far as Rust can say so of memory that another process maps:
//! - A region's size never changes: it is sealed against shrinking and growing before it is shown to anybody, and one that arrives without
//!   these seals is refused. So no access to a mapping can fault.
//! - One side has the floor at a time. The site writes inputs before it asks and touches them no more until the answer has come; the
//!   worker writes outputs before it answers. Each region is written by one side only.
//! - Every pattern of bits is a value of the four element types, so that even a worker gone mad, which writes out of turn, gives wrong
//!   numbers and nothing worse. Numbers are checked by whoever decodes them, as those of any model are.

use std::{io, os::fd::OwnedFd, slice};

use memmap2::{MmapOptions, MmapRaw};
use parapet_contracts::ports::inference::{DType, TensorData, TensorView};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create},
    io::Errno,
};
use serde::{Deserialize, Serialize};

/// Tensors begin at multiples of so many bytes: a cache line, and enough for every vector instruction.
const ALIGNMENT: usize = 64;
/// A region is at most this big. More is a mistake, or a model that means harm.
const LARGEST: usize = 1 << 30;
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);

/// See the module.
pub(crate) struct Region {
    map: MmapRaw,
    memory: OwnedFd,
}

/// Where a tensor lies in a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Placed {
    dtype: DType,
    shape: Vec<usize>,
    /// In bytes.
    offset: usize,
}

impl Region {
    /// A region with room for `bytes`, and some more, so that the next one that is a little bigger fits as well.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        if bytes > LARGEST {
            return Err(io::Error::other(format!("{bytes} bytes of tensors are too many; at most {LARGEST} fit")));
        }
        // Pages that nobody touches cost nothing.
        let size = bytes.next_power_of_two().max(1 << 12);
        let memory = memfd_create(c"parapet-tensors", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, size as u64)?;
        fcntl_add_seals(&memory, SEALS | SealFlags::SEAL)?;
        Self::map(memory, size)
    }

    /// A region that the other side has made.
    pub(crate) fn received(memory: OwnedFd) -> io::Result<Self> {
        if !fcntl_get_seals(&memory)?.contains(SEALS) {
            return Err(Errno::INVAL.into());
        }
        let size = usize::try_from(fstat(&memory)?.st_size).unwrap_or(usize::MAX);
        if size > LARGEST {
            return Err(Errno::FBIG.into());
        }
        Self::map(memory, size)
    }

    fn map(memory: OwnedFd, size: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(size).map_raw(&memory)?;
        Ok(Self { map, memory })
    }

    /// What the other side is sent.
    pub(crate) fn memory(&self) -> &OwnedFd {
        &self.memory
    }

    /// Copies tensors in and tells where each lies. `None` when they don't fit; [`room`] tells how much they need.
    pub(crate) fn write(&mut self, tensors: &[TensorView<'_>]) -> Option<Vec<Placed>> {
        if room(tensors) > self.map.len() {
            return None;
        }
        // SAFETY: the mapping is that long, readable and writable for as long as `self` lives, and never shrinks (sealed). `&mut self` keeps
        // this process from looking meanwhile, and the other side has not got the floor (see the module).
        let bytes = unsafe { slice::from_raw_parts_mut(self.map.as_mut_ptr(), self.map.len()) };
        let mut offset = 0;
        let placed = tensors.iter().map(|tensor| {
            let (dtype, from) = raw(tensor.data);
            let place = Placed { dtype, shape: tensor.shape.to_vec(), offset };
            bytes[offset..offset + from.len()].copy_from_slice(from);
            offset += from.len().next_multiple_of(ALIGNMENT);
            place
        });
        Some(placed.collect())
    }

    /// The tensors that lie where the other side says.
    ///
    /// # Errors
    /// When a tensor would not lie in the region.
    pub(crate) fn read<'a>(&'a self, placed: &'a [Placed]) -> Result<Vec<TensorView<'a>>, String> {
        // SAFETY: as in `write`; nobody writes while this side has the floor, and this process only writes through `&mut self`.
        let bytes = unsafe { slice::from_raw_parts(self.map.as_ptr(), self.map.len()) };
        let view = |place: &'a Placed| {
            let Placed { dtype, shape, offset } = place;
            let odd =
                || format!("a tensor of {shape:?} at {offset} is not in the {} bytes that are shared", bytes.len());
            let size = shape.iter().try_fold(width(*dtype), |n, dim| n.checked_mul(*dim)).ok_or_else(odd)?;
            let end = offset.checked_add(size).ok_or_else(odd)?;
            let part = bytes.get(*offset..end).ok_or_else(odd)?;
            let data = match dtype {
                DType::F32 => bytemuck::try_cast_slice(part).map(TensorData::F32),
                DType::U8 => Ok(TensorData::U8(part)),
                DType::I32 => bytemuck::try_cast_slice(part).map(TensorData::I32),
                DType::I64 => bytemuck::try_cast_slice(part).map(TensorData::I64),
                DType::F16 | DType::Other => return Err(format!("a tensor of {dtype:?} is none that the port knows")),
            };
            data.map(|data| TensorView { shape, data }).map_err(|_| odd())
        };
        placed.iter().map(view).collect()
    }
}

/// How many bytes tensors need in a region.
pub(crate) fn room(tensors: &[TensorView<'_>]) -> usize {
    tensors.iter().map(|tensor| raw(tensor.data).1.len().next_multiple_of(ALIGNMENT)).fold(0, usize::saturating_add)
}

fn raw(data: TensorData<'_>) -> (DType, &[u8]) {
    match data {
        TensorData::F32(values) => (DType::F32, bytemuck::cast_slice(values)),
        TensorData::U8(values) => (DType::U8, values),
        TensorData::I32(values) => (DType::I32, bytemuck::cast_slice(values)),
        TensorData::I64(values) => (DType::I64, bytemuck::cast_slice(values)),
    }
}

fn width(dtype: DType) -> usize {
    match dtype {
        DType::U8 | DType::Other => 1,
        DType::F16 => 2,
        DType::F32 | DType::I32 => 4,
        DType::I64 => 8,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let (floats, bytes, longs) = ([1.5_f32, -2.0, f32::NAN], [1_u8, 2, 3], [i64::MIN, 7]);
        let tensors = [
            TensorView { shape: &[1, 3], data: TensorData::F32(&floats) },
            TensorView { shape: &[3], data: TensorData::U8(&bytes) },
            TensorView { shape: &[2, 1], data: TensorData::I64(&longs) },
            TensorView { shape: &[0, 4], data: TensorData::I32(&[]) },
        ];
        let mut ours = Region::new(room(&tensors)).unwrap();
        let placed = ours.write(&tensors).unwrap();
        let theirs = Region::received(ours.memory().try_clone().unwrap()).unwrap();
        let seen = theirs.read(&placed).unwrap();
        assert_eq!(seen.iter().map(|t| t.shape).collect::<Vec<_>>(), [&[1, 3][..], &[3], &[2, 1], &[0, 4]]);
        let TensorData::F32(read) = seen[0].data else { panic!("{seen:?}") };
        assert!(read[..2] == floats[..2] && read[2].is_nan());
        assert!(matches!(seen[1].data, TensorData::U8(read) if read == bytes));
        assert!(matches!(seen[2].data, TensorData::I64(read) if read == longs));
        assert!(matches!(seen[3].data, TensorData::I32([])));
    }

    #[test]
    fn tensors_that_do_not_fit_are_not_written_and_places_outside_are_not_read() {
        let many = vec![0.0_f32; 5000];
        let mut region = Region::new(100).unwrap();
        assert_eq!(region.write(&[TensorView { shape: &[5000], data: TensorData::F32(&many) }]), None);
        let place = |dtype, shape: &[usize], offset| Placed { dtype, shape: shape.to_vec(), offset };
        for odd in [
            place(DType::F32, &[1025], 0),
            place(DType::F32, &[1], 4093),
            place(DType::F32, &[1], usize::MAX),
            place(DType::F32, &[usize::MAX, 2], 0),
            place(DType::F32, &[1], 2),
            place(DType::F16, &[1], 0),
        ] {
            assert!(region.read(slice::from_ref(&odd)).is_err(), "{odd:?}");
        }
        assert!(region.read(&[place(DType::F32, &[1024], 0)]).is_ok());
    }

    #[test]
    fn memory_that_could_shrink_is_refused_and_so_is_far_too_much() {
        let memory = memfd_create(c"loose", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&memory, 4096).unwrap();
        assert!(Region::received(memory).is_err());
        assert!(Region::new(LARGEST + 1).is_err());
        assert!(ftruncate(Region::new(1).unwrap().memory(), 0).is_err(), "sealed");
    }
}
