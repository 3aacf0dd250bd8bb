//! TLS to a PostgreSQL server: rustls, with as much of the certificate verified as the URL asks for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::{PostgresUrl, Verification};

/// Raised when the certificates that vouch for a server can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The file that `sslrootcert` names can't be read, or holds no certificate.
    #[error("the certificates in {} can't be used: {reason}", .path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The system has no certificates: `sslrootcert` can name a file.
    #[error("this system has no certificates to verify the server's with: name a file, sslrootcert=PATH")]
    NoSystemRoots,
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] Error),
}

/// The way to connect that the URL asks for.
///
/// # Errors
/// Raised when the certificates that vouch for the server can't be had.
pub(super) fn connector(url: &PostgresUrl) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let unverified = url.verification == Verification::None || url.config.get_ssl_mode() == SslMode::Disable;
    let verifier: Arc<dyn ServerCertVerifier> = if unverified {
        Arc::new(Unverified(provider))
    } else {
        let roots = Arc::new(roots(url.roots.as_deref())?);
        let full = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        let full = full.map_err(|error| Error::General(error.to_string()))?;
        match url.verification {
            Verification::Issuer => Arc::new(IssuerOnly(full)),
            Verification::Full | Verification::None => full,
        }
    };
    let config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(path) => {
            let unusable = |reason: String| TlsError::Roots { path: path.to_owned(), reason };
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                store.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
            if store.is_empty() {
                return Err(unusable(io::Error::from(io::ErrorKind::InvalidData).to_string()));
            }
        }
        None => {
            // One that can't be parsed vouches for nobody; the others still do.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(TlsError::NoSystemRoots);
            }
        }
    }
    Ok(store)
}

/// Takes every certificate. What is signed with it is verified all the same.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

/// Takes a certificate for any name, from someone who may vouch for it.
#[derive(Debug)]
struct IssuerOnly(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for IssuerOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
