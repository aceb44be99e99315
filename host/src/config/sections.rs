//! From values with places to a checked configuration, section by section. No fault hides another: every key of a section
//! is read before one is missed.

use super::{
    Admin, Admission, Approver, BreakGlass, Cluster, Config, Dashboard, Egress, EgressListen, Identity, JournalConfig,
    Limits, LockOutGuard, Module, Network, OnFailure, PluginConfig, PostureConfig, Probes, Revocation, Role, Tls,
    Webhook,
    raw::{Faults, Field, Section},
};
use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

pub(super) fn gate(root: &Section, faults: &mut Faults) -> Option<Config> {
    if let Some(version) = root.required("apiVersion", API_VERSION, faults) {
        version.word(&[(API_VERSION, ())], faults);
    }
    if let Some(kind) = root.required("kind", "Gate", faults) {
        kind.word(&[("Gate", ())], faults);
    }
    for section in UNAVAILABLE {
        if let Some(field) = root.optional(section) {
            field.fault(faults, "is not available in this version; remove it");
        }
    }
    let cluster = section(root, "cluster", cluster, faults);
    let posture = section(root, "posture", posture, faults);
    let webhook = section(root, "webhook", webhook, faults);
    let egress = section(root, "egress", egress, faults);
    let admission = section(root, "admission", admission, faults);
    let approver = section(root, "approver", approver, faults);
    let dashboard = section(root, "dashboard", dashboard, faults);
    let admin = section(root, "admin", admin, faults);
    let journal = section(root, "journal", journal, faults);
    let plugins = section(root, "plugins", plugins, faults);
    if let (Some(field), None) = (root.optional("dashboard"), root.optional("journal")) {
        field.fault(faults, "shows what is on record, and nothing is: add a `journal` section");
    }
    if let Some(field) = root.optional("approver")
        && !matches!(cluster, Some(Some(Cluster::Kubeconfig(_) | Cluster::InCluster)))
    {
        field.fault(
            faults,
            "decides on what the cluster shows: add `cluster: {kubeconfig: FILE}` or `cluster: {inCluster: true}`",
        );
    }
    let lock_out_guard = section(root, "lockOutGuard", lock_out_guard, faults);
    let revocation = section(root, "revocation", revocation, faults);
    let break_glass = section(root, "breakGlass", break_glass, faults);
    let (approver, lock_out_guard) = (approver?, lock_out_guard?.unwrap_or_default());
    Some(Config {
        cluster: cluster?,
        posture: posture?,
        webhook: webhook?,
        egress: egress?,
        admission: admission?,
        lock_out_guard: LockOutGuard { approves: approver.is_some(), ..lock_out_guard },
        approver,
        dashboard: dashboard?,
        admin: admin?,
        journal: journal?,
        plugins: plugins?,
        revocation: revocation?,
        break_glass: break_glass?,
    })
}

/// Nothing if the section has a fault, nothing inside if it is absent.
fn section<T>(
    root: &Section,
    name: &str,
    read: fn(&Field, &mut Faults) -> Option<T>,
    faults: &mut Faults,
) -> Option<Option<T>> {
    match root.optional(name) {
        Some(field) => read(&field, faults).map(Some),
        None => Some(None),
    }
}

fn cluster(field: &Field, faults: &mut Faults) -> Option<Cluster> {
    let at = field.section(&["kubeconfig", "inCluster", "facts"], faults)?;
    let kubeconfig = at.optional("kubeconfig").map(|it| it.text(faults));
    let in_cluster = at.optional("inCluster").map(|it| it.boolean(faults));
    let facts = at.optional("facts").map(|it| it.text(faults));
    match (kubeconfig, in_cluster, facts) {
        (Some(path), None | Some(Some(false)), None) => Some(Cluster::Kubeconfig(path?.into())),
        (None, Some(Some(true)), None) => Some(Cluster::InCluster),
        (None, None | Some(Some(false)), Some(path)) => Some(Cluster::Facts(path?.into())),
        (_, Some(None), _) => None,
        (_, Some(Some(true)), _) | (Some(_), _, Some(_)) | (None, None | Some(Some(false)), None) => {
            field.fault(faults, "must have one of `kubeconfig: FILE`, `inCluster: true` and `facts: FILE`");
            None
        }
    }
}

