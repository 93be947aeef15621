//! What `parapet capacity` says, for people and for machines.

use std::time::Duration;

use serde::Serialize;

use super::{
    Measured,
    plan::{self, BUSY, FULL, Limit, Machine, Site},
};

/// The answer. Its fields are its JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The machine.
    pub machine: MachineReport,
    /// What was used, were all cameras and models of the files running.
    pub used: Used,
    /// The models.
    pub models: Vec<ModelReport>,
    /// The kinds of cameras.
    pub kinds: Vec<KindReport>,
    /// What could not be measured, and why.
    pub not_measured: Vec<NotMeasured>,
    /// What it is to be read with.
    pub assumptions: Vec<String>,
    /// How long was measured, in seconds.
    pub measured_for_s: f64,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MachineReport {
    /// Processors that this process may use.
    pub cores: f64,
    /// What others used of them meanwhile.
    pub cores_used_by_others: f64,
    /// Memory that can still be had, in MiB.
    pub memory_free_mib: f64,
}

/// What the site of the files needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Used {
    /// Processors.
    pub cores: f64,
    /// Memory of its decoders and models, in MiB.
    pub memory_mib: f64,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// The model.
    pub model: String,
    /// Its slots.
    pub slots: usize,
    /// What a look takes while all slots are busy, in milliseconds.
    pub look_ms: f64,
    /// Processor time of a look, in milliseconds.
    pub look_cpu_ms: f64,
    /// Looks a second that all slots together get through.
    pub looks_per_second: f64,
    /// The part of the slots' time that the site's cameras need.
    pub used: f64,
}

/// A kind of camera.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindReport {
    /// What it is.
    pub kind: String,
    /// The site's cameras of this kind.
    pub cameras: Vec<String>,
    /// Frames a second that come out of the decoder.
    pub source_fps: f64,
    /// Frames a second that are wanted.
    pub wanted_fps: f64,
    /// Decoding one, in processors.
    pub decode_cores: f64,
    /// Decoding one and looking at it, in processors.
    pub cores: f64,
    /// Memory of one, in MiB.
    pub memory_mib: f64,
    /// How long after it was decoded a frame should have been looked at, in milliseconds.
    pub seen_within_ms: f64,
    /// How many more fit; below 0, so many are too many.
    pub more: i64,
    /// What stops the next: `processors`, `slots`, `latency`, `memory`, `unknown` or `nothing`.
    pub limit: &'static str,
    /// The same for people.
    pub why: String,
}

/// Something that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotMeasured {
    /// What: `cameras/gate`.
    pub actor: String,
    /// Why.
    pub why: String,
}

const MIB: f64 = 1024.0 * 1024.0;

impl Report {
    pub(super) fn new(machine: Machine, measured: Measured, span: Duration) -> Self {
        let Measured { kinds, models, missing } = measured;
        let site = Site { machine, kinds: &kinds, models: &models };
        let bytes: f64 = kinds.iter().map(|kind| kind.bytes * kind.cameras.len() as f64).sum::<f64>()
            + models.iter().map(|model| model.bytes).sum::<f64>();
        Self {
            machine: MachineReport {
                cores: machine.cores,
                cores_used_by_others: machine.others,
                memory_free_mib: machine.free_bytes / MIB,
            },
            used: Used { cores: site.cores_used(), memory_mib: bytes / MIB },
            models: models.iter().map(|model| model_report(&site, model)).collect(),
            kinds: kinds.iter().map(|kind| kind_report(&site, kind)).collect(),
            not_measured: missing.into_iter().map(|(actor, why)| NotMeasured { actor, why }).collect(),
            assumptions: assumptions(),
            measured_for_s: span.as_secs_f64(),
        }
    }

    /// A table and what it is to be read with.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        let mut line = |text: String| lines.push(text);
        let m = &self.machine;
        line(format!(
            "{} processors, of which others use {:.2}; {:.0} MiB of memory free; the site's files need {:.2} processors and {:.0} MiB",
            m.cores, m.cores_used_by_others, m.memory_free_mib, self.used.cores, self.used.memory_mib
        ));
        line(String::new());
        line(format!(
            "{:<60} {:>4} {:>9} {:>9} {:>8} {:>6}  what stops the next",
            "cameras of this kind", "has", "decode", "with look", "MiB", "more"
        ));
        for kind in &self.kinds {
            line(format!(
                "{:<60} {:>4} {:>8.1}% {:>8.1}% {:>8.1} {:>6}  {}",
                kind.kind,
                kind.cameras.len(),
                kind.decode_cores * 100.0,
                kind.cores * 100.0,
                kind.memory_mib,
                kind.more,
                kind.why
            ));
        }
        line(String::new());
        for model in &self.models {
            line(format!(
                "model {}: {} slots, {:.1} ms a look ({:.1} ms of a processor), {:.0} looks a second, {:.0} % used",
                model.model,
                model.slots,
                model.look_ms,
                model.look_cpu_ms,
                model.looks_per_second,
                model.used * 100.0
            ));
        }
        for missing in &self.not_measured {
            line(format!("not measured: {}: {}", missing.actor, missing.why));
        }
        line(String::new());
        for assumption in &self.assumptions {
            line(format!("- {assumption}"));
        }
        lines.join("\n")
    }
}

fn model_report(site: &Site<'_>, model: &plan::ModelCost) -> ModelReport {
    ModelReport {
        model: model.id.to_string(),
        slots: model.slots,
        look_ms: model.look.as_secs_f64() * 1e3,
        look_cpu_ms: model.cpu.as_secs_f64() * 1e3,
        looks_per_second: model.slots as f64 / model.look.as_secs_f64().max(1e-9),
        used: site.slots_used(model),
    }
}

fn kind_report(site: &Site<'_>, kind: &plan::Kind) -> KindReport {
    let room = site.room(kind);
    let (limit, why) = match &room.limit {
        Limit::Processors => ("processors", "the processors".to_owned()),
        Limit::Slots(model) => ("slots", format!("the slots of {model}")),
        Limit::Latency(model) => ("latency", format!("a look with {model} alone takes longer than `seen_within`")),
        Limit::Memory => ("memory", "memory".to_owned()),
        Limit::Unknown(model) => ("unknown", format!("model {model} could not be measured")),
        Limit::Nothing => ("nothing", "nothing that was measured".to_owned()),
    };
    KindReport {
        kind: kind.name.clone(),
        cameras: kind.cameras.clone(),
        source_fps: kind.source_fps,
        wanted_fps: kind.wanted_fps,
        decode_cores: kind.cores,
        cores: site.cores_of(kind),
        memory_mib: kind.bytes / MIB,
        seen_within_ms: kind.seen_within.as_secs_f64() * 1e3,
        more: room.more,
        limit,
        why,
    }
}

fn assumptions() -> Vec<String> {
    vec![
        "what others use now is what they will use; stop the site before you measure, or it counts among the others".to_owned(),
        format!("processors may be busy for {:.0} % and memory full to {:.0} %; the rest is for bursts", BUSY * 100.0, FULL * 100.0),
        "slots are as busy as 99 of 100 frames being looked at within `seen_within` allows, were they to come at random".to_owned(),
        "one camera of each kind was decoded, in the scene that it showed; a busier scene costs more".to_owned(),
        "each wanted frame is looked at: motion gates, models that follow others, and overload policies save what they save beside this".to_owned(),
        "models were run in this process, one view at a time; what a site does beside decoding and looking (a few percent) is not in it".to_owned(),
    ]
}
