//! Real Kafka for tests: Apache's own broker in KRaft mode, on loopback ports of its own, that can be killed and started again. What it
//! holds is read over a listener that only tests know.

mod certificates;
mod reader;
mod wire;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

pub use certificates::Certificates;
pub use reader::KafkaRecord;
pub use wire::KafkaWire;

use crate::{
    azurite::cache,
    command::{end, tell},
    mosquitto::free_port,
    wait::until,
};

/// The heap of a broker.
const HEAP: &str = "-Xmx256m";
const UP: Duration = Duration::from_secs(120);
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// How a broker is set up.
#[derive(Debug, Clone, Default)]
pub struct KafkaOptions {
    /// What clients speak: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`; `PLAINTEXT` when empty.
    pub protocol: &'static str,
    /// Users by name and password, for PLAIN.
    pub users: Vec<(String, String)>,
    /// Users by name and password, for SCRAM-SHA-256.
    pub scram_users: Vec<(String, String)>,
    /// Where the keys of tokens are, who issues them, and what they are for: then clients log in with them.
    pub tokens: Option<[String; 3]>,
    /// Further lines of its properties.
    pub lines: Vec<String>,
}

/// A running broker. It ends with this value.
pub struct Kafka {
    folder: TempDir,
    port: u16,
    advertised: u16,
    inner_port: u16,
    options: KafkaOptions,
    child: Option<Child>,
}

impl Kafka {
    /// Starts a broker without topics, and makes none by itself. Its certificate is for `localhost`.
    ///
    /// # Panics
    /// When it is not installed, or does not come up: then its log is shown.
    pub fn start(options: KafkaOptions) -> Self {
        Self::start_behind(None, options)
    }

