//! How good tracks are, against boxes that somebody drew: MOTA and identity switches (K. Bernardin, R. Stiefelhagen, *Evaluating Multiple
//! Object Tracking Performance: The CLEAR MOT Metrics*, 2008) and IDF1 (E. Ristani et al., *Performance Measures and a Data Set for
//! Multi-Target, Multi-Camera Tracking*, 2016), at an intersection over union of one half.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use parapet_contracts::BBox;
use serde::Deserialize;

/// Overlap from which a track's box is that of the thing that was drawn.
const OVERLAP: f32 = 0.5;
/// A track's box that lies in an ignored area by more than this part is not judged.
const IGNORED: f32 = 0.5;

/// The drawn boxes of a part of a video.
#[derive(Debug, Clone, Deserialize)]
pub struct Scene {
    /// The video's name, without folder and ending.
    pub video: String,
    /// What was drawn.
    pub labels: Vec<String>,
    /// The first and the last frame, by index, that are judged.
    pub frames: [u64; 2],
    /// Areas in which nothing was drawn although there are things.
    pub ignored: Vec<BBox>,
    boxes: BTreeMap<String, BTreeMap<u64, BBox>>,
}

/// Reads the scenes of a file.
///
/// # Panics
/// When it is not there or is not understood.
pub fn scenes(path: &Path) -> Vec<Scene> {
    #[derive(Deserialize)]
    struct Drawn {
        scenes: Vec<Scene>,
    }
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{} is needed: {e}", path.display()));
    let drawn: Drawn = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    drawn.scenes
}

impl Scene {
    /// Who is where in a frame, by name; between two frames that were drawn, in proportion.
    pub fn truth(&self, frame: u64) -> Vec<(&str, BBox)> {
        let place = |boxes: &BTreeMap<u64, BBox>| {
            let (&before, from) = boxes.range(..=frame).next_back()?;
            let (&after, to) = boxes.range(frame..).next()?;
            let part = if after > before { (frame - before) as f32 / (after - before) as f32 } else { 0.0 };
            let ([a, b], mut mixed): ([[f32; 4]; 2], [f32; 4]) = ([(*from).into(), (*to).into()], [0.0; 4]);
            (0..4).for_each(|edge| mixed[edge] = a[edge] + part * (b[edge] - a[edge]));
            Some(BBox::from(mixed))
        };
        self.boxes.iter().filter_map(|(name, boxes)| Some((name.as_str(), place(boxes)?))).collect()
    }

    /// Whether a frame is judged.
    pub fn judges(&self, frame: u64) -> bool {
        (self.frames[0]..=self.frames[1]).contains(&frame)
    }

    fn ignores(&self, place: &BBox) -> bool {
        let within = |area: &BBox| {
            let (w, h) = (place.x2.min(area.x2) - place.x1.max(area.x1), place.y2.min(area.y2) - place.y1.max(area.y1));
            w.max(0.0) * h.max(0.0)
        };
        self.ignored.iter().any(|area| within(area) > IGNORED * place.area())
    }
}

/// Counts over the frames of scenes.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Frames that were judged.
    pub frames: usize,
    /// Boxes that were drawn in them.
    pub drawn: usize,
    /// Of these, the ones that no track had.
    pub missed: usize,
    /// Boxes of tracks where nothing was drawn.
    pub false_alarms: usize,
    /// Times that a thing had another track than the last time that it had one.
    pub switches: usize,
    boxes_of_tracks: usize,
    last: HashMap<String, u64>,
    shared: BTreeMap<(String, u64), usize>,
}

impl Score {
    /// Takes the tracks of a frame that is judged: their ids and boxes.
    pub fn frame(&mut self, scene: &Scene, frame: u64, tracks: &[(u64, BBox)]) {
        let truth = scene.truth(frame);
        self.frames += 1;
        self.drawn += truth.len();
        let mut free: Vec<&(u64, BBox)> = tracks.iter().collect();
        let mut pairs = Vec::new();
        // Who had a track keeps it while it fits; then the best pairs.
        let mut open: Vec<&(&str, BBox)> = truth.iter().collect();
        open.retain(|(name, place)| {
            let kept = free
                .iter()
                .position(|(id, seen)| self.last.get(&key(scene, name)) == Some(id) && seen.iou(place) >= OVERLAP);
            kept.map(|at| pairs.push((*name, free.remove(at).0))).is_none()
        });
        loop {
            let fits = open
                .iter()
                .enumerate()
                .flat_map(|(i, (_, place))| free.iter().enumerate().map(move |(j, (_, seen))| (i, j, seen.iou(place))));
            let best = fits.filter(|(_, _, overlap)| *overlap >= OVERLAP).max_by(|a, b| a.2.total_cmp(&b.2));
            let Some((i, j, _)) = best else { break };
            pairs.push((open.remove(i).0, free.remove(j).0));
        }
        self.missed += open.len();
        let alarms = free.iter().filter(|(_, seen)| !scene.ignores(seen)).count();
        self.false_alarms += alarms;
        self.boxes_of_tracks += pairs.len() + alarms;
        for (name, id) in pairs {
            let before = self.last.insert(key(scene, name), id);
            self.switches += usize::from(before.is_some_and(|before| before != id));
            *self.shared.entry((key(scene, name), id)).or_default() += 1;
        }
    }

