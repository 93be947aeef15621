//! `models/*.yaml`.

use std::{collections::BTreeMap, io::Read, path::Path};

use parapet_contracts::{
    ModelId, hex,
    ports::{inference::Device, probe::NamedModel},
};
use sha2::{Digest, Sha256};

use super::{Context, ModelFacts, follow, no_twins, quoted};
use crate::{
    checked::{ChannelOrder, Isolation, Model, ModelIo, Resize, SlotConfig},
    document::{Document, place},
    raw::{
        DEFAULT_MIN_SCORE, RawChannels, RawIsolation, RawKind, RawLayout, RawModel, RawResize, RawScore, RawSize,
        RawSlots,
    },
    words,
};

/// Checks a model's file, and notes which labels it can see.
pub(crate) fn model(document: &mut Document<RawModel>, id: &ModelId, context: &mut Context<'_>) -> Option<Model> {
    context.models.entry(id.clone()).or_default();
    let raw = document.raw.take()?;
    let null = raw.kind == RawKind::Null;
    if null && document.has(place!["file"]) {
        let at = document.at_key(place!["file"]);
        document.error(at, "a model of kind `null` has no file", "remove `file`, or remove `kind`");
    }
    let file = match (&raw.file, null) {
        (Some(file), false) => Some(context.absolute(&file.0)),
        (None, false) if !document.has(place!["file"]) && document.problems.is_empty() => {
            let at = document.at(&[]);
            document.error(
                at,
                "the key `file` is missing",
                "expected the path of an .onnx file, for example `file: models/people.onnx`, or `kind: null`",
            );
            None
        }
        _ => None,
    };
    let labels = labels(document, &raw, context);
    let mut known = labels.clone();
    let mut digest = None;
    if let Some(path) = &file {
        context.inputs.push(path.clone());
        let at = document.at(place!["file"]);
        match sha256(path) {
            Ok(hex) => {
                digest = Some(hex);
                match context.probe.labels(path) {
                    Ok(in_file) => {
                        agree(document, labels.as_deref(), in_file, &mut known);
                        object(document, &raw, path, labels.as_deref(), context);
                    }
                    Err(why) => {
                        // The reason may repeat the path: only of one that stands in the file itself.
                        let why = why.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&why);
                        let why = if document.resolved(place!["file"]) { "it is no model" } else { why };
                        let message = format!("{} can't be used: {why}", quoted(document, place!["file"]));
                        document.error(at, message, "give an .onnx file of a detector");
                    }
                }
            }
            Err(error) => {
                let message =
                    format!("the model file {} can't be read: {}", quoted(document, place!["file"]), reason(&error));
                document.error(at, message, "a relative path begins at the site's folder");
            }
        }
    }
    let hidden = (0..known.as_ref().map_or(0, Vec::len)).any(|i| document.resolved(place!["labels", i]))
        || document.resolved(place!["labels"]);
    let (min_score, min_score_by_label) = scores(document, &raw, known.as_deref(), !hidden);
    let after = follow::after(document, &raw);
    let names = raw.after.clone().map(|after| after.into_follow().model.into_vec()).unwrap_or_default();
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    let after_shown =
        if follow::hidden(document, names.len()) { "other models".to_owned() } else { words::list(&shown) };
    let is_vector = raw.layout == Some(RawLayout::Embedding);
    context.models.insert(
        id.clone(),
        ModelFacts {
            labels: known,
            labels_shown: !hidden,
            after: names,
            after_shown,
            is_vector,
            is_shadow: raw.shadow.is_some(),
            is_canary: raw.canary.is_some(),
        },
    );
    Some(Model {
        id: id.clone(),
        file,
        digest,
        io: ModelIo {
            layout: raw.layout.map(|layout| layout.name().to_owned()),
            size: size(&raw),
            channels: raw.input.channels.map(|channels| match channels {
                RawChannels::Rgb => ChannelOrder::Rgb,
                RawChannels::Bgr => ChannelOrder::Bgr,
            }),
            scale: raw.input.scale,
            mean: raw.input.mean,
            std: raw.input.std.map(|std| std.map(|s| s.0)),
            resize: raw.input.resize.map(|resize| match resize {
                RawResize::Letterbox => Resize::Letterbox,
                RawResize::LetterboxCentre => Resize::LetterboxCentre,
                RawResize::Stretch => Resize::Stretch,
            }),
            pad: raw.input.pad,
            labels,
        },
        min_score,
        min_score_by_label,
        nms_iou: raw.nms,
        max_detections: raw.max_detections as usize,
        slots: slots(&raw.slots),
        max_fps: raw.max_fps.map(|fps| fps.0),
        seen_within: raw.seen_within.0,
        overload: super::overload::policy(document, raw.overload.as_ref()),
        track: raw.track,
        after,
        shadow: super::shadow::shadow(document, &raw),
        canary: super::canary::canary(document, &raw),
        isolation: match raw.isolation {
            RawIsolation::Thread => Isolation::Thread,
            RawIsolation::Process => Isolation::Process,
        },
        hung_after: raw.hung_after.0,
    })
}

