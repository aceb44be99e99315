use super::*;

fn faults(text: &str) -> Vec<String> {
    Config::parse(text, "gate.yaml").err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn gate(sections: &str) -> Config {
    Config::parse(&format!("{HEAD}{sections}"), "gate.yaml").unwrap()
}

fn only_fault(sections: &str) -> String {
    faults(&format!("{HEAD}{sections}")).join("\n")
}

const HEAD: &str = "apiVersion: pathgate.io/v1alpha1\nkind: Gate\n";

#[test]
fn the_documented_configuration_is_understood() {
    let text = include_str!("fixtures/documented.yaml");
    let tls = Tls {
        certificate: "/etc/pathgate/tls.crt".into(),
        key: "/etc/pathgate/tls.key".into(),
        client_ca: "/etc/pathgate/ca.crt".into(),
        client_names: vec!["kube-apiserver".into()],
    };
    let wanted = Config {
        cluster: Some(Cluster::Kubeconfig("/etc/kubernetes/pathgate.conf".into())),
        posture: None,
        webhook: Some(Webhook { listen: "127.0.0.1:9443".parse().unwrap(), tls }),
        egress: None,
        admission: None,
        approver: None,
        dashboard: None,
        admin: Some(Admin { listen: "127.0.0.1:9090".parse().unwrap() }),
        journal: Some(JournalConfig {
            url: "sqlite:///var/lib/pathgate/journal.db".into(),
            retention: 7 * Duration::from_secs(86_400),
            queue: 65536,
            strict: false,
        }),
        plugins: Some(vec![
            PluginConfig {
                name: "apiserver_to_kubelet".into(),
                module: Module::Builtin,
                sha256: None,
                role: Role::Restrict,
                shadow: false,
                failure: OnFailure::Deny,
                limits: Limits { deadline: Duration::from_millis(20), memory: 8 << 20, fuel: 2_000_000 },
                config: serde_json::json!({"proxy": ["monitoring"], "depth": 2, "ratio": 0.5, "off": null}),
            },
            PluginConfig {
                name: "house_rules".into(),
                module: Module::File("/etc/pathgate/house_rules.wasm".into()),
                sha256: Some([0xab; 32]),
                role: Role::Grant,
                shadow: false,
                failure: OnFailure::NoOpinion,
                limits: Limits::default(),
                config: serde_json::json!({}),
            },
        ]),
        revocation: None,
        break_glass: None,
        lock_out_guard: LockOutGuard {
            break_glass: vec![Identity { user: "alice".into(), groups: vec!["oncall".into()] }],
            ..LockOutGuard::default()
        },
    };
    assert_eq!(Config::parse(text, "gate.yaml"), Ok(wanted));
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let config = gate(
        "webhook: {tls: {certificate: c, key: k, clientCA: a}}\nadmin: {}\njournal: {}\nplugins: [{name: tunnel}]\n",
    );
    let tls = Tls {
        certificate: "c".into(),
        key: "k".into(),
        client_ca: "a".into(),
        client_names: vec!["kube-apiserver".into()],
    };
    let wanted = Config {
        cluster: None,
        posture: None,
        webhook: Some(Webhook { listen: "127.0.0.1:9443".parse().unwrap(), tls }),
        egress: None,
        admission: None,
        approver: None,
        dashboard: None,
        admin: Some(Admin { listen: "127.0.0.1:9090".parse().unwrap() }),
        journal: Some(JournalConfig {
            url: "sqlite:///var/lib/pathgate/journal.db".into(),
            retention: Duration::from_secs(7 * 86_400),
            queue: 65_536,
            strict: false,
        }),
        plugins: Some(vec![PluginConfig {
            name: "tunnel".into(),
            module: Module::Builtin,
            sha256: None,
            role: Role::Restrict,
            shadow: false,
            failure: OnFailure::Deny,
            limits: Limits { deadline: Duration::from_millis(20), memory: 8_388_608, fuel: 2_000_000 },
            config: serde_json::json!({}),
        }]),
        lock_out_guard: LockOutGuard::default(),
        revocation: None,
        break_glass: None,
    };
    assert_eq!(config, wanted);
}

#[test]
fn a_section_left_out_is_a_door_closed_and_no_plugins_are_the_built_in_ones() {
    let wanted = Config {
        cluster: None,
        posture: None,
        webhook: None,
        egress: None,
        admission: None,
        approver: None,
        dashboard: None,
        admin: None,
        journal: None,
        plugins: None,
        lock_out_guard: LockOutGuard::default(),
        revocation: None,
        break_glass: None,
    };
    assert_eq!((gate(""), gate("plugins:\nwebhook: null\n")), (wanted.clone(), wanted));
}

#[test]
fn nobody_may_be_named_to_repair_the_cluster_and_nobody_is_not_the_default() {
    let config = gate("lockOutGuard: {breakGlass: []}\n");
    assert_eq!(config.lock_out_guard, LockOutGuard { break_glass: Vec::new(), ..LockOutGuard::default() });
    let fault = only_fault("lockOutGuard: {gate: {groups: [a]}}\n");
    assert!(fault.contains("lockOutGuard.gate.user: is missing"), "{fault}");
}

#[test]
fn every_fault_is_named_at_once_with_its_place() {
    let text = include_str!("fixtures/faulty.yaml");
    let got = faults(text).join("\n") + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/fixtures/faulty.txt"), &got).unwrap();
    }
    assert_eq!(got, include_str!("fixtures/faulty.txt"));
}

