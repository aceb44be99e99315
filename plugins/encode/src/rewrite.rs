//! A core module with some of its parts left out, and every byte of the others as it was.

use std::ops::Range;
use wasm_encoder::{ExportSection, Module, RawSection};
use wasmparser::{BinaryReaderError, ExportSectionReader, Parser, Payload};

/// The module with those of its exports that are to stay.
pub(crate) fn exporting(module: &[u8], stays: impl Fn(&str) -> bool) -> Result<Vec<u8>, BinaryReaderError> {
    let mut rewritten = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ExportSection(section) => {
                rewritten.section(&exports(section, &stays)?);
            }
            payload => copy(&mut rewritten, module, payload.as_section()),
        }
    }
    Ok(rewritten.finish())
}

pub(crate) fn exports(
    section: ExportSectionReader<'_>,
    stays: impl Fn(&str) -> bool,
) -> Result<ExportSection, BinaryReaderError> {
    let mut exports = ExportSection::new();
    for export in section {
        let export = export?;
        if stays(export.name) {
            exports.export(export.name, export.kind.into(), export.index);
        }
    }
    Ok(exports)
}

pub(crate) fn copy(rewritten: &mut Module, module: &[u8], section: Option<(u8, Range<usize>)>) {
    if let Some((id, data)) = section.and_then(|(id, range)| Some((id, module.get(range)?))) {
        rewritten.section(&RawSection { id, data });
    }
}

/// Whether an export frees what a function has returned. The instance is gone after a call, and each of these would be
/// looked up at every start.
pub(crate) fn is_cleanup(export: &str) -> bool {
    export.starts_with("cabi_post_")
}
