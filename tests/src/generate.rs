//! `pathgate generate` and `check` keep their promises: what is printed is what `deploy` holds, what Kubernetes takes, and
//! what lets every request reach the plugins that are asked about it.

use crate::{
    kube::configs,
    process::{Output, run},
    world,
};
use anyhow::{Context, Result, anyhow, ensure};
use host::{
    paths::{self, Names},
    plugins::{Cache, Plugins, Spec, builtin},
    review,
};
use serde_json::{Value, json};
use std::{env, fmt::Write, fs, path::Path, process::Command, time::Duration};
use tempfile::TempDir;
use wire::Source;

#[test]
fn the_files_of_deploy_are_what_is_generated() -> Result<()> {
    let files = [("authorization-configuration.yaml", "authorization-config"), ("static-pod.yaml", "static-pod")];
    for (file, what) in files {
        let path = world::repository().join("deploy").join(file);
        let now = pathgate(&["generate", what, "--config", GATE], "")?.ok()?;
        if env::var_os("UPDATE_EXPECT").is_some_and(|it| it == "1") {
            fs::write(&path, &now)?;
        }
        ensure!(now == fs::read_to_string(&path)?, "{path:?} is old; run UPDATE_EXPECT=1 cargo test -p tests generate");
    }
    Ok(())
}

/// With the reader, the defaults and the validation of kube-apiserver, the kubelet and kubeadm.
#[test]
fn kubernetes_takes_what_is_generated() -> Result<()> {
    let Some(configs) = configs()? else { return world::skip("reading as Kubernetes does needs go") };
    let folder = Folder::new()?;
    let kubeconfig = folder.kubeconfig("https://127.0.0.1:9443/authorize")?;
    let chain = ["generate", "authorization-config", "--config", GATE, "--kubeconfig-file", &kubeconfig];
    for more in [
        &[][..],
        &["--api-version", "v1beta1"],
        &["--failure-policy", "Deny"],
        &["--no-cache"],
        &["--timeout", "1500ms", "--revoked-within", "1m"],
    ] {
        let text = pathgate(&[&chain, more].concat(), "")?.ok()?;
        folder.read_by(&configs, "authorization", &text, "{}")?.ok().with_context(|| format!("{more:?}"))?;
    }
    let pod = pathgate(&["generate", "static-pod", "--config", GATE, "--image", "r/p@sha256:0"], "")?.ok()?;
    folder.read_by(&configs, "pod", &pod, "")?.ok()?;
    let cluster = pathgate(&["generate", "kubeadm-patch"], "")?.ok()?;
    let flags: Value = serde_json::from_str(&folder.read_by(&configs, "kubeadm", &cluster, "")?.ok()?)?;
    let file = "/etc/kubernetes/pathgate/authorization-configuration.yaml";
    assert_eq!(flags, json!([{"Name": "authorization-config", "Value": file}]));
    // And it does refuse what is not right.
    let wrong = folder.read_by(&configs, "pod", &pod.replace("hostNetwork", "hostnetwork"), "")?;
    assert_ne!(wrong.code, Some(0), "{wrong:?}");
    Ok(())
}

