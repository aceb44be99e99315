mod enumeration;

use super::{Class, Fault, Names, ProxyName, classify, fault, proxy_name};
use wire::{Operator, Path, Request, Requirement, Resource, Source, Target, Traversal};

/// `user`, or `user +group +group key=value`.
pub(crate) fn who(text: &str) -> Request {
    let mut words = text.split(' ');
    let mut request = Request { user: words.next().unwrap().into(), ..Request::default() };
    for word in words {
        match (word.strip_prefix('+'), word.split_once('=')) {
            (Some(group), _) => request.groups.push(group.into()),
            (None, Some((key, value))) => {
                request.extra.push((format!("authentication.kubernetes.io/{key}"), vec![value.into()]));
            }
            (None, None) => panic!("{word}"),
        }
    }
    request
}

/// `verb /path`, or `verb resource[/subresource][.group] [name] [-n namespace]`.
pub(crate) fn what(text: &str) -> Target {
    let mut words = text.split(' ');
    let verb = words.next().unwrap().to_owned();
    let at = words.next().unwrap();
    if at.starts_with('/') {
        return Target::NonResource { path: at.into(), verb };
    }
    let (kind, group) = at.split_once('.').unwrap_or((at, ""));
    let (resource, subresource) = kind.split_once('/').unwrap_or((kind, ""));
    let mut it = Resource {
        verb,
        group: group.into(),
        version: "v1".into(),
        resource: resource.into(),
        subresource: subresource.into(),
        ..Resource::default()
    };
    while let Some(word) = words.next() {
        match word {
            "-n" => it.namespace = words.next().unwrap().into(),
            name => it.name = name.into(),
        }
    }
    Target::Resource(Box::new(it))
}

fn class(user: &str, target: &str) -> Class {
    classify(&Request { target: what(target), ..who(user) }, &Names::default())
}

fn sources(table: &[(&str, Source)]) {
    let got: Vec<_> = table.iter().map(|(user, _)| (*user, class(user, "get configmaps x -n y").source)).collect();
    assert_eq!(got, table);
}

fn traversals(table: &[(&str, Traversal)]) {
    let got: Vec<_> = table.iter().map(|(target, _)| (*target, class("alice", target).traversal)).collect();
    assert_eq!(got, table);
}

fn paths(table: &[(&str, &str, Path)]) {
    let got: Vec<_> = table.iter().map(|(user, target, _)| (*user, *target, class(user, target).path)).collect();
    assert_eq!(got, table);
}

const SA: &str = "system:serviceaccount:web:app +system:serviceaccounts +system:serviceaccounts:web";

#[test]
fn whatever_kube_apiserver_would_not_send_is_malformed_and_says_why() {
    let ask = |user: &str, target: &str| Request { target: what(target), ..who(user) };
    let bad = |fault: &str| Request { target: Target::Malformed { fault: fault.into() }, ..who("alice") };
    let with = |change: fn(&mut Request)| {
        let mut request = ask("alice +dev", "list pods -n web");
        change(&mut request);
        request
    };
    let cases = [
        (bad("both kinds of attributes"), "both kinds of attributes"),
        (Request { user: "alice".into(), ..Request::default() }, "no attributes"),
        (with(|it| it.user.clear()), "`user` is empty"),
        (with(|it| it.target = what(" pods")), "`verb` is empty"),
        (with(|it| it.target = what("get ")), "`resource` is empty"),
        (with(|it| it.target = what(" /healthz")), "`verb` is empty"),
        (with(|it| it.target = Target::NonResource { path: String::new(), verb: "get".into() }), "`path` is empty"),
        (with(|it| it.user = "alice\0".into()), "`user` holds a control character"),
        (with(|it| it.uid = "\u{85}".into()), "`uid` holds a control character"),
        (with(|it| it.groups.push("dev\n".into())), "`groups` holds a control character"),
        (with(|it| it.extra.push(("k".into(), vec!["\u{7f}".into()]))), "`extra` holds a control character"),
        (with(|it| it.target = what("get /a\tb")), "`path` holds a control character"),
        (with(|it| it.target = what("get pods web\r")), "`name` holds a control character"),
        (
            with(|it| {
                let requirement =
                    Requirement { key: "a".into(), operator: Operator::In, values: vec!["\u{1b}".into()] };
                it.target = Target::Resource(Box::new(Resource {
                    verb: "list".into(),
                    resource: "pods".into(),
                    label_selector: vec![requirement],
                    ..Resource::default()
                }));
            }),
            "`labelSelector` holds a control character",
        ),
        (with(|it| it.groups.push("g".repeat(64 * 1024))), "its strings together are longer than 65536 bytes"),
        (
            ask("system:anonymous +system:authenticated", "get pods"),
            "anonymous, yet a member of `system:authenticated`",
        ),
        (ask("bob +system:unauthenticated +dev", "get pods"), "anonymous, yet a member of `dev`"),
    ];
    let got: Vec<_> = cases
        .iter()
        .map(|(request, _)| {
            (classify(request, &Names::default()).source, fault(request).map(|it| it.to_string()).unwrap_or_default())
        })
        .collect();
    let wanted: Vec<_> = cases.iter().map(|(_, text)| (Source::Malformed, (*text).to_owned())).collect();
    assert_eq!(got, wanted);
}

