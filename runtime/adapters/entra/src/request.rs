//! What is asked of whom. <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::{path::Path, time::Duration};

use parapet_contracts::{ErrorKind, Secret, root_cause};
use reqwest::{Client, RequestBuilder, header::CONTENT_TYPE};
use url::form_urlencoded;

use crate::{EntraError, Identity, answer, managed};

const FORM: &str = "application/x-www-form-urlencoded";
/// What an assertion of another issuer is called (RFC 7523, 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A token of a workload is no larger.
const MOST_BYTES: u64 = 64 << 10;

/// A token, and how long it lives.
pub(crate) async fn ask(client: &Client, identity: &Identity, scope: &str) -> Result<(Secret, Duration), EntraError> {
    match identity {
        Identity::ClientSecret { tenant, client: id, secret, authority } => {
            let form = [("client_secret", secret.expose())];
            let shown = "Entra ID";
            send(credentials(client, authority, tenant, id, scope, &form), shown, &[secret.expose()]).await
        }
        Identity::Workload { tenant, client: id, token_file, authority } => {
            let assertion = read(token_file)?;
            let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())];
            send(credentials(client, authority, tenant, id, scope, &form), "Entra ID", &[&assertion]).await
        }
        Identity::Managed { client: id, endpoint } => managed::ask(client, endpoint, id.as_deref(), scope).await,
    }
}

/// The request of client credentials.
fn credentials(
    client: &Client,
    authority: &str,
    tenant: &str,
    id: &str,
    scope: &str,
    proof: &[(&str, &str)],
) -> RequestBuilder {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", id).append_pair("scope", scope);
    form.extend_pairs(proof);
    let url = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
    client.post(url).header(CONTENT_TYPE, FORM).body(form.finish())
}

/// Sends a request for a token; `shown` says of whom, and no error holds one of the `secrets`.
pub(crate) async fn send(
    request: RequestBuilder,
    shown: &str,
    secrets: &[&str],
) -> Result<(Secret, Duration), EntraError> {
    let (status, body) = exchange(request, shown).await?;
    answer::token(status, &body, shown, secrets)
}

/// An answer's status and body.
pub(crate) async fn exchange(request: RequestBuilder, shown: &str) -> Result<(u16, String), EntraError> {
    let answer = request.send().await.map_err(|error| away(&error, shown))?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(|error| away(&error, shown))?))
}

/// Nobody has answered. The address is left out: it is no news, and one day somebody writes a secret into it.
pub(crate) fn away(error: &reqwest::Error, shown: &str) -> EntraError {
    let why = if error.is_timeout() { "no answer in time".to_owned() } else { root_cause(error) };
    EntraError::new(ErrorKind::Retry, "disconnected", format!("{shown} gives no token: {why}"))
}

/// The token of another issuer.
fn read(file: &Path) -> Result<String, EntraError> {
    let failed = |why: String| {
        EntraError::new(ErrorKind::Retry, "io", format!("the workload's token in {} {why}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(|error| failed(format!("can't be read: {error}")))?.len();
    if size > MOST_BYTES {
        return Err(failed(format!("is no token: it has {size} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(format!("can't be read: {error}")))?;
    let text = text.trim();
    if text.is_empty() { Err(failed("is empty".to_owned())) } else { Ok(text.to_owned()) }
}
