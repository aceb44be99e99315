use super::*;
use crate::{authorization::FailurePolicy, config::Config};
use std::time::Duration;

fn config(more: &str) -> Config {
    let text = format!(
        "apiVersion: pathgate.io/v1alpha1\nkind: Gate\n\
         webhook: {{tls: {{certificate: /etc/kubernetes/pathgate/s.crt, key: /etc/kubernetes/pathgate/s.key, clientCA: /etc/kubernetes/pathgate/ca.crt}}}}\n{more}"
    );
    Config::parse(&text, "gate.yaml").unwrap()
}

fn pod(more: &str) -> Result<String, Vec<String>> {
    static_pod(&config(more), &Pod { image: "pathgate:1".into(), folder: "/etc/kubernetes/pathgate".into() })
}

#[test]
fn what_a_configuration_names_is_mounted_read_only() {
    let more = "admin: {}\njournal: {url: 'sqlite:///srv/gate/j.db'}\n\
                posture: {files: [/etc/kubernetes/manifests, /srv/gate/mine], probes: {kubeletCA: /etc/kubernetes/pki/ca.crt}}\n";
    let text = pod(more).unwrap();
    for line in [
        "- {name: state, mountPath: /srv/gate}",
        "- {name: named-0, mountPath: /etc/kubernetes/manifests, readOnly: true}",
        "- {name: named-1, mountPath: /etc/kubernetes/pki/ca.crt, readOnly: true}",
        "hostPath: {path: /etc/kubernetes/pki/ca.crt}",
        "- {name: PATHGATE_CACHE_DIR, value: /srv/gate/cache}",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("named-2"), "{text}");
}

#[test]
fn what_is_replaced_while_the_gate_runs_is_mounted_with_its_folder() {
    let more = "admin: {}\nrevocation: {list: /srv/lists/revoked.json, publicKey: /srv/keys/a.pub}\n\
                breakGlass: {grant: /srv/glass/grant.json, publicKey: /etc/kubernetes/pathgate/b.pub}\n";
    let text = pod(more).unwrap();
    for mounted in ["mountPath: /srv/glass,", "mountPath: /srv/keys/a.pub,", "mountPath: /srv/lists,"] {
        assert!(text.contains(mounted), "{mounted} is not in {text}");
    }
    let faults = pod("admin: {}\nrevocation: {list: /a/l, publicKey: /a/k, state: /etc/serial}\n").unwrap_err();
    assert!(faults.iter().any(|it| it.starts_with("revocation.state: `/etc/serial` must be in ")), "{faults:?}");
}

#[test]
fn what_no_static_pod_could_do_is_refused_all_at_once() {
    let faults = pod("plugins: [{name: a, module: a.wasm, sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}]\n\
                      journal: {url: 'sqlite:///j.db'}\n")
    .unwrap_err();
    let keys: Vec<_> = faults.iter().filter_map(|it| it.split(':').next()).collect();
    assert_eq!(keys, ["admin", "journal.url", "plugins[0].module"]);
    assert!(static_pod(&Config::default(), &Pod { image: String::new(), folder: "/f".into() }).is_err());
}

#[test]
fn a_scalar_means_what_it_says() {
    for text in
        ["/a/b.c", "true", "a: b", "a#b", " a", "1", "-", "", "a\nb", "\u{7f}\u{85}", "null", "@a", "a:", "{a}", "a\"b"]
    {
        let read: serde_json::Value = serde_saphyr::from_str(&format!("[{}]", scalar(text))).unwrap();
        assert_eq!(read, serde_json::json!([text]));
    }
}

#[test]
fn flags_say_no_more_than_flags_can() {
    let chain = Chain {
        api: Api::V1,
        kubeconfig: "/k".into(),
        failure: FailurePolicy::NoOpinion,
        timeout: Duration::from_secs(3),
        cache: Cache::For(Duration::from_secs(10)),
        only: None,
    };
    assert!(legacy_flags(&chain).unwrap().contains("\n--authorization-mode=Webhook,Node,RBAC\n"));
    for beyond in [
        Chain { failure: FailurePolicy::Deny, ..chain.clone() },
        Chain { cache: Cache::Nothing, ..chain.clone() },
        Chain { only: Some("true".into()), ..chain },
    ] {
        assert!(legacy_flags(&beyond).is_err());
    }
}
