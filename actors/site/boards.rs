//! What a site has of its actors: their boards, and the supervisors of their groups.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::{CameraId, MainView, ModelId, StreamId, UploaderId};
use parapet_supervision::SupervisorHandle;

use crate::{
    camera::CameraBoard,
    model::{ModelBoard, ModelPool},
    stream::StreamBoard,
    uploader::PumpBoard,
};

/// What the actors tell; outlives their restarts.
#[derive(Default)]
pub(super) struct Boards {
    pub(super) cameras: BTreeMap<CameraId, Arc<CameraBoard>>,
    /// Of the main streams of cameras whose substreams are watched.
    pub(super) mains: BTreeMap<CameraId, (Arc<CameraBoard>, Arc<MainView>)>,
    pub(super) models: BTreeMap<ModelId, (Arc<ModelPool>, Arc<ModelBoard>)>,
    pub(super) uploaders: BTreeMap<UploaderId, Arc<PumpBoard>>,
    pub(super) streams: BTreeMap<StreamId, Arc<StreamBoard>>,
}

/// The supervisors of a site's groups.
pub(crate) struct Groups {
    pub(crate) root: SupervisorHandle,
    pub(crate) uploaders: SupervisorHandle,
    pub(crate) rules: SupervisorHandle,
    pub(crate) streams: SupervisorHandle,
    pub(crate) models: SupervisorHandle,
    pub(crate) cameras: SupervisorHandle,
}
