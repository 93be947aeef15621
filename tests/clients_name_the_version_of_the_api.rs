//! A client names the API's version in the path, the query, a header or the media type, and is told which there are.
#![allow(clippy::unwrap_used)]

use parapet_testkit::{RunningSite, SiteFolder};

const PARAPET: &str = env!("CARGO_BIN_EXE_parapet");

#[test]
fn each_way_to_name_a_version_works_on_a_running_site() {
    let folder = SiteFolder::new("versions");
    folder
        .file("models/none.yaml", "kind: null\n")
        .file("cameras/ball.yaml", "source: test://ball?size=64x48&fps=5\nmodels: [none]\n");
    let _site = RunningSite::start(PARAPET, &folder);
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let client = reqwest::blocking::Client::new();
    let ask = |path: &str, accept: &str| {
        let request = client.get(format!("http://{}{path}", folder.http())).header("accept", accept);
        let answer = request.send().unwrap();
        let told = answer.headers()["api-supported-versions"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), told, answer.json::<serde_json::Value>().unwrap())
    };
    const TOLD: &str = "1.0, 2.0-preview";
    for (path, accept) in [
        ("/api/v1/cameras", "*/*"),
        ("/api/cameras?api-version=1.0", "*/*"),
        ("/api/cameras", "application/json; v=1.0"),
    ] {
        let (status, told, body) = ask(path, accept);
        assert_eq!((status, &*told, &body[0]["id"]), (200, TOLD, &"ball".into()), "{path}: {body}");
    }
    let (status, _, body) = ask("/api/v2.0-preview/cameras", "*/*");
    assert_eq!((status, &body["items"][0]["id"]), (200, &"ball".into()), "{body}");
    let (status, told, body) = ask("/api/cameras", "*/*");
    assert_eq!((status, &*told, &body["code"]), (400, TOLD, &"ApiVersionUnspecified".into()), "{body}");
    let (status, _, body) = ask("/api/v9/cameras", "*/*");
    assert_eq!((status, &body["code"]), (404, &"UnsupportedApiVersion".into()), "{body}");
}
