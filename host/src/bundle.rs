//! Certificates and revocation lists as files hold them: PEM with anything around it, several blocks, either line ending; DER,
//! one or several; base64 of any of these, as kubeconfigs have it.
//!
//! Whether it is a good certificate is for the plugin. Refused here is what is none at all, private keys first, and what a
//! file holds is never repeated.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// What a file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Certificate,
    RevocationList,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// DER, in the order of the file.
    pub blocks: Vec<Vec<u8>>,
    /// What was left out: a sentence each, with its place.
    pub left_out: Vec<String>,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Kind::Certificate => "certificate",
            Kind::RevocationList => "certificate revocation list",
        }
    }

    fn is_label(self, label: &str) -> bool {
        match self {
            Kind::Certificate => ["CERTIFICATE", "X509 CERTIFICATE"].contains(&label),
            Kind::RevocationList => label == "X509 CRL",
        }
    }
}

/// Everything of this kind in a file; or every fault, in words that follow the name of the file.
pub fn read(bytes: &[u8], kind: Kind) -> Result<Bundle, Vec<String>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(vec!["is empty".into()]);
    }
    if bytes.len() > LONGEST {
        return Err(vec![format!("is {} bytes long, and may have {LONGEST}", bytes.len())]);
    }
    if let Some(bundle) = armoured(bytes, kind) {
        return bundle;
    }
    if bytes.first() == Some(&SEQUENCE) {
        return binary(bytes, kind);
    }
    // Base64 without armour, of DER or of PEM.
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match BASE64.decode(&text) {
        Ok(inner) => match armoured(&inner, kind) {
            Some(bundle) => bundle,
            None => binary(&inner, kind),
        },
        Err(_) => Err(vec![format!("holds no {} in PEM or DER", kind.noun())]),
    }
}

/// The blocks of PEM; none if there is no armour.
fn armoured(bytes: &[u8], kind: Kind) -> Option<Result<Bundle, Vec<String>>> {
    let (mut bundle, mut faults) = (Bundle::default(), Vec::new());
    let mut open: Option<Block> = None;
    let mut any = false;
    // A carriage return ends a line where nothing else does; else it is trimmed.
    let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == end)) {
        let line = line.trim_ascii();
        if let Some(label) = label(line, b"-----BEGIN ") {
            any = true;
            if let Some(block) = open.replace(Block { label, line: number, text: Vec::new() }) {
                faults.push(format!("line {}: the PEM block has no end", block.line));
            }
        } else if let Some(label) = label(line, b"-----END ") {
            match open.take() {
                Some(block) if block.label == label => block.close(kind, &mut bundle, &mut faults),
                Some(block) => faults.push(format!("line {}: the PEM block ends under another name", block.line)),
                // The end of something that did not begin is junk like any other.
                None => {}
            }
        } else if let Some(block) = &mut open {
            // A colon is in the headers of old encrypted blocks, and never in base64.
            if !line.contains(&b':') {
                block.text.extend_from_slice(line);
            }
        }
    }
    if !any {
        return None;
    }
    if let Some(block) = open {
        faults.push(format!("line {}: the PEM block has no end", block.line));
    }
    if faults.is_empty() && bundle.blocks.is_empty() {
        let found = bundle.left_out.first().map(|it| format!("; {it}")).unwrap_or_default();
        faults.push(format!("holds no {}{found}", kind.noun()));
    }
    Some(if faults.is_empty() { Ok(bundle) } else { Err(faults) })
}

/// A block of PEM that has begun.
struct Block {
    label: String,
    line: usize,
    text: Vec<u8>,
}

impl Block {
    fn close(self, kind: Kind, bundle: &mut Bundle, faults: &mut Vec<String>) {
        let Block { label, line, text } = self;
        if label.contains("PRIVATE KEY") {
            return bundle.left_out.push(format!("line {line}: a private key, which no verifier needs"));
        }
        if !kind.is_label(&label) {
            return bundle.left_out.push(format!("line {line}: a block that is no {}", kind.noun()));
        }
        match BASE64.decode(&text) {
            Ok(der) => match strange(&der) {
                None if element(&der).is_some_and(|(_, rest)| rest.is_empty()) => bundle.blocks.push(der),
                None => faults.push(format!("line {line}: the block is cut off, or something follows in it")),
                Some(what) => faults.push(format!("line {line}: the block holds {what}, and no {}", kind.noun())),
            },
            Err(_) => faults.push(format!("line {line}: the block is not base64")),
        }
    }
}

fn label(line: &[u8], begin: &[u8]) -> Option<String> {
    // Junk before the dashes, such as a byte order mark, is passed over.
    let at = line.windows(begin.len()).position(|window| window == begin)?;
    let label = line.get(at + begin.len()..)?.strip_suffix(b"-----")?;
    (label.len() < 64).then(|| String::from_utf8_lossy(label).trim().to_owned())
}

/// DER, one or several in a row.
fn binary(bytes: &[u8], kind: Kind) -> Result<Bundle, Vec<String>> {
    let mut bundle = Bundle::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        if let Some(what) = strange(rest) {
            return Err(vec![format!("byte {at}: holds {what}, and no {}", kind.noun())]);
        }
        let Some((one, more)) = element(rest) else {
            return Err(vec![format!("byte {at}: is no DER, or is cut off")]);
        };
        bundle.blocks.push(one.to_vec());
        rest = more;
    }
    Ok(bundle)
}

/// What something is that begins like no certificate or list: those are a sequence whose first element is a sequence.
fn strange(der: &[u8]) -> Option<&'static str> {
    let content = content(der)?;
    match content.first()? {
        0x02 => Some("a private key or an archive with one"),
        0x06 => Some("PKCS #7 (`openssl pkcs7 -print_certs` takes the certificates out)"),
        &SEQUENCE if self::content(content)?.first() == Some(&0x06) => Some("a public key"),
        _ => None,
    }
}

/// The first sequence, header included, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, length) = header(der)?;
    der.split_at_checked(header.checked_add(length)?)
}

fn content(der: &[u8]) -> Option<&[u8]> {
    let (header, _) = header(der)?;
    der.get(header..)
}

/// Bytes of the header of a sequence, and of its content.
fn header(der: &[u8]) -> Option<(usize, usize)> {
    let [SEQUENCE, first, rest @ ..] = der else { return None };
    match first {
        0..=0x7f => Some((2, usize::from(*first))),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let length = rest
                .get(..count)?
                .iter()
                .try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?;
            Some((2 + count, length))
        }
        _ => None,
    }
}

/// In PEM, with a text of its own, for a plugin's config.
pub fn to_pem(der: &[u8], kind: Kind) -> String {
    let label = match kind {
        Kind::Certificate => "CERTIFICATE",
        Kind::RevocationList => "X509 CRL",
    };
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Padding is what people lose first.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const SEQUENCE: u8 = 0x30;
/// A thousand certificates, and ten times the authorities that browsers trust.
const LONGEST: usize = 4 << 20;

#[cfg(test)]
mod tests;
