//! The dashboard: the files that a browser loads, embedded with their digests and in compressed form, and the policy that the
//! page runs under. Owns `assets/`. Knows neither HTTP nor jobs: the service mounts the files, and the page asks the public API.

mod page;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// A file of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its path below the build, such as `parts/table.js`.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// Its content, compressed by gzip.
    pub gzip: &'static [u8],
    /// The SHA-256 of its content, in hexadecimal.
    pub digest: &'static str,
}

/// A page whose source was read from a folder, for authors of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePage {
    /// Its text.
    pub text: String,
    /// Its `Content-Security-Policy`.
    pub policy: String,
}

/// Returns the page, whose address is the service's root.
pub fn index() -> &'static Asset {
    &PAGE
}

/// Returns the `Content-Security-Policy` of the page and of all files.
pub fn policy() -> &'static str {
    POLICY
}

/// Returns all files but the page, in the order of their paths.
pub fn assets() -> &'static [Asset] {
    ASSETS
}

/// Returns the file with this path; `None` if there is none.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|at| &ASSETS[at])
}

/// Fills in the source of the page for files that are served below `build`.
pub fn fill(source: &str, build: &str) -> SourcePage {
    let text = page::fill(source, build, &[]);
    SourcePage { policy: page::policy(&text), text }
}

/// Returns the media type of a file by its name; `None` for a kind of file that the dashboard does not have.
pub fn media_type(path: &str) -> Option<&'static str> {
    page::media_type(path)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Bytes of the compressed files: what the first screen loads, and all. No page loads all of them: each has its own modules,
    /// and only those with charts load the charts' library, which is 42 KiB.
    const MAX_FIRST_SCREEN: usize = 60 * 1024;
    const MAX_ALL: usize = 180 * 1024;

    #[test]
    fn digests_are_those_of_the_files() {
        for asset in assets().iter().chain([index()]) {
            let digest: String = Sha256::digest(asset.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(digest, asset.digest, "{}", asset.path);
            assert_eq!(find(asset.path).is_some(), asset.path != "index.html", "{}", asset.path);
        }
    }

    #[test]
    fn the_files_are_within_their_budgets() {
        let sum = |assets: Vec<&Asset>| assets.iter().map(|asset| asset.gzip.len()).sum::<usize>();
        // The page names all that the first screen needs.
        let page = str::from_utf8(index().bytes).unwrap();
        let is_linked = |asset: &&Asset| page.contains(&format!("/{}\"", asset.path));
        let first = sum(assets().iter().filter(is_linked).chain([index()]).collect());
        // A browser does not load the licences.
        let all = sum(assets().iter().filter(|asset| !asset.path.ends_with(".txt")).chain([index()]).collect());
        assert!(first <= MAX_FIRST_SCREEN, "the first screen takes {first} bytes");
        assert!(all <= MAX_ALL, "all files take {all} bytes");
    }

    #[test]
    fn the_policy_allows_the_import_map_and_no_other_script() {
        let page = fill("<script type=\"importmap\">{}</script>@build@", "0123");
        assert_eq!(page.text, "<script type=\"importmap\">{}</script>0123");
        // The SHA-256 of `{}`.
        let hash = "'sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o='";
        assert!(page.policy.contains(&format!("script-src 'self' {hash};")), "{}", page.policy);
        let text = str::from_utf8(index().bytes).unwrap();
        assert_eq!(text.matches("<script").count(), 2, "the import map and the module");
        assert!(!text.contains("@build@") && !text.contains("@preload@") && text.contains(BUILD));
        assert!(policy().contains("trusted-types 'none'") && !policy().contains("unsafe"));
    }

    #[test]
    fn the_first_screen_is_loaded_at_once() {
        let text = str::from_utf8(index().bytes).unwrap();
        for link in ["main.js", "vendor/preact.mjs", "pages/overview.js"] {
            assert!(text.contains(&format!("modulepreload\" href=\"./ui/{BUILD}/{link}\"")), "{link}");
        }
        assert!(!text.contains("uplot.mjs\">"), "the charts' library is loaded with the first chart");
    }
}