    /// Multiple object tracking accuracy; 1 is perfect.
    pub fn mota(&self) -> f64 {
        1.0 - (self.missed + self.false_alarms + self.switches) as f64 / self.drawn.max(1) as f64
    }

    /// The F1 score of identities; 1 is perfect.
    pub fn idf1(&self) -> f64 {
        let names: Vec<&String> = {
            let mut names: Vec<_> = self.shared.keys().map(|(name, _)| name).collect();
            names.dedup();
            names
        };
        let mut by_track: BTreeMap<u64, Vec<(usize, usize)>> = BTreeMap::new();
        for ((name, id), frames) in &self.shared {
            let Some(index) = names.iter().position(|known| *known == name) else { continue };
            by_track.entry(*id).or_default().push((index, *frames));
        }
        // The best one-to-one assignment of tracks to things: over all sets of things that are taken, which are few.
        let mut best = vec![0_usize; 1 << names.len()];
        for choices in by_track.values() {
            for taken in (0..best.len()).rev() {
                for (index, frames) in choices.iter().filter(|(index, _)| taken & (1 << index) != 0) {
                    best[taken] = best[taken].max(best[taken & !(1 << index)] + frames);
                }
            }
        }
        let right = best.last().copied().unwrap_or_default();
        2.0 * right as f64 / (self.drawn + self.boxes_of_tracks).max(1) as f64
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} frames, {} boxes: MOTA {:.3}, IDF1 {:.3}, {} switches, {} missed, {} false",
            self.frames,
            self.drawn,
            self.mota(),
            self.idf1(),
            self.switches,
            self.missed,
            self.false_alarms
        )
    }
}

fn key(scene: &Scene, name: &str) -> String {
    format!("{}/{name}", scene.video)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        let at = |x: f32| BBox::from([x, 0.0, x + 10.0, 10.0]);
        let boxes = [
            ("a".to_owned(), [(0, at(0.0)), (10, at(100.0))].into()),
            ("b".to_owned(), [(0, at(200.0)), (10, at(200.0))].into()),
        ];
        let ignored = vec![BBox::from([500.0, 0.0, 600.0, 10.0])];
        Scene { video: "v".to_owned(), labels: vec![], frames: [0, 10], ignored, boxes: boxes.into() }
    }

    fn judged(tracks: impl Fn(u64, &str, BBox) -> Option<(u64, BBox)>) -> Score {
        let (scene, mut score) = (scene(), Score::default());
        for frame in 0..=10 {
            let seen: Vec<_> = scene.truth(frame).into_iter().filter_map(|(name, b)| tracks(frame, name, b)).collect();
            score.frame(&scene, frame, &seen);
        }
        score
    }

    #[test]
    fn boxes_between_are_in_proportion_and_perfect_tracks_are_perfect() {
        assert_eq!(scene().truth(5)[0], ("a", BBox::from([50.0, 0.0, 60.0, 10.0])));
        let score = judged(|_, name, place| Some((u64::from(name == "b"), place)));
        assert_eq!((score.drawn, score.mota(), score.idf1(), score.switches), (22, 1.0, 1.0, 0));
    }

    #[test]
    fn misses_false_alarms_and_switches_cost() {
        // `a` changes its track in the middle; `b` is not seen in two frames.
        let score = judged(|frame, name, place| match name {
            "a" => Some((if frame < 6 { 1 } else { 2 }, place)),
            _ => (frame > 1).then_some((3, place)),
        });
        assert_eq!((score.switches, score.missed, score.false_alarms), (1, 2, 0));
        assert!((score.mota() - (1.0 - 3.0 / 22.0)).abs() < 1e-9);
        assert!((score.idf1() - 2.0 * (6.0 + 9.0) / (22.0 + 20.0)).abs() < 1e-9, "{}", score.idf1());
        let elsewhere = judged(|_, name, _| (name == "a").then_some((9, BBox::from([300.0, 0.0, 310.0, 10.0]))));
        assert_eq!((elsewhere.missed, elsewhere.false_alarms), (22, 11));
        let ignored = judged(|_, name, _| (name == "a").then_some((9, BBox::from([520.0, 0.0, 530.0, 10.0]))));
        assert_eq!(ignored.false_alarms, 0);
    }
}
