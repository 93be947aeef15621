//! What a statement names of its site: zones and lines of the cameras that the rule listens to, cameras and models. A name that
//! is nowhere would make a rule that never fires; it is told with its place, and with what was probably meant.

use parapet_contracts::{CameraId, ModelId};
use parapet_rule_sql::{
    SqlError,
    ast::{Named, NamedKind, Select},
    plan::Plan,
};

use super::{CameraFacts, Context};
use crate::{streams, words};

/// A name that refers to nothing, as the person who wrote it is told.
pub(super) fn wrong(select: &Select, plan: &Plan, cameras: &[CameraId], context: &Context<'_>) -> Vec<SqlError> {
    // A rule that stands alone has no site beside it.
    if context.media.is_none() {
        return Vec::new();
    }
    let steps = select.sequence.iter().flat_map(|sequence| &sequence.steps);
    let steps: Vec<&str> = steps.filter_map(|step| step.name.as_deref()).collect();
    let ours = |named: &Named| match named.kind {
        NamedKind::Zone | NamedKind::Line => of_cameras(named, plan, &steps, true),
        NamedKind::Camera | NamedKind::Model => of_cameras(named, plan, &steps, false),
    };
    let wrong = select.named().into_iter().filter(|named| ours(named)).filter_map(|named| {
        let (message, help) = match named.kind {
            NamedKind::Zone => place(&named, "zone", cameras, context, |facts| &facts.zone_names)?,
            NamedKind::Line => place(&named, "line", cameras, context, |facts| &facts.line_names)?,
            NamedKind::Camera => camera(&named, cameras, context)?,
            NamedKind::Model => model(&named, context)?,
        };
        Some(SqlError::at(named.pos, message).with_hint(Some(help)))
    });
    wrong.collect()
}

/// Whether a name belongs to a column of a stream which every site has. Of a column without a stream, one such stream among
/// those that are read will do when `any`.
fn of_cameras(named: &Named, plan: &Plan, steps: &[&str], any: bool) -> bool {
    let mut sources = plan.sources.iter().filter(|source| !source.relation.table);
    let own = |name: &str| streams::OWN.contains(&name);
    match named.stream.as_deref().filter(|name| !steps.contains(name)) {
        Some(name) => {
            let known = |source: &&parapet_rule_sql::plan::PlanSource| {
                source.known_as.as_ref() == name || source.name.as_ref() == name
            };
            sources.find(known).is_some_and(|source| own(&source.name))
        }
        None if any => sources.any(|source| own(&source.name)),
        None => sources.all(|source| own(&source.name)),
    }
}

/// A zone or a line that none of the rule's cameras has. A camera that could not be read may have any.
fn place(
    named: &Named,
    kind: &str,
    cameras: &[CameraId],
    context: &Context<'_>,
    names: impl Fn(&CameraFacts) -> &Vec<String>,
) -> Option<(String, String)> {
    let mut known: Vec<&str> = Vec::new();
    for camera in cameras {
        known.extend(names(context.cameras.get(camera)?.as_ref()?).iter().map(String::as_str));
    }
    if cameras.is_empty() || known.contains(&named.name.as_ref()) {
        return None;
    }
    known.sort_unstable();
    known.dedup();
    let elsewhere: Vec<&str> = context
        .cameras
        .iter()
        .filter(|(_, facts)| facts.as_ref().is_some_and(|facts| names(facts).iter().any(|n| *n == *named.name)))
        .map(|(camera, _)| camera.as_str())
        .collect();
    let listened: Vec<&str> = cameras.iter().map(CameraId::as_str).collect();
    let message = format!("there is no {kind} `{}` in {}", words::shown(&named.name), words::list(&listened));
    let help = match elsewhere.as_slice() {
        [] if known.is_empty() => format!("the cameras that this rule listens to have no `{kind}s`"),
        [] => words::did_you_mean(&named.name, &format!("Known {kind}s"), &known),
        others => format!("{} has it, and this rule does not listen to it: see `cameras`", words::list(others)),
    };
    Some((message, help))
}

fn camera(named: &Named, cameras: &[CameraId], context: &Context<'_>) -> Option<(String, String)> {
    let is = |id: &CameraId| id.as_str() == named.name.as_ref();
    let name = words::shown(&named.name);
    if !context.cameras.keys().any(is) {
        let known: Vec<&str> = context.cameras.keys().map(CameraId::as_str).collect();
        let help = words::did_you_mean(&named.name, "Known cameras", &known);
        return Some((format!("there is no camera `{name}`"), help));
    }
    if cameras.iter().any(is) {
        return None;
    }
    let help = format!("add `{name}` to `cameras`, or take it out of the statement");
    Some((format!("this rule does not listen to the camera `{name}`"), help))
}

fn model(named: &Named, context: &Context<'_>) -> Option<(String, String)> {
    if context.models.keys().any(|id| id.as_str() == named.name.as_ref()) {
        return None;
    }
    let known: Vec<&str> = context.models.keys().map(ModelId::as_str).collect();
    let help = words::did_you_mean(&named.name, "Known models", &known);
    Some((format!("there is no model `{}`", words::shown(&named.name)), help))
}
