//! Normal traffic: what a healthy cluster asks its gate, on every path. The same cast and seed give the same traffic; it
//! reads no clock.

mod lanes;

use crate::{
    cast::{Cast, Node, Pod},
    review::{Caller, Deed, Review},
};
use fastrand::Rng;
use lanes::{Act, LANES, Lane};
use std::sync::Arc;

/// Something that happens in the cluster, and what kube-apiserver asks its gate because of it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The way that it takes, as `nodes`.
    pub lane: &'static str,
    pub reviews: Vec<Review>,
}

/// Scenes without end: first everything that happens anywhere once, then as often as it does in a cluster.
#[derive(Clone, Debug)]
pub struct Traffic {
    stage: Stage,
    /// What has not been shown yet, the next one last.
    first: Vec<(&'static Lane, Act)>,
}

/// What a scene is made of.
#[derive(Clone, Debug)]
struct Stage {
    cast: Arc<Cast>,
    rng: Rng,
    /// Whose turn it is.
    turn: usize,
}

impl Traffic {
    pub(crate) fn new(cast: Arc<Cast>, seed: u64) -> Traffic {
        let mut first: Vec<_> = LANES.iter().flat_map(|lane| lane.acts.iter().map(move |act| (lane, *act))).collect();
        first.reverse();
        Traffic { stage: Stage { cast, rng: Rng::with_seed(seed), turn: 0 }, first }
    }

    /// How many scenes it takes until everything has been shown once.
    pub fn round(&self) -> usize {
        LANES.iter().map(|lane| lane.acts.len()).sum()
    }

    fn next_act(&mut self) -> Option<(&'static Lane, Act)> {
        if let Some(next) = self.first.pop() {
            return Some(next);
        }
        let all: u32 = LANES.iter().map(|lane| lane.weight).sum();
        let mut at = self.stage.rng.u32(..all);
        let lane = LANES.iter().find(|lane| {
            let here = at < lane.weight;
            at = at.saturating_sub(lane.weight);
            here
        })?;
        Some((lane, *self.stage.rng.choice(lane.acts)?))
    }
}

impl Iterator for Traffic {
    type Item = Scene;

    fn next(&mut self) -> Option<Scene> {
        let (lane, act) = self.next_act()?;
        let reviews = act(&mut self.stage)?;
        let reviews = reviews.into_iter().map(|(caller, deed)| Review::new(&caller, &deed)).collect();
        Some(Scene { lane: lane.name, reviews })
    }
}

impl Stage {
    /// Each in its turn: no kubelet is silent for long.
    fn any_node(&mut self) -> Option<Node> {
        let node = self.cast.nodes.get(self.turn % self.cast.nodes.len().max(1)).cloned();
        self.turn = self.turn.wrapping_add(1);
        node
    }

    fn any_pod(&mut self, app: &str) -> Option<Pod> {
        let pods: Vec<_> = self.cast.pods.iter().filter(|pod| pod.app == app).collect();
        self.rng.choice(pods).cloned()
    }

    fn any_person(&mut self) -> Caller {
        match self.rng.u8(..3) {
            0 => alice(),
            1 => Caller::person("bob@shop.example", &["shop-developers"]),
            _ => Caller::person("carol@shop.example", &["shop-developers", "on-call"]),
        }
    }
}

/// The administrator.
pub fn alice() -> Caller {
    Caller::person("alice@shop.example", &["platform-admins"])
}

/// The kubelet of a node, by its client certificate.
pub fn kubelet(node: &Node) -> Caller {
    Caller::by_certificate(&format!("system:node:{}", node.name), &["system:nodes"], &node.fingerprint)
}

/// A pod, by the token that its node's kubelet got for it.
pub fn pod(cast: &Cast, pod: &Pod) -> Caller {
    let caller = Caller::service_account(pod.namespace, pod.account, &pod.account_uid)
        .with("credential-id", &format!("JTI={}", pod.uid))
        .with("pod-name", &pod.name)
        .with("pod-uid", &pod.uid);
    match cast.node_of(pod) {
        Some(node) => caller.with("node-name", &node.name).with("node-uid", &node.uid),
        None => caller,
    }
}

/// kube-apiserver's kubelet client, as kubeadm issues its certificate.
pub fn kubelet_client(cast: &Cast) -> Caller {
    let mut caller = cast.component(crate::kubelet::KUBELET_CLIENT);
    caller.groups.insert(0, "kubeadm:cluster-admins".into());
    caller
}

/// What a kubelet asks kube-apiserver before it serves somebody who calls it: whether it may ask, then whether they may.
pub fn delegated(node: &Node, caller: &Caller, verb: &str, subresource: &str) -> Vec<(Caller, Deed)> {
    let reviews = Deed::resource("create", "authorization.k8s.io", "v1", "subjectaccessreviews");
    let deed = Deed::core(verb, &format!("nodes/{subresource}")).named(&node.name);
    vec![(kubelet(node), reviews), (caller.clone(), deed)]
}
