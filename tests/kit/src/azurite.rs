//! Azure Blob Storage for tests: azurite, Microsoft's own emulator, on a loopback port.

use std::{
    env,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use tempfile::TempDir;

use crate::{command::end, http::ask_with, mosquitto::free_port};

/// The account that azurite has.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is the same everywhere and no secret.
pub const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const UP: Duration = Duration::from_secs(60);

/// A running azurite. It ends with this value.
#[derive(Debug)]
pub struct Azurite {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Azurite {
    /// Starts one without containers.
    ///
    /// # Panics
    /// When it is not installed, or does not come up.
    pub fn start() -> Self {
        let program = cache().join("azurite/node_modules/azurite/dist/src/blob/main.js");
        assert!(program.exists(), "azurite is not installed: script/bootstrap installs what tests need");
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder for azurite: {e}"));
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut child = Command::new("node")
            .arg(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &address.port().to_string()])
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("azurite can't be started by node: {e}"));
        let give_up = Instant::now() + UP;
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            let ended = !matches!(child.try_wait(), Ok(None));
            assert!(!ended && Instant::now() < give_up, "azurite does not come up (ended: {ended})");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a container whose blobs anybody may read, as
    /// <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key> says.
    ///
    /// # Panics
    /// When it is refused.
    pub fn make_public_container(&self, name: &str) {
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let fields = format!("x-ms-blob-public-access:blob\nx-ms-date:{date}\nx-ms-version:2021-08-06");
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container");
        let signed = format!("PUT{}{fields}\n{resource}", "\n".repeat(12));
        let key = STANDARD.decode(KEY).unwrap_or_else(|e| panic!("azurite's key: {e}"));
        let signature = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes()));
        let head = format!(
            "{}\r\nauthorization: SharedKey {ACCOUNT}:{signature}\r\ncontent-length: 0\r\n",
            fields.replace('\n', "\r\n")
        );
        let answer = ask_with(self.address, "PUT", &format!("/{ACCOUNT}/{name}?restype=container"), &head, "");
        let answer = answer.unwrap_or_else(|e| panic!("azurite does not answer: {e}"));
        assert_eq!(answer.status, 201, "no container: {}\n{}", answer.head, answer.text());
    }

    /// The endpoint of its account.
    pub fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Where script/bootstrap puts what tests need.
pub(crate) fn cache() -> PathBuf {
    let own = env::var_os("PARAPET_CACHE").map(PathBuf::from);
    let usual = || {
        let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home).unwrap_or_default().join("parapet")
    };
    own.unwrap_or_else(usual)
}
