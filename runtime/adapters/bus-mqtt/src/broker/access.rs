//! Who may connect to the embedded broker, and what they may publish and subscribe to.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use parapet_contracts::Secret;
use rmqtt::{
    codec::v5::SubscribeAckReason,
    hook::{Handler, HookResult, Parameter, ReturnType},
    types::{AuthResult, LastWill, PublishAclResult, SubscribeAclResult},
};

use super::{Permissions, password::PasswordHash};

/// Somebody who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedUser {
    /// The user's name.
    pub name: String,
    /// How the user is recognised.
    pub password: Password,
    /// What the user may do.
    pub permissions: Permissions,
}

/// How a user is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// By a password that lives no longer than this process.
    Plain(Secret),
    /// By a password of which only the hash is known.
    Hashed(PasswordHash),
}

impl Password {
    fn is(&self, given: &[u8]) -> bool {
        match self {
            Self::Plain(password) => equal(password.expose().as_bytes(), given),
            Self::Hashed(hash) => hash.is_of(given),
        }
    }
}

/// Lets in who has the right password, and lets through what they may publish and subscribe to. A last will counts as published.
#[derive(Clone)]
pub(super) struct Users(Arc<HashMap<String, EmbeddedUser>>);

impl Users {
    pub(super) fn new(users: &[EmbeddedUser]) -> Self {
        Self(Arc::new(users.iter().map(|user| (user.name.clone(), user.clone())).collect()))
    }

    fn admits(&self, name: Option<&str>, password: Option<&[u8]>, will: Option<&str>) -> AuthResult {
        match (name.and_then(|name| self.0.get(name)), password) {
            (Some(user), Some(given)) if user.password.is(given) => {
                if will.is_none_or(|topic| user.permissions.may_publish(topic)) {
                    AuthResult::Allow(false, None)
                } else {
                    AuthResult::NotAuthorized
                }
            }
            _ => AuthResult::BadUsernameOrPassword,
        }
    }

    fn allows(&self, name: Option<&str>, may: impl FnOnce(&Permissions) -> bool) -> bool {
        name.and_then(|name| self.0.get(name)).is_some_and(|user| may(&user.permissions))
    }
}

/// Compares without telling by the time taken where two texts of one length differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && std::hint::black_box(a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y))) == 0
}

#[async_trait]
impl Handler for Users {
    async fn hook(&self, parameter: &Parameter, so_far: Option<HookResult>) -> ReturnType {
        match parameter {
            Parameter::ClientAuthenticate(client) => {
                let name = client.username().map(|name| -> &str { name }).map(str::to_owned);
                let password = client.password().map(|password| password.to_vec());
                let will = client.last_will().as_ref().map(|will| match will {
                    LastWill::V3(will) => will.topic.to_string(),
                    LastWill::V5(will) => will.topic.to_string(),
                });
                // To recognise a password takes long on purpose: not on a thread that serves others.
                let users = self.clone();
                let judged = tokio::task::spawn_blocking(move || {
                    users.admits(name.as_deref(), password.as_deref(), will.as_deref())
                });
                (false, Some(HookResult::AuthResult(judged.await.unwrap_or(AuthResult::NotAuthorized))))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let name = session.id.username.as_ref().map(|name| -> &str { name });
                let result = if self.allows(name, |user| user.may_publish(&publish.topic)) {
                    PublishAclResult::allow()
                } else {
                    PublishAclResult::rejected(false, Some("this user may not publish there".into()))
                };
                (false, Some(HookResult::PublishAclResult(result)))
            }
            Parameter::ClientSubscribeCheckAcl(session, subscribe) => {
                let name = session.id.username.as_ref().map(|name| -> &str { name });
                let result = if self.allows(name, |user| user.may_subscribe(&subscribe.topic_filter)) {
                    SubscribeAclResult::new_success(subscribe.opts.qos(), None)
                } else {
                    SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized)
                };
                (false, Some(HookResult::SubscribeAclResult(result)))
            }
            _ => (true, so_far),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn users() -> Users {
        let permissions = Permissions { publish: vec!["parapet/a/#".to_owned()], subscribe: vec![] };
        Users::new(&[
            EmbeddedUser {
                name: "site".to_owned(),
                password: Password::Plain(Secret::new("s3cret")),
                permissions: permissions.clone(),
            },
            EmbeddedUser {
                name: "hashed".to_owned(),
                password: Password::Hashed(PasswordHash::of("s3cret").unwrap()),
                permissions,
            },
        ])
    }

    #[test]
    fn only_the_whole_password_opens() {
        let users = users();
        let admitted = |name, password| matches!(users.admits(name, password, None), AuthResult::Allow(false, None));
        for name in ["site", "hashed"] {
            assert!(admitted(Some(name), Some(&b"s3cret"[..])));
            for password in [Some(&b"s3cre"[..]), Some(b"s3crex"), Some(b""), None] {
                assert!(!admitted(Some(name), password), "{name} {password:?}");
            }
        }
        assert!(!admitted(Some("other"), Some(b"s3cret")) && !admitted(None, Some(b"s3cret")));
    }

    #[test]
    fn a_user_publishes_what_is_allowed_only_also_by_a_last_will() {
        let users = users();
        assert!(users.allows(Some("site"), |user| user.may_publish("parapet/a/status")));
        for (name, topic) in [(Some("site"), "parapet/ab/status"), (Some("other"), "parapet/a/status"), (None, "x")] {
            assert!(!users.allows(name, |user| user.may_publish(topic)), "{name:?} {topic}");
        }
        let with_will = |topic| users.admits(Some("site"), Some(b"s3cret"), Some(topic));
        assert!(matches!(with_will("parapet/a/status"), AuthResult::Allow(..)));
        assert!(matches!(with_will("parapet/b/status"), AuthResult::NotAuthorized));
    }
}
