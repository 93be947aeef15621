//! `canary` of a model, and the models that canaries stand in for.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::ModelId;

use super::{Context, dangling, overload, quoted};
use crate::{
    checked::{Canary, Model},
    document::{Document, place},
    raw::{RawCanary, RawModel},
};

/// What a file says of its being a canary; the name is checked by [`canaries`], when all models are known.
pub(super) fn canary(document: &mut Document<RawModel>, raw: &RawModel) -> Option<Canary> {
    let RawCanary { of, share, most_failures, look_within } = raw.canary.as_ref()?;
    let other = if raw.after.is_some() { "after" } else { "shadow" };
    if raw.after.is_some() || raw.shadow.is_some() {
        let at = document.at_key(place!["canary"]);
        let help = "remove one of them: a canary looks at whole frames, and what it sees is used";
        document.error(at, format!("`canary` does not go with `{other}`"), help);
    }
    Some(Canary {
        of: ModelId::new(&of.0).ok()?,
        share: *share,
        most_failures: *most_failures,
        look_within: look_within.map(|span| span.0),
    })
}

/// Checks in whose place each canary looks.
pub(crate) fn canaries(
    documents: &mut [(ModelId, Document<RawModel>)],
    checked: &BTreeMap<ModelId, Arc<Model>>,
    context: &Context<'_>,
) {
    let mut taken: BTreeMap<ModelId, ModelId> = BTreeMap::new();
    for (id, document) in documents {
        let Some(canary) = checked.get(id).and_then(|model| model.canary.as_ref()) else { continue };
        let place = place!["canary", "of"];
        let of = checked.get(&canary.of);
        let shown = quoted(document, place);
        let problem = match of {
            None if !context.models.contains_key(&canary.of) => {
                dangling(document, place, "model", "models", context.models.keys().map(ModelId::as_str));
                continue;
            }
            // A file with an error of its own is told by that.
            None => continue,
            Some(_) if canary.of == *id => "this model can't be its own canary".to_owned(),
            Some(of) if of.canary.is_some() => format!("{shown} is a canary itself"),
            Some(of) if of.shadow.is_some() => format!("{shown} is a shadow: it is compared, and not used"),
            Some(of) if of.after.is_some() => format!("{shown} looks at crops, not at frames"),
            Some(_) => match taken.insert(canary.of.clone(), id.clone()) {
                Some(first) => format!("{shown} has a canary already: {first}"),
                None => {
                    if let Some(lacking) = overload::lacking(&canary.of, id, context) {
                        let message = format!("this model has no label {lacking}, which {shown} has");
                        let help = "rules that wait for such things wait in vain at its cameras";
                        document.warn(document.at(place), message, help);
                    }
                    continue;
                }
            },
        };
        document.error(document.at(place), problem, "name a model that cameras use");
    }
}
