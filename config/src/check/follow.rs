//! `after`: which models follow which, once all of them are known.

use std::collections::BTreeMap;

use parapet_contracts::ModelId;

use super::{Context, dangling, no_twins, quoted};
use crate::{
    checked::{Again, Crop, Follow, Model},
    document::{Document, place},
    raw::{RawAgain, RawCropShape, RawKind, RawModel},
    words,
    yaml::Step,
};

/// What a model's file says of its following; the names are checked by [`follows`], when all models are known.
pub(super) fn after(document: &mut Document<RawModel>, raw: &RawModel) -> Option<Follow> {
    let follow = raw.after.clone()?.into_follow();
    if raw.kind == RawKind::Null {
        let at = document.at_key(place!["after"]);
        document.error(at, "a model of kind `null` follows nothing", "remove `after`, or remove `kind`");
    }
    let of_frames = [
        ("max_fps", "say in `after` how often, with `again: {every: 2s}`"),
        ("overload", "say in `after` what it looks at"),
    ];
    for (key, help) in of_frames {
        if document.has(place![key]) {
            let at = document.at_key(place![key]);
            let message = format!("`{key}` does not go with `after`: this model looks at crops, not at frames");
            document.error(at, message, help);
        }
    }
    Some(Follow {
        models: follow.model.into_vec().iter().filter_map(|name| ModelId::new(name).ok()).collect(),
        labels: follow.labels.map(crate::raw::OneOrMany::into_vec).unwrap_or_default(),
        min_score: follow.min_score,
        min_size: follow.min_size,
        crop: Crop {
            square: follow.crop.shape == RawCropShape::Square,
            scale: follow.crop.scale,
            margin: follow.crop.margin,
        },
        again: match follow.again {
            RawAgain::Never(_) => None,
            RawAgain::When(when) => {
                Some(Again { every: when.every.0, grown: when.grown, until_score: when.until_score })
            }
        },
    })
}

/// True when a name of what it follows stands for something that no message may show.
pub(super) fn hidden(document: &Document<RawModel>, names: usize) -> bool {
    let long = (0..names).any(|index| document.resolved(place!["after", "model", index]));
    let short = (0..names).any(|index| document.resolved(place!["after", index]));
    long || short || document.resolved(place!["after"]) || document.resolved(place!["after", "model"])
}

/// Checks what each model follows: that it is there, that it sees the labels, that nothing follows itself.
pub(crate) fn follows(
    documents: &mut [(ModelId, Document<RawModel>)],
    checked: &BTreeMap<ModelId, std::sync::Arc<Model>>,
    context: &Context<'_>,
) {
    let after = |id: &ModelId| checked.get(id).and_then(|model| model.after.as_ref());
    let mut told: Vec<ModelId> = Vec::new();
    for (id, document) in documents.iter_mut() {
        let Some(follow) = after(id) else { continue };
        let names = context.models.get(id).map_or(&[][..], |facts| &facts.after);
        models(document, names, context);
        let shown = context.models.get(id).map_or("", |facts| &facts.after_shown);
        labels(document, follow, shown, context);
        let hidden = hidden(document, follow.models.len());
        if let Some(cycle) = cycle(id, &after)
            && !cycle.iter().any(|member| told.contains(member))
        {
            let way: Vec<String> = cycle.iter().chain([&*id]).map(|member| format!("`{member}`")).collect();
            let way = if hidden { String::new() } else { format!(": {}", way.join(" follows ")) };
            let message = format!("this model follows itself{way}");
            document.error(document.at(place!["after"]), message, "take one of them out of the circle");
            told.extend(cycle);
        }
    }
}

fn models(document: &mut Document<RawModel>, names: &[String], context: &Context<'_>) {
    let long = document.has(place!["after", "model"]);
    let prefix: &[Step<'_>] = if long { place!["after", "model"] } else { place!["after"] };
    let item = |index: usize| -> Vec<Step<'_>> { prefix.iter().copied().chain([Step::Index(index)]).collect() };
    let list = document.has(&item(0));
    if list {
        no_twins(document, prefix, names);
    }
    for (index, name) in names.iter().enumerate() {
        let place = if list { item(index) } else { prefix.to_vec() };
        match context.models.get(name.as_str()) {
            None => {
                let known = context.models.keys().map(ModelId::as_str);
                dangling(document, &place, "model", "models", known);
            }
            Some(facts) if facts.is_vector => {
                let message =
                    format!("{} gives a vector, and nothing that could be followed", quoted(document, &place));
                document.error(document.at(&place), message, "follow the model that it follows itself");
            }
            Some(_) => {}
        }
    }
}

/// Tells labels that none of the followed models can see.
fn labels(document: &mut Document<RawModel>, follow: &Follow, models: &str, context: &Context<'_>) {
    let facts: Vec<_> = follow.models.iter().filter_map(|model| context.models.get(model)).collect();
    if facts.is_empty() || facts.iter().any(|facts| facts.labels.is_none()) {
        return;
    }
    let known: Vec<&str> = facts.iter().flat_map(|facts| facts.labels.iter().flatten()).map(String::as_str).collect();
    let shown = facts.iter().all(|facts| facts.labels_shown);
    let list = document.has(place!["after", "labels", 0]);
    for (index, label) in follow.labels.iter().enumerate().filter(|(_, label)| !known.contains(&label.as_str())) {
        let (one, many) = (place!["after", "labels"], place!["after", "labels", index]);
        let place: &[Step<'_>] = if list { many } else { one };
        let hint = if document.resolved(place) { "" } else { label.as_str() };
        let help = match shown {
            true => words::did_you_mean(hint, "Known labels", &known),
            false => "see `labels` of the model that is followed".to_owned(),
        };
        let label = quoted(document, place);
        let message = format!("the label {label} is known to no model that is followed ({models})");
        document.error(document.at(place), message, help);
    }
}

/// The way from a model back to itself, beginning with it.
fn cycle<'a>(id: &ModelId, after: &impl Fn(&ModelId) -> Option<&'a Follow>) -> Option<Vec<ModelId>> {
    let mut ways = vec![vec![id.clone()]];
    let mut seen = vec![];
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        for next in after(last).into_iter().flat_map(|follow| &follow.models) {
            if next == id {
                return Some(way);
            }
            if !seen.contains(next) {
                seen.push(next.clone());
                ways.push(way.iter().chain([next]).cloned().collect());
            }
        }
    }
    None
}
