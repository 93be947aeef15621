//! Which cameras a canary looks at. Pure.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use parapet_contracts::{CameraId, ModelId};

/// As many of these cameras as the share comes to, one at least. A camera keeps its place in a fixed order that depends on the names alone: it is
/// the same after a restart, and a camera that comes or goes changes at most one other's lot.
pub(super) fn chosen<'a>(
    canary: &ModelId,
    cameras: impl Iterator<Item = &'a CameraId>,
    share: f64,
) -> BTreeSet<CameraId> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut ranked: Vec<(u64, &CameraId)> =
        cameras.map(|camera| (hasher.hash_one((canary.as_str(), camera.as_str())), camera)).collect();
    ranked.sort_unstable();
    let wanted = (ranked.len() as f64 * share).round().max(1.0) as usize;
    ranked.into_iter().take(wanted).map(|(_, camera)| camera.clone()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cameras(count: usize) -> Vec<CameraId> {
        (0..count).map(|n| CameraId::new(&format!("c{n}")).unwrap()).collect()
    }

    fn of(count: usize, share: f64) -> BTreeSet<CameraId> {
        chosen(&ModelId::new("next").unwrap(), cameras(count).iter(), share)
    }

    #[test]
    fn a_share_of_the_cameras_is_chosen_and_one_at_least() {
        assert_eq!([of(0, 0.5).len(), of(1, 0.1).len(), of(11, 0.1).len(), of(40, 0.25).len()], [0, 1, 1, 10]);
        assert_eq!(of(7, 1.0), cameras(7).into_iter().collect());
    }

    #[test]
    fn the_choice_stays_and_a_camera_more_changes_one_at_most() {
        for count in 1..60 {
            let (before, after) = (of(count, 0.3), of(count + 1, 0.3));
            assert_eq!(before, of(count, 0.3));
            assert!(before.difference(&after).count() <= 1, "{count}: {before:?} {after:?}");
        }
        let other = chosen(&ModelId::new("other").unwrap(), cameras(40).iter(), 0.25);
        assert_ne!(of(40, 0.25), other, "another canary has other cameras");
    }
}
