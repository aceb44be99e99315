//! Attacks that `kubectl` can do, and in `raw` those that it cannot, on a cluster whose RBAC allows everything to everybody. Each is refused by the gate, with
//! rule and reason in the answer; its twin, which differs little, is not.

use super::{super::Setting, guard::is_refused_by, raw};
use crate::{kube::gate::builtin_with, process::Output};
use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::json;
use std::time::Duration;

/// Who attacks.
#[derive(Clone, Copy, Debug)]
enum By {
    /// By a client certificate: user, group.
    Certificate(&'static str, Option<&'static str>),
    /// The service account `mallet` of the namespace `default`.
    Pod,
    /// By the bootstrap token.
    Token,
    /// By the certificate that kube-apiserver has for kubelets.
    KubeletClient,
}

/// A `kubectl` command that is refused by a rule, and one that is not refused by the gate.
struct Attack {
    name: &'static str,
    by: By,
    command: &'static str,
    rule: &'static str,
    twin: (By, &'static str),
}

const MALLORY: By = By::Certificate("mallory", None);

const ATTACKS: &[Attack] = &[
    Attack {
        name: "a service in plain text",
        by: MALLORY,
        command: "get --raw /api/v1/namespaces/default/services/web:80/proxy/login",
        rule: "apiserver_to_endpoint/no-plaintext",
        twin: (MALLORY, "get --raw /api/v1/namespaces/default/services/https:web:443/proxy/login"),
    },
    Attack {
        name: "a pod in plain text",
        by: MALLORY,
        command: "get --raw /api/v1/namespaces/default/pods/web:8080/proxy/",
        rule: "apiserver_to_endpoint/no-plaintext",
        twin: (MALLORY, "get --raw /api/v1/namespaces/default/pods/https:web:8443/proxy/"),
    },
    Attack {
        name: "a pod that proxies",
        by: By::Pod,
        command: "get --raw /api/v1/namespaces/default/services/https:web:443/proxy/",
        rule: "apiserver_to_endpoint/proxy-by-service-accounts",
        twin: (By::Pod, "get --raw /api/v1/namespaces/default/services/web"),
    },
    Attack {
        name: "a node's addresses written by a person",
        by: MALLORY,
        command: "patch node node-a --subresource=status --type=merge --patch={}",
        rule: "user_to_apiserver/node-status",
        twin: (MALLORY, "label node node-a seen=yes --overwrite"),
    },
    Attack {
        name: "a node's addresses written by a token outside of pods",
        by: By::Pod,
        command: "patch node node-a --subresource=status --type=merge --patch={}",
        rule: "pod_to_apiserver/node-status",
        twin: (By::Pod, "get node node-a"),
    },
    Attack {
        name: "nodes/proxy by a person",
        by: MALLORY,
        command: "get --raw /api/v1/nodes/node-a/proxy/pods",
        rule: "apiserver_to_kubelet/nodes-proxy",
        twin: (MALLORY, "logs web"),
    },
    Attack {
        name: "acting as a node",
        by: MALLORY,
        command: "get secrets --as=system:node:node-a --as-group=system:nodes",
        rule: "user_to_apiserver/impersonate-system",
        twin: (MALLORY, "get pods --as=system:serviceaccount:default:mallet"),
    },
    Attack {
        name: "a controller's token",
        by: MALLORY,
        command: "create token node-controller --namespace=kube-system",
        rule: "user_to_apiserver/protected-tokens",
        twin: (MALLORY, "create token mallet"),
    },
    Attack {
        name: "a controller's token for a pod",
        by: By::Pod,
        command: "create token node-controller --namespace=kube-system",
        rule: "pod_to_apiserver/protected-tokens",
        twin: (By::Pod, "create token mallet"),
    },
    Attack {
        name: "a token of a tunnel's agent",
        by: By::Certificate("kubernetes-admin", Some("kubeadm:cluster-admins")),
        command: "create token konnectivity-agent --namespace=kube-system",
        rule: "tunnel/agent-token",
        twin: (By::Certificate("kubernetes-admin", Some("kubeadm:cluster-admins")), "create token mallet"),
    },
    Attack {
        name: "endpoints written by a person",
        by: MALLORY,
        command: "create --raw /api/v1/namespaces/default/endpoints -f /dev/null",
        rule: "user_to_apiserver/endpoints",
        twin: (MALLORY, "get endpointslices"),
    },
    Attack {
        name: "a load balancer's address written by a person",
        by: MALLORY,
        command: "patch service web --subresource=status --type=merge --patch={}",
        rule: "user_to_apiserver/service-status",
        twin: (MALLORY, "patch service web --type=merge --patch={}"),
    },
    Attack {
        name: "a bootstrap token that looks around",
        by: By::Token,
        command: "get secrets --namespace=kube-system",
        rule: "tls_bootstrap/bootstrap-only-joins",
        twin: (By::Token, "get certificatesigningrequests"),
    },
    Attack {
        name: "a bootstrap token that is read",
        by: MALLORY,
        command: "get secret bootstrap-token-abcdef --namespace=kube-system",
        rule: "tls_bootstrap/bootstrap-token-secrets",
        twin: (
            By::Certificate("kubernetes-admin", Some("kubeadm:cluster-admins")),
            "get secret bootstrap-token-abcdef --namespace=kube-system",
        ),
    },
    Attack {
        name: "kube-apiserver's own certificate, stolen",
        by: By::KubeletClient,
        command: "get --raw /api/v1/secrets",
        rule: "component_to_apiserver/kubelet-client-asks-kubelets",
        twin: (By::Certificate("kubernetes-admin", Some("kubeadm:cluster-admins")), "get secrets --all-namespaces"),
    },
    Attack {
        name: "the scheduler's certificate, stolen",
        by: By::Certificate("system:kube-scheduler", None),
        command: "get secrets --all-namespaces",
        rule: "component_to_apiserver/scheduler-reads-no-secrets",
        twin: (By::Certificate("system:kube-scheduler", None), "get nodes"),
    },
    Attack {
        name: "a group that looks like system:masters",
        by: By::Certificate("trudy", Some("System:Masters")),
        command: "get --raw /api/v1/namespaces/default/pods",
        rule: "user_to_apiserver/confusable-names",
        twin: (By::Certificate("trudy", Some("oidc:masters")), "get pods"),
    },
    Attack {
        name: "a group that looks like system:nodes, in Cyrillic",
        by: By::Certificate("trudy", Some("system:n\u{43e}des")),
        command: "get --raw /api/v1/namespaces/default/pods",
        rule: "user_to_apiserver/confusable-names",
        twin: (By::Certificate("trudy", Some("oidc:nodes")), "get pods"),
    },
    Attack {
        name: "a name that is reserved",
        by: By::Certificate("system:kube-helper", None),
        command: "delete pod nothing",
        rule: "user_to_apiserver/reserved-names",
        twin: (By::Certificate("system:kube-helper", None), "get pods"),
    },
    Attack {
        name: "half a node",
        by: By::Certificate("trudy", Some("system:nodes")),
        command: "get --raw /api/v1/namespaces/default/pods",
        rule: "node_to_apiserver/half-a-node",
        twin: (By::Certificate("trudy", None), "get pods"),
    },
    Attack {
        name: "half a service account",
        by: By::Certificate("trudy", Some("system:serviceaccounts:kube-system")),
        command: "get --raw /api/v1/namespaces/default/pods",
        rule: "pod_to_apiserver/half-an-identity",
        twin: (By::Pod, "get pods"),
    },
];

pub fn attacks_that_rbac_allows_are_refused_and_their_twins_are_not(setting: &mut Setting) -> Result<()> {
    setting.cluster.apply(include_str!("../../../fixtures/kube/attackers.yaml"))?;
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let refused = act(setting, attack.by, attack.command)?;
        if !is_refused_by(&refused, attack.rule) {
            wrong.push(format!("{}: not refused by {}: {refused:?}", attack.name, attack.rule));
        }
        let twin = act(setting, attack.twin.0, attack.twin.1)?;
        if twin.stderr.contains("pathgate: ") && !twin.stderr.contains("pathgate: no opinion") {
            wrong.push(format!("{}: its twin is refused: {twin:?}", attack.name));
        }
    }
    wrong.extend(raw::wrong(setting)?);
    let bound = "clusterrolebinding/everything-to-everybody";
    setting.cluster.kubectl(&setting.cluster.root(), &["delete", bound])?.ok()?;
    ensure!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// No authority is replaced, no certificate expires, nothing restarts.
pub fn one_revoked_certificate_is_dead_and_its_neighbour_lives(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let group = Some("kubeadm:cluster-admins");
    let neighbour = cluster.user("peggy", group)?;
    let laptop = cluster.user("victor", group)?;
    cluster.kubectl(&laptop, &["get", "pods"])?.ok()?;
    let der = CertificateDer::from_pem_file(cluster.file("victor.crt")).context("read victor's certificate")?;
    let hex: String = digest(&SHA256, &der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut revoked = serde_json::Map::new();
    revoked.insert(hex, json!("laptop stolen"));
    gate.set_plugins(Some(&builtin_with(&[("revocation", json!({"certificates": revoked}))])))?;
    cluster.eventually("the certificate is refused", SOON, || {
        let asked = cluster.kubectl(&laptop, &["get", "pods"])?;
        ensure!(is_refused_by(&asked, "revocation/revoked-certificate"), "{asked:?}");
        ensure!(asked.stderr.contains("(laptop stolen)"), "{asked:?}");
        Ok(())
    })?;
    cluster.kubectl(&neighbour, &["get", "pods"])?.ok()?;
    // The same user with a new certificate.
    let again = cluster.user("victor", group)?;
    cluster.kubectl(&again, &["get", "pods"])?.ok()?;
    gate.set_plugins(None)
}

fn act(setting: &Setting, by: By, command: &str) -> Result<Output> {
    let cluster = &setting.cluster;
    let who = match by {
        By::Certificate(name, group) => cluster.user(name, group)?,
        By::Pod => cluster.service_account("mallet")?,
        By::Token => cluster.token("abcdef.0123456789abcdef")?,
        By::KubeletClient => {
            let files = crate::pki::Files {
                certificate: cluster.file("kubelet-client.crt"),
                key: cluster.file("kubelet-client.key"),
            };
            cluster.with_certificate("stolen", &files)?
        }
    };
    cluster.kubectl(&who, &command.split(' ').collect::<Vec<_>>())
}

/// Whether a refusal is one that a promise provoked: somebody by this name was to be refused by this rule.
pub fn is_provoked(user: &str, rule: &str) -> bool {
    let by_attack = ATTACKS.iter().any(|attack| attack.rule == rule && name(attack.by) == user);
    by_attack || raw::is_provoked(user, rule) || PROVOKED.contains(&(user, rule))
}

fn name(by: By) -> &'static str {
    match by {
        By::Certificate(name, _) => name,
        By::Pod => "system:serviceaccount:default:mallet",
        By::Token => "system:bootstrap:abcdef",
        By::KubeletClient => "kube-apiserver-kubelet-client",
    }
}

/// By the other promises.
const PROVOKED: [(&str, &str); 4] = [
    ("system:serviceaccount:default:broad-agent", "apiserver_to_kubelet/nodes-proxy"),
    ("system:node:node-a", "node_to_apiserver/node-reads-itself"),
    ("trudy", "tls_bootstrap/client-signers"),
    ("victor", "revocation/revoked-certificate"),
];

/// A change is noticed, validated and compiled, in a debug build.
const SOON: Duration = Duration::from_secs(60);
