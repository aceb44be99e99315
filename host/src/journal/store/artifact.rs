//! Components and configs by their digest, kept so that a decision can be made again after its plugin was swapped.

use super::{Durability, Fault, Place, Reader, connect, read::ReadError};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use sqlx::Connection;
use std::fmt;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// A plugin, as WebAssembly.
    Component,
    /// A plugin's configuration, as canonical JSON.
    Config,
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Artifact::Component => "component",
            Artifact::Config => "config",
        })
    }
}

/// Why an artifact could not be kept. Decisions that refer to it could not be made again.
#[derive(Debug, thiserror::Error)]
#[error("keep {kind} `{digest}` in the journal")]
pub struct KeepError {
    kind: Artifact,
    digest: String,
    source: Fault,
}

impl Place {
    /// Keeps these bytes for ever: plugins change rarely, and one that a decision refers to must be found. Answers their
    /// SHA-256 in hex. It has a connection of its own, for it is rare, and must not wait behind the queue.
    pub(in crate::journal) async fn keep(&self, kind: Artifact, bytes: &[u8]) -> Result<String, KeepError> {
        let digest = HEXLOWER.encode(digest(&SHA256, bytes).as_ref());
        match self.insert(kind, &digest, bytes).await {
            Ok(()) => Ok(digest),
            Err(source) => Err(KeepError { kind, digest, source }),
        }
    }

    async fn insert(&self, kind: Artifact, digest: &str, bytes: &[u8]) -> Result<(), Fault> {
        let mut connection = connect(self, Durability::Power).await?;
        sqlx::query("INSERT INTO artifact (digest, kind, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(digest)
            .bind(kind.to_string())
            .bind(bytes)
            .execute(&mut connection)
            .await?;
        Ok(connection.close().await?)
    }
}

impl Reader {
    /// The bytes of this digest, if they were kept.
    pub async fn artifact(&self, digest: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let sql = "SELECT bytes FROM artifact WHERE digest = ?";
        let found = sqlx::query_scalar(sql).bind(digest).fetch_optional(self.pool()).await;
        found.map_err(ReadError::from)
    }
}
