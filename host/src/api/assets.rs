//! The dashboard's files, which this program carries: each as it is, and compressed if that is smaller.

use hyper::{HeaderMap, header::ACCEPT_ENCODING};

/// A file of the dashboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    pub(super) name: &'static str,
    pub(super) plain: &'static [u8],
    pub(super) br: Option<&'static [u8]>,
    pub(super) gzip: Option<&'static [u8]>,
}

/// A file as one client gets it.
pub(super) struct Served {
    pub(super) bytes: &'static [u8],
    pub(super) encoding: Option<&'static str>,
    pub(super) content_type: &'static str,
    /// Its name changes with its content, so it may be kept for ever.
    pub(super) immutable: bool,
}

/// All of them; none if this program was built without the dashboard.
static ALL: &[Asset] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// Whether this program carries the dashboard.
pub(super) fn is_built() -> bool {
    find(INDEX).is_some()
}

/// The page, or a file of it by its path. Paths of views lead to the page.
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Option<Served> {
    let name = path.trim_start_matches('/');
    let asset = match find(name) {
        Some(asset) => asset,
        // A file that is not there is not a view.
        None if name.rsplit('/').next().is_some_and(|last| last.contains('.')) => return None,
        None => find(INDEX)?,
    };
    let accepts = |word: &str| {
        let all = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|value| value.split(',')).any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next() == Some(word) && parts.all(|weight| weight != "q=0")
        })
    };
    let (bytes, encoding) = match (asset.br, asset.gzip) {
        (Some(bytes), _) if accepts("br") => (bytes, Some("br")),
        (_, Some(bytes)) if accepts("gzip") => (bytes, Some("gzip")),
        _ => (asset.plain, None),
    };
    Some(Served { bytes, encoding, content_type: content_type(asset.name), immutable: asset.name != INDEX })
}

fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

const INDEX: &str = "index.html";
