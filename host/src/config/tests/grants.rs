//! Tests of what the operator grants.

use saggar::grant::{Access, Grants, JobAccess, SecretSource, SignatureAlgorithm, SignatureEncoding};

use super::*;

/// Returns the grants of a file without problems.
fn grants(file: &str) -> Grants {
    let loaded = loaded(file, &[], &[]);
    assert!(loaded.problems.is_empty(), "{file}: {}", messages(&loaded));
    loaded.grants
}

#[test]
fn every_grant_is_read() {
    let grants = grants(
        "[grants]\nenv = [\"REGION\"]\ntasks = \"added\"\nscratch = \"64MiB\"\n\
         [grants.http]\norigins = [\"https://*.Example.com\"]\nmethods = [\"GET\"]\nnetworks = [\"10.1.0.0/16\"]\n\
         [grants.kv]\naccess = \"read\"\nbytes = \"1MiB\"\nkeys = 9\n\
         [grants.secrets.stripe]\nfile = \"keys/stripe\"\norigins = [\"https://a.example\"]\nheader = \"X-Key\"\n\
         [grants.secrets.other]\ncommand = [\"pass\", \"other\"]\norigins = [\"https://a.example\"]\n\
         [grants.secrets.hook]\nenv = \"KEY\"\norigins = [\"https://a.example\"]\nheader = \"X-Signature\"\n\
         sign = \"hmac-sha256\"\nmessage = \"{X-Timestamp}.{body}\"\nencoding = \"base64\"\n\
         [grants.dirs.data]\npath = \"data\"\naccess = \"write\"\nbytes = 1000\nfiles = 3\n",
    );
    assert_eq!(
        (grants.env, grants.tasks, grants.scratch),
        (vec!["REGION".to_owned()], JobAccess::Added, Some(64 << 20))
    );
    let http = grants.http.expect("HTTP");
    assert_eq!(http.origins[0].to_string(), "https://*.example.com");
    assert_eq!((http.methods.to_string(), http.networks[0].to_string()), ("GET".to_owned(), "10.1.0.0/16".to_owned()));
    let kv = grants.kv.expect("the key-value store");
    assert_eq!((kv.access, kv.max_bytes, kv.max_keys), (Access::Read, 1 << 20, 9));
    let secret = |name: &str| grants.secrets.iter().find(|secret| secret.name == name).expect("the secret");
    assert_eq!(secret("stripe").source, SecretSource::File("/etc/saggar/keys/stripe".into()));
    assert_eq!(secret("stripe").header, "x-key");
    assert_eq!(secret("other").source, SecretSource::Command(vec!["pass".to_owned(), "other".to_owned()]));
    assert_eq!((secret("other").header.as_str(), &secret("other").signing), ("authorization", &None));
    let signing = secret("hook").signing.clone().expect("a signature");
    assert_eq!((signing.algorithm, signing.encoding), (SignatureAlgorithm::HmacSha256, SignatureEncoding::Base64));
    assert_eq!(signing.message.to_string(), "{x-timestamp}.{body}");
    let dir = &grants.dirs[0];
    assert_eq!((dir.name.as_str(), dir.path.as_path()), ("data", Path::new("/etc/saggar/data")));
    assert_eq!((dir.access, dir.max_bytes, dir.max_files), (Access::Write, 1000, 3));
}

#[test]
fn without_grants_nothing_is_granted_but_the_jobs_of_the_only_app() {
    assert_eq!(grants(""), Grants::of_single_app());
    assert_eq!(grants("[grants]\n"), Grants::of_single_app());
    let kv = grants("[grants.kv]\n").kv.expect("the key-value store");
    assert_eq!((kv.access, kv.max_bytes, kv.max_keys), (Access::Write, 64 << 20, 100_000));
    assert_eq!(grants("[grants.dirs.a]\npath = \"/a\"\n").dirs[0].access, Access::Read);
}

