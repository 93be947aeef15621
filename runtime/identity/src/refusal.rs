//! Why somebody is not let in.

/// Why somebody is not let in. The words never quote what they showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was shown.
    #[error("no credentials: send `authorization: Bearer …` with a token or a key")]
    Nothing,
    /// It can't be read.
    #[error("this is neither a token nor a key")]
    Malformed,
    /// Signed by an algorithm that is not taken, or by none.
    #[error("the token is signed by an algorithm that is not taken here")]
    Algorithm,
    /// The token says itself by which key it is to be checked.
    #[error("the token brings its own key, or says where it lies")]
    OwnKey,
    /// The provider publishes no such key.
    #[error("the token is signed by a key that the identity provider does not publish")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// Somebody else has issued it.
    #[error("the token was issued by somebody else")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the token is meant for somebody else: its audience does not have this site's")]
    Audience,
    /// Its time is over.
    #[error("the token has expired: log in again")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet: are the clocks right?")]
    NotYet,
    /// A claim that must be there is not.
    #[error("the token lacks a claim that it must have (exp, iss, aud, sub)")]
    MissingClaim,
    /// Nobody has such a key.
    #[error("there is no such key; it may have been taken back")]
    NoSuchKey,
    /// The key's time is over.
    #[error("the key has expired: ask for a new one")]
    KeyExpired,
    /// Known, but with no role here.
    #[error("you are known, but have no role at this site")]
    NoRole,
    /// The provider's keys can't be had.
    #[error("the identity provider can't be reached, and its keys are not known: try again later")]
    KeysUnavailable,
}

impl Refusal {
    /// A short name, for counters and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nothing => "no_credentials",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::OwnKey => "own_key",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_valid",
            Self::MissingClaim => "missing_claim",
            Self::NoSuchKey => "no_such_key",
            Self::KeyExpired => "key_expired",
            Self::NoRole => "no_role",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }
}
