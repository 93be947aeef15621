//! What Home Assistant is told: one retained message for each device, with all its entities. Pure.
//!
//! <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>, and its pages on `binary_sensor` and `image`.

use std::collections::BTreeMap;

use parapet_config::{Camera, HomeAssistant, Rule, SiteConfig};
use parapet_contracts::{
    CameraId, SiteId,
    topics::{self, Topic},
};
use serde_json::{Map, Value, json};

/// The message of each device, by its topic.
pub(super) fn messages(config: &SiteConfig, settings: &HomeAssistant) -> BTreeMap<String, Value> {
    let site = &config.site.id;
    let topic = |device: &str| format!("{}/device/{device}/config", settings.prefix);
    let cameras = config.cameras.values().map(|camera| {
        let rules = config.rules.values().filter(|rule| rule.enabled && rule.cameras.contains(&camera.id));
        let id = camera_id(site, &camera.id);
        (topic(&id), camera_device(config, camera, rules.map(AsRef::as_ref), settings))
    });
    // What is about no camera belongs to the site.
    let others = config.rules.values().filter(|rule| rule.enabled && rule.cameras.is_empty());
    let id = site_id(site);
    let own = (topic(&id), site_device(config, others.map(AsRef::as_ref), settings));
    cameras.chain([own]).collect()
}

/// Where the picture of a camera's last alert is.
pub(super) fn picture_topic(site: &SiteId, camera: &CameraId) -> String {
    format!("{}/{site}/cameras/{camera}/picture", topics::ROOT)
}

fn site_id(site: &SiteId) -> String {
    format!("parapet_{site}")
}

fn camera_id(site: &SiteId, camera: &CameraId) -> String {
    // Ids have no `.`, so no two cameras of two sites share one; topics of discovery take letters, digits, `_` and `-`.
    format!("parapet_{site}-camera-{camera}")
}

fn camera_device<'a>(
    config: &SiteConfig,
    camera: &Camera,
    rules: impl Iterator<Item = &'a Rule>,
    settings: &HomeAssistant,
) -> Value {
    let (site, id) = (&config.site.id, camera_id(&config.site.id, &camera.id));
    let mut parts = Map::new();
    parts.insert("live".to_owned(), json!({
        "platform": "binary_sensor", "unique_id": format!("{id}-live"), "name": "Live", "device_class": "connectivity",
        "entity_category": "diagnostic", "state_topic": Topic::camera_status(site, &camera.id).to_string(),
        "value_template": "{{ 'ON' if value_json.data.health == 'online' else 'OFF' }}",
    }));
    parts.insert("picture".to_owned(), json!({
        "platform": "image", "unique_id": format!("{id}-picture"), "name": "Last alert", "content_type": "image/jpeg",
        "image_topic": picture_topic(site, &camera.id),
    }));
    for rule in rules {
        let about = format!("d.rule == '{}' and d.camera | default('') == '{}'", rule.id, camera.id);
        parts.insert(format!("rule-{}", rule.id), sensor(site, &id, rule, &about, settings));
    }
    let device = json!({
        "identifiers": [id], "name": camera.name, "manufacturer": "Parapet", "model": "camera", "via_device": site_id(site),
    });
    whole(site, &device, &parts)
}

fn site_device<'a>(config: &SiteConfig, rules: impl Iterator<Item = &'a Rule>, settings: &HomeAssistant) -> Value {
    let (site, id) = (&config.site.id, site_id(&config.site.id));
    let mut parts = Map::new();
    parts.insert("well".to_owned(), json!({
        "platform": "binary_sensor", "unique_id": format!("{id}-problem"), "name": "Problem", "device_class": "problem",
        "entity_category": "diagnostic", "state_topic": Topic::site_status(site).to_string(),
        "value_template": "{{ 'OFF' if value_json.data.health == 'online' else 'ON' }}",
    }));
    for rule in rules {
        let about = format!("d.rule == '{}'", rule.id);
        parts.insert(format!("rule-{}", rule.id), sensor(site, &id, rule, &about, settings));
    }
    let device = json!({ "identifiers": [id], "name": config.site.name, "manufacturer": "Parapet", "model": "site" });
    whole(site, &device, &parts)
}

/// On with an alert, off when it is over. What comes of other rules leaves it as it is: a template without text is passed over.
fn sensor(site: &SiteId, device: &str, rule: &Rule, about: &str, settings: &HomeAssistant) -> Value {
    let template = format!(
        "{{% set d = value_json.data %}}{{% if {about} and d.change | default('') not in ['acknowledged', 'evidence'] %}}{{{{ 'OFF' if d.change | default('') == 'resolved' else 'ON' }}}}{{% endif %}}"
    );
    json!({
        "platform": "binary_sensor", "unique_id": format!("{device}-rule-{}", rule.id), "name": rule.name, "device_class": "safety",
        "state_topic": Topic::alerts(site).to_string(), "value_template": template, "off_delay": settings.off_after.as_secs().max(1),
    })
}

fn whole(site: &SiteId, device: &Value, parts: &Map<String, Value>) -> Value {
    json!({
        "device": device,
        "origin": { "name": "Parapet", "sw_version": env!("CARGO_PKG_VERSION") },
        "availability": [{
            "topic": Topic::site_status(site).to_string(),
            "value_template": "{{ 'offline' if value_json.data.health == 'offline' else 'online' }}",
        }],
        "components": parts,
        "qos": 1,
    })
}
