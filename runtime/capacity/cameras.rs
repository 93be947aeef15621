//! What cameras a site has, by kind, and what one of each kind costs to decode.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parapet_config::{Camera, SiteConfig};
use parapet_contracts::{
    ModelId, Picture,
    camera::{Location, SourceSpec},
    ports::media::{MediaEvent, MediaFrame, MediaPort, MediaSink, StreamFormat},
};
use parking_lot::{Condvar, Mutex};

use super::{machine, plan};

/// How long a camera may take until its first picture.
const FIRST: Duration = Duration::from_secs(10);
/// Cameras that are opened at the same time to see what they are.
const AT_ONCE: usize = 8;
/// What opening costs is over by then.
const SETTLE: Duration = Duration::from_millis(700);

/// What was seen of a site's cameras.
pub(super) struct Looked {
    pub kinds: Vec<SeenKind>,
    pub missing: Vec<(String, String)>,
}

/// Cameras that are alike: the same size and codec, the same wanted rate, the same models.
pub(super) struct SeenKind {
    pub name: String,
    /// The one that is measured for all.
    pub camera: Arc<Camera>,
    pub cameras: Vec<String>,
    pub picture: Picture,
}

/// Opens each camera once, a few at a time.
pub(super) fn look(config: &SiteConfig, media: &Arc<dyn MediaPort>, progress: &dyn Fn(&str)) -> Looked {
    let cameras: Vec<&Arc<Camera>> = config.cameras.values().filter(|camera| camera.enabled).collect();
    let (mut kinds, mut missing) = (BTreeMap::<String, SeenKind>::new(), Vec::new());
    for (n, some) in cameras.chunks(AT_ONCE).enumerate() {
        progress(&format!("what the cameras are: {} of {}", n * AT_ONCE + some.len(), cameras.len()));
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|camera| scope.spawn(|| first_picture(camera, media))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| Err("it panicked".to_owned()))).collect()
        });
        for (camera, answer) in some.iter().zip(answers) {
            match answer {
                Ok((format, picture)) => {
                    let name = kind_name(camera, &format);
                    let kind = kinds.entry(name.clone()).or_insert_with(|| SeenKind {
                        name,
                        camera: Arc::clone(camera),
                        cameras: Vec::new(),
                        picture,
                    });
                    kind.cameras.push(camera.id.to_string());
                }
                Err(why) => missing.push((format!("cameras/{}", camera.id), why)),
            }
        }
    }
    Looked { kinds: kinds.into_values().collect(), missing }
}

fn kind_name(camera: &Camera, format: &StreamFormat) -> String {
    let models: Vec<&str> = camera.models.iter().map(ModelId::as_str).collect();
    let fps = camera.source.max_fps.map_or("every frame".to_owned(), |fps| format!("{fps} fps"));
    let models = if models.is_empty() { "no model".to_owned() } else { models.join(" and ") };
    format!("{}×{} {} by {}, {fps} to {models}", format.width, format.height, format.codec, format.decoder)
}

fn first_picture(camera: &Camera, media: &Arc<dyn MediaPort>) -> Result<(StreamFormat, Picture), String> {
    let watch = Arc::new(Watch::default());
    let stream = media.open(&camera.source, Arc::clone(&watch) as _).map_err(|error| error.text)?;
    let seen = watch.wait(FIRST);
    drop(stream);
    seen
}

/// What one camera of a kind costs, measured for `span` on one that is opened alone.
pub(super) fn cost(
    kind: &SeenKind,
    config: &SiteConfig,
    media: &Arc<dyn MediaPort>,
    span: Duration,
) -> Result<plan::Kind, String> {
    let (camera, watch) = (&kind.camera, Arc::new(Watch::default()));
    let before = machine::own_bytes();
    let stream = media.open(&over_and_over(&camera.source), Arc::clone(&watch) as _).map_err(|error| error.text)?;
    watch.wait(FIRST)?;
    std::thread::sleep(SETTLE.min(span / 4));
    let (began, cpu, frames) = (Instant::now(), machine::cpu_seconds(), stream.stats());
    std::thread::sleep(span.saturating_sub(SETTLE.min(span / 4)));
    let (seconds, cpu, now) = (began.elapsed().as_secs_f64(), machine::cpu_seconds() - cpu, stream.stats());
    let bytes = (machine::own_bytes() - before).max(0.0);
    drop(stream);
    if let Some(why) = watch.failed() {
        return Err(why);
    }
    let a_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
    let wanted = a_second(now.frames_wanted, frames.frames_wanted);
    if wanted <= 0.0 {
        return Err("no frame came while it was measured; give it longer with `--for`".to_owned());
    }
    let looks = camera.models.iter().filter_map(|id| {
        let most = config.models.get(id)?.max_fps.unwrap_or(f64::INFINITY);
        Some((id.clone(), wanted.min(most)))
    });
    let target = |id| {
        let model = config.models.get(id)?;
        Some(camera.seen_within.unwrap_or(model.seen_within))
    };
    Ok(plan::Kind {
        name: kind.name.clone(),
        cameras: kind.cameras.clone(),
        source_fps: a_second(now.frames_in, frames.frames_in),
        wanted_fps: wanted,
        cores: cpu / seconds,
        bytes,
        looks: looks.collect(),
        seen_within: camera.models.iter().filter_map(target).min().unwrap_or(Duration::MAX),
    })
}

/// A recorded source is played at its own pace and again and again, so that it lasts as long as the measurement.
fn over_and_over(source: &SourceSpec) -> SourceSpec {
    let mut source = source.clone();
    if let Location::File { pace, repeat, .. } | Location::Images { pace, repeat, .. } = &mut source.location {
        (*pace, *repeat) = (parapet_contracts::camera::Pace::RealTime, true);
    }
    source
}

/// Remembers the first picture and what went wrong.
#[derive(Default)]
struct Watch {
    seen: Mutex<Seen>,
    told: Condvar,
}

#[derive(Default)]
struct Seen {
    format: Option<StreamFormat>,
    picture: Option<Picture>,
    failed: Option<String>,
}

impl Watch {
    fn wait(&self, limit: Duration) -> Result<(StreamFormat, Picture), String> {
        let give_up = Instant::now() + limit;
        let mut seen = self.seen.lock();
        loop {
            if let (Some(format), Some(picture)) = (&seen.format, &seen.picture) {
                return Ok((format.clone(), picture.clone()));
            }
            if let Some(why) = &seen.failed {
                return Err(why.clone());
            }
            if self.told.wait_until(&mut seen, give_up).timed_out() {
                return Err(format!("no picture came within {} s", limit.as_secs()));
            }
        }
    }

    fn failed(&self) -> Option<String> {
        self.seen.lock().failed.clone()
    }
}

impl MediaSink for Watch {
    fn frame(&self, frame: MediaFrame) {
        let mut seen = self.seen.lock();
        if seen.picture.is_none() {
            seen.picture = Some(frame.picture);
            self.told.notify_all();
        }
    }

    fn event(&self, event: MediaEvent) {
        let mut seen = self.seen.lock();
        match event {
            MediaEvent::Format(format) => seen.format = Some(format),
            MediaEvent::Warning(_) => {}
            MediaEvent::Ended => seen.failed = seen.failed.take().or(Some("it came to its end".to_owned())),
            MediaEvent::Failed(error) => seen.failed = Some(error.text),
        }
        self.told.notify_all();
    }
}