fn size(raw: &RawModel) -> Option<(u32, u32)> {
    raw.input.size.map(|size| match size {
        RawSize::Square(side) => (side, side),
        RawSize::Both([width, height]) => (width, height),
    })
}

/// Tells why the model can't be used with what is named of it, unless something else was found wrong before.
fn object(
    document: &mut Document<RawModel>,
    raw: &RawModel,
    path: &Path,
    labels: Option<&[String]>,
    context: &Context<'_>,
) {
    if !document.problems.is_empty() || document.resolved(place!["file"]) {
        return;
    }
    let named = NamedModel {
        layout: raw.layout.map(RawLayout::name),
        size: size(raw),
        first: raw.after.is_none() && raw.shadow.is_none(),
        labels,
    };
    if let Some(why) = context.probe.objection(path, named) {
        let named = [(raw.layout.is_some(), "layout"), (raw.labels.is_some(), "labels")];
        let at = named
            .into_iter()
            .find(|(is, _)| *is)
            .map_or(document.at(place!["file"]), |(_, key)| document.at(place![key]));
        let message = format!("{} can't be used: {why}", quoted(document, place!["file"]));
        document.error(at, message, "`parapet model inspect` tells what is in it");
    }
}

/// The labels that the model's file gives, from the list or from the file that it names.
fn labels(document: &mut Document<RawModel>, raw: &RawModel, context: &mut Context<'_>) -> Option<Vec<String>> {
    let labels = raw.labels.clone()?;
    let Some(name) = labels.as_one() else {
        let labels = labels.into_vec();
        no_twins(document, place!["labels"], &labels);
        return Some(labels);
    };
    let path = context.absolute(&name.0);
    context.inputs.push(path.clone());
    let at = document.at(place!["labels"]);
    let help = "expected a text file with one label a line, or a list: `labels: [person, car]`";
    let text = match small_text(&path) {
        Ok(text) => text,
        Err(error) => {
            let message =
                format!("the labels file {} can't be read: {}", quoted(document, place!["labels"]), reason(&error));
            document.error(at, message, help);
            return None;
        }
    };
    let labels: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if let Some(line) = labels.iter().position(String::is_empty) {
        document.error(
            at,
            format!("line {} of the labels file {} is empty", line + 1, quoted(document, place!["labels"])),
            help,
        );
        return None;
    }
    Some(labels)
}

/// A text file of at most 1 MiB.
fn small_text(path: &Path) -> std::io::Result<String> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    if meta.len() > 1 << 20 {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    std::fs::read_to_string(path)
}

/// Compares the labels given with those in the model's own file.
fn agree(
    document: &mut Document<RawModel>,
    given: Option<&[String]>,
    in_file: Option<Vec<String>>,
    known: &mut Option<Vec<String>>,
) {
    match (given, in_file) {
        (None, in_file) => *known = in_file,
        (Some(given), Some(in_file)) if given.len() != in_file.len() => {
            let at = document.at(place!["labels"]);
            let message = format!("{} labels are given, and the model has {} classes", given.len(), in_file.len());
            document.error(
                at,
                message,
                "give a label for each class, in their order, or remove `labels` to use those in the .onnx file",
            );
        }
        _ => {}
    }
}

fn scores(
    document: &mut Document<RawModel>,
    raw: &RawModel,
    labels: Option<&[String]>,
    show: bool,
) -> (f32, BTreeMap<String, f32>) {
    let mut by_label = match &raw.min_score {
        RawScore::All(score) => return (*score, BTreeMap::new()),
        RawScore::ByLabel(scores) => scores.clone(),
    };
    let general = by_label.remove("default").unwrap_or(DEFAULT_MIN_SCORE);
    if let Some(labels) = labels {
        for name in by_label.keys().filter(|name| !labels.contains(name)) {
            let at = document.at_key(place!["min_score", name]);
            let known: Vec<&str> = if show { labels.iter().map(String::as_str).collect() } else { Vec::new() };
            let help = if show { words::did_you_mean(name, "It has", &known) } else { "see `labels`".to_owned() };
            document.error(at, format!("the model has no label `{}`", words::shown(name)), help);
        }
    }
    (general, by_label)
}

fn slots(raw: &RawSlots) -> Vec<SlotConfig> {
    match raw {
        RawSlots::Count(count) => {
            vec![SlotConfig { device: Device::Cpu, fallback: None, threads: 1 }; usize::from(*count)]
        }
        RawSlots::List(list) => list
            .iter()
            .map(|slot| SlotConfig {
                device: slot.device.0.parse().unwrap_or(Device::Cpu),
                fallback: slot.fallback.as_ref().and_then(|device| device.0.parse().ok()),
                threads: usize::from(slot.threads),
            })
            .collect(),
    }
}

/// The file's SHA-256 in hexadecimal.
fn sha256(path: &Path) -> std::io::Result<String> {
    // Asked first: opening a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::FileTooLarge => "it is bigger than 1 MiB".to_owned(),
        _ => error.to_string(),
    }
}
