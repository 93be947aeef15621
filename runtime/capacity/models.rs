//! What a look costs with each model: all its slots at once, as a site runs them, on pictures of the site's cameras.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parapet_actors::model::{Engine, EngineFactory, NullEngine, View};
use parapet_config::{Isolation, Model};
use parapet_contracts::Picture;

use super::{machine, plan};

/// Measures a model for `span`, loading not counted.
pub(super) fn cost(
    model: &Arc<Model>,
    engines: &dyn EngineFactory,
    pictures: &[Picture],
    span: Duration,
) -> Result<plan::ModelCost, String> {
    if pictures.is_empty() {
        return Err("no camera gave a picture to look at".to_owned());
    }
    // In this process, or its processor time would be a child's.
    let here = Model { isolation: Isolation::Thread, ..Model::clone(model) };
    let before = machine::own_bytes();
    let mut slots: Vec<Box<dyn Engine>> = Vec::new();
    for slot in &model.slots {
        slots.push(match model.file {
            None => Box::new(NullEngine),
            Some(_) => engines.build(&here, slot).map_err(|error| error.text)?,
        });
    }
    for slot in &mut slots {
        look(slot.as_mut(), &pictures[0])?; // The first look allocates.
    }
    let bytes = (machine::own_bytes() - before).max(0.0);
    let (looks, barrier) = (AtomicU64::new(0), Barrier::new(slots.len() + 1));
    let (result, seconds, cpu) = std::thread::scope(|scope| {
        let running: Vec<_> = slots
            .iter_mut()
            .map(|slot| scope.spawn(|| look_for(slot.as_mut(), pictures, span, &barrier, &looks)))
            .collect();
        barrier.wait();
        let (began, cpu) = (Instant::now(), machine::cpu_seconds());
        let ended: Result<Vec<()>, String> =
            running.into_iter().map(|slot| slot.join().unwrap_or_else(|_| Err("it panicked".to_owned()))).collect();
        (ended, began.elapsed().as_secs_f64(), machine::cpu_seconds() - cpu)
    });
    result?;
    let looks = looks.into_inner() as f64;
    Ok(plan::ModelCost {
        id: model.id.clone(),
        slots: model.slots.len(),
        look: Duration::from_secs_f64(seconds * model.slots.len() as f64 / looks.max(1.0)),
        cpu: Duration::from_secs_f64(cpu / looks.max(1.0)),
        bytes,
    })
}

fn look_for(
    slot: &mut dyn Engine,
    pictures: &[Picture],
    span: Duration,
    barrier: &Barrier,
    looks: &AtomicU64,
) -> Result<(), String> {
    barrier.wait();
    let began = Instant::now();
    for picture in pictures.iter().cycle() {
        if began.elapsed() >= span {
            break;
        }
        look(slot, picture)?;
        looks.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn look(slot: &mut dyn Engine, picture: &Picture) -> Result<(), String> {
    let answers = slot.look(&[View { picture, region: None }]);
    answers.into_iter().find_map(Result::err).map_or(Ok(()), |error| Err(error.text))
}
