//! Reads a body: in one piece where it came so, never more than may be kept.

use crate::review::BODY;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;

/// What arrived.
pub(super) enum Content {
    Whole(Bytes),
    /// The first [`BODY`] bytes of a longer body, which was read to its end: a peer that is still writing would take an
    /// early answer for a broken connection, and kube-apiserver that for a reason to ask again.
    Beginning(Bytes),
    Endless,
    Broken,
}

/// Reads to the end, keeps at most [`BODY`] bytes, gives up when `discard` more were passed over.
pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(body: &mut B, discard: usize) -> Content {
    let Some(first) = next(body).await else { return Content::Whole(Bytes::new()) };
    let Ok(first) = first else { return Content::Broken };
    if first.len() <= BODY && body.is_end_stream() {
        return Content::Whole(first);
    }
    let mut seen = first.len();
    let mut kept = Vec::new();
    keep(&mut kept, &first);
    while let Some(piece) = next(body).await {
        let Ok(piece) = piece else { return Content::Broken };
        seen = seen.saturating_add(piece.len());
        if seen > BODY.saturating_add(discard) {
            return Content::Endless;
        }
        keep(&mut kept, &piece);
    }
    if seen > BODY { Content::Beginning(kept.into()) } else { Content::Whole(kept.into()) }
}

/// The next piece of data; trailers are passed over.
async fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Bytes, ()>> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(_) => return Some(Err(())),
        }
    }
}

fn keep(kept: &mut Vec<u8>, piece: &[u8]) {
    let room = BODY.saturating_sub(kept.len()).min(piece.len());
    kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
}
