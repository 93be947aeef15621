//! Reads a file as fast as it goes and prints what decoding costs: `cargo run --release --example bench_decode -- FILE [MAX_FPS|keyframes]`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    process::ExitCode,
    sync::{Arc, mpsc},
    time::Instant,
};

use parapet_contracts::{
    camera::{Location, Pace, SourceSpec},
    ports::media::{Attention, MediaEvent, MediaFrame, MediaPort, MediaSink},
    stats::DropReason,
};
use parapet_media_gstreamer::GstMedia;

struct Tell(mpsc::Sender<MediaEvent>);

impl MediaSink for Tell {
    fn frame(&self, _: MediaFrame) {}

    fn event(&self, event: MediaEvent) {
        if self.0.send(event).is_err() {
            eprintln!("an event came after the end");
        }
    }
}

/// CPU time of this process so far, in seconds: fields 14 and 15 of /proc/self/stat, in ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: bench_decode FILE [MAX_FPS|keyframes]");
        return ExitCode::from(2);
    };
    let mut spec = SourceSpec::new(Location::File { path: path.clone().into(), pace: Pace::Fast, repeat: false });
    let how = arguments.next().unwrap_or_default();
    spec.max_fps = how.parse().ok();
    let (tell, events) = mpsc::channel();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let stream = match GstMedia::new().and_then(|media| media.open(&spec, Arc::new(Tell(tell)))) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if how == "keyframes" {
        stream.set_attention(Attention::Keyframes);
    }
    for event in events {
        match event {
            MediaEvent::Format(format) => println!("{format:?}"),
            MediaEvent::Warning(text) => eprintln!("warning: {text}"),
            MediaEvent::Ended => break,
            MediaEvent::Failed(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let (wall, cpu, stats) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu, stream.stats());
    let idle: u64 = stats.dropped.iter().filter(|(reason, _)| *reason == DropReason::Idle).map(|(_, n)| n).sum();
    let frames = (stats.frames_in + idle).max(1) as f64;
    println!("{path}: {} frames, {} wanted, dropped {:?}", stats.frames_in, stats.frames_wanted, stats.dropped);
    println!(
        "per frame: {:.3} ms in the decoder, {:.3} ms CPU of the whole process, {:.3} ms wall; {:.1} MB read",
        stats.decode_time.as_secs_f64() * 1e3 / frames,
        cpu * 1e3 / frames,
        wall * 1e3 / frames,
        stats.bytes_in as f64 / 1e6
    );
    ExitCode::SUCCESS
}
