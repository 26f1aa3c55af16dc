//! Certificates and credentials of one broker, made when it is set up and valid nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// The one user that every mechanism knows.
pub(super) const USER: &str = "sandbus";

/// Files that [`certify`] writes.
pub(crate) const AUTHORITY: &str = "ca.pem";
pub(crate) const CERTIFICATE: &str = "certificate.pem";
pub(crate) const KEY: &str = "key.pem";

/// A certificate for this machine and the authority that signs it, for a server that is not Kafka.
pub(crate) fn certify(directory: &Path) -> Result<()> {
    let issuer = authority()?;
    let (key, certificate) = server(&issuer)?;
    for (name, pem) in [(AUTHORITY, issuer.pem()), (CERTIFICATE, certificate.pem()), (KEY, key.serialize_pem())] {
        fs::write(directory.join(name), pem).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct Security {
    pub(super) password: String,
    /// The authority's certificate, in PEM: what a client has to trust.
    pub(super) authority: PathBuf,
    keystore: PathBuf,
}

/// The certificate, in PEM, of an authority that has signed nothing: the wrong one for every broker.
///
/// # Panics
/// When the random source fails.
#[must_use]
pub fn authority_pem() -> String {
    authority().expect("make an authority").pem()
}

impl Security {
    /// Makes an authority, a server certificate signed by it, and a password, and writes what Kafka and clients read.
    pub(super) fn generate(directory: &Path) -> Result<Security> {
        let issuer = authority()?;
        let (key, certificate) = server(&issuer)?;

        let security = Security {
            password: (0..24).map(|_| fastrand::alphanumeric()).collect(),
            authority: directory.join(AUTHORITY),
            keystore: directory.join("server.pem"),
        };
        fs::write(&security.authority, issuer.pem()).context("write ca.pem")?;
        let keystore = format!("{}{}{}", key.serialize_pem(), certificate.pem(), issuer.pem());
        fs::write(&security.keystore, keystore).context("write server.pem")?;
        Ok(security)
    }

    /// What the SASL_SSL listener needs in `server.properties`.
    pub(super) fn properties(&self) -> Vec<(String, String)> {
        let module = "org.apache.kafka.common.security";
        let scram = format!("{module}.scram.ScramLoginModule required;");
        let plain = format!("{module}.plain.PlainLoginModule required user_{USER}=\"{}\";", self.password);
        let jaas = |mechanism: &str| format!("listener.name.sasl_ssl.{mechanism}.sasl.jaas.config");
        vec![
            ("sasl.enabled.mechanisms".into(), "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN".into()),
            (jaas("scram-sha-256"), scram.clone()),
            (jaas("scram-sha-512"), scram),
            (jaas("plain"), plain),
            ("ssl.keystore.type".into(), "PEM".into()),
            ("ssl.keystore.location".into(), self.keystore.display().to_string()),
        ]
    }

    /// What the storage tool is told about the user, so that SCRAM works from the first connection on.
    pub(super) fn scram_arguments(&self) -> [String; 2] {
        ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .map(|mechanism| format!("{mechanism}=[name={USER},password={}]", self.password))
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Sandbus test authority");
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// A server on this machine.
fn server(issuer: &CertifiedIssuer<'static, KeyPair>) -> Result<(KeyPair, rcgen::Certificate)> {
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = server.signed_by(&key, issuer)?;
    Ok((key, certificate))
}