#[test]
fn a_dashboard_without_a_journal_is_refused() {
    let wanted = "gate.yaml:3:12: dashboard: shows what is on record, and nothing is: add a `journal` section";
    assert_eq!(faults(&format!("{HEAD}dashboard: {{}}\n")), [wanted]);
}

#[test]
fn an_approver_without_a_cluster_is_refused() {
    let wanted = "gate.yaml:3:11: approver: decides on what the cluster shows: add `cluster: {kubeconfig: FILE}` or \
                  `cluster: {inCluster: true}`";
    assert_eq!(faults(&format!("{HEAD}approver: {{}}\n")), [wanted]);
    let facts = wanted.replace(":3:", ":4:");
    assert_eq!(faults(&format!("{HEAD}cluster: {{facts: f}}\napprover: {{}}\n")), [facts]);
    assert!(gate("cluster: {inCluster: true}\napprover: {}\n").approver.is_some());
}

#[test]
fn doors_that_are_not_built_yet_are_refused_not_ignored() {
    let text = format!("{HEAD}egress: {{}}\nadmission: {{tls: {{certificate: c, key: k, clientCA: a}}}}\n");
    assert_eq!(
        faults(&text),
        [
            "gate.yaml:3:9: egress: is not available in this version; remove it",
            "gate.yaml:4:12: admission: is not available in this version; remove it",
        ]
    );
}

#[test]
fn unauthenticated_doors_stay_on_loopback() {
    assert_eq!(
        (only_fault("admin: {listen: '0.0.0.0:9090'}\n"), gate("admin: {listen: '[::1]:0'}\n").admin),
        (
            "gate.yaml:3:17: admin.listen: must be a loopback address, as `127.0.0.1:9090`: it answers without authentication".into(),
            Some(Admin { listen: "[::1]:0".parse().unwrap() })
        )
    );
}

#[test]
fn a_cluster_is_reached_one_way() {
    let wrong =
        "gate.yaml:3:10: cluster: must have one of `kubeconfig: FILE`, `inCluster: true` and `facts: FILE`".to_owned();
    assert_eq!(
        (
            only_fault("cluster: {kubeconfig: f, inCluster: true}\n"),
            only_fault("cluster: {}\n"),
            gate("cluster: {inCluster: true}\n").cluster,
            gate("cluster: {kubeconfig: f, inCluster: false}\n").cluster,
            gate("cluster: {facts: f}\n").cluster,
        ),
        (
            wrong.clone(),
            wrong,
            Some(Cluster::InCluster),
            Some(Cluster::Kubeconfig("f".into())),
            Some(Cluster::Facts("f".into()))
        )
    );
}

