//! What naive classifiers and policies fall for, by number: a table for each trap, judged by the built-in plugins with
//! their defaults. The second column of a row is what is asked, the third its class, the fourth the rule that refuses it.

use super::World;
use crate::paths::tests::{what, who};
use wire::{
    Operator, Request, Requirement,
    Source::{self, *},
    Target,
    Traversal::{self, *},
    Verdict,
};

type Row = (&'static str, &'static str, (Source, Traversal), &'static str);

const TRAPS: &[(u8, &str, &[Row])] = &[
    (
        1,
        "get is not read-only: a WebSocket opens a stream by it, and kubectl begins with it",
        &[
            (ALICE, "get pods/exec web -n shop", (User, Stream), ""),
            (ALICE, "create pods/exec web -n shop", (User, Stream), ""),
            (NODE, "get pods/exec web -n shop", (Node, Stream), "node_to_apiserver/node-opens-nothing"),
            (
                SCHEDULER,
                "get pods/attach web -n shop",
                (ControlPlane, Stream),
                "component_to_apiserver/component-opens-nothing",
            ),
        ],
    ),
    (
        2,
        "get nodes/proxy runs commands in every pod of the node",
        &[
            (AGENT, "get nodes/proxy node-a", (Pod, NodeProxy), "apiserver_to_kubelet/nodes-proxy"),
            (AGENT, "get nodes/metrics node-a", (Pod, Kubelet), ""),
        ],
    ),
    (
        3,
        "a kubelet asks by the verb of HTTP, and falls back from the narrow name to nodes/proxy: refusing the second must not break the first",
        &[
            (AGENT, "get nodes/pods node-a", (Pod, Kubelet), ""),
            (AGENT, "get nodes/configz node-a", (Pod, Kubelet), ""),
            (AGENT, "get nodes/healthz node-a", (Pod, Kubelet), ""),
            (AGENT, "create nodes/proxy node-a", (Pod, NodeProxy), "apiserver_to_kubelet/nodes-proxy"),
            (AGENT, "update nodes/proxy node-a", (Pod, NodeProxy), "apiserver_to_kubelet/nodes-proxy"),
            (AGENT, "patch nodes/proxy node-a", (Pod, NodeProxy), "apiserver_to_kubelet/nodes-proxy"),
            (AGENT, "delete nodes/proxy node-a", (Pod, NodeProxy), "apiserver_to_kubelet/nodes-proxy"),
        ],
    ),
    (
        4,
        "verbs are words of any kind",
        &[
            (AGENT, "impersonate-on:associated-node:list pods", (Pod, Impersonation), ""),
            (AGENT, "associated-node:update resourceclaims/status.resource.k8s.io x -n web", (Pod, Plain), ""),
            (
                ALICE,
                "escalate clusterroles.rbac.authorization.k8s.io x",
                (User, Plain),
                "user_to_apiserver/bind-and-escalate",
            ),
            (
                ALICE,
                "bind clusterroles.rbac.authorization.k8s.io x",
                (User, Plain),
                "user_to_apiserver/bind-and-escalate",
            ),
            (
                ALICE,
                "approve signers.certificates.k8s.io kubernetes.io/legacy-unknown",
                (User, CredentialMinting),
                "tls_bootstrap/client-signers",
            ),
            (ALICE, "deletecollection pods -n web", (User, Plain), ""),
            (ALICE, "use podsecuritypolicies.policy x", (User, Plain), ""),
            (RESERVED, "* pods -n web", (Reserved, Plain), "user_to_apiserver/reserved-names"),
            (ALICE, " pods -n web", (Malformed, Plain), "gate/malformed"),
        ],
    ),
    (
        5,
        "a list of one object has a name, so a name does not mean get",
        &[
            (NODE, "list secrets tls -n shop", (Node, Plain), ""),
            (NODE, "watch nodes node-a", (Node, Plain), ""),
            (NODE, "list secrets -n shop", (Node, Plain), "node_to_apiserver/node-secrets-by-name"),
            (NODE, "list nodes node-b", (Node, Plain), "node_to_apiserver/node-reads-itself"),
        ],
    ),
    (
        6,
        "paths become attributes in odd ways",
        &[
            (ALICE, "watch pods -n shop", (User, Plain), ""),
            (ALICE, "get  web", (Malformed, Plain), "gate/malformed"),
            (ALICE, "get namespaces shop -n shop", (User, Plain), ""),
            (ALICE, "update namespaces/finalize shop -n shop", (User, Plain), ""),
        ],
    ),
    (
        7,
        "names of what is proxied carry a scheme and a port",
        &[
            (ALICE, "get services/proxy https:dash:443 -n web", (User, EndpointProxy), ""),
            (ALICE, "get pods/proxy http:web:8080 -n web", (User, EndpointProxy), "apiserver_to_endpoint/no-plaintext"),
            (ALICE, "get services/proxy web -n web", (User, EndpointProxy), "apiserver_to_endpoint/no-plaintext"),
            (
                ALICE,
                "get services/proxy HTTPS:web:443 -n web",
                (User, EndpointProxy),
                "apiserver_to_endpoint/readable-proxy-name",
            ),
            (
                KUBELET_CLIENT,
                "get nodes/proxy node-a:10255",
                (ControlPlane, NodeProxy),
                "apiserver_to_endpoint/no-plaintext",
            ),
            (KUBELET_CLIENT, "get nodes/proxy node-a:10250", (ControlPlane, NodeProxy), ""),
        ],
    ),
    (
        8,
        "anyone may ask about anyone, with any words, and the question is not the deed",
        &[
            (ALICE, "GET pods -n web", (User, Plain), ""),
            (ALICE, "* *", (User, Plain), ""),
            (ALICE, "get things.made.up x", (User, Plain), ""),
            (
                TOKEN,
                "create certificatesigningrequests/nodeclient.certificates.k8s.io",
                (Bootstrap, CredentialMinting),
                "",
            ),
            (
                NODE,
                "create certificatesigningrequests/selfnodeclient.certificates.k8s.io",
                (Node, CredentialMinting),
                "",
            ),
        ],
    ),
    (
        9,
        "a review shows the impersonated user only, and names that no authenticator gives can come of it",
        &[
            (
                "system:serviceaccount:kube-system:a:b +system:serviceaccounts +system:serviceaccounts:kube-system",
                "get pods",
                (PseudoServiceAccount, Plain),
                "pod_to_apiserver/half-an-identity",
            ),
            (
                "system:serviceaccount:Kube-System:x +system:serviceaccounts +system:serviceaccounts:Kube-System",
                "get pods",
                (PseudoServiceAccount, Plain),
                "pod_to_apiserver/half-an-identity",
            ),
            (ALICE, "impersonate groups system:masters", (User, Impersonation), "user_to_apiserver/impersonate-system"),
            (ALICE, "impersonate users bob", (User, Impersonation), ""),
        ],
    ),
    (
        10,
        "names and groups of Kubernetes can come from elsewhere: both must be there, and by the right credential",
        &[
            ("alice +system:nodes", "get pods web -n shop", (PseudoNode, Plain), "node_to_apiserver/half-a-node"),
            ("system:node:node-a", "get pods web -n shop", (PseudoNode, Plain), "node_to_apiserver/half-a-node"),
            (
                "system:node:node-a +system:nodes credential-id=JTI=1",
                "get pods web -n shop",
                (Node, Plain),
                "node_to_apiserver/node-by-certificate",
            ),
            ("system:node:node-a +system:nodes credential-id=X509SHA256=1", "get pods web -n shop", (Node, Plain), ""),
            (
                "system:serviceaccount:web:app +system:serviceaccounts +system:serviceaccounts:web credential-id=X509SHA256=1",
                "get pods",
                (UnboundServiceAccount, Plain),
                "pod_to_apiserver/service-account-by-token",
            ),
            (
                "system:kube-scheduler credential-id=JTI=1",
                "list pods",
                (ControlPlane, Plain),
                "component_to_apiserver/component-credential",
            ),
            ("alice +system:bootstrappers", "list pods", (Bootstrap, Plain), "tls_bootstrap/bootstrap-only-joins"),
            (
                "alice +system:serviceaccounts:kube-system",
                "list pods",
                (PseudoServiceAccount, Plain),
                "pod_to_apiserver/half-an-identity",
            ),
            (
                "alice +system:monitoring",
                "create pods -n web",
                (ControlPlane, Plain),
                "component_to_apiserver/monitoring-reads",
            ),
        ],
    ),
    (
        11,
        "other letters make another name: never equal, and told",
        &[
            ("alice +System:Masters", "list pods", (User, Plain), "user_to_apiserver/confusable-names"),
            ("alice +system:m\u{430}sters", "list pods", (User, Plain), "user_to_apiserver/confusable-names"),
            ("alice +system:masters\u{200b}", "list pods", (User, Plain), "user_to_apiserver/confusable-names"),
            ("system:Kube-Scheduler", "list pods", (Reserved, Plain), "user_to_apiserver/confusable-names"),
            ("alice +oidc:masters", "list pods", (User, Plain), ""),
        ],
    ),
    (
        12,
        "group, resource and subresource match together or not at all",
        &[
            (ALICE, "create services/portforward web -n shop", (User, Plain), ""),
            (ALICE, "get pods/exec.metrics.k8s.io web -n shop", (User, Plain), ""),
            (AGENT, "get nodes/proxy.metrics.k8s.io node-a", (Pod, Plain), ""),
            (ALICE, "patch nodes/status.metrics.k8s.io node-a", (User, Plain), ""),
            (ALICE, "patch nodes/status node-a", (User, Plain), "user_to_apiserver/node-status"),
        ],
    ),
    (
        13,
        "an empty namespace means all of them",
        &[
            (AGENT, "create serviceaccounts/token x", (Pod, CredentialMinting), "pod_to_apiserver/protected-tokens"),
            (
                AGENT,
                "create serviceaccounts/token x -n kube-system",
                (Pod, CredentialMinting),
                "pod_to_apiserver/protected-tokens",
            ),
            (AGENT, "create serviceaccounts/token x -n shop", (Pod, CredentialMinting), ""),
            (NODE, "get secrets tls", (Node, Plain), "node_to_apiserver/node-secrets-by-name"),
        ],
    ),
    (
        14,
        "paths match whole, and /api/v1 is a path",
        &[
            (ANONYMOUS, "get /healthz", (Anonymous, Discovery), ""),
            (ANONYMOUS, "get /healthzfoo", (Anonymous, Plain), "user_to_apiserver/anonymous-reads-health"),
            (ANONYMOUS, "get /api/v1", (Anonymous, Discovery), "user_to_apiserver/anonymous-reads-health"),
            (ALICE, "get /apis/apps/v1", (User, Discovery), ""),
            (TOKEN, "get /api/../metrics", (Bootstrap, Plain), "tls_bootstrap/bootstrap-only-joins"),
        ],
    ),
    (
        15,
        "that a kubelet asks, and what it asks, are two reviews that nothing links",
        &[
            (NODE, "create subjectaccessreviews.authorization.k8s.io", (Node, DelegatedCheck), ""),
            (AGENT, "get nodes/stats node-b", (Pod, Kubelet), ""),
        ],
    ),
    (
        16,
        "a refusal of kube-apiserver's client to kubelets is a refusal of everybody's logs",
        &[
            (KUBELET_CLIENT, "get nodes/proxy node-a", (ControlPlane, NodeProxy), ""),
            (KUBELET_CLIENT, "create nodes/proxy node-a", (ControlPlane, NodeProxy), ""),
            (KUBELET_CLIENT, "get nodes/log node-a", (ControlPlane, Kubelet), ""),
            ("kube-apiserver-kubelet-client", "create nodes/proxy node-a", (ControlPlane, NodeProxy), ""),
        ],
    ),
    (
        17,
        "who acts as its own node asks about `*`, and has no node's name",
        &[
            (AGENT, "impersonate:associated-node nodes.authentication.k8s.io *", (Pod, Impersonation), ""),
            (AGENT, "impersonate-on:associated-node:patch nodes/status *", (Pod, Impersonation), ""),
            (
                "system:serviceaccount:web:app +system:serviceaccounts +system:serviceaccounts:web associated-node-keys=node-name credential-id=JTI=1",
                "impersonate-on:associated-node:update nodes *",
                (UnboundServiceAccount, Impersonation),
                "",
            ),
            (
                AGENT,
                "impersonate:arbitrary-node nodes.authentication.k8s.io node-b",
                (Pod, Impersonation),
                "user_to_apiserver/impersonate-system",
            ),
        ],
    ),
];

const ALICE: &str = "alice +system:authenticated";
const RESERVED: &str = "system:kube-helper +system:authenticated";
const ANONYMOUS: &str = "system:anonymous +system:unauthenticated";
const NODE: &str = "system:node:node-a +system:nodes +system:authenticated";
const SCHEDULER: &str = "system:kube-scheduler +system:authenticated";
const KUBELET_CLIENT: &str = "kube-apiserver-kubelet-client +kubeadm:cluster-admins +system:authenticated";
const TOKEN: &str = "system:bootstrap:abcdef +system:bootstrappers +system:authenticated";
const AGENT: &str = "system:serviceaccount:web:app +system:serviceaccounts +system:serviceaccounts:web \
    +system:authenticated pod-name=p pod-uid=u node-name=node-a credential-id=JTI=1";

#[test]
fn no_trap_catches_the_gate() {
    let world = World::new();
    for (number, trap, rows) in TRAPS {
        for (user, target, class, rule) in *rows {
            let decision = world.decide(Request { target: what(target), ..who(user) });
            let got = ((decision.source, decision.traversal), decision.rule.as_str());
            assert_eq!(got, (*class, *rule), "trap {number}, {trap}: {user} wants to {target}");
        }
    }
}

#[test]
fn every_trap_has_its_rows() {
    let numbers: Vec<_> = TRAPS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=17).collect::<Vec<_>>());
}

/// Trap 5 goes on: only the requirement narrows, never the name.
#[test]
fn a_node_lists_pods_by_a_requirement_on_its_own_name_only() {
    let world = World::new();
    let list = |operator, values: &[&str]| {
        let mut request = Request { target: what("list pods"), ..who(NODE) };
        let Target::Resource(at) = &mut request.target else { panic!("no resource") };
        let values = values.iter().map(|it| (*it).to_owned()).collect();
        at.field_selector = vec![Requirement { key: "spec.nodeName".into(), operator, values }];
        world.decide(request).verdict
    };
    let got = [
        list(Operator::In, &["node-a"]),
        list(Operator::In, &["node-a", "node-b"]),
        list(Operator::In, &["node-b"]),
        list(Operator::NotIn, &["node-a"]),
        list(Operator::Exists, &[]),
    ];
    assert_eq!(got, [Verdict::NoOpinion, Verdict::Deny, Verdict::Deny, Verdict::Deny, Verdict::Deny]);
}