#[test]
fn a_long_but_honest_request_is_not_malformed() {
    let mut request = Request { target: what("get pods"), ..who("zoë") };
    request.groups = (0..1000).map(|n| format!("oidc:équipe-{n}")).collect();
    assert_eq!((fault(&request), classify(&request, &Names::default()).source), (None, Source::User));
}

#[test]
fn a_superuser_is_one_whatever_else_it_says() {
    sources(&[
        ("admin +system:masters", Source::Superuser),
        ("system:node:n1 +system:nodes +system:masters", Source::Superuser),
        ("system:anonymous +system:masters", Source::Superuser),
    ]);
}

#[test]
fn names_that_only_look_like_superusers_are_ordinary() {
    sources(&[
        ("admin +System:Masters", Source::User),
        ("admin +system:masters:x", Source::User),
        ("system:masters", Source::Reserved),
    ]);
    let mut request = Request { target: what("get pods"), ..who("admin") };
    request.groups.push("system:masters ".into());
    assert_eq!(classify(&request, &Names::default()).source, Source::User);
}

#[test]
fn a_caller_without_credentials_is_anonymous() {
    sources(&[
        ("system:anonymous +system:unauthenticated", Source::Anonymous),
        ("system:anonymous", Source::Anonymous),
        ("bob +system:unauthenticated", Source::Anonymous),
    ]);
}

#[test]
fn a_node_needs_its_name_and_its_group() {
    sources(&[
        ("system:node:n1 +system:nodes +system:authenticated", Source::Node),
        ("system:node:n1.example.org +system:nodes", Source::Node),
        ("system:node:n1", Source::PseudoNode),
        ("system:node:n1 +system:authenticated", Source::PseudoNode),
        ("alice +system:nodes", Source::PseudoNode),
        ("system:node: +system:nodes", Source::PseudoNode),
        ("system:node:N1 +system:nodes", Source::PseudoNode),
        ("system:node:n1- +system:nodes", Source::PseudoNode),
        ("system:node:n1..x +system:nodes", Source::PseudoNode),
        ("system:node:n1:x +system:nodes", Source::PseudoNode),
        ("system:serviceaccount:web:app +system:nodes +system:serviceaccounts", Source::PseudoNode),
        ("System:Node:n1", Source::User),
        ("system:nodes", Source::Reserved),
    ]);
}

