//! The security state of a path, and how it is known.

use crate::paths::words;
use serde::Serialize;

words! {
    /// What is known of one path to one node, or of one caller. The order is that of trouble, the worst first.
    State {
        /// In plaintext, or open to anybody.
        Exposed = "exposed",
        /// Encrypted, and nobody checks who answers.
        Unverified = "unverified",
        /// Sources that are equally good disagree.
        Conflict = "conflict",
        /// No valid evidence. Never counted as safe.
        Unknown = "unknown",
        /// Safe if what configuration says is true.
        Asserted = "asserted",
        /// Safe by what was seen or tried.
        Safe = "safe",
    }
}

words! {
    /// How far a path has come; each step needs those before it.
    Rung {
        Exposed = "exposed",
        Encrypted = "encrypted-unverified",
        ServerVerified = "server-verified",
        Mutual = "mutual",
        Authorized = "mutual-authorized",
    }
}

words! {
    /// How good a piece of evidence is, the best first.
    Strength {
        /// By an active test of this very instance, or a fact of the protocol.
        Proved = "proved",
        /// Seen for this instance.
        Observed = "observed",
        /// A configuration says so.
        Asserted = "asserted",
        /// Concluded from what is usual.
        Inferred = "inferred",
    }
}

words! {
    /// Where evidence comes from.
    Witness {
        /// Reviews that kube-apiserver and kubelets sent.
        Reviews = "reviews",
        /// Connections that the gate opened to look.
        Probes = "probes",
        /// Configuration files.
        Files = "files",
        /// What the cluster says it holds.
        Inventory = "inventory",
    }
}

words! {
    /// What a check comes to.
    Outcome {
        Passes = "passes",
        Fails = "fails",
        Unknown = "unknown",
        /// Sources disagree.
        Conflict = "conflict",
    }
}

words! {
    /// What a check is about.
    Part {
        WhoAnswers = "who-answers",
        WhoAsks = "who-asks",
        WhatMayPass = "what-may-pass",
        WaysRound = "ways-round",
    }
}

words! {
    /// A lane of the map: one way between two kinds of places. Several lanes may belong to one path.
    LaneId {
        /// People who call kube-apiserver.
        People = "people",
        /// Callers without a name.
        Anonymous = "anonymous",
        /// Scheduler, controllers and other components that call kube-apiserver.
        Components = "components",
        /// Kubelets that call kube-apiserver.
        Nodes = "nodes",
        /// Pods that call kube-apiserver.
        Pods = "pods",
        /// Nodes that join.
        Bootstrap = "bootstrap",
        /// Agents of tunnels.
        Agents = "agents",
        /// kube-apiserver that calls a kubelet.
        Kubelet = "kubelet",
        /// kube-apiserver that proxies to a node.
        NodeProxy = "node-proxy",
        /// kube-apiserver that proxies to a pod.
        PodProxy = "pod-proxy",
        /// kube-apiserver that proxies to a service.
        ServiceProxy = "service-proxy",
        /// Anybody who calls a kubelet, past kube-apiserver and past the gate.
        Direct = "direct",
    }
}

impl State {
    /// The letter for it in [`Ticks`](crate::Ticks).
    pub const fn letter(self) -> char {
        match self {
            State::Exposed => 'e',
            State::Unverified => 'v',
            State::Conflict => 'c',
            State::Unknown => 'u',
            State::Asserted => 'a',
            State::Safe => 's',
        }
    }
}

impl LaneId {
    /// The path that it belongs to; none for the way round the gate, which nobody judges.
    pub const fn path(self) -> Option<crate::Path> {
        use crate::Path;
        match self {
            LaneId::People | LaneId::Anonymous => Some(Path::UserToApiserver),
            LaneId::Components => Some(Path::ComponentToApiserver),
            LaneId::Nodes => Some(Path::NodeToApiserver),
            LaneId::Pods => Some(Path::PodToApiserver),
            LaneId::Bootstrap => Some(Path::TlsBootstrap),
            LaneId::Agents => Some(Path::Tunnel),
            LaneId::Kubelet => Some(Path::ApiserverToKubelet),
            LaneId::NodeProxy | LaneId::PodProxy | LaneId::ServiceProxy => Some(Path::ApiserverToEndpoint),
            LaneId::Direct => None,
        }
    }

    /// Its name on the map.
    pub const fn title(self) -> &'static str {
        match self {
            LaneId::People => "people",
            LaneId::Anonymous => "anonymous",
            LaneId::Components => "components",
            LaneId::Nodes => "node → apiserver",
            LaneId::Pods => "pod → apiserver",
            LaneId::Bootstrap => "TLS bootstrap",
            LaneId::Agents => "agent → tunnel server",
            LaneId::Kubelet => "apiserver → kubelet",
            LaneId::NodeProxy => "apiserver → node proxy",
            LaneId::PodProxy => "apiserver → pod proxy",
            LaneId::ServiceProxy => "apiserver → service proxy",
            LaneId::Direct => "anyone → kubelet, directly",
        }
    }
}
