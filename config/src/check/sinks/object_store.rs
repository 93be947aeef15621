//! `sink: {object_store: …}`.

use super::unencrypted;
use crate::{
    check::{both, is_local},
    checked::{ObjectPlace, ObjectStoreSinkConfig, Sink},
    document::{Document, place},
    raw::{RawObjectStoreSink, RawUploader},
    yaml::Step,
};

/// The keys that belong to one service alone.
const OF_S3: [&str; 3] = ["region", "access_key", "secret_key"];
const OF_AZURE: [&str; 2] = ["account", "account_key"];

pub(super) fn object_store(document: &mut Document<RawUploader>, raw: RawObjectStoreSink) -> Option<Sink> {
    let place = place!["sink", "object_store", "url"];
    both(document, ("access_key", "secret_key"), &["sink", "object_store"]);
    let endpoint = endpoint(document, &raw);
    let parsed = url::Url::parse(&raw.url?.0).ok();
    let form = "write `s3://BUCKET[/PREFIX]`, `azure://CONTAINER[/PREFIX]` or `file:///FOLDER`";
    let Some(url) = parsed.filter(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty())
    else {
        document.error(document.at(place), "this is no address of object storage", form);
        return None;
    };
    let prefix = url.path().trim_matches('/').to_owned();
    let host = url.host_str().filter(|host| !host.is_empty()).map(str::to_owned);
    let (target, prefix, foreign): (ObjectPlace, String, Vec<&str>) = match (url.scheme(), host) {
        ("s3", Some(bucket)) => {
            let credentials = raw.access_key.zip(raw.secret_key).map(|(key, secret)| (key.0, secret.0));
            let target = ObjectPlace::S3 { bucket, region: raw.region.0, endpoint, credentials };
            (target, prefix, OF_AZURE.to_vec())
        }
        ("azure", Some(container)) => {
            let Some(account) = raw.account else {
                let at = document.at(place!["sink", "object_store"]);
                document.error(at, "the storage account is missing", "add `account: NAME`");
                return None;
            };
            let key = raw.account_key.map(|key| key.0);
            let target = ObjectPlace::Azure { account: account.0, container, endpoint, key };
            (target, prefix, OF_S3.to_vec())
        }
        ("file", None) => {
            let folder = url.to_file_path().ok()?;
            let foreign = OF_S3.into_iter().chain(OF_AZURE).chain(["endpoint"]).collect();
            (ObjectPlace::Folder(folder), String::new(), foreign)
        }
        _ => {
            document.error(document.at(place), "this is no address of object storage", form);
            return None;
        }
    };
    for key in foreign {
        let inner = [Step::Key("sink"), Step::Key("object_store"), Step::Key(key)];
        if document.has(&inner) {
            let at = document.at_key(&inner);
            document.error(at, format!("`{key}` does not go with this `url`"), "remove it");
        }
    }
    Some(Sink::ObjectStore(ObjectStoreSinkConfig { place: target, prefix, timeout: raw.timeout.0 }))
}

fn endpoint(document: &mut Document<RawUploader>, raw: &RawObjectStoreSink) -> Option<url::Url> {
    let place = place!["sink", "object_store", "endpoint"];
    let parsed = url::Url::parse(&raw.endpoint.as_ref()?.0).ok();
    let fits = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty();
    let Some(url) = parsed.filter(fits) else {
        document.error(document.at(place), "this is no address of a service", "write `https://HOST[:PORT]`");
        return None;
    };
    if url.scheme() == "http" && !url.host_str().is_some_and(is_local) {
        unencrypted(document, place, "files of evidence", "https://");
    }
    Some(url)
}