#[test]
fn a_service_account_needs_its_name_and_exactly_its_groups() {
    sources(&[
        (SA, Source::UnboundServiceAccount),
        ("system:serviceaccount:web:app", Source::PseudoServiceAccount),
        ("system:serviceaccount:web:app +system:serviceaccounts", Source::PseudoServiceAccount),
        ("system:serviceaccount:web:app +system:serviceaccounts:web", Source::PseudoServiceAccount),
        (
            "system:serviceaccount:web:app +system:serviceaccounts +system:serviceaccounts:kube-system",
            Source::PseudoServiceAccount,
        ),
        (
            "system:serviceaccount:web:app +system:serviceaccounts +system:serviceaccounts:web +system:serviceaccounts:x",
            Source::PseudoServiceAccount,
        ),
        (
            "system:serviceaccount:kube-system:a:b +system:serviceaccounts +system:serviceaccounts:kube-system",
            Source::PseudoServiceAccount,
        ),
        (
            "system:serviceaccount:Kube-System:x +system:serviceaccounts +system:serviceaccounts:Kube-System",
            Source::PseudoServiceAccount,
        ),
        ("system:serviceaccount::app +system:serviceaccounts +system:serviceaccounts:", Source::PseudoServiceAccount),
        ("system:serviceaccount:web", Source::PseudoServiceAccount),
        ("alice +system:serviceaccounts", Source::PseudoServiceAccount),
        ("alice +system:serviceaccounts:web", Source::PseudoServiceAccount),
        ("alice +system:serviceaccountsx", Source::User),
    ]);
}

#[test]
fn a_token_is_bound_to_a_pod_by_name_and_uid() {
    let with = |extra: &str, source| (format!("{SA} {extra}"), source);
    let table = [
        with("pod-name=app-1 pod-uid=u node-name=n1", Source::Pod),
        with("pod-name=app-1", Source::PseudoServiceAccount),
        with("pod-uid=u", Source::PseudoServiceAccount),
        with("credential-id=JTI=x", Source::UnboundServiceAccount),
        with("associated-node-keys=pod-name", Source::UnboundServiceAccount),
    ];
    sources(&table.iter().map(|(user, source)| (user.as_str(), *source)).collect::<Vec<_>>());
}

#[test]
fn a_controller_is_control_plane_only_in_kube_system_and_outside_pods() {
    let at = |namespace: &str, name: &str, extra: &str| {
        format!(
            "system:serviceaccount:{namespace}:{name} +system:serviceaccounts +system:serviceaccounts:{namespace}{extra}"
        )
    };
    let table = [
        (at("kube-system", "deployment-controller", ""), Source::Controller),
        (at("kube-system", "generic-garbage-collector", " credential-id=JTI=x"), Source::Controller),
        (at("kube-system", "deployment-controller", " pod-name=p pod-uid=u"), Source::Pod),
        (at("kube-system", "coredns", ""), Source::UnboundServiceAccount),
        (at("web", "deployment-controller", ""), Source::UnboundServiceAccount),
    ];
    sources(&table.iter().map(|(user, source)| (user.as_str(), *source)).collect::<Vec<_>>());
}

#[test]
fn a_bootstrap_identity_is_known_by_its_group() {
    sources(&[
        ("system:bootstrap:07401b +system:bootstrappers", Source::Bootstrap),
        ("system:bootstrap:07401b +system:bootstrappers:kubeadm:default-node-token", Source::Bootstrap),
        ("kubelet-bootstrap +system:bootstrappers", Source::Bootstrap),
        ("system:bootstrap:07401b", Source::Reserved),
        ("alice +system:bootstrappersx", Source::User),
    ]);
}

#[test]
fn control_plane_components_are_known_by_exact_names() {
    sources(&[
        ("system:kube-scheduler", Source::ControlPlane),
        ("system:kube-controller-manager", Source::ControlPlane),
        ("system:cloud-controller-manager", Source::ControlPlane),
        ("system:kube-proxy", Source::ControlPlane),
        ("system:apiserver", Source::ControlPlane),
        ("system:aggregator", Source::ControlPlane),
        ("system:kube-aggregator", Source::ControlPlane),
        ("system:konnectivity-server", Source::ControlPlane),
        ("kube-apiserver-kubelet-client +kubeadm:cluster-admins", Source::ControlPlane),
        ("front-proxy-client", Source::ControlPlane),
        ("prober +system:monitoring", Source::ControlPlane),
        ("system:kube-schedu1er", Source::Reserved),
        ("system:Kube-Scheduler", Source::Reserved),
        ("kubernetes-admin +kubeadm:cluster-admins", Source::User),
        ("alice +system:authenticated", Source::User),
    ]);
}