/// Each built-in plugin by itself, with kube-apiserver's own CEL, on every case of every plugin.
#[test]
fn match_conditions_skip_nothing_that_a_plugin_is_asked_about() -> Result<()> {
    let Some(configs) = configs()? else { return world::skip("evaluating CEL as kube-apiserver does needs go") };
    let folder = Folder::new()?;
    let kubeconfig = folder.kubeconfig("https://127.0.0.1:9443/authorize")?;
    let plugins = Plugins::new(Cache::open(crate::gate::CACHE.as_ref()).ok()).map_err(|error| anyhow!("{error:#}"))?;
    let (mut lines, mut requests, mut refused) = (String::new(), Vec::new(), 0);
    for component in builtin().values() {
        for it in plugins.run_cases(component, Vec::new())? {
            refused += usize::from(it.case.expect.verdict == wire::Verdict::Deny);
            writeln!(lines, "{}", it.case.request)?;
            requests.push(it.case.request);
        }
    }
    ensure!(refused > 100, "only {refused} cases are refusals: were they read?");
    for (name, component) in builtin() {
        let gate = folder.gate(&[name])?;
        let arguments = ["generate", "authorization-config", "--match-conditions", "--config", &gate];
        let output = pathgate(&[&arguments[..], &["--kubeconfig-file", &kubeconfig]].concat(), "")?;
        if name == "revocation" {
            ensure!(output.code == Some(64) && output.stderr.contains("every request"), "{output:?}");
            continue;
        }
        let text = output.ok()?;
        let passes = folder.read_by(&configs, "authorization", &text, &lines)?.ok()?;
        let passes: Vec<_> = passes.lines().map(|it| it == "true").collect();
        ensure!(passes.len() == requests.len(), "{} answers to {} requests", passes.len(), requests.len());
        let plugin = plugins.load(Spec::new(name, component, json!({}))).map_err(|(_, error)| error)?;
        for (passes, request) in passes.iter().zip(&requests) {
            let class = paths::classify(&review::from_spec(request)?, &Names::default());
            let asked = class.source != Source::Malformed && plugin.is_asked(class.source, class.traversal);
            ensure!(*passes || !asked, "{name} is asked about what is skipped: {request}");
        }
        ensure!(passes.contains(&false), "the condition of {name} skips nothing");
        // And `check` knows it again, and no other.
        let file = folder.write("chain.yaml", &text)?;
        assert_eq!(check(&["--config", &gate, &file])?, (Some(0), vec![]), "{name}");
        assert_eq!(check(&[&file])?, (Some(1), vec!["match-conditions".into()]), "{name}");
    }
    Ok(())
}

#[test]
fn what_would_not_work_is_not_generated() -> Result<()> {
    let folder = Folder::new()?;
    let chain = ["generate", "authorization-config", "--config", GATE];
    let far = folder.kubeconfig("https://pathgate.kube-system.svc/authorize")?;
    let closed = folder.write("closed.yaml", "apiVersion: pathgate.io/v1alpha1\nkind: Gate\n")?;
    let refusals: [(&[&str], &str); 9] = [
        (&["generate", "egress-config", "--config", GATE], "no egress door"),
        (&["generate", "authorization-config", "--config", &closed], "webhook: is missing"),
        (&["generate", "static-pod", "--config", &closed], "webhook: is missing"),
        (&["generate", "static-pod", "--config", GATE, "--folder", "here"], "absolute"),
        (&[&chain[..], &["--timeout", "12s"]].concat(), "timeout-budget"),
        (&[&chain[..], &["--timeout", "31s"]].concat(), "at most 30s"),
        (&[&chain[..], &["--failure-policy", "Deny", "--kubeconfig-file", &far]].concat(), "self-hosting-deadlock"),
        (
            &[&chain[..], &["--legacy-flags", "--failure-policy", "Deny"]].concat(),
            "needs an AuthorizationConfiguration",
        ),
        (&[&chain[..], &["--match-conditions"]].concat(), "`revocation` is asked about every request"),
    ];
    for (arguments, why) in refusals {
        let output = pathgate(arguments, "")?;
        let said = (output.stdout.as_str(), output.stderr.contains(why));
        assert_eq!((output.code, said), (Some(64), ("", true)), "{arguments:?}: {}", output.stderr);
    }
    Ok(())
}

#[test]
fn check_exits_by_what_it_found() -> Result<()> {
    let folder = Folder::new()?;
    let near = folder.kubeconfig("https://127.0.0.1:9443/authorize")?;
    let generate = ["generate", "authorization-config", "--config", GATE, "--kubeconfig-file"];
    let good = pathgate(&[&generate[..], &[&near]].concat(), "")?.ok()?;
    let file = folder.write("good.yaml", &good)?;
    assert_eq!(check(&[&file])?, (Some(0), vec![]));
    let lost = folder.write("lost.yaml", &good.replace("webhook.kubeconfig", "no.kubeconfig"))?;
    assert_eq!(check(&[&lost])?, (Some(2), vec![]));
    let order = |text: &str| text.replace("authorizers:\n", "authorizers:\n- {type: AlwaysAllow, name: all}\n");
    let bad = folder.write("bad.yaml", &order(&good))?;
    assert_eq!(check(&[&bad])?, (Some(1), vec!["always-allow".into(), "order".into()]));
    for (arguments, stdin) in [(&["check"][..], ""), (&["check", "no/such"], ""), (&["check", "-"], "kind: Pod")] {
        let output = pathgate(arguments, stdin)?;
        assert_eq!((output.code, output.stdout.as_str()), (Some(64), ""), "{arguments:?}: {}", output.stderr);
    }
    let piped = pathgate(&["check", "-"], &order(&good))?;
    assert_eq!((piped.code, piped.stdout.contains("(rule order, https://")), (Some(1), true), "{}", piped.stdout);
    Ok(())
}

