//! The catalogue of communication paths, and the two axes on which a request is classified.

use serde::{Serialize, de::Visitor};
use std::{fmt, marker::PhantomData, str::FromStr};

/// An enum of words: each has one spelling, in JSON, in queries, in metrics and in plugins' `asks`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[$name] = &[$($name::$variant,)+];

            /// The one spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<$name, String> {
                $name::ALL.iter().copied().find(|it| it.as_str() == word).ok_or_else(|| {
                    $crate::paths::unknown(word, &[$($word),+])
                })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                deserializer.deserialize_str($crate::paths::Word(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use words;

/// What is wrong with a word that is none of these.
pub(crate) fn unknown(word: &str, known: &[&str]) -> String {
    format!("`{word}` is none of {}", known.join(", "))
}

/// Reads a word in its one spelling: what serde would derive, in a third of the code for a browser.
pub(crate) struct Word<T>(pub PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<T, E> {
        word.parse().map_err(E::custom)
    }
}

words! {
    /// A communication path between control plane and nodes. Each is judged by the plugin of the same name.
    Path {
        /// Kubelets calling kube-apiserver.
        NodeToApiserver = "node_to_apiserver",
        /// Service accounts calling kube-apiserver, mostly by the `kubernetes` service.
        PodToApiserver = "pod_to_apiserver",
        /// Control-plane components calling kube-apiserver.
        ComponentToApiserver = "component_to_apiserver",
        /// People, anonymous callers and impersonators calling kube-apiserver.
        UserToApiserver = "user_to_apiserver",
        /// kube-apiserver, or another client, calling a kubelet: logs, exec, attach, port-forward, stats.
        ApiserverToKubelet = "apiserver_to_kubelet",
        /// kube-apiserver proxying to a node, pod or service.
        ApiserverToEndpoint = "apiserver_to_endpoint",
        /// Konnectivity and SSH tunnels.
        Tunnel = "tunnel",
        /// Bootstrap tokens, certificate signing requests, kubelet certificates.
        TlsBootstrap = "tls_bootstrap",
        /// Every path: credentials that must no longer work.
        Revocation = "revocation",
    }
}

words! {
    /// Who asks, by the identity in the request.
    Source {
        /// Not a review that kube-apiserver would send: it is refused.
        Malformed = "malformed",
        /// In `system:masters`. kube-apiserver allows these before any webhook, so one that arrives is suspicious.
        Superuser = "superuser",
        Anonymous = "anonymous",
        Node = "node",
        /// The name or the group of a node, but not both.
        PseudoNode = "pseudo-node",
        /// A controller of kube-controller-manager under its own service account.
        Controller = "controller",
        /// A service account's token that is bound to a pod.
        Pod = "pod",
        /// A service account's token that is bound to no pod.
        UnboundServiceAccount = "unbound-service-account",
        /// The name or the groups of a service account, but not all of them.
        PseudoServiceAccount = "pseudo-service-account",
        Bootstrap = "bootstrap",
        ControlPlane = "control-plane",
        /// A `system:` user that is none of the above.
        Reserved = "reserved",
        User = "user",
    }
}

words! {
    /// What the request opens, by its attributes.
    Traversal {
        /// A kubelet asks whether it may serve, on behalf of kube-apiserver's kubelet client or of somebody else.
        Kubelet = "kubelet",
        /// `nodes/proxy`, by whoever asks.
        NodeProxy = "node-proxy",
        /// `pods/proxy` and `services/proxy`.
        EndpointProxy = "endpoint-proxy",
        /// `pods/exec`, `pods/attach`, `pods/portforward`.
        Stream = "stream",
        /// `pods/log`.
        Log = "log",
        /// Reviews of access and of tokens.
        DelegatedCheck = "delegated-check",
        /// Tokens, certificate signing requests, signers.
        CredentialMinting = "credential-minting",
        Impersonation = "impersonation",
        /// Discovery, health, version, OpenAPI.
        Discovery = "discovery",
        /// Everything else.
        Plain = "plain",
    }
}
