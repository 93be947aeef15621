//! What site and worker say to each other: messages in JSON, each with its length before it, some with memory.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    time::Duration,
};

use parapet_contracts::{
    ErrorKind,
    ports::inference::{InferenceError, ModelSignature, SessionOptions},
};
use rustix::{
    io::retry_on_intr,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::region::Placed;

/// A message is at most this long: labels and other metadata of a model are told in one.
const LONGEST: usize = 16 << 20;

/// What the site asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Load this model; the first request, and only the first.
    Load {
        /// The file.
        model: PathBuf,
        /// How the session is made.
        options: SessionOptions,
    },
    /// Run it once on what lies in the inputs' region. A new region comes with the message.
    Run {
        /// Where the inputs lie.
        inputs: Vec<Placed>,
    },
}

/// What the worker answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The model is loaded.
    Loaded(ModelSignature),
    /// It has run; a new region comes with the message.
    Done {
        /// Where the outputs lie.
        outputs: Vec<Placed>,
    },
    /// It could not be loaded or run.
    Failed {
        /// See [`InferenceError`].
        kind: ErrorKind,
        /// See [`InferenceError`].
        code: String,
        /// See [`InferenceError`].
        text: String,
    },
}

impl From<InferenceError> for Reply {
    fn from(error: InferenceError) -> Self {
        Self::Failed { kind: error.kind, code: error.code.to_owned(), text: error.text }
    }
}

/// The word of the port for one that came over the wire.
pub(crate) fn code(word: &str) -> &'static str {
    const KNOWN: [&str; 7] =
        ["runtime_missing", "not_found", "corrupt", "unsupported", "no_device", "out_of_memory", "bad_input"];
    KNOWN.into_iter().find(|known| *known == word).unwrap_or("run_failed")
}

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Channel(UnixStream);

impl Channel {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self(socket)
    }

    /// How long [`Channel::receive`] waits at most.
    pub(crate) fn wait_at_most(&self, limit: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(limit)
    }

    /// Sends a message, and with it memory.
    pub(crate) fn send(&self, message: &impl Serialize, memory: Option<&OwnedFd>) -> io::Result<()> {
        let mut bytes = vec![0; 4];
        serde_json::to_writer(&mut bytes, message)?;
        let length = bytes.len() - 4;
        if length > LONGEST {
            return Err(io::Error::other(format!("a message of {length} bytes is too long")));
        }
        bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
        let fds = memory.map(|memory| [memory.as_fd()]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if let Some(fds) = &fds {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        let sent = retry_on_intr(|| sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL))?;
        // Memory goes with the first byte; the rest, of a message that is too long for the socket at once, goes without.
        (&self.0).write_all(&bytes[sent..])
    }

    /// Waits for a message. `UnexpectedEof` when the other side is gone, `WouldBlock` when it took too long.
    pub(crate) fn receive<M: DeserializeOwned>(&self) -> io::Result<(M, Option<OwnedFd>)> {
        let mut head = [0; 4];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            recvmsg(&self.0, &mut [IoSliceMut::new(&mut head)], &mut control, RecvFlags::CMSG_CLOEXEC)
        })?;
        let memory = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (&self.0).read_exact(&mut head[received.bytes..])?;
        let length = u32::from_le_bytes(head) as usize;
        if length > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes is too long")));
        }
        let mut bytes = vec![0; length];
        (&self.0).read_exact(&mut bytes)?;
        Ok((serde_json::from_slice(&bytes)?, memory))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::region::Region;

    fn pair() -> (Channel, Channel) {
        let (one, other) = UnixStream::pair().unwrap();
        (Channel::new(one), Channel::new(other))
    }

    #[test]
    fn messages_arrive_in_order_and_whole_however_long_with_their_memory() {
        let (one, other) = pair();
        let long = "x".repeat(3 << 20);
        let sender = std::thread::spawn({
            let long = long.clone();
            move || {
                let region = Region::new(10).unwrap();
                one.send(&long, Some(region.memory())).unwrap();
                one.send(&"short", None).unwrap();
            }
        });
        let (first, memory) = other.receive::<String>().unwrap();
        assert!(first == long && Region::received(memory.unwrap()).is_ok());
        let (second, memory) = other.receive::<String>().unwrap();
        assert!(second == "short" && memory.is_none());
        sender.join().unwrap();
        assert_eq!(other.receive::<String>().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn waiting_ends_and_nonsense_is_an_error() {
        let (one, other) = pair();
        other.wait_at_most(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(other.receive::<String>().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        (&one.0).write_all(&[0xff; 8]).unwrap();
        assert_eq!(other.receive::<String>().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
