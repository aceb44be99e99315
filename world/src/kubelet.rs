//! Kubelets: real TLS servers that show one certificate each, ask for their caller's, and answer as kubelets do.
//!
//! A kubelet takes any certificate in the handshake and looks at it afterwards: who shows none, or one of a foreign
//! authority, is anonymous and gets 401. They delegate no authorization: their only user is kube-apiserver.

use crate::{
    authority::{Authorities, Identity},
    cast::{Cast, Manner, Node, Pod},
    door::{self, Answer, Shown},
    facts,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, SingleCertAndKey},
};
use std::sync::Arc;

/// The certificate that a kubelet serves.
pub(crate) fn identity(authorities: &Authorities, node: &Node) -> Result<Identity, rcgen::Error> {
    let of = |name: &str| {
        authorities.kubelets.server(&format!("system:node:{name}"), Some("system:nodes"), &[name], &[node.address])
    };
    match &node.manner {
        Manner::Signed | Manner::ReadOnlyPort => of(&node.name),
        Manner::SelfSigned => Identity::of_lone_kubelet(&node.name),
        Manner::Stolen(other) => of(other),
    }
}

/// What all kubelets have in common.
pub(crate) struct Common {
    config: ServerConfig,
    clients: Arc<dyn ClientCertVerifier>,
    cast: Arc<Cast>,
}

impl Common {
    pub(crate) fn new(authorities: &Authorities, cast: Arc<Cast>) -> Result<Common, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authorities.cluster.certificate())?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build();
        let clients = clients.map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(Later(clients.clone())))
            .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Common { config, clients, cast })
    }

    /// The TLS of one kubelet.
    pub(crate) fn tls(&self, certified: Arc<CertifiedKey>) -> Arc<ServerConfig> {
        let mut config = self.config.clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Arc::new(config)
    }

    /// Its secure port.
    pub(crate) fn secure(self: &Arc<Common>, node: usize) -> Answer {
        let common = self.clone();
        Arc::new(move |shown, request| match common.caller(shown) {
            None => door::text(StatusCode::UNAUTHORIZED, "Unauthorized"),
            Some(caller) if caller == KUBELET_CLIENT => common.answer(node, request),
            Some(caller) => {
                let verb = if request.method() == Method::GET { "get" } else { "create" };
                let text = format!("Forbidden (user={caller}, verb={verb}, resource=nodes, subresource(s)=[proxy])");
                door::text(StatusCode::FORBIDDEN, text)
            }
        })
    }

    /// Its read-only port, where nobody is asked who they are.
    pub(crate) fn read_only(self: &Arc<Common>, node: usize) -> Answer {
        let common = self.clone();
        Arc::new(move |_, request| match request.uri().path() {
            "/pods" | "/pods/" | "/healthz" | "/metrics" => common.answer(node, request),
            _ => door::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        })
    }

    fn answer(&self, node: usize, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut here = self.cast.pods.iter().filter(|pod| pod.node == node);
        let path = request.uri().path();
        match (request.method(), path.trim_end_matches('/')) {
            (&Method::GET, "/healthz") => door::text(StatusCode::OK, "ok"),
            (&Method::GET, "/pods") => door::json(&facts::list("PodList", here.map(|it| facts::pod(&self.cast, it)))),
            (&Method::GET, "/metrics") => {
                let text = format!("# TYPE kubelet_running_pods gauge\nkubelet_running_pods {}\n", here.count());
                door::text(StatusCode::OK, text)
            }
            (&Method::GET, path) => match here.find(|pod| is_log_of(path, pod)) {
                Some(pod) => door::text(StatusCode::OK, format!("{} started\n{} ready\n", pod.name, pod.name)),
                None => door::text(StatusCode::NOT_FOUND, "404 page not found\n"),
            },
            _ => door::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }

    /// The name in a certificate of the cluster's authority.
    fn caller(&self, shown: &Shown) -> Option<String> {
        let (leaf, intermediates) = shown.split_first()?;
        self.clients.verify_client_cert(leaf, intermediates, UnixTime::now()).ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(leaf).ok()?;
        let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
        Some(name.to_owned())
    }
}

fn is_log_of(path: &str, pod: &Pod) -> bool {
    path.strip_prefix("/containerLogs/")
        .is_some_and(|rest| rest.split('/').eq([pod.namespace, pod.name.as_str(), pod.app]))
}

/// Takes any certificate whose key the client has. Who issued it is asked afterwards, and answered by 401.
#[derive(Debug)]
struct Later(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Later {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// By which kube-apiserver calls kubelets.
pub(crate) const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client";
