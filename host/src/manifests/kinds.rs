//! What each kind of file says. Rules of Kubernetes' own defaults; no file says more than it says.

use super::Apiserver;
use crate::posture::{About, Authz, Bypass, Claim, Client, FileFault, Says, Server, Shown, Transport, Tunnel};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What was said so far.
#[derive(Default)]
pub(super) struct Said {
    claims: Vec<Claim>,
    faults: Vec<FileFault>,
    /// Whose kubeconfig lies in a folder.
    nodes: HashMap<PathBuf, Vec<String>>,
    /// Configurations of kubelets, until it is known whose they are.
    kubelets: Vec<(PathBuf, Vec<(Says, String)>)>,
    masters: Vec<PathBuf>,
    apiservers: Vec<Apiserver>,
    unseen: Vec<FileFault>,
}

/// Why nobody knows the subject of a certificate.
enum NoSubject {
    /// It is not here.
    Unseen(String),
    Broken(String),
}

/// Whom a client certificate names.
struct Subject {
    name: String,
    is_master: bool,
}

impl Said {
    /// Takes one document; kinds that say nothing of paths are left out.
    pub fn take(&mut self, path: &Path, document: &Value) {
        match text(document, "kind") {
            "Pod" => self.pod(path, document),
            "Config" => self.kubeconfig(path, document),
            "KubeletConfiguration" => self.kubelets.push((path.to_owned(), kubelet(document))),
            "EgressSelectorConfiguration" => self.egress(path, document),
            _ => {}
        }
    }

    /// The kubeconfigs whose user kube-apiserver asks nobody about.
    pub fn apiservers(&mut self) -> Vec<Apiserver> {
        std::mem::take(&mut self.apiservers)
    }

