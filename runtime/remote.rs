//! Remote control over MQTT 5 request and response: `parapet/SITE/command/NAME`. Off unless `site.yaml` names clients.
//!
//! It promises: a request counts only when it is signed with the key of a client that may send it, is fresh, and was not seen before; who the
//! broker says it comes from is of no account, and so is who else may publish there. Each request that is done or refused is a record in the
//! journal. A request that wants an answer gets one, with its correlation data, on a topic that is not one of the site's own.

mod commands;
mod request;
mod switch;

use std::{collections::BTreeMap, sync::Arc};

use parapet_actors::{
    edge_worker,
    journal::{Failure, Journal},
    worker::{Body, LoopResult, Stop},
};
use parapet_config::{RemoteClient, RemoteCommand};
use parapet_contracts::{
    SiteId,
    ports::bus::{BusPort, BusReceived},
    topics,
};
use parapet_supervision::ChildSpec;
use serde_json::{Value, json};

use self::{commands::Failed, request::Gate};
use crate::http::AppState;

/// The answer's media type.
const JSON: &str = "application/json";

/// The child that obeys; `None` when nobody may command.
pub(crate) fn child(state: &AppState, journal: &Journal) -> Option<ChildSpec> {
    let config = state.site.config();
    let clients = config.site.remote.clone();
    if clients.is_empty() {
        return None;
    }
    let remote = Remote {
        site: config.site.id.clone(),
        state: state.clone(),
        bus: Arc::clone(&state.site.links().ports.bus),
        journal: journal.clone(),
        clients,
    };
    Some(edge_worker("remote", "remote", move |heartbeat| {
        let remote = remote.clone();
        heartbeat.idle(); // It waits for others; what it does itself is short.
        Body::task(move |stop| remote.run(stop))
    }))
}

#[derive(Clone)]
struct Remote {
    site: SiteId,
    state: AppState,
    bus: Arc<dyn BusPort>,
    journal: Journal,
    clients: BTreeMap<String, RemoteClient>,
}

impl Remote {
    async fn run(self, stop: Stop) -> LoopResult {
        let mut subscription =
            self.bus.subscribe(&topics::filter_commands(&self.site)).await.map_err(|error| error.text)?;
        let mut gate = Gate::new(self.site.clone(), self.clients.clone());
        let mut dropped = 0;
        loop {
            let message = tokio::select! {
                () = stop.wait() => return Ok(()),
                message = subscription.next() => message.ok_or("the bus is gone")?,
            };
            if subscription.dropped() > dropped {
                dropped = subscription.dropped();
                self.journal.report(Failure::new(
                    "remote",
                    "overflow",
                    "requests came faster than they could be done: some are gone",
                ));
            }
            // What the broker had kept is no request of now.
            if !message.retained {
                self.answer(&mut gate, &message).await;
            }
        }
    }

    async fn answer(&self, gate: &mut Gate, message: &BusReceived) {
        let name = message.topic.rsplit('/').next().unwrap_or_default();
        let now = self.state.site.links().ports.clock.now();
        let (who, done) = match gate.admit(name, &message.payload, now) {
            Ok(admitted) => {
                let (client, id, command) = (admitted.client.clone(), admitted.id.clone(), admitted.command);
                let done = commands::perform(&self.state, admitted).await;
                (format!("{client}, request {id}"), done.map(|result| (command, result)))
            }
            Err(failed) => ("somebody".to_owned(), Err(failed)),
        };
        let outcome = if done.is_ok() { "done" } else { "refused" };
        let command = RemoteCommand::named(name).map_or("unknown", RemoteCommand::as_str);
        metrics::counter!("parapet_remote_commands_total", "command" => command, "outcome" => outcome).increment(1);
        let (text, body) = match done {
            Ok((command, result)) => (
                format!("{}: done, as {who} asked", commands::told(command, &result)),
                json!({ "ok": true, "result": result }),
            ),
            Err(Failed { code, text }) => (
                format!("the request `{command}` of {who} was refused: {text}"),
                json!({ "ok": false, "code": code, "error": text }),
            ),
        };
        self.journal.report(Failure::new("remote", outcome, text));
        self.reply(message, &body).await;
    }

    async fn reply(&self, message: &BusReceived, body: &Value) {
        let Some(to) = &message.reply else { return };
        if let Err(why) = request::reply_topic(&self.site, &to.topic) {
            self.journal.report(Failure::new("remote", "answer", why));
            return;
        }
        if let Err(error) = self.bus.answer(to, body.to_string().into(), JSON).await {
            self.journal.report(Failure::new(
                "remote",
                "answer",
                format!("an answer could not be sent: {}", error.text),
            ));
        }
    }
}
