//! How a node gets its first certificate: bootstrap tokens, certificate signing requests, and who approves them.
//!
//! Owns what a bootstrap token is good for, who may turn a request into a credential, and which requests of kubelets are
//! approved.

mod approval;
mod csr;

pub use csr::approve;

use sdk::{Answer, Context, Guard, Mode, Question, Request, Rule, Target, Tell};

sdk::config! {
    guards: rules();
    /// Whether a bootstrap token may read what `kubeadm join` reads: kubeadm's config maps, a Node by its name, and for a
    /// further control-plane node the secret `kubeadm-certs`.
    kubeadm_join: bool = true,
    /// The domain of the cluster's services, as the kubelets' --cluster-domain: no node has a name in it.
    cluster_domain: String = "cluster.local".into(),
    /// Names and addresses that no node has, such as those by which clients reach kube-apiserver. An entry that begins with
    /// a dot means every name below it.
    reserved: Vec<String> = Vec::new(),
    /// Patterns that a node's name is like, in which `*` stands for any run of characters. Empty: any name.
    node_names: Vec<String> = Vec::new(),
    /// The longest duration that a request may ask for.
    max_expiration_seconds: u32 = 31_536_000,
    /// Public keys that are known to the public: `sha256:` and 64 hex digits over the SubjectPublicKeyInfo.
    #[schemars(inner(regex(pattern = r"^sha256:[0-9a-f]{64}$")))]
    weak_keys: Vec<String> = Vec::new(),
}

sdk::plugin! {
    asks: ["source:bootstrap", "traversal:credential-minting"],
    config: Config,
    rules: rules(),
    authorize: authorize,
    approve_csr: approve,
}

/// A rule of either kind.
pub enum Entry {
    Review(&'static Guard<Config>),
    Request(&'static csr::Check),
}

impl Tell for Entry {
    fn rule(&self) -> &Rule {
        match self {
            Entry::Review(guard) => &guard.rule,
            Entry::Request(check) => &check.rule,
        }
    }

    fn attributes(&self) -> Vec<(&'static str, &'static str)> {
        match self {
            Entry::Review(guard) => guard.attributes(),
            Entry::Request(check) => {
                vec![("pathgate.io/default", check.mode.as_str()), ("pathgate.io/interface", "approve-csr")]
            }
        }
    }
}

/// Those on reviews, then those on certificate requests.
fn rules() -> Vec<Entry> {
    GUARDS.iter().map(Entry::Review).chain(csr::rules::all().map(Entry::Request)).collect()
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    sdk::judge(config, &GUARDS, context, request)
}

fn only_joins(config: &Config, question: &Question<'_>) -> Option<String> {
    if !question.is_from(&["bootstrap"]) {
        return None;
    }
    let (is_joining, what) = match &question.request.target {
        Target::NonResource(at) => (question.context.traversal() == "discovery", format!("{} {}", at.verb, at.path)),
        Target::Resource(at) => {
            let place = (at.namespace.as_str(), at.name.as_str());
            let is_joining = match at.tuple() {
                (CERTIFICATES, "certificatesigningrequests", "") => {
                    matches!(at.verb.as_str(), "create" | "get" | "list" | "watch")
                }
                // What the approving controller asks about the author of a request.
                (CERTIFICATES, "certificatesigningrequests", "nodeclient") => at.verb == "create",
                ("", "configmaps", "") => at.verb == "get" && is_readable(config, place),
                ("", "secrets", "") => {
                    config.kubeadm_join && at.verb == "get" && place == ("kube-system", "kubeadm-certs")
                }
                ("", "nodes", "") => config.kubeadm_join && at.verb == "get" && !at.name.is_empty(),
                (_, resource, "") => at.verb == "create" && resource.starts_with("selfsubject"),
                _ => false,
            };
            (is_joining, at.describe())
        }
    };
    (!is_joining).then(|| {
        format!(
            "a bootstrap token is for joining a node: it creates a certificate request and waits, and may not {what}; use \
             the kubelet's own certificate",
        )
    })
}

fn is_readable(config: &Config, place: (&str, &str)) -> bool {
    match place {
        ("kube-public", "cluster-info") => true,
        ("kube-system", "kubeadm-config" | "kubelet-config" | "kube-proxy") => config.kubeadm_join,
        _ => false,
    }
}

fn by_token(_: &Config, question: &Question<'_>) -> Option<String> {
    let user = question.user();
    let id = user.strip_prefix("system:bootstrap:").unwrap_or_default();
    let is_token = id.len() == 6 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (question.is_from(&["bootstrap"]) && !is_token).then(|| {
        format!(
            "`{user}` is in a group of bootstrap tokens and is none; use a bootstrap token, which expires (kubeadm token \
             create)"
        )
    })
}

fn token_secrets(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_token =
        at.tuple() == ("", "secrets", "") && at.namespace == "kube-system" && at.name.starts_with("bootstrap-token-");
    // Controllers sign with them and clean them up. Nodes have rules of their own for secrets.
    (is_token && !question.is_from(&["controller", "control-plane", "node"])).then(|| {
        format!(
            "`{}` may not {} `{}`: with a bootstrap token one joins a node of any name; ask an administrator for a token",
            question.user(),
            at.describe(),
            at.name
        )
    })
}

static GUARDS: [Guard<Config>; 5] = [
    Guard {
        rule: Rule {
            id: "bootstrap-only-joins",
            summary: "A bootstrap token joins a node, and does nothing else.",
            advice: "Bootstrap tokens lie in user data and images, and are stolen from there. `kubeadmJoin` is for clusters \
                     that kubeadm joins nodes to; set it to false elsewhere. Other steps of a join belong to the kubelet's \
                     own certificate; otherwise add the user to `allow.bootstrap-only-joins`.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/, ClusterRole \
                     system:node-bootstrapper",
        },
        mode: Mode::On,
        allow: &[],
        check: only_joins,
    },
    Guard {
        rule: Rule {
            id: "bootstrap-by-token",
            summary: "A bootstrap identity is a bootstrap token.",
            advice: "In the shadow by default, because a static token file, which never expires, gives such names \
                     (`kubelet-bootstrap`). Replace it by bootstrap tokens, then set `rules.bootstrap-by-token` to `on`.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/",
        },
        mode: Mode::Shadow,
        allow: &[],
        check: by_token,
    },
    Guard {
        rule: Rule {
            id: "bootstrap-token-secrets",
            summary: "Bootstrap tokens are read and written by administrators.",
            advice: "Who reads one can join a node. kubeadm's administrators are on the list; a program that makes tokens \
                     belongs into `allow.bootstrap-token-secrets`.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/",
        },
        mode: Mode::On,
        allow: ADMINISTRATORS,
        check: token_secrets,
    },
    approval::CLIENT_SIGNERS,
    approval::APPROVAL,
];

/// Whom kubeadm makes an administrator.
const ADMINISTRATORS: &[&str] = &["group:kubeadm:cluster-admins"];
const CERTIFICATES: &str = "certificates.k8s.io";

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let mut config = Config::default();
        config.rules.insert("approval".into(), sdk::Mode::Off);
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/rules/approval"]);
    }
}
