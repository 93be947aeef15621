//! The manifests for Azure IoT Operations are what they should be, and name the topics that the program publishes and the user that it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::PathBuf;

use common::TestSite;
use parapet_config::{BusConfig, read_yaml};
use parapet_contracts::{
    CameraId, SiteId,
    topics::{Topic, is_filter, matches},
};
use serde_json::Value;

const BROKER: &str = "mqttbroker.iotoperations.azure.com/v1";
const CONNECTIVITY: &str = "connectivity.iotoperations.azure.com/v1";

fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/azure").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn documents(name: &str) -> Vec<Value> {
    let text = text(name);
    let parts = text.split("\n---\n").map(|part| read_yaml(name, part.as_bytes()));
    parts.map(|part| part.unwrap_or_else(|problems| panic!("{problems}"))).collect()
}

/// The documents of a kind; each has a name, a namespace and the version of its group.
fn of_kind(all: &[Value], group: &str, kind: &str) -> Vec<Value> {
    let found: Vec<Value> = all.iter().filter(|one| one["kind"] == kind).cloned().collect();
    assert!(!found.is_empty(), "no {kind}");
    for one in &found {
        assert_eq!(one["apiVersion"], group, "{kind}");
        assert!(one["metadata"]["name"].is_string() && one["metadata"]["namespace"] == "azure-iot-operations", "{one}");
    }
    found
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn site() -> SiteId {
    let site = read_yaml("site.yaml", text("site.yaml").as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    SiteId::new(site["site"]["id"].as_str().unwrap()).unwrap()
}

fn published() -> Vec<String> {
    let (site, camera) = (site(), CameraId::new("gate").unwrap());
    let topics = [
        Topic::alerts(&site),
        Topic::site_status(&site),
        Topic::camera_status(&site, &camera),
        Topic::detections(&site, &camera),
    ];
    topics.iter().map(ToString::to_string).collect()
}

#[test]
fn the_listener_asks_for_tokens_and_certificates_and_lets_the_site_do_what_it_does() {
    let all = documents("broker.yaml");
    let [listener] = &of_kind(&all, BROKER, "BrokerListener")[..] else { panic!() };
    let [authentication] = &of_kind(&all, BROKER, "BrokerAuthentication")[..] else { panic!() };
    let [authorization] = &of_kind(&all, BROKER, "BrokerAuthorization")[..] else { panic!() };
    let port = &listener["spec"]["ports"][0];
    assert_eq!((&port["protocol"], &port["tls"]["mode"]), (&"Mqtt".into(), &"Automatic".into()));
    assert_eq!(port["authenticationRef"], authentication["metadata"]["name"]);
    assert_eq!(port["authorizationRef"], authorization["metadata"]["name"]);
    let methods = authentication["spec"]["authenticationMethods"].as_array().unwrap();
    assert_eq!(methods.iter().map(|one| &one["method"]).collect::<Vec<_>>(), ["ServiceAccountToken", "X509"]);
    assert_eq!(methods[0]["serviceAccountTokenSettings"]["audiences"][0], "aio-internal");

    let rules = authorization["spec"]["authorizationPolicies"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    for rule in rules {
        assert!(rule["principals"].is_object());
        let may = |method: &str| {
            let mut resources = rule["brokerResources"].as_array().unwrap().iter();
            resources.find(|one| one["method"] == method).cloned().unwrap()
        };
        assert_eq!(texts(&may("Connect")["clientIds"]), [format!("parapet-{}", site())]);
        let filters = texts(&may("Publish")["topics"]);
        for topic in published() {
            assert!(filters.iter().any(|filter| is_filter(filter) && matches(filter, &topic)), "{topic}");
        }
        assert!(!filters.iter().any(|filter| matches(filter, "parapet/other/alerts")), "{filters:?}");
    }
}

#[test]
fn the_dataflows_carry_topics_that_the_site_publishes() {
    let all = documents("dataflow.yaml");
    let [endpoint] = &of_kind(&all, CONNECTIVITY, "DataflowEndpoint")[..] else { panic!() };
    let kafka = &endpoint["spec"]["kafkaSettings"];
    assert_eq!(endpoint["spec"]["endpointType"], "Kafka");
    assert!(kafka["host"].as_str().unwrap().ends_with(".servicebus.windows.net:9093"));
    assert_eq!(kafka["authentication"]["method"], "SystemAssignedManagedIdentity");
    assert_eq!((&kafka["tls"]["mode"], &kafka["kafkaAcks"]), (&"Enabled".into(), &"All".into()));
    let mut carried = vec![];
    for flow in of_kind(&all, CONNECTIVITY, "Dataflow") {
        let [source, destination] = &flow["spec"]["operations"].as_array().unwrap()[..] else { panic!("{flow}") };
        assert_eq!(
            (&source["operationType"], &destination["operationType"]),
            (&"Source".into(), &"Destination".into())
        );
        let to = &destination["destinationSettings"];
        assert_eq!(to["endpointRef"], endpoint["metadata"]["name"]);
        assert!(to["dataDestination"].as_str().is_some_and(|hub| hub.starts_with("parapet-")));
        let filters = texts(&source["sourceSettings"]["dataSources"]);
        for filter in &filters {
            assert!(published().iter().any(|topic| matches(filter, topic)), "nothing is published on {filter}");
        }
        carried.extend(filters);
    }
    for topic in &published()[..3] {
        assert_eq!(carried.iter().filter(|filter| matches(filter, topic)).count(), 1, "{topic}");
    }
}

#[test]
fn a_pod_has_what_the_site_asks_for() {
    let all = documents("pod.yaml");
    let [account, deployment] = &all[..] else { panic!() };
    assert_eq!(account["metadata"]["annotations"]["aio-broker-auth/group"], "parapet");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
    let container = &pod["containers"][0];
    // The files are where a pod has them; here they are below the site's folder.
    let site = TestSite::new(&[("token", "x"), ("ca.crt", "x")]);
    site.write("site.yaml", text("site.yaml"));
    let here = |value: &str| match value {
        "/var/run/certs/ca.crt" => site.dir().join("ca.crt").display().to_string(),
        "/var/run/secrets/tokens/broker-sat" => site.dir().join("token").display().to_string(),
        other => other.to_owned(),
    };
    let leak = |text: String| -> &'static str { text.leak() };
    let variables = container["env"].as_array().unwrap().iter();
    let variables: Vec<_> = variables
        .map(|one| (leak(one["name"].as_str().unwrap().into()), leak(here(one["value"].as_str().unwrap()))))
        .collect();
    let loaded = site.load_with(&variables).unwrap_or_else(|problems| panic!("{problems}"));
    let BusConfig::Broker(broker) = &loaded.config.site.bus else { panic!() };
    let [listener] = &of_kind(&documents("broker.yaml"), BROKER, "BrokerListener")[..] else { panic!() };
    assert_eq!(broker.host, format!("{}.azure-iot-operations", listener["spec"]["serviceName"].as_str().unwrap()));
    assert_eq!(listener["spec"]["ports"][0]["port"], broker.port);
    assert_eq!(broker.client_id, "parapet-harbour");
    assert!(broker.token_file.is_some() && broker.tls.as_ref().is_some_and(|tls| tls.ca.is_some()));
    let source = &pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!((&source["path"], &source["audience"]), (&"broker-sat".into(), &"aio-internal".into()));
}
