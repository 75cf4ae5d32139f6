//! How a secret signs requests.

use saggar::grant::{SignatureAlgorithm, SignatureEncoding, SignedMessage, Signing};

use super::super::table::KnownTable;
use super::super::words::Word;
use super::super::{Choice, Reader};

const ALGORITHM: Word<SignatureAlgorithm> = Word {
    expected: "the algorithm of a signature",
    example: "\"hmac-sha256\"",
    parse: |text| SignatureAlgorithm::parse(text).ok_or_else(|| "write \"hmac-sha256\" or \"hmac-sha512\"".to_owned()),
};

const MESSAGE: Word<SignedMessage> = Word {
    expected: "the message that is signed",
    example: "\"{x-timestamp}.{body}\"",
    parse: |text| SignedMessage::parse(text).map_err(|error| error.to_string()),
};

const ENCODING: Choice<SignatureEncoding> =
    Choice(&[("hex", SignatureEncoding::Hex), ("base64", SignatureEncoding::Base64)]);

/// Reads how the secret in this table signs, which has the name `path` and goes into this header.
pub(super) fn read_signing(
    table: &mut KnownTable<'_>,
    path: &str,
    header: &str,
    reader: &mut Reader,
) -> Option<Signing> {
    let algorithm = table.value("sign", &ALGORITHM, reader).flatten();
    let message = table.value("message", &MESSAGE, reader).flatten().unwrap_or_default();
    let encoding = table.value("encoding", &ENCODING, reader).unwrap_or(SignatureEncoding::Hex);
    if !table.has("sign") {
        if let Some(key) = ["message", "encoding"].into_iter().find(|key| table.has(key)) {
            let message = format!("`{path}.{key}` is for a secret that signs requests");
            table.reject(message, "add `sign = \"hmac-sha256\"`, or remove it".to_owned(), reader);
        }
        return None;
    }
    if message.has_header(header) {
        let help = format!("leave `{{{header}}}` out of `message`; the signature is in this header");
        table.reject(format!("`{path}.message` has the header of the signature"), help, reader);
    }
    Some(Signing { algorithm: algorithm?, encoding, message })
}
