//! The whole attack pack, by way of the real kube-apiserver: each vector as a SubjectAccessReview of an administrator, so that
//! its own authorizers answer, the gate first among them. The last promise: it asks in the names of all others.

use super::{super::Setting, raw::APISERVER};
use crate::{
    gate::{connect, response},
    pki::Identity,
};
use anyhow::{Context, Result, ensure};
use host::drill::{Expected, Try, pack};
use serde_json::{Value, json};
use std::{fs, io::Write};

pub fn the_whole_pack_is_refused_by_the_real_apiserver_and_no_twin(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    let read = |file: &str| fs::read_to_string(cluster.file(file));
    let (authority, root) = (read("ca.crt")?, Identity { certificate: read("root.crt")?, key: read("root.key")? });
    let ask = |of: &Try| -> Result<(u16, Value)> {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": of.spec})
            .to_string();
        let mut stream = connect(APISERVER, &authority, Some(&root))?;
        // By HTTP/1.0 an answer comes in one piece.
        write!(
            stream,
            "POST /apis/authorization.k8s.io/v1/subjectaccessreviews HTTP/1.0\r\nHost: kubernetes\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{review}",
            review.len()
        )?;
        stream.flush()?;
        let (status, body) = response(&mut stream)?;
        Ok((status, serde_json::from_str(&body).with_context(|| body)?))
    };
    let is_denied = |answer: &Value| answer.pointer("/status/denied") == Some(&Value::Bool(true));
    let (mut wrong, mut refused, mut unasked) = (Vec::new(), 0_u32, 0_u32);
    for vector in pack().map_err(anyhow::Error::msg)? {
        let (status, answer) = ask(&vector.attack)?;
        let says = answer.pointer("/status/reason").and_then(Value::as_str).unwrap_or_default();
        match status {
            201 if is_denied(&answer) && says.contains("pathgate: ") => refused += 1,
            // kube-apiserver itself sends no such review, or reads the selector and asks about what it means.
            400 | 422 => unasked += 1,
            201 if vector.attack.spec.to_string().contains("rawSelector") => unasked += 1,
            _ => wrong.push(format!("{}: {status}: {answer}", vector.id)),
        }
        if vector.expected == Expected::Deny {
            let (status, answer) = ask(&vector.twin)?;
            if status == 201 && is_denied(&answer) {
                wrong.push(format!("the twin of {}: {answer}", vector.id));
            }
        }
    }
    ensure!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(refused > 500 && unasked < 60, "{refused} refused, {unasked} not to be asked");
    Ok(())
}
