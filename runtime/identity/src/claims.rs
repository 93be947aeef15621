//! Claims of a token: where providers put what, and what it means here.

use std::collections::BTreeSet;

use serde_json::Value;

/// Where a claim lies: `roles`, `realm_access.roles`, `resource_access.parapet.roles`. A claim whose name has dots in it
/// (`https://example.org/roles`) is found under its whole name first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// A path of names with dots between them.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    fn find<'a>(&self, claims: &'a Value) -> Option<&'a Value> {
        claims.get(&self.0).or_else(|| self.0.split('.').try_fold(claims, |inner, name| inner.get(name)))
    }

    /// The texts of a claim: a list, or a text with spaces between them, as `scope` is.
    pub(crate) fn texts(&self, claims: &Value) -> Option<BTreeSet<String>> {
        match self.find(claims)? {
            Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
            Value::Array(items) => Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            _ => None,
        }
    }
}

/// The name by which people know who a token is about.
pub(crate) fn name(claims: &Value) -> Option<String> {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    ["preferred_username", "email", "name", "client_id", "azp", "sub"].into_iter().find_map(text).map(|name| {
        // It stands in logs and records: one line of a sensible length.
        name.chars().filter(|c| !c.is_control()).take(200).collect()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_found_where_providers_put_them() {
        let keycloak = json!({"realm_access": {"roles": ["a", "b"]}, "resource_access": {"parapet": {"roles": ["c"]}}});
        let texts = |path: &str, claims| ClaimPath::new(path).texts(claims);
        assert_eq!(texts("realm_access.roles", &keycloak).unwrap(), BTreeSet::from(["a".into(), "b".into()]));
        assert_eq!(texts("resource_access.parapet.roles", &keycloak).unwrap(), BTreeSet::from(["c".into()]));
        assert_eq!(texts("roles", &keycloak), None);
        let other = json!({"https://example.org/roles": ["d"], "scope": "read write", "odd": 3});
        assert_eq!(texts("https://example.org/roles", &other).unwrap(), BTreeSet::from(["d".into()]));
        assert_eq!(texts("scope", &other).unwrap().len(), 2);
        assert_eq!(texts("odd", &other), None);
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(name(&json!({"sub": "1", "preferred_username": "ann\nroot"})).unwrap(), "annroot");
        assert_eq!(name(&json!({"sub": "1"})).unwrap(), "1");
        assert_eq!(name(&json!({})), None);
    }
}
