//! How a webhook is reached, from the kubeconfig that kube-apiserver is given for it.
//!
//! It reads the current context. It refuses what it cannot do as kube-apiserver would, above all
//! `insecure-skip-tls-verify`: a webhook that is not verified says nothing worth a score.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use serde::Deserialize;
use std::{fs, path::Path, sync::Arc};

/// An address, and by what the two ends know each other.
#[derive(Clone, Debug)]
pub struct Access {
    /// As the kubeconfig says, if there is one.
    pub server: Option<String>,
    /// Nothing, where no authority is known: then only plain HTTP can be spoken.
    pub(super) tls: Option<ClientConfig>,
    /// The name that the certificate must have, if not the address.
    pub(super) name: Option<ServerName<'static>>,
    pub(super) token: Option<String>,
}

/// What is wrong with a kubeconfig.
#[derive(Debug, thiserror::Error)]
pub enum AccessFault {
    #[error("read `{path}`: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("`{path}`: {source}")]
    Yaml { path: String, source: Box<serde_saphyr::Error> },
    #[error("`{path}`: {what}")]
    Content { path: String, what: String },
}

impl Access {
    /// Without a kubeconfig: plain HTTP, nobody in particular.
    pub fn plain() -> Access {
        Access { server: None, tls: None, name: None, token: None }
    }

    /// What the current context of a kubeconfig says. Files that it names are looked for beside it.
    ///
    /// # Errors
    /// When it cannot be read, or names what is not there or not supported.
    pub fn read(path: &Path) -> Result<Access, AccessFault> {
        let shown = || path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| AccessFault::Read { path: shown(), source })?;
        let config: Kubeconfig = serde_saphyr::from_str(&text)
            .map_err(|source| AccessFault::Yaml { path: shown(), source: Box::new(source) })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        access(config, folder).map_err(|what| AccessFault::Content { path: shown(), what })
    }
}

fn access(config: Kubeconfig, folder: &Path) -> Result<Access, String> {
    let context = named(config.contexts, &config.current_context, "context")?.context;
    let cluster = named(config.clusters, &context.cluster, "cluster")?.cluster;
    let user = match context.user.as_str() {
        "" => User::default(),
        name => named(config.users, name, "user")?.user,
    };
    for (key, unsupported) in [
        ("insecure-skip-tls-verify", cluster.insecure_skip_tls_verify),
        ("proxy-url", cluster.proxy_url.is_some()),
        ("tokenFile", user.token_file.is_some()),
        ("username", user.username.is_some()),
        ("exec", user.exec.is_some()),
        ("auth-provider", user.auth_provider.is_some()),
    ] {
        if unsupported {
            let instead = "give a certificate-authority, and a client-certificate with its key, or a token";
            return Err(format!("`{key}` is not supported by drill; {instead}"));
        }
    }
    let pem = |key: &str, data: Option<String>, file: Option<String>| match (data, file) {
        // Of two, the data counts, as for kubectl.
        (Some(data), _) => {
            let bytes = BASE64_STANDARD.decode(data.trim());
            bytes.map(Some).map_err(|error| format!("`{key}-data` is not base64: {error}"))
        }
        (None, Some(file)) => {
            let path = folder.join(file);
            fs::read(&path).map(Some).map_err(|error| format!("`{key}`: read `{}`: {error}", path.display()))
        }
        (None, None) => Ok(None),
    };
    let authority = pem("certificate-authority", cluster.certificate_authority_data, cluster.certificate_authority)?;
    let certificate = pem("client-certificate", user.client_certificate_data, user.client_certificate)?;
    let key = pem("client-key", user.client_key_data, user.client_key)?;
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(identity(&certificate, &key)?),
        (None, None) => None,
        (Some(_), None) => return Err("`client-certificate` without `client-key`: give both".into()),
        (None, Some(_)) => return Err("`client-key` without `client-certificate`: give both".into()),
    };
    let name = cluster.tls_server_name.filter(|it| !it.is_empty());
    let name = name.map(|it| ServerName::try_from(it.clone()).map_err(|_| format!("`{it}` is no `tls-server-name`")));
    let tls = authority.map(|authority| tls(&authority, client)).transpose()?;
    Ok(Access { server: Some(cluster.server), tls, name: name.transpose()?, token: user.token })
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(certificate: &[u8], key: &[u8]) -> Result<Identity, String> {
    let chain: Vec<_> = certificates("client-certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("`client-key` is no PEM key: {error}"))?;
    Ok((chain, key))
}

fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|error| format!("`{key}` is not PEM: {error}"))?;
    if all.is_empty() { Err(format!("`{key}` holds no certificate")) } else { Ok(all) }
}

fn tls(authority: &[u8], client: Option<Identity>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("certificate-authority", authority)? {
        roots.add(certificate).map_err(|error| format!("`certificate-authority`: {error}"))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match client {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("`client-certificate` and `client-key`: {error}"))?,
        None => builder.with_no_client_auth(),
    };
    // Go's client has no cache of sessions unless it is given one.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn named<T: Named>(all: Vec<T>, name: &str, kind: &str) -> Result<T, String> {
    all.into_iter().find(|it| it.name() == name).ok_or_else(|| match (kind, name) {
        ("context", "") => "`current-context` is not set".to_owned(),
        _ => format!("no {kind} is named `{name}`"),
    })
}

trait Named {
    fn name(&self) -> &str;
}

macro_rules! entry {
    ($entry:ident, $field:ident: $of:ident) => {
        #[derive(Deserialize)]
        struct $entry {
            name: String,
            #[serde(default)]
            $field: $of,
        }

        impl Named for $entry {
            fn name(&self) -> &str {
                &self.name
            }
        }
    };
}

entry!(ContextEntry, context: Context);
entry!(ClusterEntry, cluster: Cluster);
entry!(UserEntry, user: User);

/// A kubeconfig, as far as it says how to reach a webhook. Other keys are kubectl's.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    contexts: Vec<ContextEntry>,
    #[serde(default)]
    clusters: Vec<ClusterEntry>,
    #[serde(default)]
    users: Vec<UserEntry>,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: bool,
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct User {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    username: Option<String>,
    exec: Option<serde_json::Value>,
    auth_provider: Option<serde_json::Value>,
}