#[test]
fn control_plane_names_are_configurable() {
    let names = Names { components: ["rke2-scheduler".to_owned()].into(), ..Names::default() };
    let of = |user: &str| classify(&Request { target: what("get pods"), ..who(user) }, &names).source;
    assert_eq!([of("rke2-scheduler"), of("system:kube-scheduler")], [Source::ControlPlane, Source::Reserved]);
}

#[test]
fn what_only_kubelets_serve_is_the_kubelet_path() {
    traversals(&[
        ("get nodes/stats n1", Traversal::Kubelet),
        ("get nodes/metrics n1", Traversal::Kubelet),
        ("get nodes/log n1", Traversal::Kubelet),
        ("get nodes/spec n1", Traversal::Kubelet),
        ("create nodes/checkpoint n1", Traversal::Kubelet),
        ("get nodes/pods n1", Traversal::Kubelet),
        ("get nodes/healthz n1", Traversal::Kubelet),
        ("get nodes/configz n1", Traversal::Kubelet),
        ("get nodes/statusz n1", Traversal::Kubelet),
        ("get nodes/metrics", Traversal::Kubelet),
        ("patch nodes/status n1", Traversal::Plain),
        ("get nodes/metrics.metrics.k8s.io n1", Traversal::Plain),
    ]);
}

#[test]
fn proxies_are_proxies_by_any_verb() {
    traversals(&[
        ("get nodes/proxy n1", Traversal::NodeProxy),
        ("create nodes/proxy n1:10255", Traversal::NodeProxy),
        ("proxy nodes n1", Traversal::NodeProxy),
        ("get pods/proxy http:web:8080 -n x", Traversal::EndpointProxy),
        ("delete services/proxy https:dash:443 -n x", Traversal::EndpointProxy),
        ("proxy pods web -n x", Traversal::EndpointProxy),
        ("proxy services web -n x", Traversal::EndpointProxy),
        ("proxy endpoints web -n x", Traversal::Plain),
        ("proxy pods/status web -n x", Traversal::Plain),
    ]);
}

#[test]
fn a_get_of_exec_is_a_stream() {
    traversals(&[
        ("get pods/exec web -n x", Traversal::Stream),
        ("create pods/exec web -n x", Traversal::Stream),
        ("get pods/attach web -n x", Traversal::Stream),
        ("get pods/portforward web -n x", Traversal::Stream),
        ("get pods/log web -n x", Traversal::Log),
        ("get pods/exec.metrics.k8s.io web -n x", Traversal::Plain),
        ("create services/portforward web -n x", Traversal::Plain),
        ("get Pods/exec web -n x", Traversal::Plain),
    ]);
}

#[test]
fn reviews_on_behalf_of_others_are_delegated_checks() {
    traversals(&[
        ("create subjectaccessreviews.authorization.k8s.io", Traversal::DelegatedCheck),
        ("create localsubjectaccessreviews.authorization.k8s.io -n x", Traversal::DelegatedCheck),
        ("create tokenreviews.authentication.k8s.io", Traversal::DelegatedCheck),
        ("create selfsubjectaccessreviews.authorization.k8s.io", Traversal::Plain),
        ("create tokenreviews", Traversal::Plain),
    ]);
}

