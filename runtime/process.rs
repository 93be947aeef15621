//! A site as a process: started in order, told to stop by signals, stopped in order.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use parapet_actors::{
    journal::Journal,
    site::Site,
    store::{AlertObserver, Timeline},
    topology,
    worker::Body,
};
use parapet_config::SiteConfig;
use parapet_contracts::{Alert, Clock, SystemClock, ports::bus::BusPort, status::Health};
use parapet_supervision::{ChildSpec, Ended, Shutdown, ShutdownReport, StartContext, WhenSpent};

use crate::{
    assemble::{Assembly, GOODBYE, assemble, bind_http},
    backups::Backups,
    home_assistant,
    http::{self, AppState},
    reload::ReloadBoard,
    remote,
    secrets::SiteSecrets,
    telemetry::{AlertTraces, Metrics},
};

/// A site that runs in this process.
pub struct SiteProcess {
    /// The site.
    pub site: Arc<Site>,
    /// Where HTTP listens.
    pub http: SocketAddr,
    /// Where the broker is, for people.
    pub broker: String,
    /// Failures.
    pub journal: Journal,
    /// What the last reload came to.
    pub reload: ReloadBoard,
    assembly: Assembly,
    traces: Arc<AlertTraces>,
    shutdown: Duration,
}

/// How long all actors may take to be started once, before the site says that it runs.
const SETTLE: Duration = Duration::from_secs(10);

/// What is kept of the time to stop for what comes after the actors: killing what ignored its stop, the bus's goodbye, the last spans.
const AFTER_THE_TREE: Duration = Duration::from_millis(2500);

/// Signals within this time are one wish to stop: `timeout` and shells send it to the process and to its group as well.
const SAME_WISH: Duration = Duration::from_millis(300);

impl SiteProcess {
    /// Opens everything and starts the site, whose files lie in `folder` and whose secrets came from `secrets`. `alerts` hears of each durable alert. Call it on the runtime.
    ///
    /// # Errors
    /// One sentence with the remedy for whatever can't be opened.
    pub async fn start(
        config: SiteConfig,
        folder: &Path,
        secrets: SiteSecrets,
        alerts: Option<Arc<dyn AlertObserver>>,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let listener = bind_http(config.site.http)?;
        let http = listener.local_addr()?;
        let metrics = Metrics::install()?;
        let journal = Journal::new(Arc::clone(&clock));
        let otlp = config.site.telemetry.otlp.clone();
        let (site_id, trace_clock) = (config.site.id.clone(), Arc::clone(&clock));
        // The blocking HTTP client of the exporter must not be made on the runtime's own threads.
        let traces = tokio::task::spawn_blocking(move || AlertTraces::new(otlp.as_deref(), &site_id, trace_clock))
            .await?
            .context("telemetry.otlp")?;
        let traces = Arc::new(traces);
        let observers = Observers { traces: Arc::clone(&traces), other: alerts };
        let assembly = assemble(&config, Arc::new(observers), clock, &journal)?;
        let board = ReloadBoard::default();
        let reload = board.clone();
        let (shutdown, broker) = (config.site.shutdown, assembly.broker.clone());
        let backups = Backups::new(Arc::clone(&assembly.store), config.site.store.backups.clone(), journal.clone());
        let site = topology::start(config, assembly.ports.clone(), journal.clone(), |site| {
            let by_itself = backups.child();
            let (site, folder) = (Arc::clone(site), folder.to_owned());
            let home_assistant = home_assistant::child(&site, &site.links().journal);
            let (snapshots, live, viewers) = Default::default();
            let state = AppState { site, metrics, folder, reload, backups, snapshots, live, viewers, secrets };
            let mut children = vec![by_itself];
            children.extend(home_assistant);
            children.extend(remote::child(&state, &state.site.links().journal));
            children.push(http_child(listener, state));
            children
        })
        .await?;
        site.links().bus_feed.site(Health::Online, None);
        let slow = site.settled(SETTLE).await;
        if !slow.is_empty() {
            tracing::warn!(actors = slow.join(", "), "still starting after {} s", SETTLE.as_secs());
        }
        Ok(Self { site, http, broker, journal, reload: board, assembly, traces, shutdown })
    }

    /// Runs until a signal or the end of `until`, then stops in order. A second signal ends the process at once.
    ///
    /// # Errors
    /// When the site gave up, or signals can't be heard.
    pub async fn run_until(self, until: impl Future<Output = ()>) -> anyhow::Result<ShutdownReport> {
        let reason = tokio::select! {
            signal = stop_signal() => Ok(signal?),
            () = until => Ok("its time is over"),
            ended = self.site.ended() => match ended {
                Ended::Stopped => Ok("the tree has ended"),
                Ended::Failed(text) => Err(anyhow!("the site gave up: {text}")),
            },
        };
        if let Ok(reason) = &reason {
            tracing::info!("stopping: {reason}");
        }
        tokio::spawn(async {
            tokio::time::sleep(SAME_WISH).await;
            if stop_signal().await.is_ok() {
                std::process::exit(130);
            }
        });
        let report = self.stop().await;
        reason.map(|_| report)
    }

    async fn stop(self) -> ShutdownReport {
        let started = Instant::now();
        self.site.links().bus_feed.site(Health::Offline, Some("stopped in order".to_owned()));
        // The configured time is that of the whole process: what comes after the tree has its share of it.
        let report = self.site.shutdown(self.shutdown.saturating_sub(AFTER_THE_TREE).max(self.shutdown / 2)).await;
        let left = || self.shutdown.saturating_sub(started.elapsed() + crate::cli::LEAVING);
        tokio::time::timeout(GOODBYE.min(left()), self.assembly.bus.close()).await.ok();
        let traces = Arc::clone(&self.traces);
        tokio::time::timeout(left(), tokio::task::spawn_blocking(move || traces.finish())).await.ok();
        for child in &report.killed {
            tracing::warn!(actor = %child.path, abandoned = child.abandoned, "did not stop by itself");
        }
        tracing::info!(seconds = started.elapsed().as_secs_f64(), "stopped");
        report
    }
}

fn http_child(listener: TcpListener, state: AppState) -> ChildSpec {
    let listener = Arc::new(listener);
    ChildSpec::new("http", move |context: StartContext| {
        let (listener, state) = (Arc::clone(&listener), state.clone());
        async move {
            let listener = listener.try_clone()?;
            let body = Body::task(move |stop| http::serve(listener, http::router(state), stop));
            let actor = context.spawn(parapet_actors::worker::Worker, ("http".to_owned(), body)).await?;
            Ok(actor.get_cell())
        }
    })
    .kind("http")
    .when_spent(WhenSpent::RetrySlowly { every: Duration::from_secs(5) })
    .shutdown(Shutdown::Deadline(Duration::from_secs(2)))
}

/// The first of SIGTERM and SIGINT.
pub(crate) async fn stop_signal() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        result = tokio::signal::ctrl_c() => { result?; Ok("SIGINT") }
    }
}

struct Observers {
    traces: Arc<AlertTraces>,
    other: Option<Arc<dyn AlertObserver>>,
}

impl AlertObserver for Observers {
    fn durable(&self, alert: &Alert, timeline: &Timeline) {
        self.traces.durable(alert, timeline);
        if let Some(other) = &self.other {
            other.durable(alert, timeline);
        }
    }
}
