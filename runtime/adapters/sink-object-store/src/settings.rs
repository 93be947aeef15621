//! Where objects go, and how.

use std::{path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder, local::LocalFileSystem,
};
use parapet_contracts::Secret;

/// What a sink needs to know.
#[derive(Debug, Clone)]
pub struct ObjectStoreSettings {
    /// Where to.
    pub place: Place,
    /// What stands before each key; without slashes at its ends, and empty for none.
    pub prefix: String,
    /// How long one object may take.
    pub timeout: Duration,
}

/// A service, and a place in it.
#[derive(Debug, Clone)]
pub enum Place {
    /// S3, or what speaks like it.
    S3 {
        /// The bucket.
        bucket: String,
        /// Its region.
        region: String,
        /// The service's address, when it is not Amazon's.
        endpoint: Option<String>,
        /// Access key and secret key; those of the environment or the machine when absent.
        credentials: Option<(Secret, Secret)>,
    },
    /// Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// The service's address with the account, when it is not the usual one.
        endpoint: Option<String>,
        /// The account's key; an identity of the environment or the machine when absent.
        key: Option<Secret>,
    },
    /// A folder.
    Folder(PathBuf),
}

impl Place {
    /// Where it is, for people; without a secret.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::S3 { bucket, .. } => format!("s3://{bucket}"),
            Self::Azure { account, container, .. } => format!("azure://{container} of {account}"),
            Self::Folder(folder) => folder.display().to_string(),
        }
    }

    /// Whether objects have a content type and metadata there.
    pub(crate) fn has_attributes(&self) -> bool {
        !matches!(self, Self::Folder(_))
    }
}

impl ObjectStoreSettings {
    /// The store that the settings name. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the settings are no good, or the folder can't be made.
    pub(crate) fn open(&self) -> Result<Arc<dyn ObjectStore>, String> {
        // The process has one provider of cryptography: whoever came first has chosen it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let plain = |endpoint: &Option<String>| endpoint.as_ref().is_some_and(|e| e.starts_with("http://"));
        // Whoever calls tries again, with a backoff of its own.
        let retry = RetryConfig { max_retries: 0, retry_timeout: self.timeout, ..RetryConfig::default() };
        let options = ClientOptions::new().with_timeout(self.timeout);
        let failed = |error: object_store::Error| format!("{}: {error}", self.place.shown());
        Ok(match &self.place {
            Place::S3 { bucket, region, endpoint, credentials } => {
                let mut builder = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_region(region)
                    .with_retry(retry)
                    .with_client_options(options.with_allow_http(plain(endpoint)));
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
                }
                if let Some((key, secret)) = credentials {
                    builder = builder.with_access_key_id(key.expose()).with_secret_access_key(secret.expose());
                }
                Arc::new(builder.build().map_err(failed)?)
            }
            Place::Azure { account, container, endpoint, key } => {
                let mut builder = MicrosoftAzureBuilder::from_env()
                    .with_account(account)
                    .with_container_name(container)
                    .with_retry(retry)
                    .with_client_options(options.with_allow_http(plain(endpoint)));
                if let Some(endpoint) = endpoint {
                    builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
                }
                if let Some(key) = key {
                    builder = builder.with_access_key(key.expose());
                }
                Arc::new(builder.build().map_err(failed)?)
            }
            Place::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
                Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(failed)?.with_automatic_cleanup(false))
            }
        })
    }
}
