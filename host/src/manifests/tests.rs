use super::*;
use crate::posture::{About, Authz, Bypass, Client, Says, Server, Shown, Tunnel};
use std::fs;

fn read_all(files: &[(&str, &str)]) -> FileClaims {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut read = read(&[folder.path().to_owned()], 7);
    for fault in &mut read.faults {
        fault.path = Path::new(&fault.path).file_name().unwrap().to_str().unwrap().to_owned();
    }
    read
}

fn claims(files: &[(&str, &str)]) -> Vec<(About, Says)> {
    let read = read_all(files);
    assert_eq!(read.faults, []);
    read.claims.into_iter().map(|it| (it.about, it.says)).collect()
}

fn apiserver(image: &str, flags: &str) -> String {
    format!(
        "kind: Pod\nspec:\n  containers:\n  - image: r/kube-apiserver:{image}\n    command: [kube-apiserver, {flags}]\n"
    )
}

fn kubeconfig(user: &str, cluster: &str) -> String {
    format!(
        "kind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: '{user}'}}}}]\n\
         clusters: [{{name: k, cluster: {{server: 'https://a', {cluster}}}}}]\nusers: [{{name: '{user}', user: {{token: t}}}}]\n"
    )
}

#[test]
fn a_default_kube_apiserver_checks_no_kubelet_and_shows_no_name() {
    let all = claims(&[("a.yaml", &apiserver("v1.36.2", "'--secure-port=6443'"))]);
    let wanted = [Says::Server(Server::NotChecked), Says::Client(Client::Anonymous), Says::Authz(Authz::AlwaysAllow)];
    assert_eq!(all, wanted.map(|it| (About::Apiserver, it)));
}

#[test]
fn a_kube_apiserver_with_its_flags_is_asserted_to_check() {
    let flags = "'--kubelet-certificate-authority=f', '--kubelet-client-certificate', f, '--kubelet-client-key=f', '--authorization-mode=Node,RBAC'";
    let all = claims(&[("a.yaml", &apiserver("v1.36.2", flags))]);
    let wanted = [Says::Server(Server::Checked), Says::Client(Client::Certificate), Says::Authz(Authz::Delegated)];
    assert_eq!(all, wanted.map(|it| (About::Apiserver, it)));
}

#[test]
fn what_will_not_start_or_opens_a_port_is_a_fault() {
    let faults = |image: &str, flags: &str| {
        read_all(&[("a.yaml", &apiserver(image, flags))]).faults.into_iter().map(|it| it.message).collect::<Vec<_>>()
    };
    assert!(faults("v1.36.2", "'--kubelet-client-key=f'")[0].starts_with("only one of"));
    assert!(
        faults("v1.36.2", "'--authorization-config=f', '--authorization-mode=RBAC'")[0].contains("exclude each other")
    );
    assert!(faults("v1.19.1", "'--v=2'")[0].contains("--insecure-port=0"));
    assert!(faults("v1.19.1", "'--insecure-port=0'").is_empty());
    assert!(faults("v1.30.0", "'--ssh-user=x'")[0].contains("gone since"));
}

#[test]
fn a_kubeconfig_speaks_for_its_user_and_the_kubelet_beside_it() {
    let kubelet = "kind: KubeletConfiguration\nserverTLSBootstrap: true\nreadOnlyPort: 10255\n";
    let files = [
        ("n1/kubelet.conf", kubeconfig("system:node:n1", "certificate-authority: f")),
        ("n1/config.yaml", kubelet.to_owned()),
        ("n2/kubelet.conf", kubeconfig("system:node:n2", "insecure-skip-tls-verify: true")),
        ("admin.conf", kubeconfig("joe", "certificate-authority: f")),
    ];
    let all = claims(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    let (n1, n2) = (About::Caller("system:node:n1".into()), About::Caller("system:node:n2".into()));
    let kubelet = About::Kubelet("n1".into());
    let wanted = [
        (n1.clone(), Says::Server(Server::Checked)),
        (n1, Says::Client(Client::Token)),
        (n2.clone(), Says::Server(Server::NotChecked)),
        (n2, Says::Client(Client::Token)),
        (kubelet.clone(), Says::Client(Client::Named)),
        (kubelet.clone(), Says::Authz(Authz::Delegated)),
        (kubelet, Says::Bypass(Bypass::Open)),
    ];
    assert_eq!(all, wanted);
}

#[test]
fn a_kubelet_configuration_beside_nobody_is_meant_for_all() {
    let text = "kind: KubeletConfiguration\nauthentication: {anonymous: {enabled: true}}\nauthorization: {mode: AlwaysAllow}\n";
    let wanted = [
        Says::Client(Client::Anonymous),
        Says::Authz(Authz::AlwaysAllow),
        Says::Bypass(Bypass::Closed),
        Says::Shown(Shown::SelfSigned),
    ];
    assert_eq!(claims(&[("k.yaml", text)]), wanted.map(|it| (About::Kubelets, it)));
}

#[test]
fn an_egress_selection_is_a_tunnel_and_plain_http_a_fault() {
    let text = "kind: EgressSelectorConfiguration\negressSelections:\n- name: cluster\n  connection: {proxyProtocol: GRPC, transport: {uds: {udsName: s}}}\n";
    assert_eq!(claims(&[("e.yaml", text)]), [(About::Apiserver, Says::Tunnel(Tunnel::Konnectivity))]);
    let text = text.replace("uds: {udsName: s}", "tcp: {url: 'http://a'}");
    assert!(read_all(&[("e.yaml", &text)]).faults[0].message.contains("panic"));
}

#[test]
fn a_bad_file_is_a_fault_and_hides_no_other() {
    let good = apiserver("v1.36.2", "'--v=2'");
    let long = "x".repeat(1024 * 1024 + 1);
    let bomb = "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: &d [*c, *c, *c, *c]\ne: &e [*d, *d, *d, *d]\nf: &f [*e, *e, *e, *e]\ng: &g [*f, *f, *f, *f]\n";
    let read = read_all(&[("a.yaml", "{"), ("b.yaml", &long), ("c.yaml", bomb), ("z.yaml", &good), ("note.txt", "hi")]);
    let paths: Vec<_> = read.faults.iter().map(|it| it.path.as_str()).collect();
    assert_eq!((paths, read.files, read.claims.len()), (vec!["a.yaml", "b.yaml", "c.yaml"], 1, 3));
}

#[test]
fn a_file_that_is_not_there_is_a_fault_with_its_path() {
    let read = read(&["/does/not/exist".into()], 7);
    assert_eq!(read.faults[0].path, "/does/not/exist");
}

#[test]
fn a_certificate_names_the_user_of_a_kubeconfig() {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "system:node:n9");
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let config = kubeconfig("x", "certificate-authority: f").replace("{token: t}", "{client-certificate: n9.pem}");
    let all = claims(&[("kubelet.conf", &config), ("n9.pem", &pem)]);
    let n9 = About::Caller("system:node:n9".into());
    assert_eq!(all, [(n9.clone(), Says::Server(Server::Checked)), (n9, Says::Client(Client::Certificate))]);
}
