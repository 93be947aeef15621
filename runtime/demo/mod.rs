//! The demo's site: a clip and a detector that the project made itself, inside the binary.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

const CLIP: &[u8] = include_bytes!("assets/walkway.mp4");
const MODEL: &[u8] = include_bytes!("assets/scout.onnx");
const CAMERA: &str = include_str!("site/camera.yaml");
const SCOUT: &str = include_str!("site/model.yaml");
const RULES: [(&str, &str); 2] =
    [("person-at-dock", include_str!("site/person-at-dock.yaml")), ("vehicle", include_str!("site/vehicle.yaml"))];

/// Where HTTP and the broker of the demo listen, unless somebody else does.
const HTTP_PORT: u16 = 8080;
const MQTT_PORT: u16 = 1883;

/// Writes the demo's site into `folder`.
///
/// # Errors
/// When the folder can't be written.
pub fn write_site(folder: &Path) -> io::Result<()> {
    for sub in ["cameras", "models", "rules", "media"] {
        fs::create_dir_all(folder.join(sub))?;
    }
    fs::write(folder.join("media/walkway.mp4"), CLIP)?;
    fs::write(folder.join("models/scout.onnx"), MODEL)?;
    fs::write(folder.join("cameras/yard.yaml"), CAMERA)?;
    fs::write(folder.join("models/scout.yaml"), SCOUT)?;
    for (id, text) in RULES {
        fs::write(folder.join(format!("rules/{id}.yaml")), text)?;
    }
    let (http, mqtt) = (free_near(HTTP_PORT)?, free_near(MQTT_PORT)?);
    fs::write(
        folder.join("site.yaml"),
        format!(
            "site: {{id: demo, name: Demo}}\nhttp: {{listen: \"{http}\"}}\nbus: {{embedded: {{listen: \"{mqtt}\"}}}}\ntelemetry: {{level: warn}}\n"
        ),
    )
}

/// The usual port on loopback, or a free one when it is in use.
fn free_near(port: u16) -> io::Result<SocketAddr> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(usual).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?.local_addr()
}
