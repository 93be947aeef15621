//! The sink port over SMTP: alerts as mails with their pictures.
//!
//! It promises: an item counts as sent only once the server has taken its mail for every receiver; what is told again has the same `Message-ID`,
//! so that repeats are harmless; what the server refuses for now is tried again by whoever calls, what it refuses for good is rejected with its
//! words; errors of the way, a wrong password among them, are no fault of a mail. What is sent at once is one mail. A picture that is gone or
//! too big keeps no mail from being sent: the mail says so, and it is counted. No password is in an error.

mod fate;
mod mail;
mod news;
mod session;
mod settings;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use lettre::{Address, transport::smtp::client::AsyncSmtpConnection};
use parapet_contracts::{
    ErrorKind,
    ports::{
        evidence::EvidencePort,
        sink::{SinkError, SinkPort},
        store::OutboxItem,
    },
};
use tokio::sync::Mutex;

use fate::Delivery;
use mail::{Picture, Told, compose};
use news::News;
use session::Door;
pub use settings::{Encryption, People, SmtpSettings};

/// A connection that nothing was sent on for so long is ended.
const IDLE: Duration = Duration::from_secs(10);
/// A mail's text takes at most about so much for each thing that it tells: the rest is for pictures.
const TEXT_BYTES: u64 = 4 << 10;

/// See the module.
pub struct SmtpSink {
    settings: SmtpSettings,
    door: Door,
    evidence: Arc<dyn EvidencePort>,
    addresses: Vec<Address>,
    names: Vec<String>,
    line: Arc<Mutex<Line>>,
}

/// What lasts from one mail to the next.
#[derive(Default)]
struct Line {
    connection: Option<AsyncSmtpConnection>,
    used: u64,
    delivery: Option<Delivery>,
}

impl SmtpSink {
    /// A sink that takes pictures from `evidence`.
    ///
    /// # Errors
    /// When a file of the settings is no good.
    pub fn new(settings: SmtpSettings, evidence: Arc<dyn EvidencePort>) -> Result<Self, String> {
        let door = Door::new(&settings)?;
        let addresses: Vec<Address> = settings.people.receivers().map(|mailbox| mailbox.email.clone()).collect();
        let names = addresses.iter().map(ToString::to_string).collect();
        Ok(Self { settings, door, evidence, addresses, names, line: Arc::default() })
    }

    /// Reads the pictures, as many as a mail has room for.
    async fn with_pictures(&self, news: Vec<(String, News)>) -> Vec<Told> {
        // Base64 takes four thirds, and a little for its lines.
        let mut room = self.settings.max_bytes.saturating_sub(TEXT_BYTES * news.len() as u64) / 100 * 73;
        let mut told = Vec::with_capacity(news.len());
        for (id, news) in news {
            let picture = match news.picture().filter(|_| self.settings.pictures).cloned() {
                None => Picture::None,
                Some(reference) if reference.bytes > room => {
                    left_out("too_large");
                    Picture::Missing("The picture is not here: the mail would be too big.")
                }
                Some(reference) => {
                    let (port, media_type) = (Arc::clone(&self.evidence), reference.media_type.clone());
                    match tokio::task::spawn_blocking(move || port.read(&reference)).await {
                        Ok(Ok(bytes)) => {
                            room = room.saturating_sub(bytes.len() as u64);
                            Picture::There(bytes, media_type)
                        }
                        other => {
                            let code = other.map_or("io", |read| read.err().map_or("io", |error| error.code));
                            left_out(code);
                            Picture::Missing("The picture is not here: it could not be read at the site.")
                        }
                    }
                }
            };
            told.push(Told { id, news, picture });
        }
        told
    }

    /// Sends one mail, to those who have not got it yet.
    async fn deliver(&self, told: &[Told]) -> Result<(), SinkError> {
        let Self { settings, door, addresses, names, .. } = self;
        let made = compose(told, &settings.people, &settings.subject, &settings.time_zone, SystemTime::now());
        let mail = made.map_err(|why| SinkError::reject("malformed", why))?;
        let mut line = self.line.lock().await;
        line.used += 1;
        let mut delivery = match line.delivery.take() {
            Some(delivery) if delivery.message_id == mail.message_id => delivery,
            _ => Delivery::new(mail.message_id.clone()),
        };
        let open = delivery.open(addresses.len());
        let to: Vec<Address> = open.iter().filter_map(|index| addresses.get(*index).cloned()).collect();
        let connection = line.connection.take();
        let sending = async {
            let kept = match connection {
                Some(mut kept) => kept.test_connected().await.then_some(kept),
                None => None,
            };
            let mut connection = match kept {
                Some(kept) => kept,
                None => door.open().await?,
            };
            let answers = door.submit(&mut connection, &settings.people.from.email, &to, &mail.bytes).await;
            match answers {
                Ok(answers) => Ok((connection, answers)),
                Err(error) => {
                    connection.abort().await;
                    Err(error)
                }
            }
        };
        let (connection, answers) = match tokio::time::timeout(settings.timeout, sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(error)) => {
                line.delivery = Some(delivery);
                return Err(error);
            }
            Err(_) => {
                line.delivery = Some(delivery);
                let text = format!("{}: no answer in {} s", settings.host, settings.timeout.as_secs());
                return Err(SinkError::retry("disconnected", text));
            }
        };
        line.connection = Some(connection);
        let now = Instant::now();
        // Who was refused was not sent to; those who were accepted have it.
        for (index, answer) in open.into_iter().zip(answers) {
            delivery.note(index, answer, now);
        }
        let fate = delivery.fate(names, now);
        if fate.as_ref().is_err_and(|error| error.kind == ErrorKind::Retry) {
            line.delivery = Some(delivery);
        }
        self.hang_up_later(line.used);
        fate
    }

    /// Ends the connection unless something else is sent soon.
    fn hang_up_later(&self, used: u64) {
        let line = Arc::downgrade(&self.line);
        tokio::spawn(async move {
            tokio::time::sleep(IDLE).await;
            let Some(line) = line.upgrade() else { return };
            let mut line = line.lock().await;
            if line.used == used
                && let Some(mut connection) = line.connection.take()
            {
                connection.abort().await;
            }
        });
    }
}

/// Counts a picture that is in no mail.
fn left_out(reason: &'static str) {
    metrics::counter!("parapet_mail_pictures_left_out_total", "reason" => reason).increment(1);
}

#[async_trait]
impl SinkPort for SmtpSink {
    async fn send(&self, items: &[OutboxItem]) -> Vec<Result<(), SinkError>> {
        let mut fates: Vec<Result<(), SinkError>> = vec![Ok(()); items.len()];
        let (mut places, mut news) = (Vec::new(), Vec::new());
        for ((index, item), fate) in items.iter().enumerate().zip(&mut fates) {
            match News::read(&item.payload) {
                Ok(News::Update(update)) if !self.settings.updates.contains(&update.change) => {
                    metrics::counter!("parapet_mail_updates_left_out_total", "change" => update.change.as_str())
                        .increment(1);
                }
                Ok(one) => {
                    places.push(index);
                    news.push((item.id.to_string(), one));
                }
                Err(error) => *fate = Err(SinkError::reject("malformed", error.to_string())),
            }
        }
        if news.is_empty() {
            return fates;
        }
        let told = self.with_pictures(news).await;
        let fate = self.deliver(&told).await;
        for index in places {
            if let Some(place) = fates.get_mut(index) {
                place.clone_from(&fate);
            }
        }
        fates
    }

    async fn ready(&self) {}
}