fn posture(field: &Field, faults: &mut Faults) -> Option<PostureConfig> {
    let at = field.section(&["name", "files", "probes"], faults)?;
    let name = at.optional("name").map_or(Some(""), |it| it.text(faults));
    let files = at.optional("files").map_or(Some(Vec::new()), |it| words(&it, MOST_FILES, faults));
    let probes = match at.optional("probes") {
        Some(it) => probes(&it, faults).map(Some),
        None => Some(None),
    };
    let files = files?.into_iter().map(PathBuf::from).collect();
    Some(PostureConfig { name: name?.to_owned(), files, probes: probes? })
}

fn probes(field: &Field, faults: &mut Faults) -> Option<Probes> {
    let known = &["every", "kubeletCA", "kubeletPort", "readOnlyPort", "allow", "concurrency"];
    let at = field.section(known, faults)?;
    let every = at.optional("every").map_or(Some(5 * MINUTE), |it| {
        // A second is for tests; what is older than ten minutes does not count any more.
        it.duration(("1s", Duration::from_secs(1)), ("10m", 10 * MINUTE), faults)
    });
    let kubelet_ca = at.optional("kubeletCA").map(|it| it.text(faults).map(PathBuf::from));
    let kubelet_port = at.optional("kubeletPort").map_or(Some(10_250), |it| it.whole(1, 65_535, faults));
    let read_only_port = at.optional("readOnlyPort").map_or(Some(10_255), |it| it.whole(0, 65_535, faults));
    let allow = at.optional("allow").map_or(Some(Vec::new()), |it| networks(&it, faults));
    // Each one holds two sockets and some hundred kilobytes at most.
    let concurrency = at.optional("concurrency").map_or(Some(64), |it| it.whole(1, 256, faults));
    Some(Probes {
        every: every?,
        kubelet_ca: match kubelet_ca {
            Some(file) => Some(file?),
            None => None,
        },
        kubelet_port: u16::try_from(kubelet_port?).ok()?,
        read_only_port: u16::try_from(read_only_port?).ok()?,
        allow: allow?,
        concurrency: usize::try_from(concurrency?).ok()?,
    })
}

fn networks(field: &Field, faults: &mut Faults) -> Option<Vec<Network>> {
    let fields = field.list(64, faults)?;
    let network = |field: &Field, faults: &mut Faults| {
        let network = field.text(faults)?.parse().ok();
        if network.is_none() {
            field.fault(faults, "must be an address or a network, as `127.0.0.0/8` or `fd00::/8`");
        }
        network
    };
    let all: Vec<_> = fields.iter().map(|it| network(it, faults)).collect();
    all.into_iter().collect()
}

fn webhook(field: &Field, faults: &mut Faults) -> Option<Webhook> {
    let at = field.section(&["listen", "tls"], faults)?;
    let listen = listen(&at, 9443, faults);
    let tls = at.required("tls", TLS_EXAMPLE, faults).and_then(|it| tls(&it, faults));
    Some(Webhook { listen: listen?, tls: tls? })
}

fn egress(field: &Field, faults: &mut Faults) -> Option<Egress> {
    let at = field.section(&["listen", "tls"], faults)?;
    let certificates = at.optional("tls").map(|it| tls(&it, faults));
    let Some(listen) = at.optional("listen") else {
        return Some(Egress { listen: EgressListen::Unix("/run/pathgate/egress.sock".into()) });
    };
    let text = listen.text(faults)?;
    if let Some(path) = text.strip_prefix("unix://") {
        if !path.starts_with('/') {
            listen.fault(faults, "must be an absolute path, as `unix:///run/pathgate/egress.sock`");
            return None;
        }
        return Some(Egress { listen: EgressListen::Unix(path.into()) });
    }
    let address = address(&listen, faults);
    if certificates.is_none() {
        at.required("tls", TLS_EXAMPLE, faults);
    }
    Some(Egress { listen: EgressListen::Tcp(address?, certificates??) })
}

fn admission(field: &Field, faults: &mut Faults) -> Option<Admission> {
    let at = field.section(&["listen", "tls"], faults)?;
    let listen = listen(&at, 8443, faults);
    let tls = at.required("tls", TLS_EXAMPLE, faults).and_then(|it| tls(&it, faults));
    Some(Admission { listen: listen?, tls: tls? })
}

