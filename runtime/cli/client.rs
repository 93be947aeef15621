//! How a command finds the running site and asks it.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, anyhow};
use clap::Args;
use parapet_contracts::{ports::probe::NoProbe, root_cause};
use serde::de::DeserializeOwned;

/// Which site to ask.
#[derive(Debug, Args)]
pub struct SiteAddress {
    /// The running site's address.
    #[arg(long, env = "PARAPET_URL", value_name = "URL")]
    url: Option<String>,
    /// The site's folder: the address in its site.yaml is asked.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

/// Asks one site.
pub struct Client {
    base: String,
    token: Option<String>,
    http: reqwest::blocking::Client,
}

const DEFAULT: &str = "http://127.0.0.1:8080";
const PATIENCE: Duration = Duration::from_secs(10);

impl SiteAddress {
    /// The folder that was named.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.config.as_deref()
    }

    /// A client for the site that was named: by `--url` or `PARAPET_URL`, by `--config`, else at the default address.
    ///
    /// # Errors
    /// When the folder that was named holds no site.
    pub fn client(&self) -> anyhow::Result<Client> {
        let base = match (&self.url, &self.config) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(folder)) => address_in(folder)?,
            (None, None) => DEFAULT.to_owned(),
        };
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(anyhow!("`{base}` is no address of a site: something like {DEFAULT} is expected"));
        }
        let http = reqwest::blocking::Client::builder().timeout(PATIENCE).build()?;
        Ok(Client { base, token: std::env::var("PARAPET_TOKEN").ok(), http })
    }
}

fn address_in(folder: &std::path::Path) -> anyhow::Result<String> {
    let secrets = crate::secrets::without_vault();
    let loaded = parapet_config::load(folder, &NoProbe, &secrets).map_err(|problems| anyhow!("{problems}"))?;
    let mut address = loaded.config.site.http;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

impl Client {
    /// Asks for `path` under `/api/v1`.
    ///
    /// # Errors
    /// When the site can't be reached, or answers with an error.
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        read(path, &self.get_text(path, query)?)
    }

    /// As [`Client::get`], with the answer as it is.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn get_text(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<String> {
        self.ask(self.http.get(self.url(path)).query(query))
    }

    /// As [`Client::get`], of a file.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn get_bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.send(self.http.get(self.url(path)))?;
        Ok(answer.bytes().context("reading the answer")?.to_vec())
    }

    /// Sends JSON to `path` under `/api/v1`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<T> {
        read(path, &self.ask(self.http.post(self.url(path)).json(body))?)
    }

    /// Deletes what is at `path` under `/api/v1`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(path, &self.ask(self.http.delete(self.url(path)))?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    fn ask(&self, request: reqwest::blocking::RequestBuilder) -> anyhow::Result<String> {
        self.send(request)?.text().context("reading the answer")
    }

    fn send(&self, mut request: reqwest::blocking::RequestBuilder) -> anyhow::Result<reqwest::blocking::Response> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().map_err(|error| {
            let hint = "is the site running? Name it with --url, PARAPET_URL or --config";
            anyhow!("{} can't be asked ({}); {hint}", self.base, root_cause(&error))
        })?;
        let status = answer.status();
        if !status.is_success() {
            let body = answer.text().context("reading the answer")?;
            let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            return Err(anyhow!("{}", problem["detail"].as_str().unwrap_or(status.as_str())));
        }
        Ok(answer)
    }
}

fn read<T: DeserializeOwned>(path: &str, body: &str) -> anyhow::Result<T> {
    serde_json::from_str(body).with_context(|| format!("{path} answered something else than expected"))
}
