//! The client against a vault that checks each request as the REST reference states it.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use parapet_contracts::{ErrorKind, Secret};
use parapet_entra::Identity;
use parapet_keyvault::KeyVault;
use parapet_testkit::{
    EntraServer, KeyVaultServer,
    entra::{CLIENT, SECRET, TENANT},
};

fn identity(entra: &EntraServer) -> Identity {
    let (tenant, client, secret) = (TENANT.to_owned(), CLIENT.to_owned(), Secret::new(SECRET));
    Identity::ClientSecret { tenant, client, secret, authority: entra.url() }
}

fn vault(server: &KeyVaultServer, entra: &EntraServer) -> KeyVault {
    KeyVault::new(server.url().parse().unwrap(), identity(entra), Duration::from_secs(10)).unwrap()
}

#[tokio::test]
async fn the_first_request_learns_what_the_token_is_for_and_the_token_serves_for_all() {
    let (entra, server) = (EntraServer::start(), KeyVaultServer::start());
    server.put("camera-password", "canary-7f3a ü");
    server.put("other", "x");
    let vault = vault(&server, &entra);
    assert_eq!(vault.secret("camera-password").await.unwrap().expose(), "canary-7f3a ü");
    assert_eq!(vault.secret("other").await.unwrap().expose(), "x");
    assert_eq!((entra.issued(), entra.scopes()), (1, vec!["https://vault.azure.net".to_owned()]));
    assert_eq!((server.asked(), server.wrong()), (vec!["camera-password".to_owned(), "other".to_owned()], Vec::new()));
    assert_eq!(entra.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn each_refusal_is_told_in_words_and_with_what_follows() {
    let (entra, server) = (EntraServer::start(), KeyVaultServer::start());
    server.put("a", "canary-7f3a");
    let vault = vault(&server, &entra);
    let error = vault.secret("nothing").await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Reject, "not_found"));
    server.throttle(&[7]);
    let error = vault.secret("a").await.unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.retry_after),
        (ErrorKind::Retry, "throttled", Some(Duration::from_secs(7)))
    );
    server.disable("a");
    let error = vault.secret("a").await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "forbidden"));
    assert!(error.text.contains("Key Vault Secrets User") && !format!("{error:?}").contains("canary"), "{error:?}");
    server.away(true);
    let error = vault.secret("a").await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Retry, "disconnected"));
    assert!(!error.text.contains("eyJ"), "no token: {error:?}");
}

#[tokio::test]
async fn a_token_that_the_vault_takes_no_more_is_replaced() {
    let (entra, server) = (EntraServer::start(), KeyVaultServer::start());
    server.put("a", "1");
    let known = vault(&server, &entra);
    known.secret("a").await.unwrap();
    server.revoke_all_so_far();
    assert_eq!(known.secret("a").await.unwrap().expose(), "1");
    assert_eq!(entra.issued(), 2);
}

#[tokio::test]
async fn an_identity_that_is_refused_is_told() {
    let (entra, server) = (EntraServer::start(), KeyVaultServer::start());
    let wrong = Identity::ClientSecret {
        tenant: TENANT.to_owned(),
        client: CLIENT.to_owned(),
        secret: Secret::new("canary-wrong"),
        authority: entra.url(),
    };
    let vault = KeyVault::new(server.url().parse().unwrap(), wrong, Duration::from_secs(10)).unwrap();
    let error = vault.secret("a").await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "unauthorised"));
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}
