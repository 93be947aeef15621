//! What a vault wants to see: `WWW-Authenticate: Bearer authorization="https://AUTHORITY/TENANT", resource="https://vault.azure.net"`.
//!
//! <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>. Pure.

use url::{Host, Url};

/// The scope of the token that a challenge asks for.
///
/// # Errors
/// When it is no challenge, or asks for a token for somebody other than the vault: whoever could answer in its place would get one.
pub(crate) fn scope(header: &str, vault: &Url) -> Result<String, String> {
    let fields = header.trim().strip_prefix("Bearer ").ok_or("the vault asks for no bearer token")?;
    let value = |name: &str| {
        fields.split(',').find_map(|field| {
            let (key, value) = field.trim().split_once('=')?;
            (key.trim() == name).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let scope = match (value("scope"), value("resource")) {
        (Some(scope), _) => scope,
        (None, Some(resource)) => format!("{}/.default", resource.trim_end_matches('/')),
        (None, None) => return Err("the vault does not say what the token is to be for".to_owned()),
    };
    let asked =
        Url::parse(&scope).map_err(|_| "the vault asks for a token for something that is no address".to_owned())?;
    let asked = asked.host_str().unwrap_or_default();
    let local = match vault.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let own = vault.host_str().is_some_and(|host| host == asked || host.ends_with(&format!(".{asked}")));
    if (own || local) && !asked.is_empty() {
        Ok(scope)
    } else {
        Err(format!("the vault asks for a token for `{asked:.80}`, which is not its own domain: none is sent"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_scope_is_the_vaults_own_or_none_is_asked_for() {
        let vault = Url::parse("https://harbour.vault.azure.net").unwrap();
        let of = |header: &str| scope(header, &vault);
        let good =
            r#"Bearer authorization="https://login.microsoftonline.com/72f9", resource="https://vault.azure.net""#;
        assert_eq!(of(good).unwrap(), "https://vault.azure.net/.default");
        let scoped = r#"Bearer authorization="https://l/t", scope="https://vault.azure.net/.default""#;
        assert_eq!(of(scoped).unwrap(), "https://vault.azure.net/.default");
        for bad in [
            "",
            "Basic realm=x",
            "Bearer authorization=\"https://l/t\"",
            "Bearer resource=\"https://evil.example\"",
            "Bearer resource=\"https://ault.azure.net\"",
            "Bearer resource=\"https://\"",
            "Bearer resource=\"net\"",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert!(scope(good, &Url::parse("http://127.0.0.1:1").unwrap()).is_ok(), "a vault on this machine is a test's");
    }
}
