//! Who may connect to the embedded broker, and what they may publish.

use std::collections::HashMap;

use async_trait::async_trait;
use parapet_contracts::Secret;
use rmqtt::{
    hook::{Handler, HookResult, Parameter, ReturnType},
    types::{AuthResult, LastWill, PublishAclResult},
};

/// Somebody who may connect, and read everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedUser {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// The user may publish on topics that begin with this, such as `parapet/depot-7/`. `None`: on any.
    pub publish_below: Option<String>,
}

impl EmbeddedUser {
    fn may_publish(&self, topic: &str) -> bool {
        self.publish_below.as_deref().is_none_or(|prefix| topic.starts_with(prefix))
    }
}

/// Lets in who has the right password, and lets through what they may publish. A last will counts as published.
pub(super) struct Users(HashMap<String, EmbeddedUser>);

impl Users {
    pub(super) fn new(users: &[EmbeddedUser]) -> Self {
        Self(users.iter().map(|user| (user.name.clone(), user.clone())).collect())
    }

    fn admits(&self, name: Option<&str>, password: Option<&[u8]>, will: Option<&str>) -> AuthResult {
        match (name.and_then(|name| self.0.get(name)), password) {
            (Some(user), Some(given)) if equal(user.password.expose().as_bytes(), given) => {
                if will.is_none_or(|topic| user.may_publish(topic)) {
                    AuthResult::Allow(false, None)
                } else {
                    AuthResult::NotAuthorized
                }
            }
            _ => AuthResult::BadUsernameOrPassword,
        }
    }

    fn allows(&self, name: Option<&str>, topic: &str) -> bool {
        name.and_then(|name| self.0.get(name)).is_some_and(|user| user.may_publish(topic))
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
                let name = client.username().map(|name| -> &str { name });
                let password = client.password().map(|password| -> &[u8] { password });
                let will = client.last_will();
                let topic = will.as_ref().map(|will| -> &str {
                    match will {
                        LastWill::V3(will) => &will.topic,
                        LastWill::V5(will) => &will.topic,
                    }
                });
                (false, Some(HookResult::AuthResult(self.admits(name, password, topic))))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let name = session.id.username.as_ref().map(|name| -> &str { name });
                let result = if self.allows(name, &publish.topic) {
                    PublishAclResult::allow()
                } else {
                    PublishAclResult::rejected(false, Some("this user may not publish there".into()))
                };
                (false, Some(HookResult::PublishAclResult(result)))
            }
            _ => (true, so_far),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::new(&[EmbeddedUser {
            name: "site".to_owned(),
            password: Secret::new("s3cret"),
            publish_below: Some("parapet/a/".to_owned()),
        }])
    }

    #[test]
    fn only_the_whole_password_opens() {
        let admitted = |name, password| matches!(users().admits(name, password, None), AuthResult::Allow(false, None));
        assert!(admitted(Some("site"), Some(&b"s3cret"[..])));
        for (name, password) in [
            (Some("site"), Some(&b"s3cre"[..])),
            (Some("site"), Some(b"s3crex")),
            (Some("site"), Some(b"")),
            (Some("site"), None),
            (Some("other"), Some(b"s3cret")),
            (None, Some(b"s3cret")),
        ] {
            assert!(!admitted(name, password), "{name:?} {password:?}");
        }
    }

    #[test]
    fn a_user_publishes_below_the_own_prefix_only_also_by_a_last_will() {
        let users = users();
        assert!(users.allows(Some("site"), "parapet/a/status"));
        for (name, topic) in [(Some("site"), "parapet/ab/status"), (Some("other"), "parapet/a/status"), (None, "x")] {
            assert!(!users.allows(name, topic), "{name:?} {topic}");
        }
        let with_will = |topic| users.admits(Some("site"), Some(b"s3cret"), Some(topic));
        assert!(matches!(with_will("parapet/a/status"), AuthResult::Allow(..)));
        assert!(matches!(with_will("parapet/b/status"), AuthResult::NotAuthorized));
    }
}
