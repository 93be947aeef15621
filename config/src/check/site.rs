//! `site.yaml`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use parapet_contracts::{SiteId, ports::store::Retention, topics};
use parapet_rule_sql::schedule::Schedule;

use super::{absolute, broker::existing, bus::bus};
use crate::{
    checked::{
        BackupConfig, BusConfig, EmbeddedConfig, EvidenceConfig, HomeAssistant, Keeping, RecordingsConfig, Site,
        StoreConfig, TelemetryConfig,
    },
    document::{Document, place},
    raw::{LogFormat, RawHomeAssistant, RawSite, Text},
    secrets::Secrets,
    yaml::Step,
};

/// Times by name; those that can't be read are told.
fn schedules(document: &mut Document<RawSite>, raw: BTreeMap<String, Text>) -> BTreeMap<String, String> {
    let mut schedules = BTreeMap::new();
    for (name, text) in raw {
        if let Err(why) = Schedule::parse(&text.0) {
            let place = [Step::Key("schedules"), Step::Key(&name)];
            // What came out of a reference is not quoted.
            let why = if document.resolved(&place) { String::new() } else { format!(": {why}") };
            let at = document.at(&place);
            document.error(at, format!("this is no schedule{why}"), "for example `mon-fri 22:00-06:00, sat, sun`");
        }
        schedules.insert(name, text.0);
    }
    schedules
}

/// Checks `site.yaml`; `None` when it lacks what a site can't be without.
pub(crate) fn site(
    document: &mut Document<RawSite>,
    dir: &std::path::Path,
    secrets: &Secrets,
    inputs: &mut Vec<PathBuf>,
) -> Option<Site> {
    let raw = document.raw.take()?;
    let id = raw.site.as_ref().and_then(|site| site.id.as_ref()).and_then(|id| SiteId::new(&id.0).ok());
    let name = raw.site.as_ref().and_then(|site| site.name.as_ref()).map(|name| name.0.clone());
    let store = absolute(dir, &raw.store.path.0);
    let evidence = absolute(dir, &raw.evidence.path.0);
    if store == evidence || evidence.starts_with(&store) {
        let at = if document.has(place!["evidence", "path"]) {
            document.at(place!["evidence", "path"])
        } else {
            document.at(place!["store", "path"])
        };
        document.error(
            at,
            "evidence and store share a folder",
            "give each a folder of its own, neither inside the store's",
        );
    }
    let http: SocketAddr = raw.http.listen.0.parse().ok()?;
    if !http.ip().is_loopback() {
        let at = document.at(place!["http", "listen"]);
        document.warn(
            at,
            "HTTP listens on an address that other machines reach",
            "it asks for no password: the network must be trusted",
        );
    }
    let variables = |name: &str| secrets.variable(name, dir);
    let bus = bus(document, &raw.bus, id.as_ref(), dir, &variables, inputs);
    let telemetry = TelemetryConfig {
        level: raw.telemetry.level.0.clone(),
        json: raw.telemetry.format == LogFormat::Json,
        otlp: raw.telemetry.otlp.as_ref().and_then(|address| otlp(document, &address.0)),
    };
    let onnxruntime = raw.onnxruntime.as_ref().map(|library| {
        let file = absolute(dir, &library.0);
        existing(document, place!["onnxruntime"], &file, inputs);
        file
    });
    super::secrets(document, raw.secrets, dir);
    let home_assistant = raw.home_assistant.map(|raw| home_assistant(document, raw));
    let remote = super::remote(document, raw.remote);
    let id = id?;
    let retention = &raw.store.retention;
    Some(Site {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        time_zone: jiff::tz::TimeZone::get(&raw.time_zone.0).ok()?,
        media: raw.media.iter().map(|folder| absolute(dir, &folder.0)).collect(),
        store: StoreConfig {
            path: store,
            retention: Retention {
                events_for: retention.events.0,
                events_bytes: retention.events_size.0,
                alerts_for: retention.alerts.0,
                errors_for: retention.errors.0,
                errors_most: retention.errors_most,
                ..Retention::default()
            },
            backups: BackupConfig {
                path: absolute(dir, &raw.store.backups.path.0),
                keep: raw.store.backups.keep.into(),
                every: raw.store.backups.every.map(|every| every.0),
            },
        },
        evidence: EvidenceConfig {
            path: evidence,
            quality: raw.evidence.quality,
            pictures: Keeping { keep_for: raw.evidence.keep_for.0, most: raw.evidence.size.map(|size| size.0) },
            clips: Keeping {
                keep_for: raw.evidence.clips.keep_for.unwrap_or(raw.evidence.keep_for).0,
                most: raw.evidence.clips.size.map(|size| size.0),
            },
            min_free: raw.evidence.min_free.0,
        },
        recordings: RecordingsConfig {
            path: absolute(dir, &raw.recordings.path.0),
            min_free: raw.recordings.min_free.0,
        },
        bus: bus?,
        http,
        home_assistant,
        remote,
        telemetry,
        onnxruntime,
        schedules: schedules(document, raw.schedules),
        maintenance: super::alerting::periods(document, "maintenance", &raw.maintenance),
        shutdown: raw.shutdown.0,
    })
}