#[test]
fn errors_in_grants_are_reported_at_their_place() {
    let secret = "origins = [\"https://a.example\"]\n";
    for (file, message, help) in [
        ("grants = 5", "`grants` must be a table", "`[grants]`"),
        ("[grants]\nhtpp = 1", "unknown key `htpp` in `grants`", "did you mean `http`?"),
        ("[grants]\nhttp = 1", "`grants.http` must be a table", "[grants.http]"),
        ("[grants.http]\n", "`grants.http` needs `origins`", "origins = [\"https://api.example.com\"]"),
        ("[grants.http]\norigins = []", "a list of 1 to 1000 origins, and has 0", "for example"),
        ("[grants.http]\norigins = [\"a.example\"]", "has an invalid item, the text \"a.example\"", "https://"),
        ("[grants.http]\norigins = [\"https://a/b\"]", "invalid item", "write `https://a`, without a path"),
        ("[grants.http]\norigins = [\"https://a\"]\nmethods = [\"get\"]", "invalid item", "write one of GET, HEAD"),
        ("[grants.http]\norigins = [\"https://a\"]\nnetworks = [\"10.0.0.1/8\"]", "invalid item", "`10.0.0.0/8`"),
        ("[grants.kv]\naccess = \"all\"", "`grants.kv.access` must be", "the default"),
        ("[grants.kv]\nbytes = \"1MB\"", "`grants.kv.bytes` must be a number of bytes", "64MiB"),
        ("[grants]\nenv = [\"A_*\"]", "invalid item, the text \"A_*\"", "without `*`"),
        ("[grants]\nenv = \"A\"", "`grants.env` must be a list", "[\"REGION\"]"),
        ("[grants]\nscratch = \"1KiB\"", "`grants.scratch` must be a number of bytes", "no directory"),
        ("[grants]\ntasks = \"none\"", "`grants.tasks` must be", "all"),
        ("[grants.dirs.data]\n", "`grants.dirs.data` needs `path`", "path = "),
        ("[grants.dirs.scratch]\npath = \"/a\"", "invalid name `scratch` in `grants.dirs`", "not `scratch`"),
        ("[grants.dirs]\ndata = \"/a\"", "`grants.dirs.data` must be a table", "[grants.dirs.data]"),
        (&format!("[grants.secrets.s]\n{secret}"), "needs one of `file`, `env` and `command`", "file = "),
        (&format!("[grants.secrets.s]\n{secret}file = \"a\"\nenv = \"A\""), "needs one of", "file = "),
        (
            &format!("[grants.secrets.s]\n{secret}env = \"A\"\nheader = \"Host\""),
            "`grants.secrets.s.header`",
            "connection",
        ),
        ("[grants.secrets.s]\nenv = \"A\"", "`grants.secrets.s` needs `origins`", "origins = "),
        ("[grants.secrets.S]\n", "invalid name `S` in `grants.secrets`", "lower-case letters"),
    ] {
        let text = problem(file);
        assert!(text.contains(message) && text.contains(help), "{file}: {text}");
    }
}

#[test]
fn errors_in_signatures_are_reported_at_their_place() {
    let secret = "[grants.secrets.s]\nenv = \"A\"\norigins = [\"https://a.example\"]\nheader = \"x-signature\"\n";
    for (keys, message, help) in [
        ("sign = \"sha256\"", "`grants.secrets.s.sign` must be the algorithm", "\"hmac-sha512\""),
        ("encoding = \"hex\"", "`grants.secrets.s.encoding` is for a secret that signs", "sign = \"hmac-sha256\""),
        ("message = \"{body}\"", "`grants.secrets.s.message` is for a secret that signs", "or remove it"),
        ("sign = \"hmac-sha256\"\nmessage = \"{x-time}\"", "`grants.secrets.s.message` must be", "add `{body}`"),
        ("sign = \"hmac-sha256\"\nmessage = \"{host}{body}\"", "`grants.secrets.s.message`", "`host` is no header"),
        ("sign = \"hmac-sha256\"\nmessage = \"{X-Signature}{body}\"", "the header of the signature", "leave"),
        ("sign = \"hmac-sha256\"\nencoding = \"binary\"", "`grants.secrets.s.encoding` must be", "base64"),
    ] {
        let text = problem(&format!("{secret}{keys}\n"));
        assert!(text.contains(message) && text.contains(help), "{keys}: {text}");
    }
}

#[test]
fn a_tenant_has_grants_of_its_own() {
    let tenant = |more: &str| {
        format!(
            "[[tenant]]\nname = \"acme\"\ndir = \"a\"\n{more}\n[[token]]\nrole = \"operator\"\nsha256 = \"{DIGEST}\"\n"
        )
    };
    let granted = |more: &str| {
        let loaded = loaded(&tenant(more), &[], &[]);
        assert!(loaded.problems.is_empty(), "{more}: {}", messages(&loaded));
        loaded.tenants[0].settings.grants.clone()
    };
    assert_eq!(granted("").tasks, JobAccess::Added);
    assert_eq!(granted("[tenant.grants]\nenv = [\"A\"]"), Grants { env: vec!["A".to_owned()], ..Grants::of_tenant() });
    assert_eq!(granted("[tenant.grants]\ntasks = \"all\"").tasks, JobAccess::All);
    let text = problem(&tenant("[tenant.grants.http]\nmethods = [\"GET\"]"));
    assert!(text.contains("`tenant.grants.http` needs `origins`"), "{text}");
    let text = problem(&format!("{}[grants]\nenv = [\"A\"]\n", tenant("")));
    assert!(text.contains("`grants` is for a host of one app") && text.contains("[tenant.grants]"), "{text}");
}

#[test]
fn grants_need_no_restart() {
    let (before, after) = (loaded("", &[], &[]), loaded("[grants]\nenv = [\"A\"]", &[], &[]));
    assert_eq!(after.changed_keys(&before), Vec::<String>::new());
}

#[test]
fn grants_are_shown_without_the_source_of_secrets() {
    let file = "[grants.secrets.s]\nenv = \"HIDDEN\"\norigins = [\"https://a.example\"]\n";
    let loaded = loaded(file, &[], &[]);
    let document = loaded.document().to_string();
    assert!(document.contains("https://a.example") && !document.contains("HIDDEN"), "{document}");
    assert!(row(&loaded, "grants").1.starts_with("saggar.toml:"), "{:?}", row(&loaded, "grants"));
}