    pub fn masters(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.masters)
    }

    /// The files that name another one that could not be read.
    pub fn unseen(&mut self) -> Vec<FileFault> {
        std::mem::take(&mut self.unseen)
    }

    /// A kubelet's configuration does not name its node: the kubeconfig beside it does, else it is meant for all.
    pub fn finish(mut self) -> (Vec<Claim>, Vec<FileFault>) {
        for (path, says) in std::mem::take(&mut self.kubelets) {
            let beside = path.parent().and_then(|it| self.nodes.get(it)).map(Vec::as_slice);
            let about = match beside {
                Some([node]) => About::Kubelet(node.clone()),
                Some([]) | None => About::Kubelets,
                Some(_) => {
                    self.fault(&path, "kubeconfigs of several nodes lie beside it; give each node a folder".into());
                    continue;
                }
            };
            says.into_iter().for_each(|(says, note)| self.claim(&path, about.clone(), says, note));
        }
        (self.claims, self.faults)
    }

    fn pod(&mut self, path: &Path, pod: &Value) {
        for container in list(pod, "/spec/containers") {
            let words = || list(container, "/command").chain(list(container, "/args")).filter_map(Value::as_str);
            let is_apiserver = words().next().is_some_and(|it| it.rsplit('/').next() == Some("kube-apiserver"));
            if is_apiserver {
                let flags = flags(words());
                let authorization = flags.get("authorization-config").filter(|it| !it.is_empty()).cloned();
                let mode = flags.get("authorization-mode");
                let asks_webhook_first = mode.is_some_and(|modes| modes.split(',').next() == Some("Webhook"));
                let token_file = flags.get("token-auth-file").filter(|it| !it.is_empty()).cloned();
                let manifest = path.to_owned();
                self.apiservers.push(Apiserver { manifest, authorization, asks_webhook_first, token_file });
                let minor = minor(text(container, "image"));
                self.apiserver(path, &flags, minor);
            }
        }
    }

    fn apiserver(&mut self, path: &Path, flags: &HashMap<String, String>, minor: Option<u32>) {
        let flag = |name: &str| flags.get(name).map(String::as_str).filter(|it| !it.is_empty());
        let mut say = |says: Says, note: String| self.claim(path, About::Apiserver, says, note);
        match flag("kubelet-certificate-authority") {
            Some(file) => say(
                Says::Server(Server::Checked),
                format!("chain and address, by --kubelet-certificate-authority={file}"),
            ),
            None => say(Says::Server(Server::NotChecked), "--kubelet-certificate-authority is not set".into()),
        }
        let pair = (flag("kubelet-client-certificate"), flag("kubelet-client-key"));
        match pair {
            (Some(file), Some(_)) => {
                say(Says::Client(Client::Certificate), format!("--kubelet-client-certificate={file}"))
            }
            (None, None) => say(
                Says::Client(Client::Anonymous),
                "--kubelet-client-certificate is not set: it calls kubelets without a name".into(),
            ),
            (Some(_), None) | (None, Some(_)) => {}
        }
        let mode = flag("authorization-mode");
        match (flag("authorization-config"), mode) {
            (Some(file), _) => say(Says::Authz(Authz::Delegated), format!("--authorization-config={file}")),
            (None, Some(modes)) if !modes.split(',').any(|it| it == "AlwaysAllow") => {
                say(Says::Authz(Authz::Delegated), format!("--authorization-mode={modes}"));
            }
            (None, Some(modes)) => say(Says::Authz(Authz::AlwaysAllow), format!("--authorization-mode={modes}")),
            (None, None) => {
                say(Says::Authz(Authz::AlwaysAllow), "without --authorization-mode everything is allowed".into())
            }
        }
        if flag("ssh-user").is_some() && minor.is_some_and(|it| it < 22) {
            say(Says::Tunnel(Tunnel::Ssh), "--ssh-user".into());
        }
        let insecure = flag("insecure-port");
        let faults = [
            (
                matches!(pair, (Some(_), None) | (None, Some(_))),
                "only one of --kubelet-client-certificate and --kubelet-client-key is set; kube-apiserver will not start",
            ),
            (
                flag("authorization-config").is_some() && mode.is_some(),
                "--authorization-config and --authorization-mode exclude each other; kube-apiserver will not start",
            ),
            (
                flag("ssh-user").is_some() && minor.is_some_and(|it| it >= 22),
                "--ssh-user is gone since Kubernetes 1.22; kube-apiserver will not start",
            ),
            (
                insecure != Some("0") && minor.is_some_and(|it| it < 20),
                "before Kubernetes 1.20 an insecure port is open unless it is closed; set --insecure-port=0",
            ),
            (
                insecure.is_some() && minor.is_some_and(|it| it >= 24),
                "--insecure-port is gone since Kubernetes 1.24; kube-apiserver will not start",
            ),
        ];
        for (_, message) in faults.iter().filter(|(wrong, _)| *wrong) {
            self.fault(path, (*message).into());
        }
    }

    fn kubeconfig(&mut self, path: &Path, config: &Value) {
        let current = text(config, "current-context");
        let Some(context) = entry(config, "contexts", current).and_then(|it| it.get("context")) else {
            return self.fault(path, format!("has no context `{current}`, which `current-context` names"));
        };
        let named = |list: &str, kind: &str, inner: &str| {
            entry(config, list, text(context, kind)).and_then(|it| it.get(inner)).cloned().unwrap_or_default()
        };
        let (cluster, user) = (named("clusters", "cluster", "cluster"), named("users", "user", "user"));
        let certificate = match certificate(path, &user) {
            Ok(it) => it,
            Err(NoSubject::Broken(message)) => return self.fault(path, message),
            Err(NoSubject::Unseen(message)) => {
                return self.unseen.push(FileFault { path: path.display().to_string(), message });
            }
        };
        if certificate.as_ref().is_some_and(|it| it.is_master) {
            self.masters.push(path.to_owned());
        }
        let name = match &certificate {
            Some(subject) => subject.name.clone(),
            // A token tells no name; what people call users in kubeconfigs is a name only if it is one of Kubernetes'.
            None => Some(text(context, "user")).filter(|it| it.starts_with("system:")).unwrap_or_default().to_owned(),
        };
        if name.is_empty() {
            return;
        }
        if let (Some(node), Some(folder)) = (name.strip_prefix("system:node:"), path.parent()) {
            self.nodes.entry(folder.to_owned()).or_default().push(node.to_owned());
        }
        let about = About::Caller(name);
        let mut say = |says: Says, note: String| self.claim(path, about.clone(), says, note);
        let ca =
            ["certificate-authority", "certificate-authority-data"].iter().any(|it| !text(&cluster, it).is_empty());
        if text(&cluster, "server").starts_with("http://") {
            say(Says::Transport(Transport::Plaintext), "its server is an http:// address".into());
        }
        if cluster.get("insecure-skip-tls-verify").and_then(Value::as_bool) == Some(true) {
            say(Says::Server(Server::NotChecked), "insecure-skip-tls-verify: true".into());
        } else if ca {
            say(Says::Server(Server::Checked), "its kubeconfig has a certificate-authority".into());
        } else {
            say(
                Says::Server(Server::Checked),
                "its kubeconfig has no certificate-authority, so the host’s own roots count".into(),
            );
        }
        if certificate.is_some() {
            say(Says::Client(Client::Certificate), "its kubeconfig has a client certificate".into());
        } else if ["token", "tokenFile"].iter().any(|it| !text(&user, it).is_empty()) {
            say(Says::Client(Client::Token), "its kubeconfig has a token".into());
        }
    }

    fn egress(&mut self, path: &Path, config: &Value) {
        for selection in list(config, "/egressSelections").filter(|it| text(it, "name") == "cluster") {
            let connection = selection.get("connection").cloned().unwrap_or_default();
            let url = connection.pointer("/transport/tcp/url").and_then(Value::as_str).unwrap_or_default();
            if url.starts_with("http://") {
                self.fault(
                    path,
                    "an http:// egress proxy makes kube-apiserver panic; use https:// or a Unix socket".into(),
                );
            }
            let (tunnel, note) = match text(&connection, "proxyProtocol") {
                "Direct" => (Tunnel::None, "proxyProtocol: Direct"),
                "GRPC" => (Tunnel::Konnectivity, "proxyProtocol: GRPC, for nodes, pods and services"),
                _ => (Tunnel::Konnectivity, "proxyProtocol: HTTPConnect, for nodes, pods and services"),
            };
            self.claim(path, About::Apiserver, Says::Tunnel(tunnel), note.into());
        }
    }

    fn claim(&mut self, path: &Path, about: About, says: Says, note: String) {
        let from: Arc<str> = path.display().to_string().into();
        self.claims.push(Claim { about, says, from, note: note.into() });
    }

    fn fault(&mut self, path: &Path, message: String) {
        self.faults.push(FileFault { path: path.display().to_string(), message });
    }
}