#[test]
fn check_tells_what_other_files_say_too() -> Result<()> {
    let folder = Folder::new()?;
    folder.write("kubelet.yaml", "kind: KubeletConfiguration\nreadOnlyPort: 10255\n")?;
    let output = pathgate(&["check", "--output", "json", folder.0.path().to_str().context("text")?], "")?;
    let lines: Vec<Value> = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let states: Vec<_> =
        lines.iter().map(|it| [&it["about"], &it["state"], &it["evidence"]["note"]].map(|it| it.as_str())).collect();
    let expected = [
        ["kubelets", "asserted", "authentication.anonymous.enabled: false"],
        ["kubelets", "asserted", "authorization.mode: Webhook"],
        ["kubelets", "exposed", "readOnlyPort: 10255"],
        ["kubelets", "unverified", "neither serverTLSBootstrap nor tlsCertFile: the kubelet signs its own certificate"],
    ];
    assert_eq!((output.code, states), (Some(1), expected.map(|it| it.map(Some)).to_vec()));
    Ok(())
}

#[test]
fn an_apiserver_that_asks_no_gate_is_found_beside_a_good_file() -> Result<()> {
    let folder = Folder::new()?;
    let near = folder.kubeconfig("https://127.0.0.1:9443/authorize")?;
    let generate = ["generate", "authorization-config", "--config", GATE, "--kubeconfig-file", &near];
    let chain = folder.write("chain.yaml", &pathgate(&generate, "")?.ok()?)?;
    let rest = "--kubelet-certificate-authority=/ca, --kubelet-client-certificate=/c, --kubelet-client-key=/k";
    let manifest = |flag: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: 'a:v1.36.0', command: [kube-apiserver, {flag}, {rest}]}}]}}\n"
        )
    };
    let with = |flag: &str| folder.write("kube-apiserver.yaml", &manifest(flag));
    let asks = with(&format!("--authorization-config={chain}"))?;
    assert_eq!(check(&[&asks, &chain])?, (Some(0), vec![]));
    // Which file it asks by is not known, unless it is there.
    assert_eq!(check(&[&asks])?, (Some(2), vec![]));
    let asks_nobody = with("'--authorization-mode=Node,RBAC'")?;
    assert_eq!(check(&[&asks_nobody, &chain])?, (Some(1), vec!["no-webhook".into()]));
    Ok(())
}

#[test]
fn sarif_names_rule_file_and_line() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.write("a b.yaml", "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n- {type: RBAC, name: rbac}\n")?;
    let output = pathgate(&["check", "--output", "sarif", &file], "")?;
    let log: Value = serde_json::from_str(&output.stdout)?;
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    let uri = place["artifactLocation"]["uri"].as_str().unwrap_or_default();
    let rules = run["tool"]["driver"]["rules"].as_array().context("no rules")?;
    let is_listed = rules.iter().any(|it| it["id"] == result["ruleId"]);
    assert_eq!(
        (output.code, &log["version"], &result["ruleId"], &result["level"], &place["region"]["startLine"]),
        (Some(1), &json!("2.1.0"), &json!("no-webhook"), &json!("error"), &json!(4))
    );
    assert!(is_listed && uri.ends_with("/a%20b.yaml"), "{log}");
    Ok(())
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Result<Folder> {
        Ok(Folder(TempDir::with_prefix("pathgate-generate-")?))
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.0.path().join(name);
        fs::write(&path, text)?;
        Ok(path.to_str().context("a folder that is no text")?.to_owned())
    }

    /// A webhook's kubeconfig; whose certificate it names does not matter to who only reads it.
    fn kubeconfig(&self, server: &str) -> Result<String> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "gate",
            "contexts": [{"name": "gate", "context": {"cluster": "gate", "user": "kube-apiserver"}}],
            "clusters": [{"name": "gate", "cluster": {"server": server, "certificate-authority": "/ca.crt"}}],
            "users": [{"name": "kube-apiserver", "user": {"client-certificate": "/c.crt", "client-key": "/c.key"}}],
        });
        self.write("webhook.kubeconfig", &config.to_string())
    }

    /// The configuration of `deploy`, with these plugins alone.
    fn gate(&self, plugins: &[&str]) -> Result<String> {
        let plugins: Vec<_> = plugins.iter().map(|it| json!({"name": it})).collect();
        let text = fs::read_to_string(world::repository().join(GATE))?;
        self.write("gate.yaml", &format!("{text}\nplugins: {}\n", Value::Array(plugins)))
    }

    fn read_by(&self, configs: &Path, kind: &str, text: &str, stdin: &str) -> Result<Output> {
        let file = self.write("read.yaml", text)?;
        run(Command::new(configs).args([kind, &file]), stdin.as_bytes(), SOON)
    }
}

