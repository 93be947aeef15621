//! `overload` of a model, and the other models that its steps name.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::ModelId;

use super::{Context, dangling, quoted};
use crate::{
    checked::{Model, OverloadPolicy, OverloadStep},
    document::{Document, place},
    raw::{RawModel, RawOverload, RawStep, RawStepWord},
    words,
};

/// The policy that a file declares.
pub(super) fn policy(document: &mut Document<RawModel>, raw: Option<&RawOverload>) -> Option<Arc<OverloadPolicy>> {
    let raw = raw?;
    let mut steps: Vec<OverloadStep> = Vec::new();
    for (index, step) in raw.steps.iter().enumerate() {
        let step = match step {
            RawStep::Word(RawStepWord::LowerRate) => OverloadStep::LowerRate,
            RawStep::Word(RawStepWord::ShedLowPriority) => OverloadStep::ShedLowPriority,
            // The schema let nothing else through.
            RawStep::Lighter(lighter) => OverloadStep::LighterModel(ModelId::new(&lighter.lighter_model.0).ok()?),
        };
        if steps.iter().any(|other| std::mem::discriminant(other) == std::mem::discriminant(&step)) {
            let at = document.at(place!["overload", "steps", index]);
            document.error(at, "this step stands twice in the list", "keep one of them");
        }
        steps.push(step);
    }
    Some(Arc::new(OverloadPolicy {
        steps,
        lowest_fps: raw.lowest_rate.0,
        after: raw.after.0,
        recover_after: raw.recover_after.0,
    }))
}

/// Checks the models that stand in for others, once all of them are known.
pub(crate) fn lighter_models(
    documents: &mut [(ModelId, Document<RawModel>)],
    checked: &BTreeMap<ModelId, Arc<Model>>,
    context: &Context<'_>,
) {
    for (id, document) in documents {
        let Some(policy) = checked.get(id).and_then(|model| model.overload.clone()) else { continue };
        for (index, step) in policy.steps.iter().enumerate() {
            let OverloadStep::LighterModel(lighter) = step else { continue };
            let place = place!["overload", "steps", index, "lighter_model"];
            if !context.models.contains_key(lighter) {
                dangling(document, place, "model", "models", context.models.keys().map(ModelId::as_str));
            } else if context.models.get(lighter).is_some_and(|facts| !facts.after.is_empty()) {
                let message =
                    format!("{} follows other models, and looks at no frame by itself", quoted(document, place));
                document.error(document.at(place), message, "name a model that follows none");
            } else if comes_back(id, lighter, checked) {
                let message = format!("{} stands in for this model, which stands in for it", quoted(document, place));
                document.error(document.at(place), message, "name a model that needs no other to stand in for it");
            } else if let Some(lacking) = lacking(id, lighter, context) {
                let message = format!("{} has no label {lacking}, which this model has", quoted(document, place));
                let help = "while it stands in, rules that wait for such things wait in vain";
                document.warn(document.at(place), message, help);
            }
        }
    }
}

/// True when the way from one lighter model to the next leads back to where it began, or goes round.
fn comes_back(id: &ModelId, lighter: &ModelId, checked: &BTreeMap<ModelId, Arc<Model>>) -> bool {
    let mut way = vec![id];
    let mut next = Some(lighter);
    while let Some(model) = next {
        if way.contains(&model) {
            return true;
        }
        way.push(model);
        next = checked.get(model).and_then(|model| model.overload.as_ref()?.lighter());
    }
    false
}

/// A label of the model that the lighter one lacks, quoted.
pub(super) fn lacking(id: &ModelId, lighter: &ModelId, context: &Context<'_>) -> Option<String> {
    let (own, other) = (context.models.get(id)?, context.models.get(lighter)?);
    let (labels, known) = (own.labels.as_ref()?, other.labels.as_ref()?);
    let label = labels.iter().find(|label| !known.contains(label))?;
    let shown = own.labels_shown && other.labels_shown;
    Some(if shown { format!("`{}`", words::shown(label)) } else { "of its own".to_owned() })
}