#[test]
fn what_makes_credentials_is_minting() {
    traversals(&[
        ("create serviceaccounts/token app -n web", Traversal::CredentialMinting),
        ("create certificatesigningrequests.certificates.k8s.io", Traversal::CredentialMinting),
        ("update certificatesigningrequests/approval.certificates.k8s.io x", Traversal::CredentialMinting),
        ("update certificatesigningrequests/status.certificates.k8s.io x", Traversal::CredentialMinting),
        ("create certificatesigningrequests/nodeclient.certificates.k8s.io", Traversal::CredentialMinting),
        ("create certificatesigningrequests/selfnodeclient.certificates.k8s.io", Traversal::CredentialMinting),
        ("create certificatesigningrequests/selfnodeserver.certificates.k8s.io", Traversal::CredentialMinting),
        ("approve signers.certificates.k8s.io kubernetes.io/kubelet-serving", Traversal::CredentialMinting),
        ("sign signers.certificates.k8s.io kubernetes.io/*", Traversal::CredentialMinting),
        ("attest signers.certificates.k8s.io x/y", Traversal::CredentialMinting),
        ("get secrets bootstrap-token-07401b -n kube-system", Traversal::CredentialMinting),
        ("get secrets bootstrap-token-07401b -n web", Traversal::Plain),
        ("get secrets x -n kube-system", Traversal::Plain),
        ("get signers.certificates.k8s.io x", Traversal::Plain),
        ("get serviceaccounts app -n web", Traversal::Plain),
    ]);
}

#[test]
fn impersonation_has_its_own_verbs_in_every_mode() {
    traversals(&[
        ("impersonate users alice", Traversal::Impersonation),
        ("impersonate groups system:masters", Traversal::Impersonation),
        ("impersonate serviceaccounts app -n web", Traversal::Impersonation),
        ("impersonate userextras/scopes.authentication.k8s.io dev", Traversal::Impersonation),
        ("impersonate uids.authentication.k8s.io u", Traversal::Impersonation),
        ("impersonate:user-info users.authentication.k8s.io alice", Traversal::Impersonation),
        ("impersonate:associated-node nodes.authentication.k8s.io *", Traversal::Impersonation),
        ("impersonate-on:associated-node:list pods", Traversal::Impersonation),
        ("impersonate-on:arbitrary-node:get configmaps x -n y", Traversal::Impersonation),
        ("impersonate-on:serviceaccount:get pods/exec web -n x", Traversal::Stream),
        ("impersonate-on:user-info: pods", Traversal::Plain),
        ("impersonate:everything users x", Traversal::Plain),
        ("Impersonate users alice", Traversal::Plain),
    ]);
}

#[test]
fn discovery_is_whole_segments_by_get_only() {
    traversals(&[
        ("get /api", Traversal::Discovery),
        ("get /api/v1", Traversal::Discovery),
        ("get /apis/apps/v1", Traversal::Discovery),
        ("get /apis/", Traversal::Discovery),
        ("get /openapi/v3/api/v1", Traversal::Discovery),
        ("get /version", Traversal::Discovery),
        ("get /healthz", Traversal::Discovery),
        ("get /livez/ping", Traversal::Discovery),
        ("get /readyz", Traversal::Discovery),
        ("get /.well-known/openid-configuration", Traversal::Discovery),
        ("get /openid/v1/jwks", Traversal::Discovery),
        ("get /healthzfoo", Traversal::Plain),
        ("get /api/../metrics", Traversal::Plain),
        ("get /api//v1", Traversal::Plain),
        ("get /metrics", Traversal::Plain),
        ("get /", Traversal::Plain),
        ("post /api", Traversal::Plain),
        ("GET /api", Traversal::Plain),
    ]);
}

#[test]
fn odd_verbs_and_wildcards_are_plain() {
    traversals(&[
        ("deletecollection pods -n x", Traversal::Plain),
        ("escalate clusterroles.rbac.authorization.k8s.io", Traversal::Plain),
        ("bind clusterroles.rbac.authorization.k8s.io", Traversal::Plain),
        ("associated-node:update resourceclaims.resource.k8s.io", Traversal::Plain),
        ("* *", Traversal::Plain),
        ("* nodes/*", Traversal::Plain),
        ("get namespaces foo -n foo", Traversal::Plain),
        ("update namespaces/finalize foo -n foo", Traversal::Plain),
        ("watch pods", Traversal::Plain),
        ("list secrets x -n y", Traversal::Plain),
    ]);
}

