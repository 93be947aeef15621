//! Each identity against a server that checks requests as the REST reference states them.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parapet_contracts::{ErrorKind, Secret};
use parapet_entra::{COOL_DOWN, EntraTokens, Identity, ManagedEndpoint};
use parapet_testkit::{
    EntraServer,
    entra::{ASSERTION, CLIENT, HEADER, SECRET, TENANT},
};

const SCOPE: &str = "https://vault.azure.net/.default";

fn application(server: &EntraServer, secret: &str) -> Identity {
    Identity::ClientSecret {
        tenant: TENANT.to_owned(),
        client: CLIENT.to_owned(),
        secret: Secret::new(secret),
        authority: format!("{}/", server.url()),
    }
}

#[tokio::test]
async fn each_identity_gets_a_token_for_what_it_asked_for() {
    let server = EntraServer::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{ASSERTION}\n")).unwrap();
    let (arc, keys) = server.arc();
    let managed = |client: Option<&str>, endpoint| Identity::Managed { client: client.map(str::to_owned), endpoint };
    let identities = [
        application(&server, SECRET),
        Identity::workload(Some(TENANT.into()), Some(CLIENT.into()), Some(file.path().into()), Some(server.url()))
            .unwrap(),
        managed(None, ManagedEndpoint::VirtualMachine(server.url())),
        managed(Some(CLIENT), ManagedEndpoint::AppService { url: server.app_service(), header: Secret::new(HEADER) }),
        managed(None, ManagedEndpoint::Arc { url: arc, keys }),
    ];
    for (index, identity) in identities.into_iter().enumerate() {
        let tokens = EntraTokens::new(identity.clone(), SCOPE).unwrap();
        let token = tokens.token().await.unwrap_or_else(|error| panic!("{identity:?}: {error}"));
        assert!((3500..=3600).contains(&token.valid_for.as_secs()), "{:?}", token.valid_for);
        assert_eq!(token.value.expose().split('.').count(), 3);
        assert_eq!(tokens.token().await.unwrap().value, token.value, "it is kept");
        assert_eq!((tokens.asked(), server.issued()), (1, index as u64 + 1));
    }
    assert_eq!(server.scopes(), ["https://vault.azure.net"; 5]);
    assert_eq!(server.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_is_told_without_the_secret_and_not_asked_for_again_at_once() {
    let server = EntraServer::start();
    let tokens = EntraTokens::new(application(&server, "canary-wrong"), SCOPE).unwrap();
    let error = tokens.token().await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "unauthorised"));
    assert!(error.text.contains("AADSTS900000: client_secret is not the one"), "{error}");
    assert_eq!(tokens.token().await.unwrap_err(), error);
    assert_eq!(tokens.asked(), 1, "between attempts the service is left alone");
    assert!(!format!("{error:?} {:?}", application(&server, "canary-wrong")).contains("canary"));
}

#[tokio::test]
async fn while_the_service_is_away_the_old_token_serves_until_it_ends() {
    let server = EntraServer::start();
    let tokens = EntraTokens::new(application(&server, SECRET), SCOPE).unwrap();
    let first = tokens.token().await.unwrap();
    server.away(true);
    pass(3_400).await;
    for _ in 0..3 {
        assert_eq!(tokens.token().await.unwrap().value, first.value);
    }
    assert_eq!(tokens.asked(), 2, "it was due, and the service is left alone between attempts");
    pass(195).await;
    let error = tokens.token().await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "busy"));
    server.away(false);
    pass(COOL_DOWN.as_secs()).await;
    assert_ne!(tokens.token().await.unwrap().value, first.value);
    tokens.forget().await;
    tokens.token().await.unwrap();
    assert_eq!(server.issued(), 3);
}

/// Lets this many seconds pass.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[test]
fn a_caller_without_a_runtime_gets_one_too() {
    let server = EntraServer::start();
    let tokens = EntraTokens::new(application(&server, SECRET), SCOPE).unwrap();
    let first = tokens.token_blocking().unwrap();
    assert_eq!(tokens.token_blocking().unwrap().value, first.value);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { tokens.token_blocking() }).unwrap();
    drop(server);
    let gone = EntraTokens::new(
        Identity::Managed { client: None, endpoint: ManagedEndpoint::VirtualMachine("http://127.0.0.1:1".into()) },
        SCOPE,
    );
    let error = gone.unwrap().token_blocking().unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
    assert!(error.text.starts_with("the machine's metadata service gives no token: "), "{error}");
}
