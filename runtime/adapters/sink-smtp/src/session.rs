//! One conversation with a mail server (RFC 5321), and what its answers mean.
//!
//! Errors on the way to the first mail (no connection, no encryption, a wrong password) are no fault of a mail: it waits. From `MAIL` on the
//! answers are about this mail: 4yz means later, 5yz means never, and each receiver is answered for on its own.

use std::{error::Error as _, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, Identity, TlsParameters},
        commands::{Data, Mail, Rcpt, Rset},
        extension::ClientId,
    },
};
use parapet_contracts::ports::sink::SinkError;

use crate::settings::{Encryption, SmtpSettings};

/// What a server said about one receiver.
pub(crate) type Answer = Result<(), SinkError>;

/// Opens connections as the settings say.
pub(crate) struct Door {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    password: Option<String>,
    timeout: Duration,
}

impl Door {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// When one can't be read or holds no certificate or key; its content is not told.
    pub(crate) fn new(settings: &SmtpSettings) -> Result<Self, String> {
        let tls = match settings.encryption {
            Encryption::None => None,
            _ => Some(parameters(settings)?),
        };
        let credentials = settings.credentials.as_ref();
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            tls,
            password: credentials.map(|(_, password)| password.expose().to_owned()),
            credentials: credentials
                .map(|(user, password)| Credentials::new(user.expose().to_owned(), password.expose().to_owned())),
            timeout: settings.timeout,
        })
    }

    /// Connects, encrypts and logs in.
    ///
    /// # Errors
    /// Always `Retry`: it is the way that is broken, not a mail.
    pub(crate) async fn open(&self) -> Result<AsyncSmtpConnection, SinkError> {
        let hello = ClientId::default();
        let wrapped = if self.encryption == Encryption::Tls { self.tls.clone() } else { None };
        let address = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &hello, wrapped, None)
            .await
            .map_err(|error| self.way(&error))?;
        match (self.encryption, &self.tls) {
            (Encryption::StartTls | Encryption::StartTlsIfOffered, Some(tls)) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &hello).await.map_err(|error| self.way(&error))?;
            }
            (Encryption::StartTls, _) => {
                connection.abort().await;
                let text = "it offers no encryption (STARTTLS): nothing is sent; use `smtps://`, or `plain: true`";
                return Err(SinkError::retry("unencrypted", self.text(text)));
            }
            _ => {}
        }
        if let Some(credentials) = &self.credentials
            && let Err(error) = connection.auth(DEFAULT_MECHANISMS, credentials).await
        {
            connection.abort().await;
            let later = error.is_transient() || error.status().is_none() && !error.is_client();
            let text = self.text(&words(&error));
            return Err(match later {
                true => SinkError::retry("busy", text),
                false => SinkError::retry("unauthorised", format!("{text}: check user and password")),
            });
        }
        Ok(connection)
    }

    /// Sends one mail to these receivers; what the server said of each, in their order.
    ///
    /// # Errors
    /// When the server refused the mail as a whole, or the connection broke: nobody is known to have got it then.
    pub(crate) async fn submit(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: &Address,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Vec<Answer>, SinkError> {
        connection.command(Mail::new(Some(from.clone()), Vec::new())).await.map_err(|error| self.reply(&error))?;
        let mut answers = Vec::with_capacity(to.len());
        for address in to {
            let answer = connection.command(Rcpt::new(address.clone(), Vec::new())).await;
            match answer {
                Ok(_) => answers.push(Ok(())),
                Err(error) if error.status().is_some() => answers.push(Err(self.reply(&error))),
                Err(error) => return Err(self.way(&error)),
            }
        }
        if answers.iter().any(Result::is_ok) {
            connection.command(Data).await.map_err(|error| self.reply(&error))?;
            connection.message(mail).await.map_err(|error| self.reply(&error))?;
        } else {
            connection.command(Rset).await.map_err(|error| self.way(&error))?;
        }
        Ok(answers)
    }

    /// An error of the way.
    fn way(&self, error: &Error) -> SinkError {
        let code = match error {
            error if error.is_tls() => "tls",
            error if error.status().is_some() => "busy",
            _ => "disconnected",
        };
        SinkError::retry(code, self.text(&words(error)))
    }

    /// What an answer to a mail, or to a receiver, means.
    fn reply(&self, error: &Error) -> SinkError {
        let Some(status) = error.status().map(|code| code.to_string()) else { return self.way(error) };
        let text = self.text(&words(error));
        match status.as_str() {
            "530" | "534" | "535" | "538" => SinkError::retry("unauthorised", text),
            "552" => SinkError::reject("too_large", text),
            status if status.starts_with('5') => SinkError::reject("refused", text),
            _ => SinkError::retry("busy", text),
        }
    }

    /// With the server's name, and without the password, whatever the server says.
    fn text(&self, words: &str) -> String {
        let text = format!("{}: {words}", self.host);
        match &self.password {
            Some(password) if !password.is_empty() => text.replace(password.as_str(), "[secret]"),
            _ => text,
        }
    }
}

/// The words of an error: the server's own, when it has spoken.
fn words(error: &Error) -> String {
    let mut cause: Option<&dyn std::error::Error> = error.source();
    let mut text = cause.map(ToString::to_string).unwrap_or_else(|| error.to_string());
    while let Some(inner) = cause.and_then(|cause| cause.source()) {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = Some(inner);
    }
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    error.status().map_or(text.clone(), |status| format!("{status} {text}"))
}

fn parameters(settings: &SmtpSettings) -> Result<TlsParameters, String> {
    // The process has one provider of cryptography: whoever came first has chosen it.
    rustls::crypto::ring::default_provider().install_default().ok();
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| format!("`{}` can't be read: {error}", path.display()))
    };
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let none = |_| format!("`{}` holds no certificate in PEM", path.display());
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(&read(path)?).map_err(none)?);
    }
    if let Some((chain, key)) = &settings.client {
        let identity = Identity::from_pem(&read(chain)?, &read(key)?)
            .map_err(|_| format!("`{}` and `{}` are no certificate and its key", chain.display(), key.display()))?;
        builder = builder.identify_with(identity);
    }
    builder.build().map_err(|error| format!("there can be no TLS: {error}"))
}
