//! `parapet demo` as somebody who has just got the binary runs it: anywhere, with nothing else. What it tells is what the clip shows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use parapet_testkit::command::{Captured, parapet_command, tell, wait};
use serde_json::Value;
use support::PARAPET;

/// What the renderer of the clip knows of it; it lies beside the clip.
const TRUTH: &str = include_str!("../runtime/demo/assets/walkway.truth.json");
/// Frames per second of the clip.
const FPS: f64 = 15.0;
/// The camera wants 5 frames a second, so a moment is seen up to 0.2 s late; somebody who comes in is recognised when enough of
/// them is in the picture.
const LATE: f64 = 1.5;

/// A demo takes the usual ports when they are free: two that start in the same moment would want the same.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn spans(value: &Value) -> Vec<(f64, f64)> {
    value.as_array().unwrap().iter().map(|s| (s[0].as_f64().unwrap(), s[1].as_f64().unwrap())).collect()
}

/// When a vehicle is in the picture, in seconds of the clip.
fn vehicles(truth: &Value) -> Vec<(f64, f64)> {
    let frames = truth["frames"].as_array().unwrap();
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for (index, objects) in frames.iter().enumerate() {
        let at = index as f64 / FPS;
        if objects.as_array().unwrap().iter().any(|object| object[1] == 1) {
            match spans.last_mut() {
                Some((_, to)) if at - *to < 1.5 / FPS => *to = at,
                _ => spans.push((at, at)),
            }
        }
    }
    spans
}

fn within(at: f64, spans: &[(f64, f64)], held: f64) -> bool {
    spans.iter().any(|(from, to)| at >= from + held - 0.1 && at <= to + 0.3)
}

#[test]
fn one_round_of_the_clip_raises_exactly_the_alerts_that_it_shows() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let truth: Value = serde_json::from_str(TRUTH).unwrap();
    let told = tell(
        parapet_command(PARAPET).args(["demo", "--for", "45s", "--format", "json"]).current_dir("/"),
        Duration::from_secs(75),
    );
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.all());
    assert!((45.0..60.0).contains(&told.took.as_secs_f64()), "{:?}", told.took);
    let lines: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, alerts) = lines.split_last().unwrap();
    assert!(alerts.iter().all(|line| line["type"] == "alert"), "{}", told.all());

    let at = |alert: &Value| alert["frame"].as_f64().unwrap() / FPS;
    let of = |rule: &str| -> Vec<f64> { alerts.iter().filter(|alert| alert["rule"] == rule).map(at).collect() };
    // The rule wants a person in the dock for a second, then is quiet for 30: one alert for the first who comes.
    let in_dock = spans(&truth["person_in_zone_s"]);
    let persons = of("person-at-dock");
    assert_eq!(persons.len(), 1, "{}", told.all());
    assert!(
        within(persons[0], &in_dock[..1], 1.0) && persons[0] < in_dock[0].0 + 1.0 + LATE,
        "at {persons:?}, there {in_dock:?}"
    );
    // And a vehicle for half a second, then quiet for 20: the first that comes, and the first that is there when the time is over.
    let (seen, there) = (of("vehicle"), vehicles(&truth));
    assert_eq!(seen.len(), 2, "{}", told.all());
    assert!(within(seen[0], &there[..1], 0.5) && seen[0] < there[0].0 + 0.5 + LATE, "at {seen:?}, there {there:?}");
    assert!(within(seen[1], &there, 0.5) && seen[1] - seen[0] >= 19.9, "at {seen:?}, there {there:?}");
    let next = there.iter().find(|(_, to)| *to > seen[0] + 20.0 + LATE).unwrap();
    assert!(seen[1] < next.0.max(seen[0] + 20.0) + 0.5 + LATE, "at {seen:?}, there {there:?}");
    for (from, to) in spans(&truth["empty_s"]) {
        assert!(
            !alerts.iter().any(|alert| (from..to).contains(&at(alert))),
            "an alert for nothing between {from} and {to} s"
        );
    }
    for alert in alerts {
        assert!(
            alert["evidence"]["sha256"].is_string() && alert["objects"][0]["score"].as_f64() >= Some(0.5),
            "{alert:#}"
        );
        assert_eq!((&alert["width"], &alert["height"]), (&Value::from(640), &Value::from(360)));
    }

    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["alerts"], alerts.len());
    assert_eq!(summary["alerts_by_rule"], serde_json::json!({"person-at-dock": 1, "vehicle": 2}));
    assert_eq!((&summary["errors"], &summary["stopped_in_order"]), (&Value::from(0), &Value::from(true)));
    let (frames, looked) = (summary["frames"].as_f64().unwrap(), summary["inferences"].as_f64().unwrap());
    assert!((600.0..720.0).contains(&frames), "{summary}");
    assert!((180.0..=230.0).contains(&looked), "5 a second for 45 s: {summary}");
    assert!(summary["seconds_to_first_alert"].as_f64().unwrap() < 11.0, "{summary}");
}

#[test]
fn it_tells_people_where_to_look_and_ends_when_asked_with_a_summary() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Somebody has the usual ports: this test, or whoever had them before it.
    let _taken = [8080, 1883].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let mut child = parapet_command(PARAPET)
        .arg("demo")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, err) = (Captured::of(child.stdout.take()), Captured::of(child.stderr.take()));
    parapet_testkit::wait::until("the demo introduces itself", Duration::from_secs(20), || {
        err.so_far().contains("Alerts as they come:")
    });
    let introduction = err.so_far();
    for word in ["/api/v1/status", "/api/v1/alerts", "/metrics", "parapet/demo/#", "image?boxes=true"] {
        assert!(introduction.contains(word), "{word} is missing in:\n{introduction}");
    }
    // The address that it prints answers.
    let url = introduction.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let told = tell(
        parapet_command(PARAPET).args(["status", "--url", url.trim_end_matches("/api/v1/status")]),
        Duration::from_secs(20),
    );
    assert!(told.code == Some(0) && told.out.contains("site demo"), "{}", told.all());
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = wait(&mut child, Duration::from_secs(15)).expect("it ends within 15 s");
    assert_eq!(status.code(), Some(0), "{}", err.whole());
    assert!(err.whole().lines().last().unwrap().starts_with("Ran "), "{}", err.whole());
    assert!(!out.whole().contains("panicked"));
}
