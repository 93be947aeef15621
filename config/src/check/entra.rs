//! `entra:`: an identity is said completely, and by what belongs to its kind alone.

use std::path::Path;

use crate::{
    check::{absolute, is_local},
    checked::EntraConfig,
    document::Document,
    raw::{RawEntra, RawIdentity},
    yaml::Step,
};

/// Who the site is at Entra ID, below `parents`.
pub(super) fn entra<T>(document: &mut Document<T>, parents: &[&str], raw: RawEntra, dir: &Path) -> Option<EntraConfig> {
    let place = |key: &'static str| parents.iter().map(|p| Step::Key(p)).chain([Step::Key(key)]).collect::<Vec<_>>();
    let whole: Vec<Step<'_>> = parents.iter().map(|p| Step::Key(p)).collect();
    let identity = match raw.identity {
        Some(identity) => identity,
        None if raw.client_secret.is_some() => RawIdentity::Secret,
        None if raw.token_file.is_some() => RawIdentity::Workload,
        None => {
            let help = "add `client_secret`, `identity: workload` or `identity: managed`";
            document.error(document.at_key(&whole), "it is not said who the site is", help);
            return None;
        }
    };
    let (foreign, needed): (&[&'static str], &[&'static str]) = match identity {
        RawIdentity::Secret => (&["token_file"], &["tenant", "client_id", "client_secret"]),
        RawIdentity::Workload => (&["client_secret"], &[]),
        RawIdentity::Managed => (&["client_secret", "token_file", "tenant", "authority"], &[]),
    };
    for key in foreign.iter().filter(|key| document.has(&place(key))).copied().collect::<Vec<_>>() {
        let at = document.at_key(&place(key));
        document.error(at, format!("`{key}` does not go with this identity"), "remove it");
    }
    for key in needed.iter().filter(|key| !document.has(&place(key))).copied().collect::<Vec<_>>() {
        document.error(
            document.at_key(&whole),
            format!("`{key}` is missing"),
            "an application is known by `tenant`, `client_id` and `client_secret`",
        );
    }
    let authority = raw.authority.map(|authority| authority.0);
    if let Some(text) = &authority {
        let url = url::Url::parse(text).ok().filter(|url| url.username().is_empty() && url.query().is_none());
        let fits = |url: &url::Url| {
            url.scheme() == "https" && url.has_host() || url.scheme() == "http" && url.host_str().is_some_and(is_local)
        };
        if !url.as_ref().is_some_and(fits) {
            let at = document.at(&place("authority"));
            document.error(at, "this is no address of an authority", "write `https://HOST`");
        }
    }
    let (tenant, client_id) = (raw.tenant.map(|tenant| tenant.0), raw.client_id.map(|id| id.0));
    Some(match identity {
        RawIdentity::Secret => {
            let secret = raw.client_secret?.0;
            EntraConfig::Secret { tenant: tenant?, client_id: client_id?, secret, authority }
        }
        RawIdentity::Workload => {
            let token_file = raw.token_file.map(|path| absolute(dir, &path.0));
            EntraConfig::Workload { tenant, client_id, token_file, authority }
        }
        RawIdentity::Managed => EntraConfig::Managed { client_id },
    })
}