/// The defaults are those of a configuration file; without a file kubelets have others.
fn kubelet(config: &Value) -> Vec<(Says, String)> {
    let at = |pointer: &str| config.pointer(pointer);
    let mut says = Vec::new();
    let anonymous = at("/authentication/anonymous/enabled").and_then(Value::as_bool).unwrap_or(false);
    let client = if anonymous { Client::Anonymous } else { Client::Named };
    says.push((Says::Client(client), format!("authentication.anonymous.enabled: {anonymous}")));
    let mode = at("/authorization/mode").and_then(Value::as_str).filter(|it| !it.is_empty()).unwrap_or("Webhook");
    let authz = if mode == "AlwaysAllow" { Authz::AlwaysAllow } else { Authz::Delegated };
    says.push((Says::Authz(authz), format!("authorization.mode: {mode}")));
    let port = at("/readOnlyPort").and_then(Value::as_u64).unwrap_or(0);
    let bypass = if port == 0 { Bypass::Closed } else { Bypass::Open };
    says.push((Says::Bypass(bypass), format!("readOnlyPort: {port}")));
    let bootstrap = at("/serverTLSBootstrap").and_then(Value::as_bool).unwrap_or(false);
    if !bootstrap && text(config, "tlsCertFile").is_empty() {
        let note = "neither serverTLSBootstrap nor tlsCertFile: the kubelet signs its own certificate";
        says.push((Says::Shown(Shown::SelfSigned), note.into()));
    }
    says
}

/// The subject of a user's client certificate; nothing if it has none.
fn certificate(path: &Path, user: &Value) -> Result<Option<Subject>, NoSubject> {
    let data = text(user, "client-certificate-data");
    let file = text(user, "client-certificate");
    let pem = if !data.is_empty() {
        BASE64_STANDARD
            .decode(data)
            .map_err(|error| NoSubject::Broken(format!("read `client-certificate-data`: {error}")))?
    } else if !file.is_empty() {
        let at = path.parent().unwrap_or(Path::new("")).join(file);
        let read = || -> std::io::Result<Vec<u8>> {
            let size = fs::metadata(&at)?.len();
            if size > MOST_PEM {
                Err(std::io::Error::other(format!("longer than {MOST_PEM} bytes")))
            } else {
                fs::read(&at)
            }
        };
        read()
            .map_err(|error| NoSubject::Unseen(format!("read `{}`, its `client-certificate`: {error}", at.display())))?
    } else {
        return Ok(None);
    };
    let broken = |message: &str| NoSubject::Broken(message.to_owned());
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| broken("its client certificate is not PEM"))?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| broken("its client certificate cannot be read"))?;
    let name = parsed.subject().iter_common_name().next().and_then(|it| it.as_str().ok());
    let mut groups = parsed.subject().iter_organization().filter_map(|it| it.as_str().ok());
    let is_master = groups.any(|it| it == "system:masters");
    Ok(Some(Subject { name: name.unwrap_or_default().to_owned(), is_master }))
}

/// `--name=value` and `--name value`; of a flag that is given twice, the last counts.
fn flags<'a>(words: impl Iterator<Item = &'a str>) -> HashMap<String, String> {
    let mut words = words.peekable();
    let mut flags = HashMap::new();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value),
            None => (flag, words.next_if(|it| !it.starts_with("--")).unwrap_or("true")),
        };
        flags.insert(name.replace('_', "-"), value.to_owned());
    }
    flags
}

/// The minor version of an image as `registry/kube-apiserver:v1.36.2`.
fn minor(image: &str) -> Option<u32> {
    let tag = image.split('@').next()?.rsplit('/').next()?.split_once(':')?.1;
    let (minor, _) = tag.strip_prefix('v').unwrap_or(tag).strip_prefix("1.")?.split_once('.')?;
    minor.parse().ok()
}

fn entry<'a>(config: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    config.get(list)?.as_array()?.iter().find(|it| text(it, "name") == name)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

const MOST_PEM: u64 = 64 * 1024;
