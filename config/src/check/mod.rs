//! From what the files say to what holds: references, paths, addresses, everything that one file's schema can't know.

mod alerting;
mod areas;
mod azure;
mod broker;
mod bus;
mod camera;
mod canary;
mod columns;
mod entra;
mod feeds;
mod follow;
mod model;
mod named;
mod overload;
mod polygon;
mod remote;
mod rule;
mod secrets;
mod shadow;
mod sinks;
mod site;
mod source;
mod sql;
mod stream;
mod table;
mod uploader;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use parapet_contracts::{CameraId, ModelId, RuleId, StreamId, TableId, UploaderId, ports::probe::ModelProbe};

pub(crate) use camera::camera;
pub(crate) use canary::canaries;
pub(crate) use feeds::{circles, same_names};
pub(crate) use follow::follows;
pub(crate) use model::model;
pub(crate) use overload::lighter_models;
pub(crate) use remote::remote;
pub(crate) use rule::rule;
pub(crate) use secrets::secrets;
pub(crate) use shadow::shadows;
pub(crate) use sinks::same_files;
pub(crate) use site::{both, listeners, media_shown, site};
pub(crate) use sql::hears_alerts;
pub(crate) use stream::stream;
pub(crate) use table::table;
pub(crate) use uploader::uploader;

use crate::{
    checked::{Period, Stream, Table},
    document::Document,
    words,
    yaml::Step,
};

/// What the checks of one file may ask about the others.
pub(crate) struct Context<'a> {
    /// The site's folder, absolute.
    pub dir: &'a Path,
    /// Looks into model files.
    pub probe: &'a dyn ModelProbe,
    /// The folders that sources may lie in; `None` when `site.yaml` could not be read.
    pub media: Option<Vec<PathBuf>>,
    /// Those folders as `site.yaml` has them, for messages.
    pub media_shown: Vec<String>,
    /// The time zone of schedules.
    pub time_zone: jiff::tz::TimeZone,
    /// What each camera's file says that others refer to; `None` when it could not be read.
    pub cameras: BTreeMap<CameraId, Option<CameraFacts>>,
    /// What each model's file says that others refer to.
    pub models: BTreeMap<ModelId, ModelFacts>,
    /// The uploaders that there are.
    pub uploaders: Vec<UploaderId>,
    /// The site's maintenance windows.
    pub maintenance: Vec<Period>,
    /// The site's schedules.
    pub schedules: BTreeMap<String, String>,
    /// The rules that there are.
    pub rules: Vec<RuleId>,
    /// Those of them that do not hear alerts of others.
    pub telling: Vec<RuleId>,
    /// The streams that are declared.
    pub streams: BTreeMap<StreamId, Arc<Stream>>,
    /// The tables that are declared.
    pub tables: BTreeMap<TableId, Arc<Table>>,
    /// Streams and tables whose files have errors.
    pub unreadable: Vec<String>,
    /// Files outside the configuration's own that were looked at.
    pub inputs: Vec<PathBuf>,
}

/// What others refer to in a camera.
pub(crate) struct CameraFacts {
    /// Its models.
    pub models: Vec<ModelId>,
    /// Its zones.
    pub zones: BTreeMap<String, parapet_contracts::Polygon>,
    /// Zones that it names, the broken ones among them.
    pub zone_names: Vec<String>,
    /// False for a camera that reads nothing.
    pub enabled: bool,
    /// Lines that it names, the broken ones among them.
    pub line_names: Vec<String>,
}

/// What others refer to in a model.
#[derive(Default)]
pub(crate) struct ModelFacts {
    /// The labels that it can see; `None` when nobody knows.
    pub labels: Option<Vec<String>>,
    /// True when a message may list them.
    pub labels_shown: bool,
    /// The models that it follows, by name.
    pub after: Vec<String>,
    /// What it follows, as a message may name it.
    pub after_shown: String,
    /// True when it is known to give a vector and no objects.
    pub is_vector: bool,
    /// True for a model that is only compared with another one.
    pub is_shadow: bool,
    /// True for a model that looks in the place of another one.
    pub is_canary: bool,
}

impl Context<'_> {
    /// True when what `id` says comes from a camera that lists `models`: it is one of them, or follows one, at any depth.
    pub(crate) fn looks(&self, id: &str, models: &[ModelId]) -> bool {
        let (mut seen, mut open) = (vec![id], vec![id]);
        while let Some(next) = open.pop() {
            if models.iter().any(|model| model.as_str() == next) {
                return true;
            }
            for before in self.models.get(next).into_iter().flat_map(|facts| &facts.after) {
                if !seen.contains(&before.as_str()) {
                    seen.push(before);
                    open.push(before);
                }
            }
        }
        false
    }

    /// A path of a file, from the site's folder.
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        absolute(self.dir, path)
    }
}

/// A path from the site's folder, with `.` and `..` taken out.
pub(crate) fn absolute(dir: &Path, path: &str) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in dir.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}

/// Follows the links of the part of a path that exists.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let mut rest = PathBuf::new();
    let mut known = path;
    loop {
        if let Ok(real) = known.canonicalize() {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
        match (known.parent(), known.file_name()) {
            (Some(parent), Some(name)) => {
                rest = if rest.as_os_str().is_empty() { PathBuf::from(name) } else { Path::new(name).join(rest) };
                known = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

/// Tells that a name refers to nothing.
pub(crate) fn dangling<'a, T>(
    document: &mut Document<T>,
    path: &[Step<'_>],
    what: &str,
    folder: &str,
    known: impl IntoIterator<Item = &'a str>,
) {
    let known: Vec<&str> = known.into_iter().collect();
    let name = quoted(document, path);
    let hint = if document.resolved(path) { None } else { words::meant(document.written(path), known.iter().copied()) };
    let hint = hint.map(|m| format!("did you mean `{m}`? ")).unwrap_or_default();
    let help = match known.is_empty() {
        true => format!("there are no files in `{folder}/`"),
        false => format!("{hint}Known {folder}: {}", words::list(&known)),
    };
    document.error(document.at(path), format!("there is no {what} {name}"), help);
}

/// A value as a message may show it: as the file has it.
pub(crate) fn quoted<T>(document: &Document<T>, path: &[Step<'_>]) -> String {
    format!("`{}`", words::shown(document.written(path)))
}

/// Tells names that stand in a list twice; true for each first one.
pub(crate) fn no_twins<T>(document: &mut Document<T>, path: &[Step<'_>], names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let place: Vec<Step<'_>> = path.iter().copied().chain([Step::Index(index)]).collect();
            let message = format!("{} stands twice in this list", quoted(document, &place));
            document.error(document.at(&place), message, "keep one of them");
        }
    }
}

/// True for an address that only this machine reaches.
pub(crate) fn is_local(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
