//! The page that loads everything else: its build, its links, and the policy that allows its import map. The build script and
//! the library share this file, because a folder of assets is filled in when it is read.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Where the page's source has the build.
const BUILD: &str = "@build@";

/// Where the page's source has the links that load modules before they are asked for.
const PRELOAD: &str = "    <!-- @preload@ -->\n";

/// Begins the import map, the only script in the page.
const IMPORT_MAP: &str = "<script type=\"importmap\">";

/// Fills in the page's source: the build, and a link for each module of the first screen.
pub(crate) fn fill(source: &str, build: &str, modules: &[&str]) -> String {
    let links = modules.iter().fold(String::new(), |mut links, module| {
        // Writing to a string cannot fail.
        let _ = writeln!(links, "    <link rel=\"modulepreload\" href=\"./ui/{build}/{module}\">");
        links
    });
    source.replace(PRELOAD, &links).replace(BUILD, build)
}

/// Returns the `Content-Security-Policy` of a page. It allows no inline script but the page's import map, and with
/// `trusted-types 'none'` the browser refuses every way from a string to HTML or script: the page shows text of guests.
pub(crate) fn policy(page: &str) -> String {
    let map = page.split_once(IMPORT_MAP).and_then(|(_, after)| after.split_once("</script>"));
    let allowed = map.map_or_else(String::new, |(map, _)| format!(" 'sha256-{}'", base64(&Sha256::digest(map))));
    format!(
        "default-src 'none'; script-src 'self'{allowed}; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

/// Returns the media type of a file by its name; `None` for a kind of file that the dashboard does not have.
pub(crate) fn media_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}
