//! What nobody calls is left out of a module.

use wasm_encoder::{ExportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

/// The module without the exports that free what a function has returned, and every byte of the rest as it was. The instance is gone
/// after a call, and each of these would be looked up at every start.
pub(crate) fn without_cleanups(module: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut rewritten = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                for export in section {
                    let export = export?;
                    if !export.name.starts_with("cabi_post_") {
                        exports.export(export.name, export.kind.into(), export.index);
                    }
                }
                rewritten.section(&exports);
            }
            payload => {
                if let Some((id, range)) = payload.as_section()
                    && let Some(data) = module.get(range)
                {
                    rewritten.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(rewritten.finish())
}