fn approver(field: &Field, faults: &mut Faults) -> Option<Approver> {
    let at = field.section(&["signers"], faults)?;
    let signers = match at.optional("signers") {
        Some(signers) => words(&signers, 64, faults)?,
        None => SIGNERS.iter().map(|signer| (*signer).to_owned()).collect(),
    };
    Some(Approver { signers })
}

fn dashboard(field: &Field, faults: &mut Faults) -> Option<Dashboard> {
    let at = field.section(&["listen"], faults)?;
    loopback(&at, 7070, faults).map(|listen| Dashboard { listen })
}

fn admin(field: &Field, faults: &mut Faults) -> Option<Admin> {
    let at = field.section(&["listen"], faults)?;
    loopback(&at, 9090, faults).map(|listen| Admin { listen })
}

fn journal(field: &Field, faults: &mut Faults) -> Option<JournalConfig> {
    let at = field.section(&["url", "retention", "queue", "strict"], faults)?;
    let url = at.optional("url").map_or(Some(JOURNAL_URL), |it| journal_url(&it, faults));
    let retention = at.optional("retention").map_or(Some(7 * DAY), |it| {
        // A minute is for tests; ten years is longer than any cluster.
        it.duration(("1m", Duration::from_secs(60)), ("3650d", 3650 * DAY), faults)
    });
    // A million decisions that wait are a gigabyte.
    let queue = at.optional("queue").map_or(Some(65_536), |it| it.whole(1, 1_048_576, faults));
    let strict = at.optional("strict").map_or(Some(false), |it| it.boolean(faults));
    Some(JournalConfig {
        url: url?.to_owned(),
        retention: retention?,
        queue: usize::try_from(queue?).ok()?,
        strict: strict?,
    })
}

fn journal_url<'a>(field: &Field<'a>, faults: &mut Faults) -> Option<&'a str> {
    let url = field.text(faults)?;
    let scheme = url.split(':').next().unwrap_or_default();
    let message = match scheme {
        "sqlite" if url.strip_prefix("sqlite://").is_some_and(|path| !path.is_empty()) => return Some(url),
        "postgres" | "postgresql" => "PostgreSQL is not available in this version; write `sqlite:///PATH`",
        _ => "must be `sqlite:///PATH`",
    };
    field.fault(faults, message);
    None
}

fn lock_out_guard(field: &Field, faults: &mut Faults) -> Option<LockOutGuard> {
    let at = field.section(&["gate", "breakGlass"], faults)?;
    let default = LockOutGuard::default();
    let gate = at.optional("gate").map_or(Some(default.gate.clone()), |it| identity(&it, faults));
    let break_glass = match at.optional("breakGlass") {
        None => Some(default.break_glass.clone()),
        // An empty list is an answer: nobody.
        Some(list) => list.list(16, faults).and_then(|all| {
            let all: Vec<_> = all.iter().map(|it| identity(it, faults)).collect();
            all.into_iter().collect()
        }),
    };
    Some(LockOutGuard { gate: gate?, break_glass: break_glass?, ..default })
}

fn break_glass(field: &Field, faults: &mut Faults) -> Option<BreakGlass> {
    let at = field.section(&["grant", "publicKey"], faults)?;
    let grant = at.required("grant", "/etc/pathgate/break-glass.json", faults).and_then(|it| it.text(faults));
    let public_key = at.required("publicKey", "/etc/pathgate/break-glass.pub", faults).and_then(|it| it.text(faults));
    Some(BreakGlass { grant: grant?.into(), public_key: public_key?.into() })
}

fn revocation(field: &Field, faults: &mut Faults) -> Option<Revocation> {
    let at = field.section(&["list", "publicKey", "state"], faults)?;
    let list = at.required("list", "/etc/pathgate/revoked.json", faults).and_then(|it| it.text(faults));
    let public_key = at.required("publicKey", "/etc/pathgate/revoked.pub", faults).and_then(|it| it.text(faults));
    let state = at.optional("state").map(|it| it.text(faults).map(PathBuf::from));
    Some(Revocation {
        list: list?.into(),
        public_key: public_key?.into(),
        state: match state {
            Some(file) => Some(file?),
            None => None,
        },
    })
}

