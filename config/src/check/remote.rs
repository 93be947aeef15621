//! `remote:` in `site.yaml`.

use std::collections::BTreeMap;

use parapet_contracts::ids::is_valid_id;

use crate::{
    checked::{RemoteClient, RemoteCommand},
    document::Document,
    raw::{RawRemote, RawRemoteCommand, RawSite},
    words,
    yaml::Step,
};

/// A key that is shorter can be guessed.
const SHORTEST_KEY: usize = 16;

/// Who may command; nobody unless the file says so.
pub(crate) fn remote(document: &mut Document<RawSite>, raw: RawRemote) -> BTreeMap<String, RemoteClient> {
    let mut clients = BTreeMap::new();
    for (name, client) in raw.clients {
        let place = [Step::Key("remote"), Step::Key("clients"), Step::Key(&name)];
        if !is_valid_id(&name) {
            let message = format!("`{}` is no name of a client", words::shown(&name));
            document.error(document.at_key(&place), message, "1 to 63 of a–z, 0–9, `-` and `_`");
            continue;
        }
        let Some(key) = client.key.map(|key| key.0) else { continue };
        if key.expose().chars().count() < SHORTEST_KEY {
            let place = [Step::Key("remote"), Step::Key("clients"), Step::Key(&name), Step::Key("key")];
            let message = format!("the key has less than {SHORTEST_KEY} characters");
            document.error(document.at(&place), message, "make one with `openssl rand -base64 32`");
        }
        let may = client.may.into_iter().map(command).collect();
        clients.insert(name, RemoteClient { key, may });
    }
    clients
}

fn command(raw: RawRemoteCommand) -> RemoteCommand {
    match raw {
        RawRemoteCommand::Camera => RemoteCommand::Camera,
        RawRemoteCommand::Silence => RemoteCommand::Silence,
        RawRemoteCommand::Acknowledge => RemoteCommand::Acknowledge,
        RawRemoteCommand::Snapshot => RemoteCommand::Snapshot,
    }
}
