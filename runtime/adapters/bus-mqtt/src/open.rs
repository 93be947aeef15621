//! From settings to a connection that the broker has accepted.

use std::sync::{Arc, atomic::AtomicU64};

use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, mqttbytes::v5::ConnAck};

use crate::{
    BusSettings, failure, options,
    sat::{self, Link},
};

/// A connection, from its CONNACK on.
pub(crate) struct Opened {
    pub(crate) client: AsyncClient,
    pub(crate) events: EventLoop,
    pub(crate) accepted: ConnAck,
    /// What lies between, when the broker wants service account tokens.
    pub(crate) link: Option<Link>,
}

/// Why there is none.
pub(crate) struct Refused {
    pub(crate) why: String,
    /// Trying again soon would not help.
    pub(crate) patience: bool,
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self { why, patience: false }
    }
}

/// Connects. `resume` asks the broker for the session of the last connection; `queue` is how many requests rumqttc's queue takes.
pub(crate) async fn open(
    settings: &BusSettings,
    resume: bool,
    queue: usize,
    renewals: Arc<AtomicU64>,
) -> Result<Opened, Refused> {
    let (options, link) = match &settings.token_file {
        None => (options::of(settings, resume)?, None),
        Some(file) => {
            let token = sat::read(file)?;
            let link = Link::open(settings, file.clone(), token.clone(), renewals).await?;
            (options::through(&link, settings, &token, resume), Some(link))
        }
    };
    let (client, mut events) = AsyncClient::new(options, queue);
    match events.poll().await {
        Ok(Event::Incoming(Incoming::ConnAck(accepted))) => Ok(Opened { client, events, accepted, link }),
        Ok(_) => Err(format!("the broker {} answered out of order", settings.address()).into()),
        Err(error) => {
            let why = link.as_ref().and_then(Link::why).unwrap_or_else(|| failure::connection(settings, &error));
            Err(Refused { why, patience: failure::wants_patience(&error) })
        }
    }
}
