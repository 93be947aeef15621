//! Checks a bearer token (RFC 7519, RFC 9068) and finds out who it is about.

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde_json::Value;

use crate::{
    Caller, Cameras, ClaimPath, KeyRing, Refusal, Role, Via,
    claims::name,
    crypto::{self, PINNED},
};

/// By how many seconds clocks may differ.
pub const LEEWAY: u64 = 60;
/// No token is longer, in bytes.
const LONGEST: usize = 16 * 1024;

/// What a token must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Who issues it, to the letter.
    pub issuer: String,
    /// For whom it is meant.
    pub audience: String,
    /// Where its roles stand.
    pub roles_claim: ClaimPath,
    /// What the provider's roles are called that give a role here.
    pub roles: BTreeMap<Role, BTreeSet<String>>,
    /// Where the cameras stand that somebody may see; all when absent. An admin sees all in any case.
    pub cameras_claim: Option<ClaimPath>,
}

/// Checks tokens of one provider.
pub struct Verifier {
    settings: OidcSettings,
    keys: KeyRing,
}

impl Verifier {
    /// Makes it.
    pub fn new(settings: OidcSettings, keys: KeyRing) -> Self {
        crypto::install();
        Self { settings, keys }
    }

    /// What it was made of.
    pub fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Who a token is about.
    ///
    /// # Errors
    /// When it is not to be taken, or gives no role.
    pub async fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::Malformed);
        }
        let header = decode_header(token).map_err(|error| refusal(error.kind()))?;
        if !PINNED.contains(&header.alg) {
            return Err(Refusal::Algorithm);
        }
        if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.crit.is_some() {
            return Err(Refusal::OwnKey);
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let mut wanted = Validation::new(header.alg);
        wanted.set_issuer(&[&self.settings.issuer]);
        wanted.set_audience(&[&self.settings.audience]);
        wanted.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        wanted.validate_nbf = true;
        wanted.leeway = LEEWAY;
        let claims = decode::<Value>(token, &key, &wanted).map_err(|error| refusal(error.kind()))?.claims;
        self.caller(&claims)
    }

    fn caller(&self, claims: &Value) -> Result<Caller, Refusal> {
        let given = self.settings.roles_claim.texts(claims).unwrap_or_default();
        let gives = |(_, names): &(&Role, &BTreeSet<String>)| !names.is_disjoint(&given);
        let role = self.settings.roles.iter().filter(gives).map(|(role, _)| *role).max().ok_or(Refusal::NoRole)?;
        let cameras = match &self.settings.cameras_claim {
            Some(claim) if role < Role::Admin => Cameras::Only(claim.texts(claims).unwrap_or_default()),
            _ => Cameras::All,
        };
        Ok(Caller { name: name(claims).ok_or(Refusal::MissingClaim)?, role, cameras, via: Via::Token })
    }
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidIssuer => Refusal::Issuer,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::ExpiredSignature => Refusal::Expired,
        ErrorKind::ImmatureSignature => Refusal::NotYet,
        ErrorKind::MissingRequiredClaim(_) => Refusal::MissingClaim,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            Refusal::Algorithm
        }
        _ => Refusal::Malformed,
    }
}

#[cfg(test)]
mod tests;