#[test]
fn every_request_has_one_path() {
    let bound = format!("{SA} pod-name=app-1 pod-uid=u");
    paths(&[
        ("alice", "get nodes/metrics n1", Path::ApiserverToKubelet),
        ("kube-apiserver-kubelet-client", "get nodes/proxy n1", Path::ApiserverToKubelet),
        (SA, "get pods/exec web -n x", Path::ApiserverToKubelet),
        ("alice", "get pods/log web -n x", Path::ApiserverToKubelet),
        ("alice", "get pods/proxy web -n x", Path::ApiserverToEndpoint),
        ("alice", "get services/proxy https:web:443 -n x", Path::ApiserverToEndpoint),
        ("alice", "create certificatesigningrequests.certificates.k8s.io", Path::TlsBootstrap),
        ("alice", "sign signers.certificates.k8s.io a/b", Path::TlsBootstrap),
        ("alice", "get secrets bootstrap-token-07401b -n kube-system", Path::TlsBootstrap),
        ("system:bootstrap:07401b +system:bootstrappers", "get configmaps x -n y", Path::TlsBootstrap),
        (SA, "create serviceaccounts/token app -n web", Path::PodToApiserver),
        ("system:node:n1 +system:nodes", "get nodes n1", Path::NodeToApiserver),
        ("system:node:n1", "get nodes n1", Path::NodeToApiserver),
        (&bound, "get pods", Path::PodToApiserver),
        ("alice +system:serviceaccounts", "get pods", Path::PodToApiserver),
        ("system:kube-scheduler", "list pods", Path::ComponentToApiserver),
        ("alice", "impersonate users bob", Path::UserToApiserver),
        ("alice", "get /api", Path::UserToApiserver),
        ("system:anonymous +system:unauthenticated", "get /healthz", Path::UserToApiserver),
        ("admin +system:masters", "get pods", Path::UserToApiserver),
        ("system:kube-schedu1er", "get pods", Path::UserToApiserver),
        ("system:anonymous +dev", "get pods", Path::UserToApiserver),
    ]);
}

#[test]
fn a_node_proxy_is_the_kubelet_path_only_by_the_kubelet_transport() {
    paths(&[
        ("alice", "get nodes/proxy n1", Path::ApiserverToKubelet),
        ("alice", "get nodes/proxy", Path::ApiserverToKubelet),
        ("alice", "get nodes/proxy https:n1:", Path::ApiserverToKubelet),
        ("alice", "get nodes/proxy n1:10250", Path::ApiserverToKubelet),
        ("alice", "get nodes/proxy http:n1:10250", Path::ApiserverToKubelet),
        ("alice", "get nodes/proxy n1:10255", Path::ApiserverToEndpoint),
        ("alice", "get nodes/proxy https:n1:443", Path::ApiserverToEndpoint),
        ("alice", "get nodes/proxy ftp:n1:", Path::ApiserverToEndpoint),
    ]);
}

#[test]
fn proxy_names_are_read_as_kube_apiserver_reads_them() {
    let it = |scheme, name, port| Some(ProxyName { scheme, name, port });
    let table = [
        ("n1", it("", "n1", "")),
        ("n1:10255", it("", "n1", "10255")),
        ("n1:", it("", "n1", "")),
        ("web:http", it("", "web", "http")),
        ("https:dash:443", it("https", "dash", "443")),
        ("http:web:", it("http", "web", "")),
        (":web:80", it("", "web", "80")),
        ("", None),
        (":80", None),
        ("https::443", None),
        ("HTTPS:dash:443", None),
        ("ftp:web:21", None),
        ("a:b:c:d", None),
    ];
    assert_eq!(table.map(|(text, _)| (text, proxy_name(text))), table);
}

#[test]
fn a_fault_and_the_malformed_source_always_come_together() {
    let mut request = Request { target: what("get pods"), ..who("alice") };
    let fine = (fault(&request).is_some(), classify(&request, &Names::default()).source == Source::Malformed);
    request.user = "\u{1}".into();
    let bad = (fault(&request), classify(&request, &Names::default()).source == Source::Malformed);
    assert_eq!((fine, bad), ((false, false), (Some(Fault::Control("user")), true)));
}
