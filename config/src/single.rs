//! One model file by itself, for those who try a model without running its site.

use std::{collections::BTreeMap, path::Path};

use parapet_contracts::{ModelId, ports::probe::ModelProbe};

use crate::{
    check::{self, Context},
    checked::Model,
    document::Document,
    load::bytes,
    problem::{Position, Problem, Problems},
    schema::FileKind,
    secrets::Secrets,
};

/// Reads one model file. Paths in it begin at the site's folder when the file lies in the `models` folder of a site, and at the
/// file's own folder otherwise. Returns what is odd besides.
///
/// # Errors
/// Every error of the file, each with its place.
pub fn load_model(file: &Path, probe: &dyn ModelProbe, secrets: &Secrets) -> Result<(Model, Vec<Problem>), Problems> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let shown = file.display().to_string();
    let own = file.parent().unwrap_or(Path::new("/"));
    let site = own.parent().filter(|site| {
        own.file_name().is_some_and(|name| name == "models")
            && (site.join("site.yaml").exists() || site.join("site.yml").exists())
    });
    let dir = site.unwrap_or(own);
    let content = bytes(&file).map_err(|error| {
        let problem = Problem::new(shown.as_str(), Position::START, format!("the file can't be read: {error}"));
        Problems::one(problem.help("check that it exists and may be read"))
    })?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let id = ModelId::new(&stem)
        .or_else(|_| ModelId::new("model"))
        .map_err(|error| Problems::one(Problem::new(shown.as_str(), Position::START, error.to_string())))?;
    let mut inputs = vec![file.clone()];
    let mut document = Document::read(FileKind::Model, &shown, &content, dir, secrets, &mut inputs);
    let mut context = Context {
        dir,
        probe,
        media: None,
        media_shown: Vec::new(),
        time_zone: jiff::tz::TimeZone::UTC,
        uploaders: Vec::new(),
        maintenance: Vec::new(),
        rules: Vec::new(),
        telling: Vec::new(),
        schedules: BTreeMap::new(),
        streams: BTreeMap::new(),
        tables: BTreeMap::new(),
        unreadable: Vec::new(),
        cameras: BTreeMap::new(),
        models: BTreeMap::new(),
        inputs,
    };
    let model = check::model(&mut document, &id, &mut context);
    let Document { mut problems, warnings, waiting, .. } = document;
    problems.extend(waiting);
    match model {
        Some(model) if problems.is_empty() => Ok((model, warnings)),
        _ => {
            if problems.is_empty() {
                let problem = Problem::new(shown.as_str(), Position::START, "the model was not understood");
                problems.push(problem.help("see `parapet schema model`"));
            }
            problems.sort();
            Err(Problems { list: problems, warnings, inputs: context.inputs, waits: false })
        }
    }
}