/// How `check` exits, and the rules by which it found something.
#[test]
fn check_judges_the_tokens_by_which_nodes_join() -> Result<()> {
    let folder = Folder::new()?;
    let weak = "0f3a5c77b1e2d496";
    let table = folder.write("tokens.csv", &format!("{weak},kubelet-bootstrap,10001,system:masters\n"))?;
    assert_eq!(check(&[&table])?.1, ["token-capacity", "token-groups", "token-file"]);
    // The same by the flag of a kube-apiserver, which names it as the node sees it.
    let apiserver = folder.write(
        "apiserver.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command: [kube-apiserver, --token-auth-file=/tokens.csv]\n",
    )?;
    let root = folder.0.path().to_str().context("text")?;
    let (_, rules) = check(&["--root", root, &apiserver])?;
    assert!(
        ["token-capacity", "token-groups", "token-file"].iter().all(|it| rules.contains(&(*it).to_owned())),
        "{rules:?}"
    );
    let secret = "apiVersion: v1\nkind: Secret\ntype: bootstrap.kubernetes.io/token\nmetadata: {name: bootstrap-token-q1w2e3, \
                  namespace: kube-system}\nstringData: {token-id: q1w2e3, token-secret: r4t5y6u7i8o9p0a1, expiration: \
                  \"2026-01-02T00:00:00Z\", usage-bootstrap-authentication: \"true\"}\n";
    let good = folder.write("good-token.yaml", secret)?;
    let old = folder.write("old-token.yaml", &secret.replace("expiration", "expires"))?;
    let at = ["--at", "2026-01-01T12:00:00Z"];
    assert_eq!(check(&[&at[..], &[&good]].concat())?, (Some(0), vec![]));
    assert_eq!(check(&[&at[..], &[&old]].concat())?, (Some(1), vec!["bootstrap-token-expiry".to_owned()]));
    let said = pathgate(&["check", &table, &old], "")?;
    assert!(!said.stdout.contains(weak) && !said.stdout.contains("r4t5y6u7i8o9p0a1"), "{}", said.stdout);
    Ok(())
}

fn check(arguments: &[&str]) -> Result<(Option<i32>, Vec<String>)> {
    let output = pathgate(&[&["check", "--output", "json"], arguments].concat(), "")?;
    let mut rules = Vec::new();
    for line in output.stdout.lines() {
        let line: Value = serde_json::from_str(line)?;
        rules.extend(line.get("rule").and_then(Value::as_str).map(str::to_owned));
    }
    Ok((output.code, rules))
}

/// Runs the real command in the repository's root.
fn pathgate(arguments: &[&str], stdin: &str) -> Result<Output> {
    let mut command = Command::new(world::pathgate()?);
    command.args(arguments).current_dir(world::repository()).env("PATHGATE_CACHE_DIR", crate::gate::CACHE);
    run(&mut command, stdin.as_bytes(), SOON)
}

const GATE: &str = "deploy/gate.yaml";
/// A debug build that compiles its plugins on a busy machine.
const SOON: Duration = Duration::from_secs(120);
