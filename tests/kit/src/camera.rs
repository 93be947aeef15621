//! Cameras for tests, outside of the test's process: `parapet simulate-camera` in a process of its own, and clips for it to play.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    command::{Captured, end, parapet_command, tell},
    wait::PATIENCE,
};

/// A running `parapet simulate-camera`. It is killed when this value goes.
#[derive(Debug)]
pub struct CameraProcess {
    child: Child,
    url: String,
}

impl CameraProcess {
    /// Plays `file` at an address of the network that the calling thread is in.
    ///
    /// # Panics
    /// When it does not start to listen: what it said is shown.
    pub fn start(binary: &str, file: &Path, listen: IpAddr, port: u16) -> Self {
        let mut command = parapet_command(binary);
        command.arg("simulate-camera").arg(file).arg("--listen").arg(listen.to_string());
        command.arg("--port").arg(port.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} can't be started: {e}"));
        let (out, err) = (Captured::of(child.stdout.take()), Captured::of(child.stderr.take()));
        let mut camera = Self { child, url: format!("rtsp://{listen}:{port}/camera") };
        let give_up = Instant::now() + PATIENCE;
        loop {
            let said = out.so_far() + &err.so_far();
            if said.contains(" plays at ") {
                return camera;
            }
            let ended = camera.child.try_wait().is_ok_and(|status| status.is_some());
            assert!(!ended && Instant::now() < give_up, "the camera does not play (ended: {ended}); it said:\n{said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The address of its stream.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it, as a power cut does.
    pub fn kill(mut self) {
        end(&mut self.child);
    }
}

impl Drop for CameraProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Makes an H.264 clip of a moving ball with `gst-launch-1.0`, a keyframe each second.
///
/// # Panics
/// When it can't be made.
pub fn clip(folder: &Path, name: &str, frames: u32, (width, height): (u32, u32), fps: u32) -> PathBuf {
    let path = folder.join(name);
    let pipeline = format!(
        "videotestsrc num-buffers={frames} pattern=ball ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 \
         ! x264enc speed-preset=ultrafast tune=zerolatency key-int-max={fps} threads=1 ! h264parse ! mp4mux ! filesink location={}",
        path.display()
    );
    let told =
        tell(Command::new("gst-launch-1.0").arg("-q").args(pipeline.split_whitespace()), Duration::from_secs(60));
    assert_eq!(told.code, Some(0), "the clip {name} was not made: {}", told.all());
    path
}