fn identity(field: &Field, faults: &mut Faults) -> Option<Identity> {
    let at = field.section(&["user", "groups"], faults)?;
    let user = at.required("user", "kubernetes-admin", faults).and_then(|it| it.text(faults));
    let groups = at.optional("groups").map_or(Some(Vec::new()), |it| words(&it, 64, faults));
    Some(Identity { user: user?.to_owned(), groups: groups? })
}

fn plugins(field: &Field, faults: &mut Faults) -> Option<Vec<PluginConfig>> {
    // More would not be asked within one request's time.
    let fields = field.list(64, faults)?;
    let mut seen = HashSet::new();
    let mut all = Some(Vec::new());
    for field in &fields {
        let plugin = plugin(field, &mut seen, faults);
        all = all.zip(plugin).map(|(mut all, plugin)| {
            all.push(plugin);
            all
        });
    }
    all
}

fn plugin<'a>(field: &Field<'a>, seen: &mut HashSet<&'a str>, faults: &mut Faults) -> Option<PluginConfig> {
    let at = field.section(&["name", "module", "sha256", "role", "shadow", "failure", "limits", "config"], faults)?;
    let name = at.required("name", "house_rules", faults).and_then(|it| plugin_name(&it, seen, faults));
    let sha256 = at.optional("sha256").map(|it| digest(&it, faults));
    let module = match at.optional("module") {
        None => Some(Module::Builtin),
        Some(it) => {
            it.text(faults).map(|text| if text == "builtin" { Module::Builtin } else { Module::File(text.into()) })
        }
    };
    if let (Some(Module::File(_)), None) = (&module, &sha256) {
        at.required("sha256", "what `sha256sum FILE` prints", faults);
    }
    if let (Some(Module::Builtin), Some(name)) = (&module, name)
        && name.parse::<wire::Path>().is_err()
    {
        let known = wire::Path::ALL.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        field.fault(faults, format!("`{name}` is no built-in plugin; write `module: FILE`, or one of {known}"));
    }
    let role = at
        .optional("role")
        .map_or(Some(Role::Restrict), |it| it.word(&[("restrict", Role::Restrict), ("grant", Role::Grant)], faults));
    let shadow = at.optional("shadow").map_or(Some(false), |it| it.boolean(faults));
    let failure = failure(&at, role, faults);
    let limits = at.optional("limits").map_or(Some(Limits::default()), |it| limits(&it, faults));
    let config = at.optional("config").map_or(Some(serde_json::json!({})), |it| it.object(faults));
    Some(PluginConfig {
        name: name?.to_owned(),
        module: module?,
        sha256: match sha256 {
            Some(digest) => Some(digest?),
            None => None,
        },
        role: role?,
        shadow: shadow?,
        failure: failure?,
        limits: limits?,
        config: config?,
    })
}

fn plugin_name<'a>(field: &Field<'a>, seen: &mut HashSet<&'a str>, faults: &mut Faults) -> Option<&'a str> {
    let name = field.text(faults)?;
    let snake = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !snake {
        field.fault(faults, "must be snake_case: a small letter, then small letters, digits and `_`, at most 64");
        return None;
    }
    if !seen.insert(name) {
        field.fault(faults, format!("`{name}` is the name of an earlier plugin; give each its own"));
        return None;
    }
    Some(name)
}

/// A plugin that may only allow has nothing to deny with.
fn failure(at: &Section, role: Option<Role>, faults: &mut Faults) -> Option<OnFailure> {
    let words = [("deny", OnFailure::Deny), ("no-opinion", OnFailure::NoOpinion)];
    let Some(field) = at.optional("failure") else {
        return Some(if role == Some(Role::Grant) { OnFailure::NoOpinion } else { OnFailure::Deny });
    };
    let failure = field.word(&words, faults)?;
    if (role, failure) == (Some(Role::Grant), OnFailure::Deny) {
        field.fault(faults, "must be `no-opinion` for a plugin with the role `grant`");
        return None;
    }
    Some(failure)
}

