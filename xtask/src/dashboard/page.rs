//! Puts the page together: `index.html` with the names of this build in place of what Trunk reads.

use std::{fs, io, path::PathBuf};

use super::{fingerprint, slim};
use crate::repo::Repo;

/// Why the page does not fit together.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("`{file}` has no `{needle}` to put a name in")]
    Needle { file: &'static str, needle: String },
    #[error("`index.html` has {0}, which its content policy refuses; put it into a file of its own")]
    Inline(&'static str),
    #[error("read `{path}`")]
    Read { path: PathBuf, source: io::Error },
}

/// The glue and the module that wasm-bindgen made.
pub struct Bound {
    pub script: String,
    pub module: Vec<u8>,
}

/// All files of the dashboard: their names, and what is in them.
pub fn assets(repo: &Repo, bound: &Bound) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let read = |file: &str| {
        let path = repo.at(file);
        fs::read_to_string(&path).map_err(|source| Fault::Read { path, source })
    };
    together(&read(ENTRY)?, &read("dashboard/start.js")?, &slim::lines(&read("dashboard/style.css")?), bound)
}

fn together(page: &str, start: &str, style: &str, bound: &Bound) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let named = |stem: &str, extension: &str, bytes: &[u8]| format!("{stem}-{}.{extension}", fingerprint(bytes));
    let module = named("dashboard", "wasm", &bound.module);
    let script = named("dashboard", "js", bound.script.as_bytes());
    let style_name = named("style", "css", style.as_bytes());
    let start = put("dashboard/start.js", start, "./dashboard.js", &format!("./{script}"))?;
    let start = put("dashboard/start.js", &start, "./dashboard.wasm", &format!("./{module}"))?;
    let start_name = named("start", "js", start.as_bytes());
    let head = format!(
        "<link rel=\"modulepreload\" href=\"/{script}\">\n\
         <link rel=\"preload\" href=\"/{module}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n\
         <script type=\"module\" src=\"/{start_name}\"></script>"
    );
    let page = line(page, "rel=\"css\"", &format!("<link rel=\"stylesheet\" href=\"/{style_name}\">"))?;
    let page = line(&page, "rel=\"rust\"", &head)?;
    inline(&page)?;
    Ok(vec![
        (module, bound.module.clone()),
        (script, bound.script.clone().into_bytes()),
        (style_name, style.as_bytes().to_vec()),
        (start_name, start.into_bytes()),
        // Last: a page is there only when all that it names is there.
        (ENTRY.to_owned(), page.into_bytes()),
    ])
}

fn put(file: &'static str, text: &str, needle: &str, name: &str) -> Result<String, Fault> {
    if text.contains(needle) {
        Ok(text.replace(needle, name))
    } else {
        Err(Fault::Needle { file, needle: needle.to_owned() })
    }
}

/// Replaces the one line for Trunk that has this attribute.
fn line(page: &str, attribute: &str, with: &str) -> Result<String, Fault> {
    let is_it = |line: &&str| line.contains("data-trunk") && line.contains(attribute);
    let old = page.lines().find(is_it);
    let old = old.ok_or_else(|| Fault::Needle { file: ENTRY, needle: format!("<link data-trunk {attribute}") })?;
    Ok(page.replace(old, with))
}

/// What `default-src 'none'` without `'unsafe-inline'` would refuse silently.
fn inline(page: &str) -> Result<(), Fault> {
    let found = [(" style=\"", "a style attribute"), ("<style", "a style sheet"), ("<script>", "a script")];
    match found.into_iter().find(|(needle, _)| page.contains(needle)) {
        Some((_, what)) => Err(Fault::Inline(what)),
        None => Ok(()),
    }
}

pub const ENTRY: &str = "index.html";

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "<link data-trunk rel=\"css\" href=\"a\">\n<link data-trunk rel=\"rust\" href=\"b\">\n<p>gate</p>\n";
    const START: &str = "import \"./dashboard.js\"; \"./dashboard.wasm\"";

    fn bound(module: &str) -> Bound {
        Bound { script: "glue".into(), module: module.into() }
    }

    #[test]
    fn every_name_follows_its_content_and_leads_to_a_file() {
        let files = together(PAGE, START, "p {}", &bound("m")).unwrap();
        let other = together(PAGE, START, "p {}", &bound("n")).unwrap();
        let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        // Another module has another name, and so has the script that loads it; glue and style stay.
        let same: Vec<_> = names(&files).iter().zip(names(&other)).map(|(a, b)| *a == b).collect();
        assert_eq!(same, [false, true, true, false, true]);
        let page = String::from_utf8(files.last().unwrap().1.clone()).unwrap();
        let linked: Vec<_> = names(&files).into_iter().filter(|name| page.contains(&format!("\"/{name}\""))).collect();
        assert_eq!(linked.len(), 4, "{page}");
        assert!(!page.contains("data-trunk"), "{page}");
    }

    #[test]
    fn a_page_that_the_content_policy_would_break_is_refused() {
        let page = format!("{PAGE}<p style=\"color: red\">");
        assert!(matches!(together(&page, START, "", &bound("m")), Err(Fault::Inline("a style attribute"))));
    }

    #[test]
    fn a_page_without_a_place_for_the_names_is_refused() {
        assert!(matches!(together("<p>", START, "", &bound("m")), Err(Fault::Needle { file: ENTRY, .. })));
        assert!(matches!(
            together(PAGE, "import", "", &bound("m")),
            Err(Fault::Needle { file: "dashboard/start.js", .. })
        ));
    }
}
