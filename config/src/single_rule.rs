//! One rule file by itself, for those who try a rule without running its site.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use parapet_contracts::{CameraId, ModelId, RuleId, StreamId, TableId, ports::probe::ModelProbe};

use crate::{
    check::{self, Context, ModelFacts},
    checked::{Rule, SiteConfig, Stream, Table},
    document::{Document, place},
    load::{self, bytes},
    problem::{Position, Problem, Problems},
    raw::{RawCameras, RawRule, RawZone},
    schema::FileKind,
    secrets::Secrets,
};

/// A rule, and the tables that it looks up in.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedRule {
    /// The rule.
    pub rule: Rule,
    /// All tables of its site, or those beside it.
    pub tables: BTreeMap<TableId, Arc<Table>>,
    /// All streams of its site, or those beside it.
    pub streams: BTreeMap<StreamId, Arc<Stream>>,
}

/// Reads one rule file. A file in the `rules` folder of a site is read with the whole site; any other stands alone: the
/// cameras, the model and the uploaders that it names are taken to exist, `cameras` are those that `all` means besides, and the streams and
/// tables that it reads are declared in the folders `streams` and `tables` beside it.
///
/// # Errors
/// Every error of the file, or of its site, each with its place.
pub fn load_rule(
    file: &Path,
    cameras: &[CameraId],
    probe: &dyn ModelProbe,
    secrets: &Secrets,
) -> Result<LoadedRule, Problems> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let shown = file.display().to_string();
    let fail =
        |message: String, help: &str| Problems::one(Problem::new(shown.as_str(), Position::START, message).help(help));
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let id = RuleId::new(&stem).map_err(|error| fail(error.to_string(), "the file's name is the rule's id"))?;
    let own = file.parent().unwrap_or(Path::new("/"));
    let site = own.parent().filter(|site| {
        own.file_name().is_some_and(|name| name == "rules")
            && (site.join("site.yaml").exists() || site.join("site.yml").exists())
    });
    if let Some(site) = site {
        let loaded = load::load(site, probe, secrets)?;
        let SiteConfig { rules, tables, streams, .. } = loaded.config;
        let rule = rules.get(&id).map(|rule| LoadedRule { rule: Rule::clone(rule), tables, streams });
        return rule.ok_or_else(|| fail("the site has no such rule".to_owned(), "check the file's name"));
    }
    let content = bytes(&file)
        .map_err(|error| fail(format!("the file can't be read: {error}"), "check that it exists and may be read"))?;
    let mut inputs = vec![file.clone()];
    let mut document = Document::<RawRule>::read(FileKind::Rule, &shown, &content, own, secrets, &mut inputs);
    if let Some(RawRule { zone: Some(RawZone::Name(_)), .. }) = &document.raw {
        let at = document.at(place!["zone"]);
        let help = "put the file into the `rules` folder of the site, or give the corners of a polygon";
        document.error(at, "zones by name are in the files of cameras, and there are none here", help);
    }
    let mut context = context(own, &document, cameras, probe);
    let mut problems = load::declared(&mut context, secrets);
    let rule = check::rule(&mut document, &id, &context);
    match rule {
        Some(rule) if document.problems.is_empty() && problems.is_empty() => {
            Ok(LoadedRule { rule, tables: context.tables, streams: context.streams })
        }
        _ => {
            let Document { problems: own, warnings, .. } = document;
            problems.extend(own);
            if problems.is_empty() {
                return Err(fail("the rule was not understood".to_owned(), "see `parapet schema rule`"));
            }
            problems.sort();
            Err(Problems { list: problems, warnings, inputs, waits: false })
        }
    }
}

/// What a rule that stands alone may refer to: all that it names.
fn context<'a>(
    dir: &'a Path,
    document: &Document<RawRule>,
    cameras: &[CameraId],
    probe: &'a dyn ModelProbe,
) -> Context<'a> {
    let mut known: BTreeMap<CameraId, _> = cameras.iter().map(|id| (id.clone(), None)).collect();
    let (mut models, mut rules) = (BTreeMap::new(), Vec::new());
    if let Some(raw) = &document.raw {
        if let Some(RawCameras::These(names)) = &raw.cameras {
            known.extend(names.iter().filter_map(|name| CameraId::new(&name.0).ok()).map(|id| (id, None)));
        }
        let model = raw.model.as_ref().and_then(|name| ModelId::new(&name.0).ok());
        models.extend(model.map(|id| (id, ModelFacts::default())));
        rules = raw.alerts_of.iter().flatten().filter_map(|name| RuleId::new(&name.0).ok()).collect();
    }
    Context {
        dir,
        probe,
        media: None,
        media_shown: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
        uploaders: Vec::new(),
        maintenance: Vec::new(),
        telling: rules.clone(),
        rules,
        schedules: BTreeMap::new(),
        streams: BTreeMap::new(),
        tables: BTreeMap::new(),
        unreadable: Vec::new(),
        cameras: known,
        models,
        inputs: Vec::new(),
    }
}
