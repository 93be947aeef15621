//! `sink: {object_store: …}`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    raw::{SecretText, Text},
    units::Span,
};

/// Object storage: S3 and what speaks like it, Azure Blob Storage, or a folder. With `what: [evidence]` it gets the files themselves, by date and
/// camera as in the evidence folder; everything else goes as JSON Lines, a batch an object. Writing again what is there changes nothing.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawObjectStoreSink {
    /// Where to: `s3://BUCKET[/PREFIX]`, `azure://CONTAINER[/PREFIX]` or `file:///FOLDER`.
    #[schemars(extend("examples" = ["s3://evidence/harbour-north"]))]
    #[schemars(required)]
    pub url: Option<Text>,
    /// The service's address, when it is not the usual one: `https://minio.example.org:9000`.
    #[schemars(extend("examples" = ["https://minio.example.org:9000"]))]
    pub endpoint: Option<Text>,
    /// The region of S3.
    #[serde(default = "region")]
    pub region: Text,
    /// The access key of S3; what the environment, a workload's or the machine's identity gives when absent.
    pub access_key: Option<SecretText>,
    /// Its secret key.
    pub secret_key: Option<SecretText>,
    /// The storage account of Azure.
    pub account: Option<Text>,
    /// Its key; what the environment, a workload's or the machine's identity gives when absent.
    pub account_key: Option<SecretText>,
    /// How long one object may take.
    #[serde(default = "patience")]
    #[schemars(extend("x-min" = "1s", "x-max" = "1h"))]
    pub timeout: Span,
}

fn region() -> Text {
    Text("us-east-1".to_owned())
}

fn patience() -> Span {
    Span(Duration::from_secs(60))
}
