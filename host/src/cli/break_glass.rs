//! `pathgate break-glass`: signs a way past one path's plugin.

use super::{Ending, Faults, Output, output, read};
use crate::{
    app::chain,
    break_glass::Grant,
    signed::{Key, Signed},
};
use clap::Args;
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// Sign a way past one path's plugin for one user and a short time.
///
/// Put what it prints where the gate's configuration says, in `breakGlass.grant`: it counts within a second and until it
/// ends, or until the file is gone. The plugin's refusals are still recorded, by the rule `gate/break-glass`; other plugins and
/// RBAC decide as ever. The key is an Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` makes it.
#[derive(Args)]
#[command(
    after_help = "Example: pathgate break-glass --key glass.key --user alice --path apiserver_to_kubelet --for 30m \
    --reason 'logs are refused, INC-7' > /etc/pathgate/break-glass.json"
)]
pub(super) struct BreakGlass {
    /// The private key that signs it: PKCS #8 in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The user's exact name, as in `kubectl auth whoami`.
    #[arg(long)]
    user: String,
    /// The path, which is the name of its plugin.
    #[arg(long)]
    path: String,
    /// How long it counts, a day at most.
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    long: Duration,
    /// Why; everybody reads it.
    #[arg(long)]
    reason: String,
}

impl BreakGlass {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let key = Key::from_pem(&read(&self.key)?).map_err(|error| format!("`{}` {error}", self.key.display()))?;
        let path = self.path.parse::<wire::Path>().map_err(|_| {
            let known: Vec<_> = wire::Path::ALL.iter().map(|it| it.as_str()).collect();
            format!("--path `{}`: is none of {}", self.path, known.join(", "))
        })?;
        let grant = Grant::new(self.user, path, self.reason, SystemTime::now(), self.long);
        let sentence = grant.sentence();
        let text = Signed::sign(grant, &key).and_then(|it| it.to_json());
        let text = text.map_err(|error| format!("the grant {}", chain(&error)))?;
        output::line(Output::Human, &(), || text.trim_end().to_owned())?;
        eprintln!("{sentence}");
        Ok(Ending::Yes)
    }
}