#[test]
fn a_plugin_from_a_file_is_named_with_its_digest() {
    assert_eq!(
        only_fault("plugins:\n- {name: house_rules, module: /h.wasm}\n"),
        "gate.yaml:4:3: plugins[0].sha256: is missing; write for example sha256: what `sha256sum FILE` prints"
    );
}

#[test]
fn durations_are_those_of_go_and_days() {
    let table = [
        ("20ms", Some(Duration::from_millis(20))),
        ("7d", Some(Duration::from_secs(604_800))),
        ("1h30m", Some(Duration::from_secs(5400))),
        ("1.5s", Some(Duration::from_millis(1500))),
        ("10µs", Some(Duration::from_micros(10))),
        ("", None),
        ("20", None),
        ("ms", None),
        ("-1s", None),
        ("1s ", None),
        ("1.1.1s", None),
        ("1w", None),
        ("99999999999999999999d", None),
        ("9999999999999d", None),
    ];
    assert_eq!(table.map(|(text, _)| (text, units::duration(text))), table);
}

#[test]
fn sizes_are_those_of_kubernetes() {
    let table = [
        ("8MiB", Some(8 << 20)),
        ("8Mi", Some(8 << 20)),
        ("512KiB", Some(512 << 10)),
        ("64k", Some(64_000)),
        ("1024", Some(1024)),
        ("1 MiB", None),
        ("MiB", None),
        ("8mib", None),
        ("99999999999Gi", None),
    ];
    assert_eq!(table.map(|(text, _)| (text, units::quantity(text))), table);
}

#[test]
fn a_file_that_would_blow_up_is_refused_before_it_does() {
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(","));
    }
    let deep = format!("plugins: {}{}", "[".repeat(5000), "]".repeat(5000));
    let long = "#".repeat(1024 * 1024 + 1);
    let refused: Vec<_> = [bomb, deep, long, "a: [".into(), "a: 1\n---\nb: 2\n".into(), "? [a]\n: b\n".into()]
        .iter()
        .map(|text| faults(&format!("{text}\n")).len())
        .collect();
    assert_eq!(refused, [1, 1, 1, 1, 1, 1]);
}

#[test]
fn posture_has_documented_defaults_and_names_what_may_be_probed() {
    let posture = "posture: {name: fra-1, files: [/etc/kubernetes], probes: {allow: [127.0.0.0/8, fd00::1]}}\n";
    let wanted = PostureConfig {
        name: "fra-1".into(),
        files: vec!["/etc/kubernetes".into()],
        probes: Some(Probes {
            every: Duration::from_secs(300),
            kubelet_ca: None,
            kubelet_port: 10_250,
            read_only_port: 10_255,
            allow: vec!["127.0.0.0/8".parse().unwrap(), "fd00::1/128".parse().unwrap()],
            concurrency: 64,
        }),
    };
    assert_eq!((gate(posture).posture, gate("posture: {}\n").posture), (Some(wanted), Some(PostureConfig::default())));
}

#[test]
fn every_fault_of_posture_is_told_at_once() {
    let text = "posture: {files: [], probes: {every: 11m, kubeletPort: 0, allow: [10.0.0.0/33], concurency: 1}}\n";
    let text = format!("apiVersion: pathgate.io/v1alpha1\nkind: Gate\n{text}");
    let keys: Vec<_> = Config::parse(&text, "f").unwrap_err().into_iter().map(|it| it.key).collect();
    let wanted = ["files", "probes.every", "probes.kubeletPort", "probes.allow[0]", "probes.concurency"];
    assert_eq!(keys, wanted.map(|it| format!("posture.{it}")));
}
