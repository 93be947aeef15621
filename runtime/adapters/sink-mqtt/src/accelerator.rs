//! The topics and formats of Microsoft's MEC application solution accelerator, so that what reads them can be kept: `newDetection`, JSON as
//! Avro has it, and `newAlert`, an Avro object container with its schema. Pure.
//!
//! Names, types and the order of a box's corners are those of its schema and of the programs that read it: rules read `newDetection`, with
//! its `time_trace`, and take no frame without objects; the alerts' service reads `newAlert` and wants a step named `RulesEngine` in it. Times are in
//! milliseconds since 1970. `Frame`, there the id of a picture, is the path of the evidence of an alert, and the event's id of a detection.
//!
//! <https://github.com/Azure/mec-app-solution-accelerator>

mod avro;

use parapet_contracts::{
    Alert, BBox, DetectionEvent, Timestamp,
    cloudevent::{CloudEventError, Event},
};
use serde::Serialize;

/// The topic of frames with objects.
pub const DETECTIONS: &str = "newDetection";
/// The topic of alerts.
pub const ALERTS: &str = "newAlert";
/// What `UrlVideoEncoded` says in the accelerator, which never fills it in.
const VIDEO: &str = "1.0";

/// A message for the accelerator's readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// [`DETECTIONS`] or [`ALERTS`].
    pub topic: &'static str,
    /// The media type.
    pub content_type: &'static str,
    /// The payload.
    pub payload: Vec<u8>,
}

/// `newDetection`, in the order of its schema.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Detection<'a> {
    source_id: &'a str,
    url_video_encoded: &'a str,
    frame: String,
    event_name: &'a str,
    origin_module: &'a str,
    information: &'a str,
    every_time: i64,
    classes: Vec<Class<'a, f64>>,
    #[serde(rename = "time_trace")]
    time_trace: Vec<Step>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Class<'a, N> {
    event_type: &'a str,
    confidence: f64,
    bounding_boxes: [Point<N>; 4],
}

#[derive(Serialize)]
struct Point<N> {
    x: N,
    y: N,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Step {
    step_name: &'static str,
    step_start: i64,
    step_end: i64,
}

/// The message that an event becomes; `None` for what the accelerator has no message for: a frame without objects, what became of an
/// alert, an update of a detection, and everything that is neither detection nor alert.
///
/// # Errors
/// When the payload is no event.
pub fn message(payload: &str) -> Result<Option<Message>, CloudEventError> {
    Ok(match Event::from_json(payload.as_bytes())? {
        Event::Detection(event) if event.update.is_none() && !event.objects.is_empty() => {
            let malformed = |error: serde_json::Error| CloudEventError::Malformed(error.to_string());
            let payload = serde_json::to_vec(&detection(&event)).map_err(malformed)?;
            Some(Message { topic: DETECTIONS, content_type: "application/json", payload })
        }
        Event::Alert(alert) => Some(Message { topic: ALERTS, content_type: "avro/binary", payload: encoded(&alert) }),
        _ => None,
    })
}

fn detection(event: &DetectionEvent) -> Detection<'_> {
    let classes = event.objects.iter().map(|object| Class {
        event_type: &object.label,
        confidence: f64::from(object.score),
        bounding_boxes: corners(&object.bbox).map(|(x, y)| Point { x: f64::from(x), y: f64::from(y) }),
    });
    let taken = event.ts.as_millisecond();
    Detection {
        source_id: event.camera.as_str(),
        url_video_encoded: VIDEO,
        frame: event.id.to_string(),
        event_name: "ObjectDetection",
        origin_module: "Parapet",
        information: event.model.as_str(),
        every_time: taken,
        classes: classes.collect(),
        time_trace: vec![Step {
            step_name: "AiInference",
            step_start: taken,
            step_end: made_at(event).as_millisecond(),
        }],
    }
}

/// When an event was made: its id says so.
fn made_at(event: &DetectionEvent) -> Timestamp {
    let unix = event.id.get_timestamp().map(|made| made.to_unix());
    unix.and_then(|(seconds, nanos)| Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok())
        .unwrap_or(event.ts)
}

/// The corners in the accelerator's order.
fn corners(bbox: &BBox) -> [(f32, f32); 4] {
    [(bbox.x1, bbox.y1), (bbox.x1, bbox.y2), (bbox.x2, bbox.y1), (bbox.x2, bbox.y2)]
}

/// An alert as an Avro object container. The same alert makes the same bytes.
fn encoded(alert: &Alert) -> Vec<u8> {
    let mut datum = avro::Datum::default();
    let rule = alert.rule.as_str();
    let camera = alert.camera.as_ref().map_or("", |camera| camera.as_str());
    let frame = alert.evidence.as_ref().map_or("", |evidence| evidence.path.as_str());
    let taken = alert.ts.as_millisecond();
    datum.text(&alert.id.to_string()).text(rule).text(camera).long(taken).text(&alert.message);
    datum.text(frame).text(rule).text(VIDEO);
    datum.array(&alert.objects, |datum, object| {
        datum.text(&object.label).float(object.score);
        datum.array(&corners(&object.bbox), |datum, (x, y)| {
            // Whole pixels: so the alerts' service reads them.
            datum.long(x.round() as i64).long(y.round() as i64);
        });
    });
    datum.float(alert.objects.iter().map(|object| object.score).fold(0.0, f32::max));
    datum.array(&[("AiInference", alert.since), ("RulesEngine", alert.ts)], |datum, (name, start)| {
        datum.text(name).long(start.as_millisecond()).long(alert.raised_at.as_millisecond());
    });
    avro::container(SCHEMA, &datum, alert.id.as_bytes())
}