    /// As [`Kafka::start`]; clients are led over a wire.
    ///
    /// # Panics
    /// As [`Kafka::start`].
    pub fn start_behind(wire: Option<&KafkaWire>, options: KafkaOptions) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("no temporary folder for Kafka: {e}"));
        Certificates::make().write(folder.path());
        let (port, inner_port) = (free_port(), free_port());
        let advertised = wire.map_or(port, KafkaWire::port);
        let mut kafka = Self { folder, port, advertised, inner_port, options, child: None };
        kafka.configure(free_port());
        kafka.format();
        kafka.restart();
        if let Some(wire) = wire {
            wire.lead_to(port);
        }
        kafka
    }

    /// Where clients begin: `localhost:PORT`, or the wire.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.advertised)
    }

    /// The certificate to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }

    /// Starts it again with what it holds, after [`kill`](Self::kill).
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.unwrap_or_else(|e| panic!("Kafka's log can't be opened: {e}"));
        let errors = log.try_clone().unwrap_or_else(|e| panic!("Kafka's log can't be opened: {e}"));
        let mut command = self.java("kafka.Kafka");
        command.arg("kafka.properties").stdin(Stdio::null()).stdout(log).stderr(errors);
        self.child = Some(command.spawn().unwrap_or_else(|e| panic!("Kafka can't be started by java: {e}")));
        let (inner, log) = (self.inner_address(), self.folder.path().join("log"));
        until("Kafka answers", UP, || {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            assert!(!ended, "Kafka does not come up; its log:\n{}", fs::read_to_string(&log).unwrap_or_default());
            reader::answers(&inner)
        });
    }

    /// Makes a topic with these settings.
    ///
    /// # Panics
    /// When the broker refuses it.
    pub fn topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        reader::make_topic(&self.inner_address(), name, partitions, settings);
    }

    /// All that a topic holds, partition by partition, each in its order.
    ///
    /// # Panics
    /// When it can't be read.
    pub fn read(&self, topic: &str) -> Vec<KafkaRecord> {
        reader::read(&self.inner_address(), topic)
    }

    /// Reads a topic until it fits, and returns what it holds.
    ///
    /// # Panics
    /// After `limit`.
    pub fn wait_for(
        &self,
        what: &str,
        topic: &str,
        limit: Duration,
        mut fits: impl FnMut(&[KafkaRecord]) -> bool,
    ) -> Vec<KafkaRecord> {
        let mut held = Vec::new();
        until(what, limit, || {
            held = self.read(topic);
            fits(&held)
        });
        held
    }

    fn inner_address(&self) -> String {
        format!("127.0.0.1:{}", self.inner_port)
    }

    /// The command of one of Kafka's classes.
    fn java(&self, class: &str) -> Command {
        let jars = jars();
        let mut command = Command::new("java");
        command
            .args([
                HEAP,
                "-Xms64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-Djava.net.preferIPv4Stack=true",
            ])
            .arg("-Dlog4j2.level=WARN");
        if let Some([keys, ..]) = &self.options.tokens {
            command.arg(format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"));
        }
        command.arg("-cp").arg(format!("{}/*", jars.display())).arg(class).current_dir(self.folder.path());
        command
    }

    fn configure(&self, controller: u16) {
        let Self { port, advertised, inner_port, options, .. } = self;
        let protocol = if options.protocol.is_empty() { "PLAINTEXT" } else { options.protocol };
        let mut lines = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=CLIENT://127.0.0.1:{port},INNER://127.0.0.1:{inner_port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=CLIENT://localhost:{advertised},INNER://127.0.0.1:{inner_port}\n\
             listener.security.protocol.map=CLIENT:{protocol},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=INNER\nlog.dirs=data\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             auto.create.topics.enable=false\nlog.cleaner.enable=false\nnum.network.threads=1\nnum.io.threads=2\n\
             background.threads=2\nnum.recovery.threads.per.data.dir=1\n"
        );
        if protocol.ends_with("SSL") {
            lines.push_str(
                "listener.name.client.ssl.keystore.type=PEM\nlistener.name.client.ssl.keystore.location=server.pem\n",
            );
        }
        let mut mechanisms = Vec::new();
        if !options.users.is_empty() {
            mechanisms.push("PLAIN");
            let users: String =
                options.users.iter().map(|(user, password)| format!(" user_{user}=\"{password}\"")).collect();
            lines.push_str(&format!(
                "listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required{users};\n"
            ));
        }
        if !options.scram_users.is_empty() {
            mechanisms.push("SCRAM-SHA-256");
            lines.push_str(
                "listener.name.client.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
            );
        }
        if let Some([keys, issuer, audience]) = &options.tokens {
            mechanisms.push("OAUTHBEARER");
            // The validator is named: the default one of this version looks neither at signatures nor at audiences.
            const OF: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearer";
            lines.push_str(&format!(
                "listener.name.client.oauthbearer.sasl.jaas.config={OF}LoginModule required;\n\
                 listener.name.client.oauthbearer.sasl.server.callback.handler.class={OF}ValidatorCallbackHandler\n\
                 sasl.oauthbearer.jwt.validator.class=org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator\n\
                 sasl.oauthbearer.jwks.endpoint.url={keys}\n\
                 sasl.oauthbearer.expected.issuer={issuer}\n\
                 sasl.oauthbearer.expected.audience={audience}\n"
            ));
        }
        if !mechanisms.is_empty() {
            lines.push_str(&format!("listener.name.client.sasl.enabled.mechanisms={}\n", mechanisms.join(",")));
        }
        for line in &options.lines {
            lines.push_str(line);
            lines.push('\n');
        }
        fs::write(self.folder.path().join("kafka.properties"), lines)
            .unwrap_or_else(|e| panic!("Kafka's properties can't be written: {e}"));
    }

    /// Sets up its folder.
    fn format(&self) {
        let mut command = self.java("kafka.tools.StorageTool");
        command.args(["format", "-t", CLUSTER, "-c", "kafka.properties"]);
        for (user, password) in &self.options.scram_users {
            command.arg("--add-scram").arg(format!("SCRAM-SHA-256=[name={user},password={password}]"));
        }
        let told = tell(&mut command, UP);
        assert_eq!(told.code, Some(0), "Kafka's folder can't be set up: {}", told.all());
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where script/bootstrap puts Kafka's own files.
fn jars() -> PathBuf {
    let found = fs::read_dir(cache()).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = found.filter(|path| is_kafka(path)).collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("Kafka is not installed: script/bootstrap installs what tests need"))
}

fn is_kafka(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kafka-")) && path.join("complete").exists()
}
