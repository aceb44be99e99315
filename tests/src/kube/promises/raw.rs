//! Attacks that `kubectl` cannot do: no credential at all, paths and methods as nobody writes them, impersonation by
//! headers. RBAC allows everything to everybody meanwhile.

use super::super::Setting;
use crate::{
    gate::{connect, response},
    pki,
};
use anyhow::Result;
use std::{fs, io::Write};

/// A request that is refused by a rule, and one that is not refused by the gate.
struct Raw {
    name: &'static str,
    by: By,
    request: &'static str,
    headers: &'static str,
    rule: &'static str,
    twin: &'static str,
    twin_headers: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Without a credential.
    Nobody,
    /// Whose client certificate it is.
    User(&'static str),
}

const MALLORY: By = By::User("mallory");
const PLAIN: Raw = Raw { name: "", by: MALLORY, request: "", headers: "", rule: "", twin: "", twin_headers: "" };

const ATTACKS: &[Raw] = &[
    Raw {
        name: "secrets without a credential",
        by: By::Nobody,
        request: "GET /api/v1/secrets",
        rule: "user_to_apiserver/anonymous-reads-health",
        twin: "GET /livez",
        ..PLAIN
    },
    Raw {
        name: "a pod made without a credential",
        by: By::Nobody,
        request: "POST /api/v1/namespaces/default/pods",
        rule: "user_to_apiserver/anonymous-reads-health",
        twin: "GET /version",
        ..PLAIN
    },
    Raw {
        name: "nodes/proxy in per cent",
        request: "GET /api/v1/%6eodes/node-a/%70roxy/pods",
        rule: "apiserver_to_kubelet/nodes-proxy",
        twin: "GET /api/v1/%6eodes/node-a",
        ..PLAIN
    },
    Raw {
        name: "a command by POST to the kubelet's /run",
        request: "POST /api/v1/nodes/node-a/proxy/run/default/web/web?cmd=id",
        rule: "apiserver_to_kubelet/nodes-proxy",
        twin: "POST /api/v1/nodes?dryRun=All",
        ..PLAIN
    },
    Raw {
        name: "the kubelet by its port",
        request: "GET /api/v1/nodes/https:node-a:10250/proxy/pods",
        rule: "apiserver_to_kubelet/nodes-proxy",
        twin: "GET /api/v1/nodes/node-a",
        ..PLAIN
    },
    Raw {
        name: "a way that Kubernetes has no more",
        request: "GET /api/v1/proxy/nodes/node-a/pods",
        rule: "apiserver_to_kubelet/nodes-proxy",
        twin: "GET /api/v1/watch/pods?timeoutSeconds=1",
        ..PLAIN
    },
    Raw {
        name: "a service in plain text, by its port's name",
        request: "GET /api/v1/namespaces/default/services/http:web:http/proxy/",
        rule: "apiserver_to_endpoint/no-plaintext",
        twin: "GET /api/v1/namespaces/default/services/https:web:https/proxy/",
        ..PLAIN
    },
    Raw {
        name: "a person as a controller, by a header",
        request: "GET /api/v1/secrets",
        headers: "Impersonate-User: system:kube-controller-manager\r\n",
        rule: "user_to_apiserver/impersonate-system",
        twin: "GET /api/v1/pods",
        twin_headers: "Impersonate-User: dora\r\n",

        ..PLAIN
    },
    Raw {
        name: "a person in a group of nodes, by a header",
        request: "GET /api/v1/secrets",
        headers: "Impersonate-User: dora\r\nImpersonate-Group: system:nodes\r\n",
        rule: "user_to_apiserver/impersonate-system",
        twin: "GET /api/v1/pods",
        twin_headers: "Impersonate-User: dora\r\nImpersonate-Group: team-a\r\n",
        ..PLAIN
    },
    Raw {
        name: "the scheduler's certificate on the old watch path",
        by: By::User("system:kube-scheduler"),
        request: "GET /api/v1/watch/secrets?timeoutSeconds=1",
        rule: "component_to_apiserver/scheduler-reads-no-secrets",
        twin: "GET /api/v1/watch/pods?timeoutSeconds=1",
        ..PLAIN
    },
];

/// Tells what is not as it should be of all of them.
pub(super) fn wrong(setting: &Setting) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let (status, body) = ask(setting, attack.by, attack.request, attack.headers)?;
        if status != 403 || !body.contains(&format!("(rule {}", attack.rule)) {
            wrong.push(format!("{}: not refused by {}: {status}: {body}", attack.name, attack.rule));
        }
        let (status, body) = ask(setting, attack.by, attack.twin, attack.twin_headers)?;
        if body.contains("pathgate: ") {
            wrong.push(format!("{}: its twin is refused: {status}: {body}", attack.name));
        }
    }
    Ok(wrong)
}

/// Whether somebody by this name was to be refused by this rule.
pub(super) fn is_provoked(user: &str, rule: &str) -> bool {
    let name = |by| match by {
        By::Nobody => "system:anonymous",
        By::User(name) => name,
    };
    ATTACKS.iter().any(|it| it.rule == rule && name(it.by) == user)
}

fn ask(setting: &Setting, by: By, request: &str, headers: &str) -> Result<(u16, String)> {
    let cluster = &setting.cluster;
    let client = match by {
        By::Nobody => None,
        By::User(name) => {
            cluster.user(name, None)?;
            let read = |ending: &str| fs::read_to_string(cluster.file(&format!("{name}.{ending}")));
            Some(pki::Identity { certificate: read("crt")?, key: read("key")? })
        }
    };
    let authority = fs::read_to_string(cluster.file("ca.crt"))?;
    let mut stream = connect(APISERVER, &authority, client.as_ref())?;
    let body = if request.starts_with("POST ") {
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    } else {
        "\r\n"
    };
    write!(stream, "{request} HTTP/1.1\r\nHost: kubernetes\r\nConnection: close\r\n{headers}{body}")?;
    stream.flush()?;
    response(&mut stream)
}

/// As `SERVER`.
pub(super) const APISERVER: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 6443);
