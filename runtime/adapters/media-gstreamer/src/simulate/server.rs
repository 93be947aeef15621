//! The RTSP server of a simulated camera, on a thread of its own.

use std::{path::PathBuf, sync::Arc, thread::JoinHandle};

use gstreamer as gst;
use gstreamer::{glib, prelude::*};
use gstreamer_app as gst_app;
use gstreamer_rtsp as gst_rtsp;
use gstreamer_rtsp_server::{self as rtsp, prelude::*};
use parapet_contracts::ports::media::MediaError;
use parking_lot::Mutex;

use super::{
    SimOptions, SimSource, faults,
    feed::{self, Control},
    reader::{Codec, Reader},
};
use crate::errors;

/// Encoded bytes that wait for a client, at most.
const FEED_BYTES: u64 = 4 << 20;
const FEED_PICTURES: u64 = 8;

pub(crate) struct Server {
    server: rtsp::RTSPServer,
    source: glib::Source,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
    port: u16,
}

impl Server {
    pub(crate) fn start(source: &SimSource, options: &SimOptions, control: &Arc<Control>) -> Result<Self, MediaError> {
        if !options.path.starts_with('/') || options.path.chars().any(|c| c.is_control() || c == ' ') {
            return Err(errors::reject("unsupported", format!("the path {:?} must begin with a slash", options.path)));
        }
        let factory = factory(source, options, control)?;
        let server = rtsp::RTSPServer::new();
        server.set_address(&options.bind.to_string());
        server.set_service(&options.port.to_string());
        if !options.users.is_empty() || options.tls.is_some() {
            server.set_auth(Some(&auth(options, &factory)?));
        }
        let mounts = server.mount_points().ok_or_else(|| internal("the RTSP server has no paths"))?;
        mounts.add_factory(&options.path, factory);
        let context = glib::MainContext::new();
        let source = server.create_source(rtsp::gio::Cancellable::NONE).map_err(|error| {
            let text = format!("port {} of {} can't be listened on: {error}", options.port, options.bind);
            errors::retry("unreachable", text)
        })?;
        source.attach(Some(&context));
        let port = u16::try_from(server.bound_port()).map_err(|_| internal("the RTSP server has no port"))?;
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let running = main_loop.clone();
        let thread = std::thread::Builder::new()
            .name("rtsp-server".into())
            .spawn(move || {
                // The thread's default context is where the server puts what it does later.
                if context.with_thread_default(|| running.run()).is_err() {
                    tracing::warn!("the RTSP server's thread could not take its context");
                }
            })
            .map_err(|error| errors::retry("internal", format!("no thread could be started: {error}")))?;
        Ok(Self { server, source, main_loop, thread: Some(thread), port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn clients(&self) -> usize {
        let mut clients = 0;
        self.server.client_filter(Some(&mut |_, _| {
            clients += 1;
            rtsp::RTSPFilterResult::Keep
        }));
        clients
    }

    pub(crate) fn stop(&mut self) {
        self.source.destroy();
        self.server.client_filter(Some(&mut |_, _| rtsp::RTSPFilterResult::Remove));
        if let Some(sessions) = self.server.session_pool() {
            // A session over UDP outlives its connection, and would go on sending.
            sessions.filter(Some(&mut |_, _| rtsp::RTSPFilterResult::Remove));
        }
        self.main_loop.quit();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the RTSP server's thread ended badly");
        }
    }
}

/// Makes one stream for each client.
fn factory(
    source: &SimSource,
    options: &SimOptions,
    control: &Arc<Control>,
) -> Result<rtsp::RTSPMediaFactory, MediaError> {
    let factory = rtsp::RTSPMediaFactory::new();
    factory.set_shared(false);
    let files = match source {
        SimSource::Pattern { pattern, width, height, fps } => {
            if !pattern.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || *fps == 0 {
                return Err(errors::reject(
                    "unsupported",
                    format!("the pattern {pattern:?} at {fps} fps can't be made"),
                ));
            }
            factory.set_launch(&format!(
                "( videotestsrc is-live=true pattern={pattern} ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 \
                 ! x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={fps} ! h264parse \
                 ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
            ));
            return Ok(factory);
        }
        SimSource::Files(files) => files,
    };
    let payload = match codec(files)? {
        Codec::H264 => "rtph264pay config-interval=-1",
        Codec::H265 => "rtph265pay config-interval=-1",
        Codec::Jpeg => "rtpjpegpay",
    };
    factory.set_launch(&format!(
        "( appsrc name=feed format=time block=true max-bytes={FEED_BYTES} max-buffers={FEED_PICTURES} ! {payload} name=pay0 pt=96 )"
    ));
    let (files, options, control) = (Arc::new(files.clone()), options.clone(), Arc::clone(control));
    factory.connect_media_configure(move |_, media| {
        let bin = media.element().downcast::<gst::Bin>().ok();
        if let Some(payloader) = bin.as_ref().and_then(|bin| bin.by_name("pay0")) {
            faults::inject(&payloader, &options);
        }
        let feed = bin.and_then(|bin| bin.by_name("feed"));
        let Some(feed) = feed.and_then(|feed| feed.downcast::<gst_app::AppSrc>().ok()) else {
            tracing::warn!("a simulated camera's stream has no feed");
            return;
        };
        feed_when_asked(&feed, Arc::clone(&files), options.repeat, Arc::clone(&control));
    });
    Ok(factory)
}

/// The feed takes nothing before it is started, so the thread that fills it starts when it asks for the first time.
fn feed_when_asked(feed: &gst_app::AppSrc, files: Arc<Vec<PathBuf>>, repeat: bool, control: Arc<Control>) {
    let waiting = Mutex::new(Some((files, control)));
    let callbacks = gst_app::AppSrcCallbacks::builder().need_data(move |feed, _| {
        if let Some((files, control)) = waiting.lock().take() {
            feed::start(files, feed.clone(), repeat, control);
        }
    });
    feed.set_callbacks(callbacks.build());
}

/// The codec of all files.
fn codec(files: &[PathBuf]) -> Result<Codec, MediaError> {
    let mut known = None;
    for file in files {
        let codec = Reader::codec(file)?;
        if *known.get_or_insert(codec) != codec {
            let text = format!("{} is of another codec than the files before it", file.display());
            return Err(errors::reject("unsupported", text));
        }
    }
    known.ok_or_else(|| errors::reject("no_video", "no file was given to play"))
}

fn auth(options: &SimOptions, factory: &rtsp::RTSPMediaFactory) -> Result<rtsp::RTSPAuth, MediaError> {
    const ROLE: &str = "viewer";
    let auth = rtsp::RTSPAuth::new();
    let token = rtsp::RTSPToken::builder().field("media.factory.role", ROLE).build();
    auth.set_supported_methods(if options.digest {
        gst_rtsp::RTSPAuthMethod::Digest
    } else {
        gst_rtsp::RTSPAuthMethod::Basic
    });
    if let Some(file) = &options.tls {
        let certificate = rtsp::gio::TlsCertificate::from_file(file).map_err(|error| {
            let text = format!("{} holds no certificate with its private key: {error}", file.display());
            errors::reject("unsupported", text)
        })?;
        auth.set_tls_certificate(Some(&certificate));
    }
    if options.users.is_empty() {
        let mut anybody = token.clone();
        auth.set_default_token(Some(&mut anybody));
    }
    for user in &options.users {
        let (name, password) = (user.username.expose(), user.password.expose());
        if options.digest {
            auth.add_digest(name, password, &token);
        } else {
            auth.add_basic(&rtsp::RTSPAuth::make_basic(name, password), &token);
        }
    }
    factory.add_role_from_structure(
        &gst::Structure::builder(ROLE)
            .field("media.factory.access", true)
            .field("media.factory.construct", true)
            .build(),
    );
    Ok(auth)
}

fn internal(text: &str) -> MediaError {
    errors::retry("internal", text)
}