fn limits(field: &Field, faults: &mut Faults) -> Option<Limits> {
    let at = field.section(&["deadline", "memory", "fuel"], faults)?;
    let default = Limits::default();
    let deadline = at.optional("deadline").map_or(Some(default.deadline), |it| {
        // The tick is a millisecond; a fifth of a second is what a user notices.
        it.duration(("1ms", Duration::from_millis(1)), ("200ms", Duration::from_millis(200)), faults)
    });
    let memory = at.optional("memory").map_or(Some(default.memory), |it| {
        // From one page of WebAssembly to what the pool reserves for a slot.
        it.quantity(("64KiB", 64 << 10), ("64MiB", 64 << 20), faults)
    });
    let fuel = at.optional("fuel").map_or(Some(default.fuel), |it| it.whole(10_000, 100_000_000, faults));
    Some(Limits { deadline: deadline?, memory: memory?, fuel: fuel? })
}

fn digest(field: &Field, faults: &mut Faults) -> Option<[u8; 32]> {
    let digest = field.text(faults)?;
    let bytes = unhex(digest);
    if bytes.is_none() {
        field.fault(faults, "must be 64 hex digits, as `sha256sum FILE` prints them");
    }
    bytes
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn tls(field: &Field, faults: &mut Faults) -> Option<Tls> {
    let at = field.section(&["certificate", "key", "clientCA", "clientNames"], faults)?;
    let mut file = |name, example| at.required(name, example, faults).and_then(|it| it.text(faults)).map(PathBuf::from);
    let certificate = file("certificate", "/etc/pathgate/tls.crt");
    let key = file("key", "/etc/pathgate/tls.key");
    let client_ca = file("clientCA", "/etc/pathgate/client-ca.crt");
    let client_names = match at.optional("clientNames") {
        Some(names) => words(&names, 64, faults),
        None => Some(vec!["kube-apiserver".to_owned()]),
    };
    Some(Tls { certificate: certificate?, key: key?, client_ca: client_ca?, client_names: client_names? })
}

/// A list of texts with at least one.
fn words(field: &Field, most: usize, faults: &mut Faults) -> Option<Vec<String>> {
    let fields = field.list(most, faults)?;
    if fields.is_empty() {
        field.fault(faults, "is empty; name at least one, or remove the key for the default");
        return None;
    }
    let words: Vec<_> = fields.iter().map(|it| it.text(faults)).collect();
    words.into_iter().map(|word| word.map(str::to_owned)).collect()
}

fn listen(at: &Section, port: u16, faults: &mut Faults) -> Option<SocketAddr> {
    match at.optional("listen") {
        Some(field) => address(&field, faults),
        None => Some((Ipv4Addr::LOCALHOST, port).into()),
    }
}

/// Without TLS and authentication, nothing answers on any other address.
fn loopback(at: &Section, port: u16, faults: &mut Faults) -> Option<SocketAddr> {
    let address = listen(at, port, faults)?;
    if let (false, Some(field)) = (address.ip().is_loopback(), at.optional("listen")) {
        field.fault(
            faults,
            format!("must be a loopback address, as `127.0.0.1:{port}`: it answers without authentication"),
        );
        return None;
    }
    Some(address)
}

fn address(field: &Field, faults: &mut Faults) -> Option<SocketAddr> {
    let address = field.text(faults)?.parse().ok();
    if address.is_none() {
        field.fault(faults, "must be an IP address and a port, as `127.0.0.1:9443` or `[::1]:9443`");
    }
    address
}

pub(super) const SECTIONS: &[&str] = &[
    "apiVersion",
    "kind",
    "cluster",
    "posture",
    "webhook",
    "egress",
    "admission",
    "approver",
    "dashboard",
    "admin",
    "journal",
    "plugins",
    "lockOutGuard",
    "revocation",
    "breakGlass",
];

const API_VERSION: &str = "pathgate.io/v1alpha1";

/// Sections that are read and checked, but have nothing behind them yet. A door that seems open and is not would be worse.
const UNAVAILABLE: &[&str] = &["egress", "admission"];

const SIGNERS: &[&str] = &["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"];
const JOURNAL_URL: &str = "sqlite:///var/lib/pathgate/journal.db";
const TLS_EXAMPLE: &str = "{certificate: FILE, key: FILE, clientCA: FILE}";
/// Folders may be named in place of their files.
const MOST_FILES: usize = 1_024;
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
