//! The sinks that uploaders' files can name.

use std::sync::Arc;

use parapet_actors::ports::SinkFactory;
use parapet_config::{Sink, Uploader};
use parapet_contracts::ports::sink::SinkPort;
use parapet_sink_file::FileSink;
use parapet_sink_http::HttpSink;

/// Makes the sinks that this build has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sinks;

impl SinkFactory for Sinks {
    fn build(&self, uploader: &Uploader) -> Result<Arc<dyn SinkPort>, String> {
        match &uploader.sink {
            Sink::File { path, rotate_bytes, keep } => Ok(Arc::new(FileSink::new(path.clone(), *rotate_bytes, *keep))),
            Sink::Http { url, headers, timeout } => Ok(Arc::new(HttpSink::new(url.as_str(), headers, *timeout)?)),
        }
    }
}