/// The schema of `newAlert`, as .NET's types of the accelerator make it.
pub const SCHEMA: &str = r#"{"type":"record","name":"DetectedObjectAlert","namespace":"Microsoft.MecSolutionAccelerator.Services.Alerts.Events","fields":[{"name":"Id","type":"string"},{"name":"Name","type":"string"},{"name":"SourceId","type":"string"},{"name":"EveryTime","type":"long"},{"name":"Information","type":"string"},{"name":"Frame","type":"string"},{"name":"Type","type":"string"},{"name":"UrlVideoEncoded","type":"string"},{"name":"MatchingClasses","type":{"type":"array","items":{"type":"record","name":"DetectionClass","namespace":"Microsoft.MecSolutionAccelerator.Services.Alerts.Events.Base","fields":[{"name":"EventType","type":"string"},{"name":"Confidence","type":"float"},{"name":"BoundingBoxes","type":{"type":"array","items":{"type":"record","name":"BoundingBox","fields":[{"name":"x","type":"long"},{"name":"y","type":"long"}]}}}]}}},{"name":"Accuracy","type":"float"},{"name":"TimeTrace","type":{"type":"array","items":{"type":"record","name":"StepTime","fields":[{"name":"StepName","type":"string"},{"name":"StepStart","type":"long"},{"name":"StepEnd","type":"long"}]}}}]}"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use apache_avro::{Reader, Schema, types::Value};
    use parapet_contracts::{AlertChange, Severity, cloudevent::CloudEvent};
    use parapet_testkit::conformance::samples;

    use super::*;

    fn alert(number: u64) -> Message {
        let alert = samples::alert(number, "gate", "intruder", Severity::Critical, 7);
        message(&serde_json::to_string(&CloudEvent::alert(&alert)).unwrap()).unwrap().unwrap()
    }

    fn field<'a>(record: &'a Value, name: &str) -> &'a Value {
        let Value::Record(fields) = record else { panic!("{record:?}") };
        fields.iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap()
    }

    #[test]
    fn another_library_reads_an_alert_with_the_schema_that_it_brings() {
        let message = alert(3);
        assert_eq!((message.topic, message.content_type), ("newAlert", "avro/binary"));
        let reader = Reader::new(&message.payload[..]).unwrap();
        assert_eq!(reader.writer_schema().canonical_form(), Schema::parse_str(SCHEMA).unwrap().canonical_form());
        let read: Vec<Value> = reader.map(Result::unwrap).collect();
        let [record] = read.as_slice() else { panic!("{read:?}") };
        let text = |name: &str| match field(record, name) {
            Value::String(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (text("Id"), text("Type"), text("SourceId")),
            (samples::id(3).to_string(), "intruder".into(), "gate".into())
        );
        assert_eq!(text("Information"), "1 person in “yard” – since 3 s");
        assert!(text("Frame").ends_with(".jpg"));
        assert_eq!(field(record, "EveryTime"), &Value::Long(samples::time(7).as_millisecond()));
        assert_eq!(field(record, "Accuracy"), &Value::Float(0.87));
        let Value::Array(classes) = field(record, "MatchingClasses") else { panic!("{record:?}") };
        let Value::Array(corners) = field(&classes[0], "BoundingBoxes") else { panic!("{record:?}") };
        assert_eq!(
            (corners.len(), field(&corners[0], "x"), field(&corners[3], "y")),
            (4, &Value::Long(11), &Value::Long(221))
        );
        let Value::Array(steps) = field(record, "TimeTrace") else { panic!("{record:?}") };
        assert!(steps.iter().any(|step| field(step, "StepName") == &Value::String("RulesEngine".into())));
        assert_eq!(alert(3), message, "the same alert makes the same bytes");
    }

    #[test]
    fn a_detection_is_the_json_that_rules_read() {
        let event = samples::event(5, "gate", 9);
        let message = message(&serde_json::to_string(&CloudEvent::detection(&event)).unwrap()).unwrap().unwrap();
        assert_eq!((message.topic, message.content_type), ("newDetection", "application/json"));
        let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        let expected = serde_json::json!({
            "SourceId": "gate", "UrlVideoEncoded": "1.0", "Frame": samples::id(5).to_string(), "EventName": "ObjectDetection",
            "OriginModule": "Parapet", "Information": "people", "EveryTime": samples::time(9).as_millisecond(),
            "Classes": [{ "EventType": "person", "Confidence": f64::from(0.87_f32), "BoundingBoxes": [
                { "x": 10.5, "y": 20.25 }, { "x": 10.5, "y": 220.75 }, { "x": 110.0, "y": 20.25 }, { "x": 110.0, "y": 220.75 },
            ] }],
            "time_trace": json["time_trace"],
        });
        assert_eq!(json, expected);
        assert_eq!(json["time_trace"][0]["StepStart"], samples::time(9).as_millisecond());
    }

    #[test]
    fn what_the_accelerator_has_no_message_for_is_none() {
        let mut event = (*samples::event(5, "gate", 9)).clone();
        event.objects.clear();
        assert_eq!(message(&serde_json::to_string(&CloudEvent::detection(&event)).unwrap()), Ok(None));
        let update = samples::update(1, 1, AlertChange::Resolved, 5);
        assert_eq!(message(&serde_json::to_string(&CloudEvent::alert_update(&update)).unwrap()), Ok(None));
        assert!(message("{}").is_err());
    }
}
