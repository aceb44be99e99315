//! Changed bytes: none is accepted, and none ends the plugin.

use super::{
    corpus::Row,
    corpus::issue::{NOW, Scene},
    *,
};

#[test]
fn no_changed_bit_and_no_missing_byte_is_accepted_or_ends_the_plugin() -> Result<()> {
    let plugins = sandboxes()?;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for scene in ["kubelet", "agent"] {
        let row = Row { expected: "accept", scene, changes: vec![("via", "1")], promise: "is accepted as it is" };
        let scene = Scene::of(&row)?;
        let verifier = verifier(&plugins, scene.path)?;
        let (config, peer) = scene.issue(&row)?;
        ensure!(verify(&verifier, &config, NOW * 1_000, &peer)?.is_accepted, "it is not accepted as it is");
        for _ in 0..ROUNDS {
            let mut changed = peer.clone();
            let which = random.below(changed.chain.len());
            random.change(&mut changed.chain[which]);
            if changed.chain == peer.chain {
                continue;
            }
            let answer = verifier.verify(&config, NOW * 1_000, &changed).map_err(|error| anyhow!("{error}"))?;
            let outcome = answer.map_err(|failed| anyhow!("{failed}: {:02x?}", changed.chain[which]))?;
            ensure!(outcome.verdict == Verdict::Reject, "accepted: {:02x?}", changed.chain[which]);
        }
    }
    Ok(())
}

/// The same sequence each time: what fails once fails again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or_default()
    }

    /// A bit, a byte, an end, a piece twice, or a piece of it elsewhere.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(5) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = u8::try_from(self.next() & 0xff).unwrap_or_default(),
            2 => bytes.truncate(at),
            3 => {
                let piece = bytes[at..].to_vec();
                bytes.extend(piece);
            }
            _ => {
                let other = self.below(bytes.len());
                bytes.swap(at, other);
            }
        }
    }
}

/// Some seconds' worth.
const ROUNDS: usize = 1_500;