/// The folders of sources as the file has them; the default when it has none.
pub(crate) fn media_shown(document: &Document<RawSite>, count: usize) -> Vec<String> {
    let shown = |index| document.written(place!["media", index]).to_owned();
    if document.has(place!["media", 0]) { (0..count).map(shown).collect() } else { vec!["media".to_owned(); count] }
}

/// Tells two listeners on one port.
pub(crate) fn listeners(document: &mut Document<RawSite>, site: &Site) {
    let BusConfig::Embedded(EmbeddedConfig { listen, .. }) = site.bus else { return };
    let http = site.http;
    let meet = listen.ip() == http.ip() || listen.ip().is_unspecified() || http.ip().is_unspecified();
    if listen.port() == http.port() && listen.port() != 0 && meet {
        let inner = place!["bus", "embedded", "listen"];
        let at = if document.has(inner) { document.at(inner) } else { document.at(place!["http", "listen"]) };
        let message = format!("the bus and HTTP both listen on port {}", http.port());
        document.error(at, message, "give each a port of its own");
    }
}

fn home_assistant(document: &mut Document<RawSite>, raw: RawHomeAssistant) -> HomeAssistant {
    let prefix = raw.prefix.0;
    if !topics::is_filter(&prefix) || prefix.contains(['+', '#']) || prefix.starts_with('$') {
        let at = document.at(place!["home_assistant", "prefix"]);
        document.error(at, "no topic can begin so", "write the discovery prefix, such as `homeassistant`");
    }
    HomeAssistant { prefix, off_after: raw.off_after.0 }
}

/// Tells when one of two keys stands without the other.
pub(crate) fn both<T>(document: &mut Document<T>, (a, b): (&str, &str), parents: &[&str]) {
    let place = |name| parents.iter().map(|p| Step::Key(p)).chain([Step::Key(name)]).collect::<Vec<_>>();
    for (here, missing) in [(a, b), (b, a)] {
        if document.has(&place(here)) && !document.has(&place(missing)) {
            let at = document.at_key(&place(here));
            document.error(at, format!("`{here}` needs `{missing}`"), format!("give both `{a}` and `{b}`, or neither"));
        }
    }
}

fn otlp(document: &mut Document<RawSite>, address: &str) -> Option<String> {
    let at = document.at(place!["telemetry", "otlp"]);
    match url::Url::parse(address) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            document.error(
                at,
                "the address holds a user or password",
                "give the address of a collector that needs none, such as one on this machine",
            );
            None
        }
        Ok(url) if url.scheme() == "http" && url.host_str().is_some() => Some(address.to_owned()),
        Ok(url) if url.scheme() == "https" => {
            document.error(
                at,
                "traces over HTTPS are not supported",
                "send them to a collector on this machine: `http://127.0.0.1:4318`",
            );
            None
        }
        _ => {
            document.error(
                at,
                "this is no address of an OTLP collector",
                "expected one such as `http://127.0.0.1:4318`",
            );
            None
        }
    }
}
