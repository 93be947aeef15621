//! `shadow` of a model, and the models that shadows are compared with.

use std::{collections::BTreeMap, sync::Arc};

use parapet_contracts::ModelId;

use super::{Context, dangling, quoted};
use crate::{
    checked::{Model, Shadow},
    document::{Document, place},
    raw::{RawModel, RawShadow},
};

/// What a file says of its being a shadow; the name is checked by [`shadows`], when all models are known.
pub(super) fn shadow(document: &mut Document<RawModel>, raw: &RawModel) -> Option<Shadow> {
    let RawShadow { of, share } = raw.shadow.as_ref()?;
    if raw.after.is_some() {
        let at = document.at_key(place!["shadow"]);
        document.error(at, "`shadow` does not go with `after`", "remove one of them: a shadow looks at whole frames");
    }
    Some(Shadow { of: ModelId::new(&of.0).ok()?, share: *share })
}

/// Checks what each shadow is compared with.
pub(crate) fn shadows(
    documents: &mut [(ModelId, Document<RawModel>)],
    checked: &BTreeMap<ModelId, Arc<Model>>,
    context: &Context<'_>,
) {
    for (id, document) in documents {
        let Some(shadow) = checked.get(id).and_then(|model| model.shadow.as_ref()) else { continue };
        let place = place!["shadow", "of"];
        let of = checked.get(&shadow.of);
        let problem = match of {
            None if !context.models.contains_key(&shadow.of) => {
                dangling(document, place, "model", "models", context.models.keys().map(ModelId::as_str));
                continue;
            }
            // A file with an error of its own is told by that.
            None => continue,
            Some(_) if shadow.of == *id => "this model can't be its own shadow".to_owned(),
            Some(of) if of.shadow.is_some() => format!("{} is a shadow itself", quoted(document, place)),
            Some(of) if of.canary.is_some() => {
                format!("{} is a canary: it looks in the place of another model", quoted(document, place))
            }
            Some(of) if of.after.is_some() => format!("{} looks at crops, not at frames", quoted(document, place)),
            Some(_) => continue,
        };
        document.error(document.at(place), problem, "name a model that cameras use");
    }
}
