//! The sinks that uploaders' files can name.

mod kafka;

use std::sync::Arc;

use parapet_actors::ports::SinkFactory;
use parapet_bus_mqtt::{BusSettings, TlsSettings};
use parapet_config::{
    Encryption, HttpSinkConfig, Mailbox, MqttSinkConfig, ObjectPlace, ObjectStoreSinkConfig, Sink, SmtpSinkConfig,
    UploadFormat, Uploader,
};
use parapet_contracts::{
    SiteId,
    camera::Credentials,
    ports::{evidence::EvidencePort, sink::SinkPort},
};
use parapet_sink_file::FileSink;
use parapet_sink_http::{HttpSettings, HttpSink};
use parapet_sink_kafka::KafkaSink;
use parapet_sink_mqtt::{Form, MqttSink};
use parapet_sink_object_store::{ObjectStoreSettings, ObjectStoreSink, Place};
use parapet_sink_smtp::{Encryption as MailEncryption, People, SmtpSettings, SmtpSink};

/// Makes the sinks that this build has.
#[derive(Clone)]
pub struct Sinks {
    /// The site, for the names under which it is known elsewhere.
    pub site: SiteId,
    /// Where files of evidence are.
    pub evidence: Arc<dyn EvidencePort>,
}

impl SinkFactory for Sinks {
    fn build(&self, uploader: &Uploader) -> Result<Arc<dyn SinkPort>, String> {
        let name = format!("parapet-{}-{}", self.site, uploader.id);
        let cloudevents = uploader.format == UploadFormat::CloudEvents;
        match &uploader.sink {
            Sink::File { path, rotate_bytes, keep } => Ok(Arc::new(FileSink::new(path.clone(), *rotate_bytes, *keep))),
            Sink::Http(config) => Ok(Arc::new(HttpSink::new(&http(config, cloudevents))?)),
            Sink::Kafka(config) => {
                Ok(Arc::new(KafkaSink::connect(kafka::settings(config, uploader, &self.site, name)?)))
            }
            Sink::Mqtt(config) => {
                Ok(Arc::new(MqttSink::connect(mqtt(config, name), config.prefix.clone(), form(uploader.format))))
            }
            Sink::ObjectStore(config) => {
                Ok(Arc::new(ObjectStoreSink::open(&object_store(config), Arc::clone(&self.evidence))?))
            }
            Sink::Smtp(config) => Ok(Arc::new(SmtpSink::new(smtp(config)?, Arc::clone(&self.evidence))?)),
        }
    }
}

fn form(format: UploadFormat) -> Form {
    match format {
        UploadFormat::CloudEvents => Form::CloudEvents,
        UploadFormat::Data => Form::Data,
        UploadFormat::Accelerator => Form::Accelerator,
    }
}

fn http(config: &HttpSinkConfig, cloudevents: bool) -> HttpSettings {
    HttpSettings {
        url: config.url.to_string(),
        headers: config.headers.clone(),
        secret: config.secret.clone(),
        timeout: config.timeout,
        max_body: config.max_body,
        cloudevents,
    }
}

fn mqtt(config: &MqttSinkConfig, name: String) -> BusSettings {
    let credentials = config.credentials.clone();
    let mut settings = BusSettings::new(config.host.as_str(), config.port, config.client_id.clone().unwrap_or(name));
    settings.tls = config.tls.as_ref().map(|tls| TlsSettings { ca_file: tls.ca.clone(), client: tls.client.clone() });
    settings.credentials = credentials.map(|(username, password)| Credentials { username, password });
    settings.token_file.clone_from(&config.token_file);
    settings.in_flight = config.in_flight;
    settings.ack_timeout = config.timeout;
    settings
}

fn object_store(config: &ObjectStoreSinkConfig) -> ObjectStoreSettings {
    let place = match config.place.clone() {
        ObjectPlace::S3 { bucket, region, endpoint, credentials } => {
            Place::S3 { bucket, region, endpoint: endpoint.map(String::from), credentials }
        }
        ObjectPlace::Azure { account, container, endpoint, key } => {
            Place::Azure { account, container, endpoint: endpoint.map(String::from), key }
        }
        ObjectPlace::Folder(folder) => Place::Folder(folder),
    };
    ObjectStoreSettings { place, prefix: config.prefix.clone(), timeout: config.timeout }
}

fn smtp(config: &SmtpSinkConfig) -> Result<SmtpSettings, String> {
    let shown = |mailbox: &Mailbox| match &mailbox.name {
        Some(name) => format!("\"{}\" <{}>", name.replace(['"', '\\'], ""), mailbox.address),
        None => mailbox.address.clone(),
    };
    let all = |mailboxes: &[Mailbox]| mailboxes.iter().map(shown).collect::<Vec<_>>();
    let people = People::new(&shown(&config.from), &all(&config.to), &all(&config.cc), &all(&config.bcc))?;
    let encryption = match config.encryption {
        Encryption::Tls => MailEncryption::Tls,
        Encryption::StartTls => MailEncryption::StartTls,
        Encryption::StartTlsIfOffered => MailEncryption::StartTlsIfOffered,
        Encryption::None => MailEncryption::None,
    };
    Ok(SmtpSettings {
        ca_file: config.tls.ca.clone(),
        client: config.tls.client.clone(),
        credentials: config.credentials.clone(),
        subject: config.subject.clone(),
        updates: config.updates.clone(),
        pictures: config.picture,
        max_bytes: config.max_bytes,
        time_zone: config.time_zone.clone(),
        timeout: config.timeout,
        ..SmtpSettings::new(config.host.as_str(), config.port, encryption, people)
    })
}
